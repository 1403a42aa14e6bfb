"""Every string that a person sees in the studio, but those about the base model, which `app.text_model` holds.

Library errors (`SdpoError`) bring their own sentences.

The pages Home and Disk have theirs in `app.text_home`, Judge and Adapters in `app.text_judge` and `app.text_adapters`.

Plain words first: what happens, then what to do. Widgets get their strings from here as a `text` property.
"""

from datetime import datetime
from pathlib import Path

from app.text_vote import BOARD as BOARD
from app.text_vote import FOREIGN_PAIR as FOREIGN_PAIR
from app.text_vote import JUDGEMENT_CLOSED as JUDGEMENT_CLOSED
from app.text_vote import JUDGEMENT_GONE as JUDGEMENT_GONE
from app.text_vote import OTHER_BOARD as OTHER_BOARD
from app.text_vote import REVIEW as REVIEW
from app.text_vote import UNEXPECTED_MESSAGE as UNEXPECTED_MESSAGE
from app.text_vote import VOTE_MODES as VOTE_MODES
from app.text_vote import no_such_choice as no_such_choice

NAME = "SDPO Studio"
TAGLINE = "Click which of two images you like better. Your own machine learns your taste."

TABS = {
    "home": "Home",
    "generate": "Generate",
    "vote": "Vote",
    "train": "Train",
    "judge": "Judge",
    "adapters": "Adapters",
    "disk": "Disk",
}
"""The pages in the order of the path."""


def number(count: int, one: str, many: str) -> str:
    """`1 pair`, `12 pairs`."""
    return f"{count:,} {one if count == 1 else many}"


def moment(at: datetime) -> str:
    """`21 Nov 2026, 20:44`, in this machine's time; the one form of a date on all pages."""
    return f"{at.astimezone():%d %b %Y, %H:%M}"


def duration(seconds: float) -> str:
    """A time left, no more precise than it is known."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"about {round(seconds / 5) * 5} s"
    minutes = seconds / 60
    if minutes < 60:
        return f"about {round(minutes)} min"
    return f"about {minutes / 60:.1f} h"


# --- starting --------------------------------------------------------------------------------------------------------

CLI_ABOUT = f"{NAME}: {TAGLINE}"
CLI_HOST = "an address of this machine in a network, to answer there too, behind a password (this machine only)"
CLI_PORT = "port to listen on; without it the first free one from 7860 on"
CLI_WORKSPACE = "the studio's data folder (workspace/ beside the program)"
CLI_NO_BROWSER = "do not open the browser"
CLOSED = "The studio is closed."
CLOSED_WHILE_RUNNING = "The studio is closed. The running job goes on; start the studio again to see it."


def running_at(url: str, workspace: str) -> str:
    """The line that is printed when the page can be opened."""
    return f"{NAME} is ready at {url}  (workspace {workspace}; Ctrl-C ends it)"


def port_in_use(port: int) -> str:
    """The wanted port is taken."""
    return f"Port {port} is in use by another program. Choose another --port, or leave it out to get a free one."


def no_free_port(first: int, last: int) -> str:
    """No port is left to try."""
    return f"All ports from {first} to {last} are in use. Give a free one with --port."


def studio_running(workspace: str, url: str) -> str:
    """The workspace belongs to another studio."""
    return f"A studio is already open on {workspace}: {url}. Use that one, or start this one with another --workspace."


def workspace_is_a_file(path: str) -> str:
    """The workspace can't be a folder."""
    return f"{path} is a file, but a workspace is a folder. Choose another --workspace."


# --- jobs ------------------------------------------------------------------------------------------------------------

RESUMING = "Resuming…"
LOG_EMPTY = "Its log is empty."
GOING_ON = "Going on with what is missing…"
ALREADY_DRAWING = "Images are being drawn already. Wait for them, or stop the drawing first."
JOB_NAMES = {
    "download": "Downloading",
    "generate": "Drawing",
    "import": "Importing",
    "measure": "Measuring",
    "train": "Training",
    "judge": "Drawing comparisons",
    "grid": "Drawing the grid",
}


UNEXPECTED_VALUE = "{name} is not what it should be: expected {expected}, got {value!r}."


def died_at_once(last_line: str) -> str:
    """A child process ended before its first word."""
    return f"The job ended before it began. {last_line}"


def job_in_the_way(verb: str, step: int, total: int) -> str:
    """One heavy job at a time."""
    unit = {"download": "MB", "import": "images"}.get(verb, "steps")
    where = f" ({step} of {total} {unit})" if total else ""
    return f"{JOB_NAMES[verb]} is still running{where}. One job runs at a time: wait for it, or stop it first."


def unknown_run(verb: str, run_id: str) -> str:
    """A run that the page knows and the workspace does not."""
    return f"There is no {f'{verb} run' if verb else 'run'} named {run_id[:80]!r} in this workspace. Reload the page."


def not_resumable(state: str) -> str:
    """Only stopped and failed runs go on."""
    return f"This run is {state}; only a stopped or failed run can be resumed."


# --- status bar and home strip ---------------------------------------------------------------------------------------

STATUS = {
    "stop": "Stop",
    "stopping": "Stopping…",
    "stopAndKeep": "Stop and keep",
    "dismiss": "Dismiss",
    "left": "left",
    "lost": "The studio does not answer. Is its window still open? This page goes on by itself when it is back.",
    "done": {
        "download": "Download done",
        "generate": "Drawing done",
        "import": "Import done",
        "measure": "Measured",
        "train": "Training done",
        "judge": "Comparisons ready",
        "grid": "Grid drawn",
    },
    "stopped": {
        "download": "Download stopped",
        "generate": "Drawing stopped",
        "import": "Import stopped",
        "measure": "Measuring stopped",
        "train": "Training stopped",
        "judge": "Comparisons stopped",
        "grid": "Grid stopped",
    },
    "failed": {
        "download": "Download failed",
        "generate": "Drawing failed",
        "import": "Import failed",
        "measure": "Measuring failed",
        "train": "Training failed",
        "judge": "Comparisons failed",
        "grid": "Grid failed",
    },
    "names": JOB_NAMES,
    "theme": "Switch between light and dark",
    "tagline": TAGLINE,
    "name": NAME,
    "nextLabel": "Next step",
    "factsLabel": "Where you stand",
    "progressLabel": "Progress",
    "manyTabs": "The studio is open in five browser tabs, and a sixth would not load. Close some.",
}

GPU_LOST = "The GPU is not used."


def facts(model: str, pairs: int, votes: int, runs: int, adapters: int) -> list[tuple[str, str]]:
    """The home strip: label and value."""
    return [
        ("Model", model),
        ("Pairs", f"{pairs:,}"),
        ("Votes", f"{votes:,}"),
        ("Runs", f"{runs:,}"),
        ("Adapters", f"{adapters:,}"),
    ]


def folder_gone(folder: Path) -> str:
    """A folder that was there when it was opened."""
    return (
        f"The folder {folder} can't be reached: it was moved or deleted, or its drive was taken out. Nothing is "
        "written elsewhere; bring it back, and everything goes on."
    )


def missing_images(count: int) -> str:
    """Images that the database knows and the disk does not have."""
    gone = "1 image is" if count == 1 else f"{count:,} images are"
    return f"{gone} gone from the workspace's images folder; their pairs are left out until the files are back."


NEXT_GENERATE = ("Draw some images to choose between.", "Generate")
NEXT_MORE = ("Every pair has your vote. Draw more to go on.", "Generate more")
NEXT_JUDGE = ("Your adapter is ready. Find out, blindly, whether you prefer it.", "Judge")
NEXT_USE = ("Your adapter is judged. Take its file, or draw new pairs and go another round.", "See adapters")


def next_vote(waiting: int, votes: int, wanted: int) -> tuple[str, str]:
    """Pairs wait for votes."""
    if votes == 0:
        return f"{number(waiting, 'pair waits', 'pairs wait')} for your first vote.", "Vote"
    more = number(wanted - votes, "more vote makes", "more votes make")
    return f"{number(waiting, 'pair waits', 'pairs wait')}. {more} a clear taste.", "Vote"


def next_train(votes: int) -> tuple[str, str]:
    """Enough votes to train on."""
    return f"{number(votes, 'vote', 'votes')} to learn from. Train your adapter.", "Train"


# --- generate --------------------------------------------------------------------------------------------------------

GENERATE_INTRO = "Write what you like to see. Each pair is one prompt drawn twice, so that you can choose."
PROMPTS_LABEL = "Prompts"
PROMPTS_PLACEHOLDER = "mountains at sunset\na quiet lake in the morning"
USE_STARTERS = "Starter prompts"
PAIRS_LABEL = "Pairs to draw"
PAIRS_INFO = "Spread over your prompts in turn."
GENERATE_ADVANCED = "More settings"
GENERATE_BUTTON = "Generate pairs"
GENERATING_BUTTON = "Drawing…"
NO_PROMPTS = "There is no prompt yet. Write at least one, one per line, or add “Starter prompts”."
NO_STARTERS = "The starter prompts are missing from assets/prompts. Write your own, one per line."
PAIRS_RANGE = "Pairs to draw must be a whole number from 1 to 1000."
GALLERY = {
    "label": "Newest images",
    "empty": "Your images appear here while they are drawn.",
    "gone": "This image is gone from disk.",
    "close": "Close",
}

# --- train -----------------------------------------------------------------------------------------------------------

TRAIN_INTRO = "One button. Training stops by itself and keeps the last step at which your preferred images stayed safe."
TRAIN_BUTTON = "Train"
TRAIN_ADVANCED = "Advanced"
TRAIN_ADVANCED_NOTE = "The defaults are measured. Change one thing at a time."
STOP_AND_KEEP = "Stop and keep what it has learned"
RESUME_BUTTON = "Resume this run"
RUN_LABEL = "Run"
LOG_LABEL = "Log"
NO_RUN = "No training yet. Charts and previews appear here."
NONE_USABLE = "Vote on pairs of this model to train it."
EARLIER_DEMO_PAIRS = (
    "The demo model was replaced by a newer one: draw pairs with it and vote on them, or set “{field}” to “all” to "
    "train it on your earlier votes too."
)
NO_VOTES_YET = "There is nothing to learn from yet. Vote on a few pairs first."
UNSET = "automatic"
FEW_VOTES = "That is few: {wanted} or more make a clear taste."

FIELD_LABELS = {
    "adapter_name": "Adapter name",
    "steps": "Steps",
    "learning_rate": "Learning rate",
    "rate": "Who chooses the learning rate",
    "displacement": "How far to go",
    "final_strength": "Final strength",
    "label_pairs": "Further pairs to label",
    "label_minutes": "Minutes to draw them",
    "label_share": "Share that is labelled",
    "label_threshold": "Least certainty of a label",
    "label_weight": "Weight of a labelled pair",
    "gate": "What has to be inside the budget",
    "loss": "Objective",
    "safeguard": "Safeguard",
    "mu": "Safety margin μ",
    "drift_budget": "Drift budget δ",
    "rank": "LoRA rank",
    "seed": "Seed",
    "scope": "Scope of λ",
    "loser_weight": "Weight of the loser",
    "beta": "β",
    "alpha": "DMPO target α",
    "tau": "IPO target τ",
    "smoothing": "Label smoothing",
    "anchor": "Winner anchor",
    "lora_alpha": "LoRA α",
    "targets": "Layers",
    "optimizer": "Optimiser",
    "warmup_steps": "Warm-up steps",
    "pairs_per_step": "Pairs per step",
    "pairs_per_micro_step": "Pairs at once",
    "pairs_from": "Pairs to learn from",
    "caption_dropout": "Caption dropout",
    "hold_unconditional": "Hold without prompt κ",
    "noise": "Noise",
    "noise_bank": "Noise bank",
    "memory": "Memory",
    "checkpointing": "Checkpointing",
    "precision": "Precision",
    "device": "Device",
    "checkpoint_every_steps": "Steps between checkpoints",
    "held_out_fraction": "Share held out",
    "bank_draws_per_pair": "Draws per held-out pair",
    "preview_prompts": "Preview prompts",
    "continue_from": "Go on with (round two)",
    "sampler": "Sampler",
    "sampling_steps": "Sampling steps",
    "guidance": "Guidance",
    "size_px": "Size in pixels",
    "clip_skip": "Clip skip",
    "negative": "Negative prompt",
    "comparisons": "Comparisons",
    "strength": "Strength of the adapter",
    "unconditional_strength": "Where the adapter acts",
    "strengths": "Strengths",
    "prompt": "Prompt",
    "checkpoints": "Checkpoints",
}
"""Names of the settings that stand in forms; the explanation under each is its docstring in `sdpo_core.settings`."""

WHERE = {"": "everywhere", "0": "only with your prompt", "-0.5": "opposed without it"}
"""Where an adapter acts, by the setting `unconditional_strength`; empty leaves it unset."""

WHERE_INFO = (
    "Each step compares a prediction with your prompt to one without it. Off or opposed in the second, the adapter "
    "acts more strongly. Other tools draw with it everywhere."
)

CHARTS = {
    "margin": "Margin",
    "marginHint": "How far the adapter leans towards your picks. It may go on growing while images get worse.",
    "scale": "Weight of the loser",
    "scaleHint": "1: images you did not choose push with all their force. Below 1 the safeguard holds them back.",
    "error": "Winner error",
    "errorHint": (
        "How much worse the adapter has become at the images you preferred, against the base model. The band is twice "
        "the standard error: where the true value likely is."
    ),
    "loss": "Loss",
    "lossHint": "How far your choices are from being learned. It jumps from step to step; the thick line is the trend.",
    "memory": "Memory in GiB",
    "memoryHint": "The most that training took so far on the graphics card; without one, what it takes now.",
    "memorySummary": "{gib} GiB after {step} steps.",
    "step": "step",
    "budget": "budget",
    "waiting": "The first numbers come in a moment…",
    "empty": NO_RUN,
    "gauge": "Still healthy?",
    "lossSummary": "Loss after {step} steps: {loss}.",
    "unknown": "Not measured yet.",
    "healthy": "Healthy: the winner error is {error}, inside the budget of {budget}.",
    "drifting": "Drifting: the winner error is {error}; it may be over the budget of {budget}. The safeguard acts now.",
    "damaged": "Damaged: the winner error is {error}, over twice the budget of {budget}. An earlier step will be kept.",
}

PREVIEWS = {
    "label": "Previews",
    "hint": "The same prompts and seeds, without the adapter and with it.",
    "base": "Base model",
    "step": "Step {step}",
    "slider": "Show step",
    "gone": "This preview is gone from disk.",
}

NO_SUCH_PREVIEW = "There is no such preview."

LOG = {"empty": "The log is empty so far.", "label": "Last lines of the log"}

"""Every string of the page Train."""

from app.desk import text as desk_text
from app.ui.words import duration, number

PRESET_LABEL = "Preset"
PRESET_INFO = "Fills in the fields below; change what you like afterwards."
NO_PRESET = "defaults"
ROUND_TWO_INFO = "Leave empty for a new adapter. It learns from pairs that were drawn with it."
GOES_ON = "It goes on with {name}."
ALL_SETTINGS = "All settings"
ALL_SETTINGS_NOTE = "An empty field takes what suits the model. Impossible combinations are refused in words."
GROUPS: dict[str, tuple[str, ...]] = {
    "Objective": ("beta", "anchor", "smoothing", "alpha", "tau"),
    "Safeguard": ("scope", "loser_weight", "hold_unconditional", "caption_dropout"),
    "Adapter and optimiser": ("lora_alpha", "targets", "optimizer", "rate", "displacement", "warmup_steps"),
    "Pairs": ("pairs_from", "pairs_per_step", "noise", "held_out_fraction", "size_px", "clip_skip"),
    "More from your votes": ("label_pairs", "label_minutes", "label_share", "label_threshold", "label_weight"),
    "Speed and memory": ("device", "precision", "memory", "checkpointing", "pairs_per_micro_step", "noise_bank"),
    "Checkpoints, health and previews": (
        "checkpoint_every_steps",
        "gate",
        "final_strength",
        "bank_draws_per_pair",
        "preview_prompts",
        "negative",
        "sampler",
        "sampling_steps",
        "guidance",
    ),
}
"""The settings that are not among the usual ones, by what they are about."""

TOML_LABEL = "Settings as text (TOML)"
TOML_INFO = "To keep or to share. The command line reads the same with --config."
TOML_FILE = {
    "choose": "Choose a settings file",
    "drop": "or drop one here",
    "tooLarge": "{name} is too large for settings, which take a few lines. Choose a TOML file.",
    "noText": "{name} is no text, or can't be read. Settings come as a TOML file.",
}
TOML_WRITE = "Write the fields down"
TOML_READ = "Fill the fields from it"
TOML_FILLED = "The fields are filled in."

SAVE_NOW = "Save now"
SAMPLE_NOW = "Draw previews now"
SAVE_ASKED = "A checkpoint is saved after this step."
SAMPLE_ASKED = "Previews are drawn after this step."
NO_TRAINING = "No training is running now."

UNNAMED_RUN = "Training"


QUEUE_BUTTON = "Train after this one"


def queue_title(name: str | None, model: str, pairs: int, steps: int) -> str:
    """A training that waits."""
    return f"Training{f' “{name}”' if name else ''} of {model}: {steps} steps, {pairs} pairs now"


def run_listed(name: str | None, moment: str, state: str) -> str:
    """A training run in the list of all."""
    return f"{name or UNNAMED_RUN}, {moment}: {desk_text.RUN_STATES[state]}"


MEASURE_BUTTON = "Measure memory and time"
MEASURING = "One step is being tried with these settings; nothing is trained."


def plan(pairs_sentence: str, steps: int, eta_s: float | None, memory: tuple[float, float] | None) -> str:
    """What a training run will do and take, said before it starts; `memory` is GiB used and GiB there."""
    parts = [number(steps, "step", "steps")]
    if eta_s is not None:
        parts.append(duration(eta_s))
    if memory is not None:
        parts.append(f"{memory[0]:.1f} of {memory[1]:.0f} GiB")
    measured = ", as measured with these settings" if memory else " at the pace of your last run" if eta_s else ""
    takes = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if memory else ", ".join(parts)
    return f"{pairs_sentence} Training takes {takes}{measured}."


def further_pairs(pairs: int, seconds: float | None) -> str:
    """What a run does before it trains, to learn more from the votes."""
    takes = f", which takes {duration(seconds)}" if seconds is not None else ""
    return f"Before that it draws up to {pairs:,} further pairs{takes}, and learns from those whose choice it can tell."


INTRO = "One button. Training stops by itself and keeps the last step at which your preferred images stayed safe."

BUTTON = "Train"

ADVANCED = "Advanced"

ADVANCED_NOTE = "The defaults are measured. Change one thing at a time."

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

FEW_VOTES = "That is few: {wanted} or more make a clear taste."

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

LOG = {"empty": "The log is empty so far.", "label": "Last lines of the log"}

"""Strings of the Train page."""

from app.desk import text as desk_text
from app.ui.words import duration, number

PAGE = "Train"

PRESET_LABEL = "Preset"
PRESET_INFO = "Fills in the fields below. You can change them afterwards."
NO_PRESET = "defaults"
ROUND_TWO_INFO = "Empty: a new adapter. Continuing one learns from the pairs generated with it."
GOES_ON = "Continues from {name}."
ALL_SETTINGS = "All settings"
ALL_SETTINGS_NOTE = "Empty fields use the model's defaults. If a combination doesn't work, you're told why."
TOML_LABEL = "Settings as text (TOML)"
TOML_INFO = "To save or share. The command line reads the same file with --config."
TOML_FILE = {
    "choose": "Choose a settings file",
    "drop": "or drop one here",
    "tooLarge": "{name} is too large for a settings file. Choose a TOML file.",
    "noText": "{name} isn't a readable text file. Choose a TOML file.",
}
TOML_WRITE = "Export as TOML"
TOML_READ = "Apply TOML"
TOML_FILLED = "Settings applied."
SAVE_NOW = "Save now"
SAMPLE_NOW = "Generate previews now"
SAVE_ASKED = "A checkpoint will be saved after this step."
SAMPLE_ASKED = "Previews will be generated after this step."
NO_TRAINING = "No training run is active."
UNNAMED_RUN = "Training"


QUEUE_BUTTON = "Queue this run"


def queue_title(name: str | None, model: str, pairs: int, steps: int) -> str:
    """A queued training run."""
    return f"Training{f' “{name}”' if name else ''} of {model}: {steps} steps, currently {pairs} pairs"


def run_listed(name: str | None, moment: str, state: str) -> str:
    """A training run in the list."""
    return f"{name or UNNAMED_RUN}, {moment}: {desk_text.RUN_STATES[state]}"


MEASURE_BUTTON = "Measure memory and time"
MEASURING = "Running one test step with these settings. Nothing is trained."


def plan(pairs_sentence: str, steps: int, eta_s: float | None, memory: tuple[float, float] | None) -> str:
    """What a training run does and needs, shown before it starts; `memory` is GiB used and GiB available."""
    parts = [number(steps, "step", "steps")]
    if eta_s is not None:
        parts.append(duration(eta_s))
    if memory is not None:
        parts.append(f"{memory[0]:.1f} of {memory[1]:.0f} GiB")
    measured = ", measured with these settings" if memory else " at the speed of your last run" if eta_s else ""
    takes = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if memory else ", ".join(parts)
    return f"{pairs_sentence} Training takes {takes}{measured}."


def further_pairs(pairs: int, seconds: float | None) -> str:
    """What a run generates before training, to learn more from the votes."""
    takes = f", which takes {duration(seconds)}," if seconds is not None else ""
    return f"Before that, it generates up to {pairs:,} extra pairs{takes} and uses those it can label confidently."


INTRO = "Training stops by itself and keeps the last step that was still safe for the images you preferred."
BUTTON = "Train"
ADVANCED = "Advanced"
ADVANCED_NOTE = "The defaults are a good start. Change one setting at a time, and compare with a blind test."
STOP_AND_KEEP = "Stop and keep the result"
RESUME_BUTTON = "Resume this run"
RUN_LABEL = "Run"
LOG_LABEL = "Log"
NO_RUN = "No training runs yet. Charts and previews appear here."
NONE_USABLE = "Vote on pairs of this model to train it."

EARLIER_DEMO_PAIRS = (
    "The demo model has been replaced by a newer one. Generate pairs with it and vote on them, or set “{field}” to "
    "“all” to train it on your earlier votes too."
)

NO_VOTES_YET = "Nothing to learn from yet. Vote on a few pairs first."
FEW_VOTES = "That isn't many: a clear taste takes {wanted} or more."

CHARTS = {
    "margin": "Margin",
    "marginHint": "How strongly the adapter favours your picks. It can keep growing while images get worse.",
    "scale": "Loser weight",
    "scaleHint": "At 1, the images you rejected have full effect. Below 1, the safeguard is limiting them.",
    "error": "Winner error",
    "errorHint": (
        "How much worse the adapter has become at predicting the images you preferred, compared with the base model. "
        "The band is two standard errors: where the true value likely is."
    ),
    "loss": "Loss",
    "lossHint": "How far the adapter is from having learned your choices. It's noisy; the thick line is the trend.",
    "memory": "Memory in GiB",
    "memoryHint": "Peak GPU memory so far; without a GPU, current memory.",
    "memorySummary": "{gib} GiB after {step} steps.",
    "step": "step",
    "budget": "budget",
    "waiting": "Waiting for the first numbers…",
    "empty": NO_RUN,
    "gauge": "Still healthy?",
    "lossSummary": "Loss after {step} steps: {loss}.",
    "unknown": "Not measured yet.",
    "healthy": "Healthy: the winner error is {error}, within the budget of {budget}.",
    "drifting": "Drifting: the winner error is {error}, possibly over the budget of {budget}. The safeguard is active.",
    "damaged": "Damaged: the winner error is {error}, over twice the budget of {budget}. An earlier step will be kept.",
}

PREVIEWS = {
    "label": "Previews",
    "hint": "The same prompts and seeds, without and with the adapter.",
    "base": "Base model",
    "step": "Step {step}",
    "slider": "Show step",
    "gone": "This preview is missing from disk.",
}

LOG = {"empty": "The log is empty.", "label": "Last lines of the log"}

"""Every string about settings of a training run beyond the usual ones; `app.text` holds the others."""

from app.text import duration, number

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
RUN_STATES = {
    "done": "done",
    "stopped": "stopped",
    "failed": "failed",
    "queued": "starting",
    "running": "running",
    "stopping": "stopping",
}

NOTICES = {
    "notices": "Notify me when a job ends",
    "noticesOff": "Notify me when a job ends, also when this page is out of sight",
    "noticesOn": "You are notified when a job ends. Click to switch it off.",
    "noticesRefused": (
        "The browser does not allow notifications for this page; its settings for the site do. The page's title still "
        "tells when a job ends."
    ),
}

QUEUE = {
    "label": "Runs that wait",
    "up": "Earlier",
    "down": "Later",
    "remove": "Remove",
    "lost": "The studio did not answer. Try again.",
}
QUEUE_BUTTON = "Train after this one"
QUEUED = "It waits for its turn and starts by itself, also when this page is closed."
QUEUE_FULL = "50 runs are waiting already. Remove one first."
WAITS_ALREADY = "This very run has just been started, or waits already. Change a setting to run another."
NOT_WAITING = "This run does not wait any more. It may have started just now."


def queued(count: int) -> str:
    """How many runs wait."""
    waits = "1 run waits" if count == 1 else f"{count} runs wait"
    return f"{waits}. The next one starts when what runs now has ended, with the votes that are there then."


def queue_title(name: str | None, model: str, pairs: int, steps: int) -> str:
    """A training that waits."""
    return f"Training{f' “{name}”' if name else ''} of {model}: {steps} steps, {pairs} pairs now"


def run_listed(name: str | None, moment: str, state: str) -> str:
    """A training run in the list of all."""
    return f"{name or UNNAMED_RUN}, {moment}: {RUN_STATES[state]}"


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

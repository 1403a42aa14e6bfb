"""Every string about settings of a training run beyond the usual ones; `app.text` holds the others."""

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
    "Adapter and optimiser": ("lora_alpha", "targets", "optimizer", "warmup_steps"),
    "Pairs": ("pairs_from", "pairs_per_step", "held_out_fraction", "size_px", "clip_skip"),
    "Speed and memory": ("device", "precision", "memory", "checkpointing", "pairs_per_micro_step", "noise_bank"),
    "Checkpoints, health and previews": (
        "checkpoint_every_steps",
        "bank_draws_per_pair",
        "preview_prompts",
        "sampler",
        "sampling_steps",
        "guidance",
    ),
}
"""The settings that are not among the usual ones, by what they are about."""

TOML_LABEL = "Settings as text (TOML)"
TOML_INFO = "To keep or to share. The command line reads the same with --config."
TOML_WRITE = "Write the fields down"
TOML_READ = "Fill the fields from it"
TOML_FILE = "Open a file…"
TOML_FILLED = "The fields are filled in."

SAVE_NOW = "Save now"
SAMPLE_NOW = "Draw previews now"
SAVE_ASKED = "A checkpoint is saved after this step."
SAMPLE_ASKED = "Previews are drawn after this step."
NO_TRAINING = "No training is running now."

"""What the demo model wants in place of its family's defaults. Measured on it (bench/results/tuning.md)."""

from sdpo_core.families.family import TrainingDefaults

TRAINING = TrainingDefaults(rank=8, lora_alpha=8.0, learning_rate=2e-3, pairs_per_step=8, pairs_per_micro_step=None)
GUIDANCE = 3.0

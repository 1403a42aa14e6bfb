"""What the demo model uses instead of its family's defaults: chosen on its 64 px predecessor, except β."""

from sdpo_core.families.family import TrainingDefaults

TRAINING = TrainingDefaults(
    beta=8000.0, rank=8, lora_alpha=8.0, learning_rate=2e-3, pairs_per_step=8, pairs_per_micro_step=None
)
GUIDANCE = 3.0

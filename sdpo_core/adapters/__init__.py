"""LoRA files: what they hold, in which layout, whether they fit, and how they get onto a model."""

"""LoRA files: what they hold, in which layout, whether they fit, and how they are loaded onto a model."""

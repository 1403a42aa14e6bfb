"""The choice of the base model."""

"""Draws little landscapes and trains the demo model on them from scratch."""

"""The Generate page: prompts in, pairs of images out."""

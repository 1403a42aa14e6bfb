"""The page Generate: prompts in, pairs of images out."""

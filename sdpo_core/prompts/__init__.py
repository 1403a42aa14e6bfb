"""The notation of prompts: weights and wildcards."""

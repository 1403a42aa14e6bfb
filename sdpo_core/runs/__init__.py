"""The run folder: the only interface between a job and whoever watches it."""

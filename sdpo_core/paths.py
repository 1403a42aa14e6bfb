"""Where the program itself is."""

from pathlib import Path


def repository_root() -> Path:
    """The folder that holds `assets/`."""
    return Path(__file__).resolve().parent.parent

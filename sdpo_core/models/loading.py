"""What can go wrong when a model's files are read, turned into sentences."""

import contextlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

from sdpo_core.errors import ModelError

Module = str
"""A part of a model by its folder in diffusers' format, as `sdpo_core.families` names it."""

LOADING_ERRORS = (
    *(OSError, ValueError, LookupError, TypeError, ArithmeticError, AttributeError, NameError, AssertionError),
    *(RuntimeError, SafetensorError, StrictDataclassError),
)
"""What the libraries raise for files and settings that aren't what they should be."""


@contextlib.contextmanager
def usable_settings(path: Path) -> Iterator[None]:
    """Turn any error in a part's settings into a `ModelError` that names their file."""
    try:
        yield
    except LOADING_ERRORS as error:
        raise ModelError(
            f"The settings in {path} can't be used: {reason(error)}. Copy or download the model again."
        ) from error


def reason(error: Exception) -> str:
    """An error's first line, or its type if it says nothing."""
    return str(error).strip().split("\n")[0] or type(error).__name__


def finite(value: Any) -> float:
    """`value` as a finite number; raises ValueError or TypeError when it isn't one."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} isn't a finite number")
    return number


def read_settings(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; raises `ModelError` when it can't be read or holds something else."""
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"Could not read {path}: {error}. Copy or download the model again.") from error
    if not isinstance(settings, dict):
        raise ModelError(
            f"{path} holds {type(settings).__name__}, not a JSON object. Copy or download the model again."
        )
    return settings


def check_complete(missing: list[str], weights: str, source: Path) -> None:
    """Raise `ModelError` when `weights` lacks tensors, which would otherwise be random numbers."""
    if missing:
        raise ModelError(
            f"{weights} of the model in {source} lacks {len(missing)} tensors, such as {min(missing)}. "
            "Copy or download the model again."
        )

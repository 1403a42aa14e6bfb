"""What a form holds, as a person means it."""

from collections.abc import Mapping
from typing import Any

from sdpo_core.errors import ConfigError


def prompt_lines(written: Any) -> list[str]:
    """The prompts in a field that holds one per line."""
    return [line.strip() for line in _writable(str(written or "")).splitlines() if line.strip()]


def filled(form: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that a person filled in. Whole numbers come from a form as floats."""
    kept = {name: _writable(value).strip() if isinstance(value, str) else value for name, value in form.items()}
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
        for name, value in kept.items()
        if value is not None and value != ""
    }


def _writable(written: str) -> str:
    """Half of an emoji, which a browser may cut out of a text, can't be written to a file: it becomes �."""
    return written.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def whole(value: Any, low: int, high: int, message: str) -> int:
    """A whole number between two others; raises `ConfigError` with `message` for anything else."""
    is_whole = isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()
    if not is_whole or not low <= value <= high:
        raise ConfigError(message)
    return int(value)

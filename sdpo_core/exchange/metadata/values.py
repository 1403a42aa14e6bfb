"""Values from untrusted texts: each is what it should be, or missing. Nothing raises."""

import math
from collections.abc import Mapping
from typing import Any, cast

from sdpo_core.exchange.metadata.graph import file_name as file_name
from sdpo_core.exchange.metadata.graph import name as name
from sdpo_core.exchange.metadata.graph import text as text
from sdpo_core.exchange.metadata.graph import whole as whole
from sdpo_core.workspace.records import NamedLora

_MOST_LORAS = 100


def hash_name(value: Any) -> str:
    """A hash as its tool writes it, without a leading 0x."""
    return name(value).removeprefix("0x")


def count(value: Any) -> int | None:
    """A whole number of at least 1 that fits a picture or a number of steps."""
    number = whole(value)
    return number if number is not None and 1 <= number <= 10**6 else None


def number(value: Any) -> float | None:
    """A finite number, even if it is written as text."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float | str)
        or (isinstance(value, str) and len(value) > 40)
    ):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object, or an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """A JSON list, or an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def lora(named: Any, strength: Any = 1.0, sha256: Any = "") -> NamedLora | None:
    """A LoRA, if it has a name."""
    known, acting = file_name(named), number(strength)
    if not known or known == "None":
        return None
    return NamedLora(name=known, strength=1.0 if acting is None else acting, hash=hash_name(sha256))


def loras(*found: NamedLora | None) -> tuple[NamedLora, ...]:
    """The LoRAs that aren't None, each name once, at most 100."""
    by_name = {one.name: one for one in reversed(found) if one}
    return tuple(by_name[one] for one in dict.fromkeys(one.name for one in found if one))[:_MOST_LORAS]


def first(source: Mapping[str, Any], *names: str) -> Any:
    """The value of the first of `names` that exists and isn't null."""
    return next((source[key] for key in names if source.get(key) is not None), None)

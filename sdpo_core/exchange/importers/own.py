"""What our own exports say beyond what a layout asks for, in an object `sdpo`; other readers ignore it.

{choice, voted_at, response_ms, strength, negative, recipe_0, recipe_1, made_with_0, made_with_1}: docs/formats.md.
"""

import json
from dataclasses import replace
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from sdpo_core.errors import StoreError
from sdpo_core.exchange.importers.found import FoundImage
from sdpo_core.workspace.imported import ImportedChoice
from sdpo_core.workspace.records import MadeWith, Recipe

KEY = "sdpo"
_MAX_BYTES = 2**20
_Record = TypeVar("_Record", bound=BaseModel)


def own_choice(own: dict[str, Any]) -> ImportedChoice | None:
    """The choice by image 0 and 1 instead of left and right; None when there is none."""
    match own.get("choice"):
        case "left":
            return "first"
        case "right":
            return "second"
        case "tie" | "both-bad" | "skip" as chosen:
            return chosen
        case _:
            return None


def with_own(image: FoundImage, own: dict[str, Any], side: int) -> FoundImage:
    """The image of side 0 or 1 with what `own` knows of it; raises `StoreError` when that can't be read."""
    recipe = _record(Recipe, own, f"recipe_{side}")
    made_with = _record(MadeWith, own, f"made_with_{side}")
    return replace(
        image, negative=str(own.get("negative") or ""), recipe=recipe, made_with=made_with or image.made_with
    )


def parsed(text: Any) -> dict[str, Any]:
    """The object out of a column that holds it as JSON; empty when the column is. Raises `StoreError`."""
    if text is None:
        return {}
    if not isinstance(text, str) or len(text) > _MAX_BYTES:
        raise StoreError(f"has no JSON of at most {_MAX_BYTES:,} bytes in {KEY}")
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"has no JSON in {KEY}") from error
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _record(kind: type[_Record], own: dict[str, Any], key: str) -> _Record | None:
    try:
        return kind.model_validate(own[key]) if own.get(key) else None
    except ValidationError as error:
        raise StoreError(f"has a {key} that this version can't read") from error

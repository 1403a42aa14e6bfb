"""One JSON object a line, as invoke-training reads it and our own export writes it.

    {"image_0": "images/a.png", "image_1": "images/b.png", "prompt": "a lake", "prefer_0": true, "prefer_1": false}

Our export adds `sdpo`: {choice, negative, recipe_0, recipe_1}, which other readers pass over.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from sdpo_core.errors import StoreError
from sdpo_core.preferences.importers.found import Folder, FoundImage, FoundPair, ImportedChoice, Trouble
from sdpo_core.preferences.records import Recipe

ABOUT = "metadata.jsonl with image_0, image_1, prompt, prefer_0, prefer_1 a line (invoke-training, and our own export)"
FILE = "metadata.jsonl"


def is_here(folder: Folder) -> bool:
    """Whether the folder has this layout."""
    return _file(folder) is not None


def read(folder: Folder) -> Iterator[FoundPair | Trouble]:
    """The pairs, line by line; raises `StoreError` when there is no such file."""
    path = _file(folder)
    if path is None:
        raise StoreError(f"{folder.root} has no {FILE}. Expected one JSON object a line in it.")
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield _pair(folder, _object(line))
            except StoreError as error:
                yield Trouble(f"{path.name} line {number}", str(error))


def _file(folder: Folder) -> Path | None:
    files = [folder.root / FILE] if (folder.root / FILE).is_file() else sorted(folder.root.glob("*.jsonl"))
    return folder.file(files[0].name) if len(files) == 1 else None


def _object(line: bytes) -> dict[str, Any]:
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise StoreError("is not JSON") from error
    if not isinstance(value, dict):
        raise StoreError("is not a JSON object")
    return cast("dict[str, Any]", value)


def _pair(folder: Folder, row: dict[str, Any]) -> FoundPair:
    prompt = row.get("prompt") or folder.prompt
    if not isinstance(prompt, str) or not prompt.strip():
        raise StoreError("has no prompt; add one, or give one prompt for all with --prompt")
    own: dict[str, Any] = row["sdpo"] if isinstance(row.get("sdpo"), dict) else {}
    first, second = (_image(folder, row, own, side) for side in ("0", "1"))
    return FoundPair(prompt, first, second, _choice(row, own))


def _image(folder: Folder, row: dict[str, Any], own: dict[str, Any], side: str) -> FoundImage:
    name = row.get(f"image_{side}")
    path = folder.file(name)
    try:
        recipe = Recipe.model_validate(own[f"recipe_{side}"]) if own.get(f"recipe_{side}") else None
    except ValidationError as error:
        raise StoreError(f"has a recipe_{side} that this version can't read") from error
    return FoundImage(str(name), path, str(own.get("negative") or ""), recipe)


def _choice(row: dict[str, Any], own: dict[str, Any]) -> ImportedChoice:
    """Our own word when there is one; else who is preferred. Both or neither is a tie."""
    match own.get("choice"):
        case "left":
            return "first"
        case "right":
            return "second"
        case "tie" | "both-bad" | "skip" as chosen:
            return chosen
        case _:
            pass
    sides = (row.get("prefer_0"), row.get("prefer_1"))
    if not all(isinstance(side, bool | int | float) for side in sides):
        raise StoreError("does not say which image is better; expected prefer_0 and prefer_1 as true or false")
    if sides[0] == sides[1]:
        return "tie"
    return "first" if cast("float", sides[0]) > cast("float", sides[1]) else "second"

"""One JSON object per line, as invoke-training reads it and our own export writes it.

    {"image_0": "images/a.png", "image_1": "images/b.png", "prompt": "a lake", "prefer_0": true, "prefer_1": false}

Our export adds `sdpo`: {choice, negative, recipe_0, recipe_1, made_with_0, made_with_1}, which other readers ignore.
For TRL the names are prompt, chosen, rejected. A line is checked value by value, because each problem has a message.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from sdpo_core.errors import StoreError
from sdpo_core.exchange.importers.found import Folder, FoundImage, FoundPair, Trouble
from sdpo_core.exchange.importers.own import own_choice, with_own
from sdpo_core.workspace.imported import ImportedChoice

ABOUT = "metadata.jsonl with image_0, image_1, prompt, prefer_0, prefer_1 per line (invoke-training, our own export)"
FILE = "metadata.jsonl"

_MAX_LINE_BYTES = 2**20


def is_here(folder: Folder) -> bool:
    """Whether the folder has this layout."""
    return _file(folder) is not None


def read(folder: Folder) -> Iterator[FoundPair | Trouble]:
    """The pairs, line by line; raises `StoreError` when there is no such file."""
    path = _file(folder)
    if path is None:
        raise StoreError(f"{folder.root} has no {FILE}. It must have one JSON object per line.")
    with path.open("rb") as file:
        for number, line in enumerate(_lines(file), start=1):
            if not line.strip():
                continue
            try:
                yield _pair(folder, _object(line))
            except StoreError as error:
                yield Trouble(f"{path.name} line {number}", str(error))


def _file(folder: Folder) -> Path | None:
    files = [folder.root / FILE] if (folder.root / FILE).is_file() else sorted(folder.root.glob("*.jsonl"))
    return folder.file(files[0].name) if len(files) == 1 else None


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of the file; of one that is too long, one byte more than is read."""
    while line := file.readline(_MAX_LINE_BYTES + 1):
        yield line
        while len(line) > _MAX_LINE_BYTES and not line.endswith(b"\n"):
            line = file.readline(_MAX_LINE_BYTES + 1)


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > _MAX_LINE_BYTES:
        raise StoreError(f"is longer than {_MAX_LINE_BYTES:,} bytes")
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise StoreError("isn't JSON") from error
    if not isinstance(value, dict):
        raise StoreError("isn't a JSON object")
    return cast("dict[str, Any]", value)


def _pair(folder: Folder, row: dict[str, Any]) -> FoundPair:
    prompt = row.get("prompt") or folder.prompt
    if not isinstance(prompt, str) or not prompt.strip():
        raise StoreError("has no prompt; add one, or set one prompt for all with --prompt")
    own: dict[str, Any] = row["sdpo"] if isinstance(row.get("sdpo"), dict) else {}
    keys = ("chosen", "rejected") if "chosen" in row else ("image_0", "image_1")
    first, second = (_image(folder, row.get(key), own, n) for n, key in enumerate(keys))
    return FoundPair(prompt, first, second, "first" if "chosen" in row else _choice(row, own))


def _image(folder: Folder, name: Any, own: dict[str, Any], side: int) -> FoundImage:
    return with_own(FoundImage(str(name), folder.file(name)), own, side)


def _choice(row: dict[str, Any], own: dict[str, Any]) -> ImportedChoice:
    """Our own word when there is one; else who is preferred. Both or neither is a tie."""
    chosen = own_choice(own)
    if chosen is not None:
        return chosen
    sides = (row.get("prefer_0"), row.get("prefer_1"))
    if not all(isinstance(side, bool | int | float) for side in sides):
        raise StoreError("doesn't say which image is better; expected prefer_0 and prefer_1 as true or false")
    if sides[0] == sides[1]:
        return "tie"
    return "first" if cast("float", sides[0]) > cast("float", sides[1]) else "second"

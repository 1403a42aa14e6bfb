"""What code writes, split into named parts that are compared one by one: tensors, JSON, pictures, rows.

A part is a name and a text: a short value itself, anything longer as its SHA-256.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from PIL import Image

Parts = dict[str, str]

_LONGEST_VALUE = 200  # characters; longer ones are replaced by their hash


def sha256(data: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def tensors(path: Path) -> Parts:
    """Every tensor of a safetensors file: the hash of its type, shape and bytes."""
    header, data = _safetensors(path)
    return {
        name: sha256(f"{entry['dtype']} {entry['shape']} ".encode() + data[slice(*entry["data_offsets"])])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def metadata(path: Path) -> dict[str, Any]:
    """The header's texts of a safetensors file; those that hold a JSON object are read."""
    return {name: _read_if_object(text) for name, text in _safetensors(path)[0].get("__metadata__", {}).items()}


def _safetensors(path: Path) -> tuple[dict[str, Any], bytes]:
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def leaves(value: Any, name: str = "", *, keep: Callable[[str], bool] = lambda _: True) -> Parts:
    """The numbers and texts in a value from JSON, by their path (`health.bands.0.from`), where `keep` says so."""
    return {place: _short(leaf) for place, leaf in _walk(value, name) if keep(place)}


def _walk(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list) and value:
        within = cast("dict[str, Any] | list[Any]", value)
        for key, inner in within.items() if isinstance(within, dict) else enumerate(within):
            yield from _walk(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _short(leaf: Any) -> str:
    text = f"bytes {sha256(leaf)}" if isinstance(leaf, bytes) else json.dumps(leaf, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"text {sha256(text.encode())}"


def pixels(path: Path) -> str:
    """The hash of a picture's size and colours, however the file is packed."""
    with Image.open(path) as image:
        image.load()
        return sha256(f"{image.mode} {image.size} ".encode() + image.tobytes())


def candidates(database: Path) -> Parts:
    """The images of a workspace: prompts, recipe or `made_with`, hashes and sizes; no ids and no dates."""
    query = (
        "SELECT prompts.text AS prompt, candidates.* FROM candidates JOIN prompts ON prompts.id = candidates.prompt_id"
    )
    return _rows(database, query, lambda row: f"{row['prompt']!r} {row['image_sha256'][:8]}")


def pairs(database: Path) -> Parts:
    """The pairs of a workspace, by what they show, with the votes that count for them."""
    query = (
        "SELECT one.image_sha256 AS left, other.image_sha256 AS right, purpose, choice FROM pairs"
        " JOIN candidates AS one ON one.id = left_id JOIN candidates AS other ON other.id = right_id"
        " LEFT JOIN votes ON votes.id = standing_vote_id"
    )
    return _rows(database, query, lambda row: f"{row['left'][:8]} {row['right'][:8]}")


def features(database: Path) -> Parts:
    """The taste model's features of the images."""
    return _rows(database, "SELECT * FROM features", lambda row: str(row["image_sha256"])[:8])


def _rows(database: Path, query: str, name: Callable[[sqlite3.Row], str]) -> Parts:
    """The rows of a query, without ids, dates and unset values, sorted by their names."""
    found: dict[str, dict[str, Any]] = {}
    connection = sqlite3.connect(database)
    try:
        connection.row_factory = sqlite3.Row
        for row in connection.execute(query):
            columns = [key for key in row.keys() if not _is_personal(key) and row[key] is not None]  # noqa: SIM118 - a row isn't a mapping
            found[name(row)] = {key: _read_if_object(row[key]) for key in columns}
    finally:
        connection.close()
    return {place: leaf for key in sorted(found) for place, leaf in leaves(found[key], key).items()}


def _is_personal(column: str) -> bool:
    """Whether a column holds a date or an id, which differ between any two workspaces."""
    return column in ("id", "uuid") or column.endswith(("_id", "_at"))


def _read_if_object(value: Any) -> Any:
    """An object from its JSON; anything else unchanged, even a prompt that starts with a brace."""
    if not isinstance(value, str) or not value.startswith("{"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value

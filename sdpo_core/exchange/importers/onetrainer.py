"""OneTrainer's DPO data (its pull request 1403): chosen/pair_0001.png, rejected/pair_0001.png and captions.

What the manifest.json of our own export says beyond the captions is taken along, as long as it still holds.
Of its entries, one that another tool wrote, or that was changed, is skipped; a model of the file would refuse all.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

from sdpo_core.errors import StoreError
from sdpo_core.exchange.importers.found import Folder, FoundImage, FoundPair, Trouble, has_images
from sdpo_core.exchange.importers.own import KEY, with_own

ABOUT = "chosen/ and rejected/ with images of the same names and a .txt for each chosen one"
MANIFEST = "manifest.json"

_MAX_BYTES = 2**28


def is_here(folder: Folder) -> bool:
    """Whether the folder has this layout."""
    return has_images((folder.root / "chosen", folder.root / "rejected"))


def read(folder: Folder) -> Iterator[FoundPair | Trouble]:
    """The pairs, by name."""
    entries: dict[str, dict[str, Any]] = {}
    try:
        entries = _entries(folder)
    except StoreError as error:
        yield Trouble(MANIFEST, f"{error}; the pairs are imported without its details")
    for pair in folder.paired(folder.root / "chosen", folder.root / "rejected"):
        entry = entries.get(pair.first.name) if isinstance(pair, FoundPair) else None
        if isinstance(pair, Trouble) or entry is None:
            yield pair
            continue
        try:
            yield _with_entry(pair, entry)
        except StoreError as error:
            yield Trouble(pair.first.name, str(error))


def _entries(folder: Folder) -> dict[str, dict[str, Any]]:
    """What our own manifest says, by the chosen image; nothing of any other. Raises `StoreError`."""
    if not (folder.root / MANIFEST).is_file():
        return {}
    path = folder.file(MANIFEST)
    if path.stat().st_size > _MAX_BYTES:
        raise StoreError(f"is larger than {_MAX_BYTES >> 20} MiB")
    try:
        value: Any = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise StoreError("isn't JSON") from error
    pairs: Any = cast("dict[str, Any]", value).get("pairs") if isinstance(value, dict) else None
    rows: list[Any] = cast("list[Any]", pairs) if isinstance(pairs, list) else []
    ours = (cast("dict[str, Any]", row) for row in rows if isinstance(row, dict) and isinstance(row.get(KEY), dict))
    return {row["chosen"]: row for row in ours if isinstance(row.get("chosen"), str)}


def _with_entry(pair: FoundPair, entry: dict[str, Any]) -> FoundPair:
    """The pair with what the entry says; without it when its caption or an image was changed since."""
    prompt = entry.get("prompt")
    if not isinstance(prompt, str) or " ".join(prompt.split()) != pair.prompt:
        return pair
    sides = ((pair.first, "chosen_sha256"), (pair.second, "rejected_sha256"))
    if not all(_sha256(image) == entry.get(key) for image, key in sides):
        return pair
    own = entry[KEY]
    return replace(pair, prompt=prompt, first=with_own(pair.first, own, 0), second=with_own(pair.second, own, 1))


def _sha256(image: FoundImage) -> str:
    content = image.content
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

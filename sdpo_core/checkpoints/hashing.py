"""SHA-256 of files and of models, with a small cache so that gigabytes are read once."""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

from sdpo_core.atomic import write_json
from sdpo_core.errors import DiskError

_COSMETIC = frozenset({"_diffusers_version", "_name_or_path", "transformers_version", "dtype", "torch_dtype"})
"""Keys of a part's config that say who saved it and how, rather than what it computes."""


_PIECE_BYTES = 4 * 2**20


def sha256_file(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """SHA-256 of the file's content; raises OSError when it can't be read. `on_bytes` gets the size of each chunk."""
    with path.open("rb") as file:
        if on_bytes is None:
            return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256()
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
            on_bytes(len(piece))
        return digest.hexdigest()


def sha256_folder_weights(folder: Path, files: Iterable[Path]) -> str:
    """One hash over the names and contents of `files` under `folder`, in any order.

    JSON and text count by their meaning: line endings don't matter, nor do keys that only say who saved the file.
    Weight files are read once and remembered by path, size and time of change.
    """
    total = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.relative_to(folder).as_posix()):
        total.update(f"{path.relative_to(folder).as_posix()} {_content_sha256(path)}\n".encode())
    return total.hexdigest()


def cache_folder() -> Path:
    """Where the studio keeps its caches on this machine: `SDPO_CACHE`, else the system's folder for user caches."""
    chosen = os.environ.get("SDPO_CACHE")
    if chosen:
        return Path(chosen)
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "sdpo-studio" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "sdpo-studio"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "sdpo-studio"


def _content_sha256(path: Path) -> str:
    if path.suffix == ".json":
        value: Any = json.loads(path.read_bytes())
        if isinstance(value, dict):
            known = cast("dict[str, Any]", value)
            value = {key: known[key] for key in known if key not in _COSMETIC}
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
    if path.suffix == ".txt":
        return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
    return sha256_remembered(path)


def sha256_remembered(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """`sha256_file`, or its remembered result while path, size and time of change are the same."""
    real, stamp = _stamped(path)
    known = _known(real, stamp)
    if known is None:
        known = sha256_file(real, on_bytes)
        _remember(real, stamp, known)
    return known


def known_sha256(path: Path) -> str | None:
    """The result of `sha256_remembered` if it is remembered; None when the file would have to be read."""
    return _known(*_stamped(path))


def _stamped(path: Path) -> tuple[Path, list[int]]:
    real = path.resolve()
    state = real.stat()
    return real, [state.st_size, state.st_mtime_ns]


def _known(real: Path, stamp: list[int]) -> str | None:
    entry = _read_cache(cache_folder() / "weights-sha256.json").get(str(real))
    return str(entry[2]) if entry is not None and entry[:2] == stamp else None


def remember_sha256(path: Path, digest: str) -> None:
    """Remember a file's SHA-256 that was just computed, for `sha256_remembered`; raises OSError if it doesn't exist."""
    _remember(*_stamped(path), digest)


def _remember(real: Path, stamp: list[int], digest: str) -> None:
    cache = cache_folder() / "weights-sha256.json"
    # Read again: another process may have added to it meanwhile. Files that no longer exist are dropped.
    entries = {name: known for name, known in _read_cache(cache).items() if Path(name).exists()}
    try:
        write_json(cache, {**entries, str(real): [*stamp, digest]})
    except (DiskError, OSError):
        return  # without a cache it only takes longer


def _read_cache(cache: Path) -> dict[str, list[Any]]:
    """The remembered hashes; an unreadable cache counts as empty."""
    try:
        content: Any = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    entries = cast("dict[str, Any]", content)
    return {
        name: known for name, known in entries.items() if isinstance(known, list) and len(cast("list[Any]", known)) == 3
    }

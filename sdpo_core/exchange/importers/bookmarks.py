"""How far an interrupted import got in a large file, so that the same import continues there.

    imports.json in the workspace: {"<file name> <bytes> <modified, ns>": rows whose pairs are in the workspace, …}

An entry lives while its import is unfinished. A file that was read to its end has none, so importing it once more looks
at all of it again.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from sdpo_core.atomic import write_json

_FILE = "imports.json"
_ENTRIES = TypeAdapter(dict[str, Annotated[int, Field(strict=True, ge=0)]])


class Bookmark:
    """A place in one file."""

    def __init__(self, path: Path | None, key: str, rows: int) -> None:
        """Nothing is written before the first `keep`, and nothing at all without a `path`."""
        self._path, self._key, self._open = path, key, True
        self.rows = rows  # that an earlier import has brought in

    def keep(self, rows: int) -> None:
        """The pairs of the first `rows` rows are in the workspace. Raises `DiskError`."""
        if self._open and self._path:
            write_json(self._path, {**_read(self._path), self._key: rows})

    def close(self) -> None:
        """The file was read to its end: its place is no longer needed. Raises `DiskError`."""
        self._open = False
        kept = _read(self._path)
        if self._path and kept.pop(self._key, None) is not None:
            write_json(self._path, kept)


class Bookmarks:
    """The bookmarks of a workspace."""

    def __init__(self, workspace: Path | None = None) -> None:
        """For the imports into `workspace`; without one nothing is remembered."""
        self._path = workspace / _FILE if workspace else None

    @contextlib.contextmanager
    def reading(self, file: Path) -> Iterator[Bookmark]:
        """The place in `file`: its beginning, when it was read to the end or has changed since.

        A block that comes to its own end has read all of the file, so there's no place left to remember.
        """
        state = file.stat()
        key = f"{file.name} {state.st_size} {state.st_mtime_ns}"
        bookmark = Bookmark(self._path, key, _read(self._path).get(key, 0))
        yield bookmark
        bookmark.close()


def _read(path: Path | None) -> dict[str, int]:
    """The entries; none where the file is missing or damaged, which costs time and nothing else."""
    if path is None:
        return {}
    try:
        return _ENTRIES.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return {}

"""A workspace's trash: files that were cleared away, with what is needed to put them back.

    trash/<time>-<kind>-<4 hex>/entry.json       {"kind", "made_at", "files": [...], "rows": {...}}
    trash/<time>-<kind>-<4 hex>/files/<path>     each at its path in the workspace

The note is written before the first file moves, and taken away after the last one is back. A move that was cut off
anywhere is therefore finished by putting the entry back.
"""

import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from sdpo_core.atomic import disk_errors, write_json
from sdpo_core.errors import StoreError

_ID = re.compile(r"\d{8}-\d{6}-[a-z]+-[0-9a-f]{4}")
_NOTE = "entry.json"

Rows = dict[str, list[dict[str, Any]]]


class _Note(BaseModel):
    """What `entry.json` holds."""

    kind: str
    made_at: datetime
    files: tuple[str, ...]
    rows: Rows


@dataclass(frozen=True)
class Thrown:
    """One clearing."""

    id: str
    kind: str
    made_at: datetime
    files: tuple[str, ...]  # files and folders, relative to the workspace
    rows: Rows  # of the database, by table
    size_bytes: int


class Trash:
    """The trash of one workspace. Ids may be hostile; failures are `StoreError`s and `DiskError`s."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self.root = workspace / "trash"

    def begin(self, kind: str, files: Iterable[Path], rows: Rows | None = None) -> str:
        """Note what will be moved to the trash; returns the id of the entry. Nothing has moved yet."""
        moment = datetime.now(UTC)
        name = f"{moment:%Y%m%d-%H%M%S}-{kind}-{secrets.token_hex(2)}"
        relative = [path.relative_to(self._workspace).as_posix() for path in files]
        note = {"kind": kind, "made_at": moment.isoformat(), "files": relative, "rows": rows or {}}
        write_json(self.root / name / _NOTE, note)
        return name

    def move_in(self, entry_id: str) -> Thrown:
        """Move the noted files; one that is already gone is skipped."""
        entry = self.find(entry_id)
        self._move(entry, self._workspace, self._files(entry.id))
        return self.find(entry_id)

    def move_back(self, entry_id: str) -> Thrown:
        """Put the files of an entry where they were. What is there by now stays: images are named by content."""
        entry = self.find(entry_id)
        self._move(entry, self._files(entry.id), self._workspace)
        return entry

    def forget(self, entry_id: str) -> None:
        """Remove an entry with whatever is still in it."""
        entry = self.find(entry_id)
        with disk_errors(self.root / entry.id):
            shutil.rmtree(self.root / entry.id)

    def entries(self) -> list[Thrown]:
        """All entries, newest first; a folder without a note isn't ours."""
        if not self.root.is_dir():
            return []
        names = sorted((path.name for path in self.root.iterdir() if _ID.fullmatch(path.name)), reverse=True)
        return [entry for entry in map(self._read, names) if entry]

    def find(self, entry_id: str) -> Thrown:
        """The entry of this id; raises `StoreError` when it is not in the trash."""
        entry = self._read(entry_id) if _ID.fullmatch(entry_id) else None
        if entry is None:
            raise StoreError("This is no longer in the trash; it has been restored or cleared.")
        return entry

    def _files(self, entry_id: str) -> Path:
        return self.root / entry_id / "files"

    def _move(self, entry: Thrown, source: Path, target: Path) -> None:
        for name in entry.files:
            with disk_errors(target / name):
                if (target / name).exists() or not (source / name).exists():
                    continue
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.move(source / name, target / name)

    def _read(self, entry_id: str) -> Thrown | None:
        try:
            note = _Note.model_validate_json((self.root / entry_id / _NOTE).read_bytes())
        except (OSError, ValidationError):
            return None
        if any(Path(name).is_absolute() or ".." in Path(name).parts for name in note.files):
            return None
        return Thrown(entry_id, note.kind, note.made_at, note.files, note.rows, size_of([self._files(entry_id)]))


def size_of(paths: Iterable[Path]) -> int:
    """Bytes that files and folders take; links are not followed, and what is gone meanwhile takes nothing."""
    return sum(_size(path) for path in paths)


def _size(path: Path) -> int:
    try:
        state = path.lstat()
        if not stat.S_ISDIR(state.st_mode):
            return state.st_size
        with os.scandir(path) as entries:
            # An entry knows its size without another look at the path; folders are looked into afterwards.
            found = [(entry.is_dir(follow_symlinks=False), entry) for entry in entries]
        files = sum(entry.stat(follow_symlinks=False).st_size for is_folder, entry in found if not is_folder)
    except FileNotFoundError:
        return 0
    return files + sum(_size(Path(entry.path)) for is_folder, entry in found if is_folder)

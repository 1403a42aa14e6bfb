"""What a workspace takes on the disk, and what of it can go: into the trash, never an image that was voted on.

Each kind of clearing says first what would go (`preview`) and then does it (`clear`), checking again. Caches, exported
zips and the trash itself are removed immediately; everything else can be restored.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from sdpo_core.atomic import disk_errors
from sdpo_core.checkpoints.hashing import sha256_remembered
from sdpo_core.errors import RunError, StoreError
from sdpo_core.runs.folder import FINISHED, RunFolder, list_runs
from sdpo_core.workspace import adapters, labelled, unvoted
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.trash import Rows, Thrown, Trash, size_of

Kind = Literal["unvoted", "strays", "checkpoints", "grids", "drawn", "exports", "cache", "trash"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FINAL: frozenset[Kind] = frozenset({"exports", "cache", "trash"})
"""Kinds that can't be restored."""

SETTLED_S = 3600.0
"""Files younger than this may belong to something that is being written."""

_CHECKPOINT_ADAPTERS = ("adapter.safetensors", "published.safetensors")  # as trained, and as published


@dataclass(frozen=True)
class Clearing:
    """What would go."""

    kind: Kind
    files: tuple[Path, ...]
    size_bytes: int
    images: tuple[str, ...] = ()  # hashes, where the files are images
    pairs: int = 0  # that wait for a vote and go with their images
    runs: tuple[str, ...] = ()  # ids of runs whose checkpoints, or which themselves, go
    rows: Rows = field(default_factory=dict[str, list[dict[str, Any]]])


@dataclass(frozen=True)
class Share:
    """What one part of the workspace takes."""

    name: str  # images, checkpoints, runs, adapters, votes, exports, cache, trash, other
    size_bytes: int


def measure(workspace: Path) -> list[Share]:
    """What every part takes; together they are the whole workspace, without further projects inside it."""
    checkpoints = size_of(list((workspace / "runs").glob("*/checkpoints")))
    databases = [*workspace.glob("studio.db*"), workspace / "backups"]
    parts = {
        "images": size_of([workspace / "images"]),
        "checkpoints": checkpoints,
        "runs": size_of([workspace / "runs"]) - checkpoints,
        "adapters": size_of([workspace / "adapters"]),
        "votes": size_of(databases),
        "exports": size_of([workspace / "exports"]),
        "cache": size_of([workspace / "cache"]),
        "trash": size_of([workspace / "trash"]),
    }
    known = {"images", "runs", "adapters", "backups", "exports", "cache", "trash", "projects"}
    rest = [p for p in workspace.iterdir() if p.name not in known and not p.name.startswith("studio.db")]
    return [Share(name, size) for name, size in {**parts, "other": size_of(rest)}.items()]


def preview(workspace: Path, kind: Kind) -> Clearing:
    """What `clear` would take away now. Raises `StoreError` when the database can't be read."""
    if kind == "cache":
        return _cache(workspace)
    if kind == "exports":
        zips = tuple((workspace / "exports").glob("*.zip"))
        return Clearing(kind, zips, size_of(zips))
    if kind == "grids":
        return _grids(list_runs(workspace / "runs", "grid"))
    if kind == "drawn":
        return _drawn(list_runs(workspace / "runs", "train"))
    if kind == "trash":
        files = tuple(workspace / "trash" / entry.id for entry in Trash(workspace).entries())
        return Clearing(kind, files, size_of(files))
    look = {"unvoted": _unvoted, "strays": _strays, "checkpoints": _checkpoints}[kind]
    with contextlib.closing(Database(workspace / "studio.db", read_only=True)) as database:
        return look(workspace, database)


def clear(workspace: Path, kind: Kind) -> Thrown | None:
    """Take away what `preview` mentions, checking again; returns the entry in the trash, None for what is final.

    No job may be running in the workspace. Raises `StoreError`, or `DiskError` when the disk refuses; what was moved
    by then is in the trash, from where the entry can be restored.
    """
    if kind in FINAL:
        for path in preview(workspace, kind).files:
            with disk_errors(path):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        return None
    trash = Trash(workspace)
    if kind in ("checkpoints", "grids", "drawn"):
        found = preview(workspace, kind)
        return _move_runs(workspace, kind, found) if found.files else None
    # A vote either comes before, and its images stay, or after, and finds its pair gone.
    with contextlib.closing(Database(workspace / "studio.db")) as database, database.writing() as connection:
        found = _unvoted(workspace, database) if kind == "unvoted" else _strays(workspace, database)
        if not found.files and not any(found.rows.values()):
            return None
        entry = trash.begin(kind, found.files, found.rows)
        if found.rows:
            unvoted.take_out(connection, found.rows)
    return trash.move_in(entry)


def throw_grid(workspace: Path, run: RunFolder) -> Thrown:
    """Move one grid to the trash; raises `RunError` while it is being generated."""
    found = _grids([run])
    if not found.files:
        raise RunError("This grid is still being generated. Stop it first, then delete it.")
    return _move_runs(workspace, "grids", found)


def restore_entry(workspace: Path, entry_id: str) -> Thrown:
    """Undo a clearing, or bring an adapter back. Raises `StoreError` for an unknown entry, `AdapterError` when another
    adapter has its place; may be repeated when it was cut off."""
    trash = Trash(workspace)
    adapters.require_free(workspace, trash.find(entry_id))
    entry = trash.move_back(entry_id)
    if any(entry.rows.values()):
        with contextlib.closing(Database(workspace / "studio.db")) as database, database.writing() as connection:
            unvoted.put_in(connection, entry.rows)
            adapters.put_in(connection, entry.rows)
            labelled.put_in(connection, entry.rows)
    trash.forget(entry_id)
    return entry


def _unvoted(workspace: Path, database: Database) -> Clearing:
    with database.reading() as connection:
        found = unvoted.find(connection, unvoted.voted_in_backups(workspace / "backups"))
    files = tuple(sorted(path for path in _image_files(workspace) if path.stem in found.images))
    return Clearing("unvoted", files, size_of(files), tuple(path.stem for path in files), found.pairs, (), found.rows)


def _strays(workspace: Path, database: Database) -> Clearing:
    """Files among the images that no row mentions, here or in a backup's votes."""
    with database.reading() as connection:
        known = {sha256 for (sha256,) in connection.execute("SELECT image_sha256 FROM candidates")}
    known |= unvoted.voted_in_backups(workspace / "backups")
    found = [path for path in _image_files(workspace) if path.stem not in known]
    files = tuple(sorted(path for path in found if _is_settled(path)))
    return Clearing("strays", files, size_of(files), tuple(path.stem for path in files if path.suffix == ".png"))


def _checkpoints(workspace: Path, database: Database) -> Clearing:
    """Checkpoints of finished runs, but for the one that became an adapter: round two continues from there."""
    published = {record.sha256 for record in adapters.AdapterTable(database, workspace).all()}
    files: list[Path] = []
    runs: list[str] = []
    for run in list_runs(workspace / "runs", "train"):
        going = [path for path in _finished_checkpoints(run) if not _adapters_sha256(path) & published]
        files += going
        runs += [run.id] if going else []
    return Clearing("checkpoints", tuple(files), size_of(files), runs=tuple(runs))


def _grids(runs: Iterable[RunFolder]) -> Clearing:
    """Whole runs of finished grids: what was picked from one is an adapter, or a strength, of its own."""
    done: list[RunFolder] = []
    for run in runs:
        with contextlib.suppress(RunError):  # a broken folder; `doctor` names it
            done += [run] if run.status().state in FINISHED else []
    files = tuple(run.path for run in done)
    return Clearing("grids", files, size_of(files), runs=tuple(run.id for run in done))


def _drawn(runs: Iterable[RunFolder]) -> Clearing:
    """What finished runs drew for themselves; any other run may be resumed, for which it needs all of it."""
    found: list[tuple[RunFolder, Path]] = []
    for run in runs:
        folder = run.path / labelled.FOLDER
        with contextlib.suppress(RunError):
            found += [(run, folder)] if folder.is_dir() and run.status().state == "done" else []
    files = tuple(folder for _, folder in found)
    return Clearing("drawn", files, size_of(files), runs=tuple(run.id for run, _ in found))


def _move_runs(workspace: Path, kind: Kind, found: Clearing) -> Thrown:
    """Move files of runs to the trash; what the database says of files that go, goes with them."""
    trash = Trash(workspace)
    if kind == "checkpoints":
        return trash.move_in(trash.begin(kind, found.files))
    with contextlib.closing(Database(workspace / "studio.db")) as database, database.writing() as connection:
        entry = trash.begin(kind, found.files, labelled.take_out(connection, found.runs))
    return trash.move_in(entry)


def _finished_checkpoints(run: RunFolder) -> list[Path]:
    try:
        done = run.status().state == "done"  # any other run may be resumed, for which it needs all of them
    except RunError:
        return []
    return run.checkpoints() if done else []


def _adapters_sha256(checkpoint: Path) -> set[str]:
    found: set[str] = set()
    for name in _CHECKPOINT_ADAPTERS:
        with contextlib.suppress(OSError):  # a checkpoint without its adapter can't be published
            found.add(sha256_remembered(checkpoint / name))
    return found


def _cache(workspace: Path) -> Clearing:
    folder = workspace / "cache"
    files = tuple(path for path in folder.iterdir() if _is_settled(path)) if folder.is_dir() else ()
    return Clearing("cache", files, size_of(files))


def _is_settled(path: Path) -> bool:
    return time.time() - path.lstat().st_mtime > SETTLED_S


def _image_files(workspace: Path) -> Iterator[Path]:
    """Files two folders deep among the images."""
    for folder in (workspace / "images").iterdir():
        if folder.is_dir():
            with os.scandir(folder) as entries:
                yield from [folder / entry.name for entry in entries if entry.is_file(follow_symlinks=False)]


def require_kind(value: str) -> Kind:
    """The kind of this name; raises `StoreError` for another."""
    kinds: dict[str, Kind] = {kind: kind for kind in KINDS}
    if value not in kinds:
        raise StoreError(f"Unknown kind {value[:80]!r}. Choose one of: {', '.join(KINDS)}.")
    return kinds[value]

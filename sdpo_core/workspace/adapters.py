"""The trained adapters a workspace knows; the files themselves are under adapters/."""

import difflib
import re
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from sdpo_core.errors import AdapterError, StoreError
from sdpo_core.workspace import rows
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.records import AdapterRecord, Fit
from sdpo_core.workspace.trash import Rows, Thrown, Trash

LONGEST_NAME = 80
LONGEST_NOTE = 2000
MOST_STRENGTH = 2.0
THROWN_KIND = "adapter"
"""Kind of the trash's entries that hold an adapter."""

_NAMES_IN_A_MESSAGE = 10
_NAME_BYTES = 100  # file systems take 255, of which numbers, suffixes and temporary names need some
# Windows takes these for devices, whatever their suffix.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10))}


class AdapterTable:
    """The adapters of one workspace and their files. Every method may be called from any thread.

    Ids may come from anywhere; failures are `AdapterError`s.
    """

    def __init__(self, database: Database, workspace: Path) -> None:
        self._database, self._workspace = database, workspace

    def add(
        self, *, name: str, path: Path, sha256: str, base_sha256: str, run_id: str, fit: Fit | None = None
    ) -> AdapterRecord:
        """Record a trained adapter that is in the workspace; where `name` is taken, under the first free `name-2`,
        `name-3`, … The same file of the same run again returns the first record. Raises `StoreError` when the file is
        elsewhere.
        """
        relative = self._relative(path)
        with self._database.writing() as connection:
            row = connection.execute(
                f"{rows.SELECT_ADAPTER} WHERE run_id = ? AND sha256 = ? AND path = ?", (run_id, sha256, relative)
            ).fetchone()
            if row:
                return rows.read_adapter(row)
            taken = {str(other).casefold() for (other,) in connection.execute("SELECT name FROM adapters")}
            free = _numbered(name, lambda candidate: candidate.casefold() in taken)
            proof = (fit.modules, fit.matched) if fit else (None, None)
            adapter_id = connection.execute(
                "INSERT INTO adapters (name, path, sha256, base_sha256, run_id, created_at, modules, matched)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (free, relative, sha256, base_sha256, run_id, rows.now(), *proof),
            ).lastrowid
            return _one(connection, adapter_id)

    def all(self) -> list[AdapterRecord]:
        """All adapters, newest first."""
        with self._database.reading() as connection:
            found = connection.execute(f"{rows.SELECT_ADAPTER} ORDER BY id DESC").fetchall()
        return [rows.read_adapter(row) for row in found]

    def get(self, adapter_id: int) -> AdapterRecord:
        """The adapter of this id; raises `AdapterError` when there is none."""
        with self._database.reading() as connection:
            return _one(connection, adapter_id)

    def find(self, name: str) -> AdapterRecord:
        """The adapter of this name, or the newest for `latest`; raises `AdapterError` naming those there are."""
        known = self.all()
        if not known:
            raise AdapterError("No adapters yet. Vote on some pairs and train one first.")
        if name == "latest":
            return known[0]
        for adapter in known:
            if adapter.name.casefold() == name.casefold():
                return adapter
        names = [adapter.name for adapter in known]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Available: {', '.join(names[:_NAMES_IN_A_MESSAGE])}."
        raise AdapterError(f"No adapter is named {name}. {hint}")

    def file(self, adapter: str) -> Path:
        """The file of an adapter given as a file, a name in the workspace, or `latest`; `AdapterError`."""
        file = Path(adapter)
        if file.suffix == ".safetensors" or (adapter != file.stem and file.is_file()):
            if not file.is_file():
                raise AdapterError(f"No file {file}. Give an adapter's name in the workspace, or a file.")
            return file
        path = self._workspace / self.find(adapter).path
        if not path.is_file():
            raise AdapterError(f"The file of adapter {adapter} is missing: {path}. Choose another adapter.")
        return path

    def rename(self, adapter_id: int, name: str) -> AdapterRecord:
        """Give an adapter another name; raises `AdapterError` for one that is empty, too long, taken, or `latest`.

        Its file stays where it is, so that a backup of the database still finds it; copies are named after the adapter.
        """
        wanted = name.strip()
        _check_name(wanted, [other for other in self.all() if other.id != adapter_id])
        return self._update(adapter_id, "name", wanted)

    def note(self, adapter_id: int, note: str) -> AdapterRecord:
        """Keep the person's own words about an adapter; raises `AdapterError` for more than `LONGEST_NOTE` letters."""
        if len(note) > LONGEST_NOTE:
            raise AdapterError(
                f"A note can have up to {LONGEST_NOTE:,} characters; this one has {len(note):,}. Shorten it."
            )
        return self._update(adapter_id, "note", note.strip())

    def recommend(self, adapter_id: int, strength: float | None) -> AdapterRecord:
        """Keep the strength at which the person likes an adapter best; None takes it back. Raises `AdapterError` for
        one out of range."""
        if strength is not None and not -MOST_STRENGTH <= strength <= MOST_STRENGTH:
            raise AdapterError(
                f"A strength must be between −{MOST_STRENGTH:g} and {MOST_STRENGTH:g}; usual values are 0 to 1.5."
            )
        return self._update(adapter_id, "strength", strength)

    def record_fit(self, sha256: str, base_sha256: str, fit: Fit) -> None:
        """Keep the load proof of an adapter file on a model; a file or base that no adapter has changes nothing."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE adapters SET modules = ?, matched = ? WHERE sha256 = ? AND base_sha256 = ?",
                (fit.modules, fit.matched, sha256, base_sha256),
            )

    def trash(self, adapter_id: int) -> Thrown:
        """Move an adapter with the picture next to it to the trash; `disk.restore_entry` brings it back."""
        record, trash = self.get(adapter_id), Trash(self._workspace)
        file = self._workspace / record.path
        files = [path for path in (file, file.with_suffix(".png")) if path.is_file()]
        with self._database.writing() as connection:
            cursor = connection.execute("SELECT * FROM adapters WHERE id = ?", (adapter_id,))
            names = [str(column[0]) for column in cursor.description]
            entry = trash.begin(
                THROWN_KIND, files, {"adapters": [dict(zip(names, row, strict=True)) for row in cursor]}
            )
            connection.execute("DELETE FROM adapters WHERE id = ?", (adapter_id,))
        return trash.move_in(entry)

    def _relative(self, path: Path) -> str:
        """`path` as the database keeps it, so that a workspace can be moved."""
        try:
            return path.resolve().relative_to(self._workspace.resolve()).as_posix()
        except ValueError as error:
            raise StoreError(f"{path} is outside the workspace {self._workspace}. Copy the adapter into it.") from error

    def _update(self, adapter_id: int, column: str, value: str | float | None) -> AdapterRecord:
        with self._database.writing() as connection:
            connection.execute(f"UPDATE adapters SET {column} = ? WHERE id = ?", (value, adapter_id))
            return _one(connection, adapter_id)


def require_free(workspace: Path, entry: Thrown) -> None:
    """Raise `AdapterError` when another adapter's file has the name of one to be restored."""
    for row in entry.rows.get("adapters", []):
        place = workspace / str(row["path"])
        thrown = workspace / "trash" / entry.id / "files" / str(row["path"])
        if place.exists() and thrown.exists():
            raise AdapterError(
                f"Another adapter's file is now at {place}. Delete that adapter or move its file first, then restore "
                "this one."
            )


def put_in(connection: sqlite3.Connection, thrown: Rows) -> None:
    """Insert records of the trash again, under new ids and a free name, inside the caller's transaction.

    One that is back already, because putting it back was cut off, stays as it is.
    """
    for row in thrown.get("adapters", []):
        same = connection.execute("SELECT 1 FROM adapters WHERE path = ? AND sha256 = ?", (row["path"], row["sha256"]))
        if same.fetchone():
            continue
        taken = {str(other).casefold() for (other,) in connection.execute("SELECT name FROM adapters")}
        known = {str(column[1]) for column in connection.execute("PRAGMA table_info(adapters)")}
        kept = {name: value for name, value in row.items() if name in known and name != "id"}
        kept["name"] = _numbered(str(row["name"]), lambda name, taken=taken: name.casefold() in taken)
        marks = ", ".join("?" * len(kept))
        connection.execute(f"INSERT INTO adapters ({', '.join(kept)}) VALUES ({marks})", list(kept.values()))


def free_path(folder: Path, wanted: str, taken: Sequence[str]) -> Path:
    """Where an adapter called `wanted` goes in `folder`: a name that every system takes, and no file or record has."""
    name = file_stem(wanted)
    known = {other.casefold() for other in taken}

    def is_taken(candidate: str) -> bool:
        return candidate.casefold() in known or (folder / f"{candidate}.safetensors").exists()

    return folder / f"{_numbered(name, is_taken)}.safetensors"


def file_stem(wanted: str) -> str:
    """A name without suffix that every system takes, close to `wanted`."""
    name = re.sub(r"[^\w.-]+", "-", wanted).encode()[:_NAME_BYTES].decode(errors="ignore").strip("-.") or "adapter"
    return f"adapter-{name}" if name.casefold().split(".")[0] in _DEVICES else name


def _one(connection: sqlite3.Connection, adapter_id: int | None) -> AdapterRecord:
    row = connection.execute(f"{rows.SELECT_ADAPTER} WHERE id = ?", (adapter_id,)).fetchone()
    if row is None:
        raise AdapterError("This adapter is no longer in the workspace; it has been deleted.")
    return rows.read_adapter(row)


def _check_name(name: str, others: Sequence[AdapterRecord]) -> None:
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise AdapterError(f"A name must have 1 to {LONGEST_NAME} characters, all on one line.")
    if name.casefold() == "latest":
        raise AdapterError("`latest` always means the newest adapter. Choose another name.")
    if name.casefold() in {other.name.casefold() for other in others}:
        raise AdapterError(f"An adapter named {name} already exists. Choose another name.")


def _numbered(name: str, is_taken: Callable[[str], bool]) -> str:
    """`name`, or the first free one of `name-2`, `name-3`, …; `latest` is never free, as it means the newest."""
    candidate, number = name, 1
    while candidate.casefold() == "latest" or is_taken(candidate):
        number += 1
        candidate = f"{name}-{number}"
    return candidate

"""The trained adapters a workspace knows; the files themselves lie under adapters/."""

import difflib
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sdpo_core.errors import AdapterError, StoreError
from sdpo_core.preferences import rows
from sdpo_core.preferences.database import Database
from sdpo_core.preferences.records import AdapterRecord

_NAMES_IN_A_MESSAGE = 10
_NAME_BYTES = 100  # file systems take 255, of which numbers, suffixes and temporary names need some
# Windows takes these for devices, whatever their suffix.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10))}


def relative_path(workspace: Path, path: Path) -> str:
    """`path` as the database keeps it, so that a workspace can be moved; `StoreError` when it lies elsewhere."""
    try:
        return path.resolve().relative_to(workspace.resolve()).as_posix()
    except ValueError as error:
        raise StoreError(f"{path} lies outside the workspace {workspace}. Copy the adapter into it.") from error


def add(database: Database, name: str, path: str, *, sha256: str, base_sha256: str, run_id: str) -> AdapterRecord:
    """Record an adapter under `name` or, when that is taken, the first free `name-2`, `name-3`, …"""
    with database.writing() as connection:
        row = connection.execute(
            f"{rows.SELECT_ADAPTER} WHERE run_id = ? AND sha256 = ? AND path = ?", (run_id, sha256, path)
        ).fetchone()
        if row:
            return rows.read_adapter(row)
        taken = {str(other).casefold() for (other,) in connection.execute("SELECT name FROM adapters")}
        free = _numbered(name, lambda candidate: candidate.casefold() in taken)
        values = (free, path, sha256, base_sha256, run_id, datetime.now(UTC).isoformat())
        adapter_id = connection.execute(
            "INSERT INTO adapters (name, path, sha256, base_sha256, run_id, created_at) VALUES (?, ?, ?, ?, ?, ?)",
            values,
        ).lastrowid
        return rows.read_adapter((adapter_id, *values))


def free_path(folder: Path, wanted: str, taken: Sequence[str]) -> Path:
    """Where an adapter called `wanted` goes in `folder`: a name that every system takes, and no file or record has."""
    name = re.sub(r"[^\w.-]+", "-", wanted).encode()[:_NAME_BYTES].decode(errors="ignore").strip("-.") or "adapter"
    if name.casefold().split(".")[0] in _DEVICES:
        name = f"adapter-{name}"
    known = {other.casefold() for other in taken}

    def is_taken(candidate: str) -> bool:
        return candidate.casefold() in known or (folder / f"{candidate}.safetensors").exists()

    return folder / f"{_numbered(name, is_taken)}.safetensors"


def newest_first(database: Database) -> list[AdapterRecord]:
    """All adapters."""
    with database.reading() as connection:
        found = connection.execute(f"{rows.SELECT_ADAPTER} ORDER BY id DESC").fetchall()
    return [rows.read_adapter(row) for row in found]


def locate(workspace: Path, known: Sequence[AdapterRecord], adapter: str) -> Path:
    """The file of an adapter given as a file, a name among `known`, or `latest`; `AdapterError` in words."""
    file = Path(adapter)
    if file.suffix == ".safetensors" or (adapter != file.stem and file.is_file()):
        if not file.is_file():
            raise AdapterError(f"There is no file {file}. Give an adapter's name in the workspace, or a file.")
        return file
    path = workspace / find(known, adapter).path
    if not path.is_file():
        raise AdapterError(f"The file of adapter {adapter} is gone: {path}. Choose another adapter.")
    return path


def find(known: Sequence[AdapterRecord], name: str) -> AdapterRecord:
    """The adapter of this name among `known` (newest first), or the newest for `latest`; `AdapterError` in words."""
    if not known:
        raise AdapterError("There is no adapter yet. Vote on some pairs and train one first.")
    if name == "latest":
        return known[0]
    for adapter in known:
        if adapter.name.casefold() == name.casefold():
            return adapter
    names = [adapter.name for adapter in known]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names[:_NAMES_IN_A_MESSAGE])}."
    raise AdapterError(f"No adapter is named {name}. {hint}")


def _numbered(name: str, is_taken: Callable[[str], bool]) -> str:
    """`name`, or the first free one of `name-2`, `name-3`, …; `latest` is never free, as it means the newest."""
    candidate, number = name, 1
    while candidate.casefold() == "latest" or is_taken(candidate):
        number += 1
        candidate = f"{name}-{number}"
    return candidate

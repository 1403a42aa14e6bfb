"""A project's database as JSON lines, and back: the rows of every table, each with the id that other rows name it by.

    {"project": {"format": 1, "schema": 1, "name": "Warm light", "model": {…}}}
    {"table": "prompts", "id": 1, "text": "a lake", "created_at": "2026-11-21T10:00:00+00:00"}
    {"table": "pairs", "id": 7, "left_id": 3, "right_id": 4, "purpose": "train", …}

Columns come from the schema, so a migration that adds one changes nothing here. What is read may be anything: it goes
into a new database of the schema that wrote it, which gives new ids; its constraints and the store's own records judge
every value. Nothing is taken that the store would not have written itself.
"""

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from sdpo_core.errors import ProjectError
from sdpo_core.workspace import rows
from sdpo_core.workspace.adapters import LONGEST_NOTE
from sdpo_core.workspace.checkup import pairs_against_their_history
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.migrations import MIGRATIONS, create, migrate, require_current
from sdpo_core.workspace.records import CHOICES, Candidate

FORMAT = 1
TABLES = ("prompts", "candidates", "pairs", "votes", "adapters")
"""In an order in which a row names only rows before it. `migrations.NO_HISTORY` stays behind: a project brings votes,
and what was computed from them is computed again."""

MAX_TEXT_BYTES = 64 * 2**10
"""Longest prompt or negative prompt."""

_STANDING = "standing_vote_id"  # the one column that names a later row: kept until the votes are there
_SHA256 = re.compile("[0-9a-f]{64}")
_RUN_ID = re.compile(r"[\w-]{1,120}")
_LONGEST_UUID = 64
_LONGEST_NAME_BYTES = 200

Row = dict[str, Any]
AdapterPath = Callable[[str, Sequence[str]], str]
"""A free path in the workspace for an adapter's name, given those that are taken."""


@dataclass(frozen=True)
class Model:
    """The base model of a project, as far as it may be told to somebody else."""

    name: str
    sha256: str
    source: str | None = None  # `demo` or a hub id; a path says nothing elsewhere, and too much about here


@dataclass(frozen=True)
class Heading:
    """The first line."""

    name: str
    schema: int
    model: Model | None


@dataclass
class Needed:
    """Files that a project's rows mention, by the hash that names them."""

    images: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])  # width, height in pixels
    adapters: dict[str, str] = field(default_factory=dict[str, str])  # path in the workspace -> hash
    previews: dict[str, str] = field(default_factory=dict[str, str])  # path in the workspace -> hash of an image


def heading_line(name: str, model: Model | None) -> Row:
    """The first line of a project of this version."""
    known = {"name": model.name, "sha256": model.sha256, "source": model.source} if model else None
    return {"project": {"format": FORMAT, "schema": len(MIGRATIONS), "name": name, "model": known}}


def read_rows(workspace: Path) -> dict[str, list[Row]]:
    """All rows by table, as of one moment; raises `StoreError` for a database of another version or a damaged one."""
    database = Database(workspace / "studio.db", read_only=True)
    try:
        require_current(database)
        with database.reading() as connection:
            connection.execute("BEGIN")  # one view for all tables, whatever other processes commit meanwhile
            found = {table: list(_rows(connection, table)) for table in TABLES}
            connection.execute("COMMIT")
        return found
    finally:
        database.close()


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[Row]:
    cursor = connection.execute(f"SELECT * FROM {table} ORDER BY id")
    names = [column[0] for column in cursor.description]
    for values in cursor:
        yield dict(zip(names, values, strict=True))


def as_line(table: str, row: Row) -> Row:
    """A row as it is in the file."""
    return {"table": table, **{name: value for name, value in row.items() if (table, name) != ("adapters", "path")}}


# ------------------------------------------------------------------------------------------------------------ reading


def parse_heading(line: bytes) -> Heading:
    """The first line; raises `ProjectError` for a file of another kind or a newer version."""
    about = _json(line, 1).get("project")
    if not isinstance(about, dict):
        raise ProjectError("The file's first line doesn't say it's a project. Choose a zip exported from SDPO Studio.")
    told = cast("Row", about)
    version, schema, name = told.get("format"), told.get("schema"), told.get("name")
    if not isinstance(version, int) or not isinstance(schema, int) or not isinstance(name, str):
        raise ProjectError("The file's first line is incomplete. Export the project again.")
    if version > FORMAT or schema > len(MIGRATIONS):
        raise ProjectError("The project was written by a newer version of the studio. Update this one, then try again.")
    if version < 1 or schema < 1:
        raise ProjectError("The file's first line names a version that doesn't exist. Export the project again.")
    return Heading(name, schema, _model(told.get("model")))


def _model(value: Any) -> Model | None:
    if not isinstance(value, dict):
        return None
    told = cast("Row", value)
    name, sha256, source = told.get("name"), told.get("sha256"), told.get("source")
    if not isinstance(name, str) or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        return None
    portable = isinstance(source, str) and re.fullmatch(r"demo|[\w.-]+/[\w.-]+", source) and ".." not in source
    return Model(name[:200], sha256, source if portable else None)


def fill(path: Path, heading: Heading, lines: Iterable[bytes], adapter_path: AdapterPath) -> Needed:
    """Make the database `path` from a project's lines after the first; returns the files that they mention.

    `adapter_path` gives a record's name a path in the workspace. Raises `ProjectError` naming the first line that does
    not fit; then the file is of no use.
    """
    database = Database(path)
    try:
        create(database, heading.schema)
        with database.writing() as connection:
            needed = _Filling(connection, adapter_path).fill(lines)
        migrate(database, path.parent / "backups")
        with database.reading() as connection:
            _check_all(connection, needed)
        return needed
    finally:
        database.close()


class _Filling:
    """Rows into a new database, with new ids."""

    def __init__(self, connection: sqlite3.Connection, adapter_path: AdapterPath) -> None:
        self._connection = connection
        self._adapter_path = adapter_path
        self._columns = {
            table: {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")} for table in TABLES
        }
        # Columns that name another row by its id, which will be a new one; a vote's uuid stays what it is.
        self._foreign = {
            table: {
                str(row[3]): str(row[2])
                for row in connection.execute(f"PRAGMA foreign_key_list({table})")
                if row[4] in (None, "id") and row[3] != _STANDING
            }
            for table in TABLES
        }
        self._standing: list[tuple[int, int]] = []  # a pair's new id, and its standing vote's id in the file
        self._ids: dict[str, dict[int, int]] = {table: {} for table in TABLES}
        self._needed = Needed()

    def fill(self, lines: Iterable[bytes]) -> Needed:
        for number, line in enumerate(lines, start=2):
            if not line.strip():
                continue
            try:
                self._insert(_json(line, number), number)
            except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, ValueError) as error:
                raise _unfit(number, str(error)) from error
        for pair_id, vote_id in self._standing:
            if vote_id not in self._ids["votes"]:
                raise ProjectError("A pair's current vote is missing from the project. Export it again.")
            chosen = (self._ids["votes"][vote_id], pair_id)
            self._connection.execute("UPDATE pairs SET standing_vote_id = ? WHERE id = ?", chosen)
        return self._needed

    def _insert(self, row: Row, number: int) -> None:
        table, local = row.pop("table", None), row.pop("id", None)
        if table not in TABLES:
            raise _unfit(number, f"it names an unknown table ({str(table)[:40]!r})")
        if not isinstance(local, int) or isinstance(local, bool) or local in self._ids[table]:
            raise _unfit(number, "its id isn't a whole number, or is used twice")
        preview = row.pop("preview", None) if table == "adapters" else None
        allowed = self._columns[table] - ({"id", "path"} if table == "adapters" else {"id"})
        unknown = row.keys() - allowed
        if unknown:
            raise _unfit(number, f"{table} have no {min(unknown)[:40]!r}")
        if any(isinstance(value, bool | list | dict) for value in row.values()):
            raise _unfit(number, "a value is neither text nor a number")
        standing = row.pop(_STANDING, None)
        for name, target in self._foreign[table].items():
            if row.get(name) is not None:
                if row[name] not in self._ids[target]:
                    raise _unfit(number, f"{name} refers to a row that doesn't come before it")
                row[name] = self._ids[target][row[name]]
        if table == "adapters":
            row["path"] = self._place(row, preview, number)
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        cursor = self._connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))
        assert cursor.lastrowid is not None
        self._ids[table][local] = cursor.lastrowid
        if standing is not None:
            if not isinstance(standing, int):
                raise _unfit(number, "its current vote isn't an id")
            self._standing.append((cursor.lastrowid, standing))

    def _place(self, row: Row, preview: Any, number: int) -> str:
        name, sha256 = row.get("name"), row.get("sha256")
        if not isinstance(name, str) or not name.isprintable() or name.casefold() in ("", "latest"):
            raise _unfit(number, "an adapter needs a name")
        if len(name.encode()) > _LONGEST_NAME_BYTES:
            raise _unfit(number, "an adapter's name is too long")
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise _unfit(number, "an adapter is named by a hash")
        path: str = self._adapter_path(name, list(self._needed.adapters))
        self._needed.adapters[path] = sha256
        if preview is not None:
            if not isinstance(preview, str) or not _SHA256.fullmatch(preview):
                raise _unfit(number, "a preview is named by a hash")
            self._needed.previews[path.removesuffix(".safetensors") + ".png"] = preview
        return path


def _check_all(connection: sqlite3.Connection, needed: Needed) -> None:
    """Read everything as the store will; raises `ProjectError` for what it could not have written."""
    try:
        candidates = {c.id: c for c in map(rows.read_candidate, connection.execute(rows.SELECT_CANDIDATE))}
        for candidate in candidates.values():
            _check_candidate(candidate, needed)
        for row in connection.execute("SELECT created_at FROM prompts UNION ALL SELECT created_at FROM votes"):
            datetime.fromisoformat(row[0])
        for row in connection.execute(rows.SELECT_PAIR):
            pair = rows.read_pair(row)
            if pair.left.prompt != pair.right.prompt:
                raise ValueError("a pair has two prompts")
            if pair.run_id is not None and not _RUN_ID.fullmatch(pair.run_id):
                raise ValueError("a pair names an impossible run")
        _check_votes(connection)
        if pairs_against_their_history(connection):
            raise ValueError("a pair's vote doesn't match its history")
        for row in connection.execute("SELECT trains_since FROM pairs WHERE trains_since IS NOT NULL"):
            datetime.fromisoformat(row[0])
        for record in map(rows.read_adapter, connection.execute(rows.SELECT_ADAPTER)):
            if len(record.note) > LONGEST_NOTE:
                raise ValueError("an adapter has a note that is too long")
            if not _SHA256.fullmatch(record.base_sha256) or not _RUN_ID.fullmatch(record.run_id):
                raise ValueError("an adapter names an impossible model or run")
    except ValueError as error:
        why = str(error).splitlines()[0].rstrip(".")
        raise ProjectError(f"The project's lines contradict themselves: {why}. Export it again.") from error


def _check_candidate(candidate: Candidate, needed: Needed) -> None:
    if not _SHA256.fullmatch(candidate.image_sha256):
        raise ValueError("an image isn't named by a hash")
    if max(len(candidate.prompt.encode()), len(candidate.negative.encode())) > MAX_TEXT_BYTES:
        raise ValueError("a prompt is longer than 64 KiB")
    size = (candidate.width_px, candidate.height_px)
    made_by = candidate.recipe
    if made_by:
        keys = {made_by.key()}
        if (made_by.prompt, made_by.negative) != (candidate.prompt, candidate.negative):
            raise ValueError("a recipe has another prompt")
        if (made_by.width_px, made_by.height_px) != size:
            raise ValueError("a recipe has another size")
    else:
        both = f"{candidate.image_sha256} {candidate.prompt}".encode()
        keys = {candidate.image_sha256, hashlib.sha256(both).hexdigest()}
    if candidate.key not in keys:
        raise ValueError("an image has the key of another")
    if needed.images.setdefault(candidate.image_sha256, size) != size:
        raise ValueError("an image has two sizes")


def _check_votes(connection: sqlite3.Connection) -> None:
    query = """
        SELECT vote.uuid, vote.choice, pairs.purpose, vote.pair_id, undone.pair_id
        FROM votes vote JOIN pairs ON pairs.id = vote.pair_id LEFT JOIN votes undone ON undone.id = vote.undoes
    """
    for uuid, choice, purpose, pair_id, undone_pair in connection.execute(query):
        if not 0 < len(uuid) <= _LONGEST_UUID:
            raise ValueError("a vote has no name, or one that is too long")
        if choice is not None and choice not in CHOICES[purpose]:
            raise ValueError("a vote is one that can't be given")
        if undone_pair not in (None, pair_id):
            raise ValueError("a vote undoes one on another pair")


def _json(line: bytes, number: int) -> Row:
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _unfit(number, "it isn't JSON") from error
    if not isinstance(value, dict):
        raise _unfit(number, "it isn't a JSON object")
    return cast("Row", value)


def _unfit(number: int, why: str) -> ProjectError:
    return ProjectError(f"Line {number} of the project can't be imported: {why}. Export the project again.")

"""Images that nobody ever voted on: which they are, out of the database, and back into it.

An image is voted on when one of its pairs has any vote at all, undone ones included, here or in a backup that could
be restored. Images of blind tests count as voted on: taking one away would change how many are planned.
"""

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdpo_core.errors import SdpoError
from sdpo_core.workspace import features
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.trash import Rows

_VOTED = """
    SELECT candidate.{column} FROM candidates candidate JOIN pairs
    ON candidate.id = pairs.left_id OR candidate.id = pairs.right_id
    WHERE pairs.purpose = 'judge' OR EXISTS (SELECT 1 FROM votes WHERE votes.pair_id = pairs.id)
"""


@dataclass(frozen=True)
class Unvoted:
    """What would go."""

    images: frozenset[str]  # hashes of files that nothing else mentions
    rows: Rows  # of `candidates` and `pairs`

    @property
    def pairs(self) -> int:
        """Pairs that wait for a vote and would go with their images."""
        return len(self.rows["pairs"])


def find(connection: sqlite3.Connection, kept: frozenset[str]) -> Unvoted:
    """Candidates that were never voted on and whose image is not in `kept`, with their pairs."""
    voted = {number for (number,) in connection.execute(_VOTED.format(column="id"))}
    candidates = [row for row in _rows(connection, "candidates") if row["id"] not in voted]
    candidates = [row for row in candidates if row["image_sha256"] not in kept]
    ids = {row["id"] for row in candidates}
    # A pair without a vote goes with either of its images.
    pairs = [row for row in _rows(connection, "pairs") if row["left_id"] in ids or row["right_id"] in ids]
    staying = {
        str(row["image_sha256"]) for row in _rows(connection, "candidates") if row["id"] not in ids
    }  # the same pixels under another recipe
    images = frozenset(str(row["image_sha256"]) for row in candidates) - staying
    return Unvoted(images, {"candidates": candidates, "pairs": pairs})


def voted_images(connection: sqlite3.Connection) -> set[str]:
    """Hashes of all images that were ever voted on."""
    return {sha256 for (sha256,) in connection.execute(_VOTED.format(column="image_sha256"))}


def voted_in_backups(folder: Path) -> frozenset[str]:
    """Hashes of all images that were voted on in any backup, so that restoring it finds them."""
    found: set[str] = set()
    for path in folder.glob("*.db"):
        # A copy that can't be read can't be restored either.
        with (
            contextlib.suppress(SdpoError, sqlite3.OperationalError),
            contextlib.closing(Database(path, read_only=True)) as database,
            database.reading() as connection,
        ):
            found |= voted_images(connection)
    return frozenset(found)


def take_out(connection: sqlite3.Connection, rows: Rows) -> None:
    """Delete rows that were found, inside the caller's transaction."""
    for table in ("pairs", "candidates"):
        connection.executemany(f"DELETE FROM {table} WHERE id = ?", [(row["id"],) for row in rows[table]])
    features.forget_unowned(connection, {str(row["image_sha256"]) for row in rows["candidates"]})


def put_in(connection: sqlite3.Connection, rows: Rows) -> None:
    """Insert rows again, under new ids, inside the caller's transaction; what was created again by now stays."""
    ids: dict[int, int] = {}
    for row in rows.get("candidates", []):
        _insert(connection, "candidates", row)
        known = connection.execute("SELECT id FROM candidates WHERE key = ?", (row["key"],)).fetchone()
        ids[row["id"]] = known[0]
    for row in rows.get("pairs", []):
        sides = {name: ids.get(row[name], row[name]) for name in ("left_id", "right_id")}
        _insert(connection, "pairs", {**row, **sides})


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    known = {str(column[1]) for column in connection.execute(f"PRAGMA table_info({table})")}
    names = [name for name in row if name in known and name != "id"]
    marks = ", ".join("?" * len(names))
    values = [row[name] for name in names]
    connection.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT DO NOTHING", values)


def _rows(connection: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    cursor = connection.execute(f"SELECT * FROM {table} ORDER BY id")
    names = [str(column[0]) for column in cursor.description]
    return [dict(zip(names, values, strict=True)) for values in cursor]

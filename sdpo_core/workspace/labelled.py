"""What a run drew to learn more from the same votes, and the labels that the taste model gave: never the person's own.

They belong to their run: the images are in its folder, and the rows leave with it.
"""

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdpo_core.errors import StoreError
from sdpo_core.workspace import features
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.records import Recipe
from sdpo_core.workspace.rows import now
from sdpo_core.workspace.trash import Rows

FOLDER = "drawn"
"""Where a run folder holds the images."""

_SHA256 = re.compile("[0-9a-f]{64}")
_SELECT_DRAWN = "SELECT id, key, prompt, recipe, image_sha256, file FROM drawn"


@dataclass(frozen=True)
class Drawn:
    """An image that a run drew for itself."""

    id: int
    key: str  # the recipe's hash
    prompt: str
    recipe: Recipe
    image_sha256: str
    file: str  # relative to the run folder


@dataclass(frozen=True)
class LabelledPair:
    """Two generated images of one prompt and what the taste model says of them."""

    first: Drawn
    second: Drawn
    first_wins: bool
    probability: float  # that the person would say so, from .5 to 1
    weight: float  # how much it counts in training, against a vote's 1


def drawn_name(key: str) -> str:
    """The place of a generated image in its run folder, by its recipe's hash."""
    return f"{FOLDER}/{key}.png"


class LabelledTable:
    """Generated images and labelled pairs of one workspace. Every method may be called from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_drawn(self, run_id: str, recipe: Recipe, image_sha256: str) -> Drawn:
        """Record an image that is at `drawn_name(recipe.key())` in the run folder.

        The same recipe again returns the first record, with the new image's hash: an interrupted run continues.
        Raises `StoreError` when `image_sha256` isn't a hash.
        """
        if not _SHA256.fullmatch(image_sha256):
            raise StoreError("A generated image is named by 64 hexadecimal digits; got something else.")
        key = recipe.key()
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO drawn (run_id, key, prompt, recipe, image_sha256, file, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run_id, key) DO UPDATE SET"
                " image_sha256 = excluded.image_sha256",
                (run_id, key, recipe.prompt, recipe.model_dump_json(), image_sha256, drawn_name(key), now()),
            )
            row = connection.execute(f"{_SELECT_DRAWN} WHERE run_id = ? AND key = ?", (run_id, key)).fetchone()
        return _read_drawn(row)

    def drawn(self, run_id: str) -> list[Drawn]:
        """A run's generated images, in the order they were made."""
        with self._database.reading() as connection:
            found = connection.execute(f"{_SELECT_DRAWN} WHERE run_id = ? ORDER BY id", (run_id,)).fetchall()
        return [_read_drawn(row) for row in found]

    def label(self, run_id: str, pairs: Sequence[LabelledPair]) -> None:
        """Keep these labels in place of any that the run has, all or none.

        Raises `StoreError` for images of another run or of two prompts, and for a probability or weight out of range.
        """
        with self._database.writing() as connection:
            own = {number for (number,) in connection.execute("SELECT id FROM drawn WHERE run_id = ?", (run_id,))}
            for pair in pairs:
                _check(pair, own)
            connection.execute("DELETE FROM labelled_pairs WHERE run_id = ?", (run_id,))
            connection.executemany(
                "INSERT INTO labelled_pairs (run_id, first_id, second_id, first_wins, probability, weight, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (run_id, one.first.id, one.second.id, int(one.first_wins), one.probability, one.weight, now())
                    for one in pairs
                ],
            )

    def labelled(self, run_id: str) -> list[LabelledPair]:
        """A run's labelled pairs, in the order in which they were given."""
        images = {one.id: one for one in self.drawn(run_id)}
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT first_id, second_id, first_wins, probability, weight FROM labelled_pairs WHERE run_id = ?"
                " ORDER BY id",
                (run_id,),
            ).fetchall()
        return [LabelledPair(images[one], images[two], bool(wins), p, w) for one, two, wins, p, w in found]

    def forget_gone(self, runs: Path) -> None:
        """Delete what belongs to runs whose folder under `runs` is no more, because a person removed it."""
        with self._database.reading() as connection:
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'drawn'").fetchone():
                return  # a schema from before there were any
            ids = [run_id for (run_id,) in connection.execute("SELECT DISTINCT run_id FROM drawn")]
        gone = [run_id for run_id in ids if not (runs / run_id).is_dir()]
        if gone:
            with self._database.writing() as connection:
                take_out(connection, gone)


def take_out(connection: sqlite3.Connection, run_ids: Sequence[str]) -> Rows:
    """Delete what belongs to runs, in the caller's transaction; returns the rows, for the trash."""
    taken: Rows = {"drawn": [], "labelled_pairs": []}
    for run_id in run_ids:
        for table, found in taken.items():
            found += _rows(connection, table, run_id)
        connection.execute("DELETE FROM labelled_pairs WHERE run_id = ?", (run_id,))
        connection.execute("DELETE FROM drawn WHERE run_id = ?", (run_id,))
    features.forget_unowned(connection, {str(row["image_sha256"]) for row in taken["drawn"]})
    return taken


def put_in(connection: sqlite3.Connection, rows: Rows) -> None:
    """Insert rows of the trash again, under new ids, in the caller's transaction; what is there already stays."""
    ids: dict[int, int] = {}
    for row in rows.get("drawn", []):
        _insert(connection, "drawn", row)
        known = connection.execute("SELECT id FROM drawn WHERE run_id = ? AND key = ?", (row["run_id"], row["key"]))
        ids[row["id"]] = known.fetchone()[0]
    for row in rows.get("labelled_pairs", []):
        sides = {name: ids[row[name]] for name in ("first_id", "second_id")}
        _insert(connection, "labelled_pairs", {**row, **sides})


def _check(pair: LabelledPair, own: set[int]) -> None:
    if not {pair.first.id, pair.second.id} <= own:
        raise StoreError("A labelled pair needs two images generated by its own run; one belongs to another run.")
    if pair.first.id == pair.second.id or pair.first.prompt != pair.second.prompt:
        raise StoreError("A labelled pair needs two different images of one prompt.")
    if not 0.5 <= pair.probability <= 1 or not 0 < pair.weight < float("inf"):
        raise StoreError(
            f"A label needs a probability from 0.5 to 1 and a weight above 0; got {pair.probability} and {pair.weight}."
        )


def _read_drawn(row: Sequence[Any]) -> Drawn:
    number, key, prompt, recipe, image_sha256, file = row
    return Drawn(number, key, prompt, Recipe.model_validate_json(recipe), image_sha256, file)


def _rows(connection: sqlite3.Connection, table: str, run_id: str) -> list[dict[str, Any]]:
    cursor = connection.execute(f"SELECT * FROM {table} WHERE run_id = ? ORDER BY id", (run_id,))
    names = [str(column[0]) for column in cursor.description]
    return [dict(zip(names, values, strict=True)) for values in cursor]


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    known = {str(column[1]) for column in connection.execute(f"PRAGMA table_info({table})")}
    kept = {name: value for name, value in row.items() if name in known and name != "id"}
    marks = ", ".join("?" * len(kept))
    query = f"INSERT INTO {table} ({', '.join(kept)}) VALUES ({marks}) ON CONFLICT DO NOTHING"
    connection.execute(query, list(kept.values()))

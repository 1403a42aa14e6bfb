"""Pairs of two candidates: made, found again, waiting for a vote, voted on."""

import sqlite3
from collections.abc import Collection
from itertools import islice
from typing import NamedTuple

from sdpo_core.errors import StoreError
from sdpo_core.images.files import ImageFolder
from sdpo_core.workspace import rows
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.records import ChosenBy, Pair, Purpose, VotedPair

# What an image's row says of its making, of both sides of a pair.
_MADE = ", ".join(
    f"json_extract({side}.{column}, '$.{field}')"
    for side in ("l", "r")
    for column, field in (
        ("recipe", "base_sha256"),
        ("recipe", "adapters"),
        ("made_with", "model_hash"),
        ("made_with", "loras"),
    )
)


class Pairing(NamedTuple):
    """What a pair is for, and where it comes from."""

    purpose: Purpose
    run_id: str | None
    chosen_by: ChosenBy


class PairTable:
    """The pairs of one workspace. Every method may be called from any thread; failures are `StoreError`s."""

    def __init__(self, database: Database, images: ImageFolder) -> None:
        self._database, self._images = database, images

    def add(
        self,
        left_id: int,
        right_id: int,
        *,
        purpose: Purpose = "train",
        run_id: str | None = None,
        chosen_by: ChosenBy = "chance",
    ) -> Pair:
        """Make a pair of two candidates of one prompt; the same pair of the same run again returns the first one.

        Which candidate is shown on the left follows from a hash of their keys, so that the position says nothing.
        Raises `StoreError` for what can't be a pair.
        """
        with self._database.writing() as connection:
            return insert(connection, left_id, right_id, Pairing(purpose, run_id, chosen_by), rows.now())

    def get(self, pair_id: int) -> Pair:
        """The pair with this id; raises `StoreError` when there is none."""
        with self._database.reading() as connection:
            return rows.find_pair(connection, pair_id)

    def open(
        self, *, purpose: Purpose, run_id: str | None = None, limit: int = 12, exclude: Collection[int] = ()
    ) -> list[Pair]:
        """Up to `limit` pairs without a standing vote, oldest first, of one run or (None) of all.

        Pairs in `exclude` (those already in a browser) and pairs with an image missing from disk are skipped.
        """
        with self._database.reading() as connection:
            cursor = connection.execute(
                f"{rows.SELECT_PAIR} WHERE standing_vote_id IS NULL AND {rows.of_run(run_id)} ORDER BY pairs.id",
                {"purpose": purpose, "run_id": run_id},
            )
            waiting = (rows.read_pair(row) for row in cursor if row[0] not in exclude)
            found = list(islice((pair for pair in waiting if all(map(self._images.has, pair.images))), limit))
            cursor.close()
        return found

    def newest(self) -> Pair | None:
        """The training pair that was made last; None when there is none."""
        with self._database.reading() as connection:
            row = connection.execute(
                f"{rows.SELECT_PAIR} WHERE purpose = 'train' ORDER BY pairs.id DESC LIMIT 1"
            ).fetchone()
        return rows.read_pair(row) if row else None

    def alike(self) -> list[tuple[VotedPair, int]]:
        """Voted training pairs by how their images were made (base, adapters) and what was chosen: one, and how many.

        Comparisons of blind tests whose votes train are among them.
        """
        with self._database.reading() as connection:
            found = connection.execute(
                f"SELECT {rows.VOTED_PAIR_COLUMNS}, count(*), max(pairs.id) FROM {rows.VOTED_PAIR_TABLES}"
                " WHERE standing_vote_id IS NOT NULL AND (purpose = 'train' OR trains_since IS NOT NULL)"
                f" GROUP BY purpose, votes.choice, {_MADE}"
            ).fetchall()
        return [(rows.read_voted_pair(row[:-2]), row[-2]) for row in found]

    def voted(self, *, purpose: Purpose, run_id: str | None = None) -> list[VotedPair]:
        """Pairs with their standing votes, ties and skips included, oldest vote first."""
        with self._database.reading() as connection:
            found = connection.execute(
                f"{rows.SELECT_VOTED_PAIR} WHERE standing_vote_id IS NOT NULL AND {rows.of_run(run_id)}"
                " ORDER BY standing_vote_id",
                {"purpose": purpose, "run_id": run_id},
            ).fetchall()
        return [rows.read_voted_pair(row) for row in found]


def insert(connection: sqlite3.Connection, left_id: int, right_id: int, about: Pairing, now: str) -> Pair:
    """The pair of two candidates of one prompt, made if need be, inside the caller's transaction.

    Raises `StoreError` for what can't be a pair.
    """
    one, other = (rows.find_candidate(connection, number) for number in (left_id, right_id))
    if one.id == other.id:
        raise StoreError(f"A pair needs two candidates; candidate {one.id} was given twice.")
    if one.prompt != other.prompt:
        raise StoreError(
            f"A pair needs two images of one prompt; candidates {one.id} and {other.id} have different ones."
        )
    left, right = (other, one) if rows.shown_swapped(one.key, other.key) else (one, other)
    connection.execute(
        "INSERT INTO pairs (left_id, right_id, purpose, run_id, created_at, chosen_by) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (left.id, right.id, about.purpose, about.run_id, now, about.chosen_by),
    )
    row = connection.execute(
        f"{rows.SELECT_PAIR} WHERE left_id = ? AND right_id = ? AND purpose = ? AND ifnull(run_id, '') = ifnull(?, '')",
        (left.id, right.id, about.purpose, about.run_id),
    ).fetchone()
    return rows.read_pair(row)

"""Pairs as the taste model asks about them: found or made, and marked as its choice."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from sdpo_core.errors import StoreError
from sdpo_core.workspace import pairing, rows
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.pairing import Pairing
from sdpo_core.workspace.records import Pair

Sides = tuple[int, int]
"""The ids of two candidates, in any order."""


class QuestionTable:
    """The training pairs of one workspace. Every method may be called from any thread; failures are `StoreError`s."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stamp(self) -> tuple[int, int, int]:
        """Three numbers of which one is another after every vote, undo, pair and vector that was added."""
        with self._database.reading() as connection:
            newest = [
                int(connection.execute(f"SELECT ifnull(max(id), 0) FROM {table}").fetchone()[0])
                for table in ("votes", "pairs", "features")
            ]
        return newest[0], newest[1], newest[2]

    def paired(self) -> set[Sides]:
        """Which candidates are a training pair, open or voted on; the smaller id first."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT min(left_id, right_id), max(left_id, right_id) FROM pairs WHERE purpose = 'train'"
            ).fetchall()
        return {(low, high) for low, high in found}

    def ask(self, questions: Sequence[Sides]) -> list[Pair]:
        """The open training pairs of these candidates, in order, made if need be; all are recorded or none.

        They count as chosen by the taste model from now on, whoever made them: that they are answered at all is because
        it is unsure of them, so the answers are harder than others and no test of it. Two candidates that were voted on
        are left out. Raises `StoreError` for what can't be a pair, and for an image of a blind test.
        """
        asked: dict[int, Pair] = {}
        with self._database.writing() as connection:
            for one, other in questions:
                for candidate in (one, other):
                    _require_no_test(connection, candidate)
                pair_id = _open_pair(connection, one, other)
                if pair_id is not None:
                    connection.execute("UPDATE pairs SET chosen_by = 'taste' WHERE id = ?", (pair_id,))
                    asked[pair_id] = rows.find_pair(connection, pair_id)
        return list(asked.values())

    def waiting(self, pair_ids: Sequence[int]) -> list[Pair]:
        """Those of the training pairs that have no standing vote, in the order of `pair_ids`."""
        place = {pair_id: n for n, pair_id in reversed([*enumerate(pair_ids)])}
        with self._database.reading() as connection:
            found = connection.execute(
                f"{rows.SELECT_PAIR} WHERE standing_vote_id IS NULL AND purpose = 'train'"
                " AND pairs.id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(place)),),
            ).fetchall()
        return sorted(map(rows.read_pair, found), key=lambda pair: place[pair.id])


def _require_no_test(connection: sqlite3.Connection, candidate: int) -> None:
    """Raise `StoreError` unless the candidate is voted on for training, and in no blind test."""
    purposes = connection.execute(
        "SELECT purpose FROM pairs WHERE left_id = :id UNION SELECT purpose FROM pairs WHERE right_id = :id",
        {"id": candidate},
    ).fetchall()
    if purposes != [("train",)]:
        raise StoreError(
            f"Candidate {candidate} is used for more than training votes, so no questions are asked about it."
        )


def _open_pair(connection: sqlite3.Connection, one: int, other: int) -> int | None:
    """The id of the two's training pair, of whatever run, made if need be; None if it has a vote."""
    known = connection.execute(
        "SELECT id, standing_vote_id IS NULL FROM pairs WHERE purpose = 'train'"
        " AND (left_id, right_id) IN (VALUES (:one, :other), (:other, :one)) ORDER BY standing_vote_id IS NULL, id",
        {"one": one, "other": other},
    ).fetchone()
    if known:
        return int(known[0]) if known[1] else None
    about = Pairing("train", None, "taste")
    return pairing.insert(connection, one, other, about, rows.now()).id

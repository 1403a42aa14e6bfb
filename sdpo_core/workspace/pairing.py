"""Making a pair of two candidates."""

import sqlite3
from typing import NamedTuple

from sdpo_core.errors import StoreError
from sdpo_core.workspace import rows
from sdpo_core.workspace.records import ChosenBy, Pair, Purpose


class Pairing(NamedTuple):
    """What a pair is for, and where it comes from."""

    purpose: Purpose
    run_id: str | None
    chosen_by: ChosenBy


def insert(connection: sqlite3.Connection, left_id: int, right_id: int, about: Pairing, now: str) -> Pair:
    """The pair of two candidates of one prompt, made if need be; raises `StoreError` for what can't be a pair."""
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

"""Votes into the database, out of it and taken back. Rows are only ever appended."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from sdpo_core.errors import StoreError
from sdpo_core.preferences import rows
from sdpo_core.preferences.records import Choice, Pair, Strength, Vote

_LONGEST_UUID = 64
_NOT_TAKEN_BACK = "NOT EXISTS (SELECT 1 FROM votes undo WHERE undo.undoes = votes.id)"


@dataclass(frozen=True)
class Cast:
    """A choice as it came in; raises `StoreError` when it is none."""

    uuid: str
    pair_id: int
    choice: Choice
    response_ms: int | None = None
    strength: Strength = 1
    swapped: bool = False
    repeat_of: str | None = None
    ranking: str | None = None

    def __post_init__(self) -> None:
        if self.choice not in get_args(Choice):
            raise StoreError(f"A choice is one of {', '.join(get_args(Choice))}; {self.choice!r} came.")
        if self.response_ms is not None and self.response_ms < 0:
            raise StoreError(f"A response time is 0 ms or more; {self.response_ms} came.")
        if self.strength not in get_args(Strength) or (self.strength > 1 and self.choice not in ("left", "right")):
            raise StoreError(
                f"A strength is 1, or 2 (much better) where a side was chosen; {self.strength} came with "
                f"{self.choice!r}."
            )
        _check_uuid(self.uuid)


def record(connection: sqlite3.Connection, cast: Cast, now: str) -> Vote:
    """Append a vote inside the caller's transaction; a retry gives the first one. See `Store.vote`."""
    known = connection.execute(f"{rows.SELECT_VOTE} WHERE uuid = ?", (cast.uuid,)).fetchone()
    if known:
        if known[1:3] != (cast.pair_id, cast.choice):
            raise _uuid_reused(cast.uuid)
        return rows.read_vote(known)
    rows.find_pair(connection, cast.pair_id)
    if cast.repeat_of is not None:
        first = find(connection, cast.repeat_of)
        if first.pair_id != cast.pair_id or first.repeat_of is not None:
            raise StoreError("This answer repeats a vote on another pair, so it was dropped. Reload the page.")
    values = (cast.uuid, cast.pair_id, cast.choice, cast.response_ms, now)
    row = (*values, cast.strength, int(cast.swapped), cast.repeat_of, cast.ranking)
    vote_id = connection.execute(
        "INSERT INTO votes (uuid, pair_id, choice, response_ms, created_at, strength, swapped, repeat_of, ranking)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    ).lastrowid
    if cast.repeat_of is None:
        connection.execute("UPDATE pairs SET standing_vote_id = ? WHERE id = ?", (vote_id, cast.pair_id))
    return rows.read_vote(row)


def undo(connection: sqlite3.Connection, uuid: str, vote_uuid: str, now: str) -> Pair:
    """Take a vote back inside the caller's transaction. See `Store.undo`."""
    _check_uuid(uuid)
    vote = find(connection, vote_uuid)
    (vote_id,) = connection.execute("SELECT id FROM votes WHERE uuid = ?", (vote_uuid,)).fetchone()
    known = connection.execute("SELECT undoes FROM votes WHERE uuid = ?", (uuid,)).fetchone()
    if known and known[0] != vote_id:
        raise _uuid_reused(uuid)
    undone = connection.execute("SELECT 1 FROM votes WHERE undoes = ?", (vote_id,)).fetchone()
    if not undone:
        freed = connection.execute(
            "UPDATE pairs SET standing_vote_id = NULL WHERE standing_vote_id = ?", (vote_id,)
        ).rowcount
        if not freed and vote.repeat_of is None:
            raise StoreError("This vote was already replaced by a newer one on the same pair. Undo that one.")
        connection.execute(
            "INSERT INTO votes (uuid, pair_id, undoes, created_at) VALUES (?, ?, ?, ?)",
            (uuid, vote.pair_id, vote_id, now),
        )
    return rows.find_pair(connection, vote.pair_id)


def find(connection: sqlite3.Connection, uuid: str) -> Vote:
    """The vote of this name; raises `StoreError` when there is none, or when the name is that of an undo."""
    row = connection.execute(f"{rows.SELECT_VOTE} WHERE uuid = ?", (uuid,)).fetchone()
    if row is None or row[2] is None:
        raise StoreError("The vote is not in the store; it may not have been saved yet. Try again.")
    return rows.read_vote(row)


def newest(connection: sqlite3.Connection, chosen: str, parameters: Mapping[str, Any]) -> Vote | None:
    """The newest vote, on pairs that the condition `chosen` names, that stands or answered a pair asked again."""
    row = connection.execute(
        # CROSS JOIN keeps the order of the tables: from the newest vote back, the first that fits ends the search.
        f"{rows.SELECT_VOTE} CROSS JOIN pairs ON pairs.id = votes.pair_id WHERE votes.choice IS NOT NULL"
        f" AND (pairs.standing_vote_id = votes.id OR (votes.repeat_of IS NOT NULL AND {_NOT_TAKEN_BACK}))"
        f" AND {chosen} ORDER BY votes.id DESC LIMIT 1",
        parameters,
    ).fetchone()
    return rows.read_vote(row) if row else None


def _check_uuid(uuid: str) -> None:
    if not 0 < len(uuid) <= _LONGEST_UUID:
        raise StoreError(f"A vote is named by 1 to {_LONGEST_UUID} characters; {len(uuid)} came. Reload the page.")


def _uuid_reused(uuid: str) -> StoreError:
    return StoreError(
        f"The name {uuid} already belongs to another choice, so this one was not recorded. Reload the page and choose "
        "again."
    )

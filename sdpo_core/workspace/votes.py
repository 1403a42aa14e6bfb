"""Votes into the database, out of it and taken back. Rows are only ever appended."""

import json
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from sdpo_core.errors import StoreError
from sdpo_core.workspace import rows
from sdpo_core.workspace.records import Choice, Consistency, Pair, Strength, Vote, VotedPair

ASK_AGAIN_EVERY = 15
"""Of so many pairs that are shown about one was chosen on before."""

_NOT_SO_SOON = 10  # votes between a vote and the same question again
_CANDIDATES_TO_ASK_AGAIN = 20
_LONGEST_UUID = 64
_NOT_TAKEN_BACK = "NOT EXISTS (SELECT 1 FROM votes undo WHERE undo.undoes = votes.id)"


@dataclass(frozen=True)
class Cast:
    """A choice as received; raises `StoreError` when it isn't one."""

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
            raise StoreError(f"A choice must be one of {', '.join(get_args(Choice))}; got {self.choice!r}.")
        if self.response_ms is not None and self.response_ms < 0:
            raise StoreError(f"A response time must be at least 0 ms; got {self.response_ms}.")
        if self.strength not in get_args(Strength) or (self.strength > 1 and self.choice not in ("left", "right")):
            raise StoreError(
                f"A strength must be 1, or 2 (much better) if a side was chosen; got {self.strength} with "
                f"{self.choice!r}."
            )
        _check_uuid(self.uuid)


def record(connection: sqlite3.Connection, cast: Cast, now: str) -> Vote:
    """Append a vote inside the caller's transaction; a retry gives the first one. See `Store.vote`.

    Raises `StoreError` for an unknown pair, the name of another choice, and the repeat of a vote on another pair.
    """
    known = connection.execute(f"{rows.SELECT_VOTE} WHERE uuid = ?", (cast.uuid,)).fetchone()
    if known:
        if known[1:3] != (cast.pair_id, cast.choice):
            raise _uuid_reused(cast.uuid)
        return rows.read_vote(known)
    rows.find_pair(connection, cast.pair_id)
    if cast.repeat_of is not None:
        first = find(connection, cast.repeat_of)
        if first.pair_id != cast.pair_id or first.repeat_of is not None:
            raise StoreError("This answer repeats a vote on another pair, so it was discarded.")
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


def replaced_by(connection: sqlite3.Connection, uuid: str) -> str | None:
    """The vote that stood when the vote `uuid` was cast, and whose place it took; None on an open pair."""
    row = connection.execute(
        "SELECT earlier.uuid, undo.id < vote.id FROM votes vote"
        " JOIN votes earlier ON earlier.pair_id = vote.pair_id AND earlier.id < vote.id"
        " LEFT JOIN votes undo ON undo.undoes = earlier.id"
        " WHERE vote.uuid = ? AND earlier.choice IS NOT NULL AND earlier.repeat_of IS NULL"
        " ORDER BY earlier.id DESC LIMIT 1",
        (uuid,),
    ).fetchone()
    return None if row is None or row[1] else str(row[0])


def undo(connection: sqlite3.Connection, uuid: str, vote_uuid: str, now: str) -> Pair:
    """Take a vote back inside the caller's transaction. See `Store.undo`.

    Raises `StoreError` for an unknown vote, one that another has replaced, and a name that is taken.
    """
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
            raise StoreError("This vote has been replaced by a newer one on the same pair. Undo that one.")
        connection.execute(
            "INSERT INTO votes (uuid, pair_id, undoes, created_at) VALUES (?, ?, ?, ?)",
            (uuid, vote.pair_id, vote_id, now),
        )
    return rows.find_pair(connection, vote.pair_id)


def find(connection: sqlite3.Connection, uuid: str) -> Vote:
    """The vote of this name; raises `StoreError` when there is none, or when the name is that of an undo."""
    row = connection.execute(f"{rows.SELECT_VOTE} WHERE uuid = ?", (uuid,)).fetchone()
    if row is None or row[2] is None:
        raise StoreError("This vote isn't saved yet. Try again.")
    return rows.read_vote(row)


def newest(connection: sqlite3.Connection, chosen: str, parameters: Mapping[str, Any]) -> Vote | None:
    """The newest vote, on pairs that the condition `chosen` names, that stands or answered a pair asked again."""
    row = connection.execute(
        # CROSS JOIN keeps the order of the tables: from the newest vote back, the first that fits ends the search.
        f"{rows.SELECT_VOTE} CROSS JOIN pairs ON pairs.id = votes.pair_id WHERE votes.choice IS NOT NULL"
        f" AND (pairs.standing_vote_id = votes.id OR (votes.repeat_of IS NOT NULL AND {_NOT_TAKEN_BACK}))"
        f" AND votes.ranking IS NULL AND {chosen} ORDER BY votes.id DESC LIMIT 1",
        parameters,
    ).fetchone()
    return rows.read_vote(row) if row else None


def to_ask_again(connection: sqlite3.Connection, ahead: int) -> list[VotedPair]:
    """Training pairs of which one should be asked again after `ahead` others; none when it is not time yet.

    They are pairs that a side was chosen on here, in no order that the person could know, each asked again once.
    """
    recent = connection.execute(
        "SELECT votes.id, votes.repeat_of FROM votes CROSS JOIN pairs ON pairs.id = votes.pair_id"
        " WHERE votes.choice IS NOT NULL AND votes.response_ms IS NOT NULL AND votes.ranking IS NULL"
        " AND pairs.purpose = 'train' ORDER BY votes.id DESC LIMIT ?",
        (ASK_AGAIN_EVERY,),
    ).fetchall()
    since = next((i for i, (_, repeat_of) in enumerate(recent) if repeat_of is not None), len(recent))
    newest_allowed = max(0, _NOT_SO_SOON - ahead)
    if since + ahead < ASK_AGAIN_EVERY - 1 or newest_allowed >= len(recent):
        return []
    found = connection.execute(
        f"{rows.SELECT_VOTED_PAIR} WHERE pairs.purpose = 'train' AND standing_vote_id <= ?"
        " AND votes.choice IN ('left', 'right') AND votes.response_ms IS NOT NULL AND votes.ranking IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM votes again WHERE again.repeat_of = votes.uuid)"
        " ORDER BY votes.uuid LIMIT ?",  # uuids are random
        (recent[newest_allowed][0], _CANDIDATES_TO_ASK_AGAIN),
    ).fetchall()
    return [rows.read_voted_pair(row) for row in found]


def any_voted(connection: sqlite3.Connection, pair_ids: Collection[int]) -> bool:
    """Whether one of these pairs has a vote."""
    listed = json.dumps(list(pair_ids))
    row = connection.execute(
        "SELECT 1 FROM pairs WHERE id IN (SELECT value FROM json_each(?)) AND standing_vote_id IS NOT NULL LIMIT 1",
        (listed,),
    ).fetchone()
    return row is not None


def consistency(connection: sqlite3.Connection) -> Consistency:
    """How steady the answers to pairs asked again are; a tie after a side is another answer, a skip isn't an answer."""
    asked, same = connection.execute(
        "SELECT count(*), total(votes.choice = first.choice)"
        " FROM votes JOIN votes first ON first.uuid = votes.repeat_of"
        f" WHERE votes.repeat_of IS NOT NULL AND votes.choice <> 'skip' AND {_NOT_TAKEN_BACK}"
        " AND NOT EXISTS (SELECT 1 FROM votes undo WHERE undo.undoes = first.id)"
    ).fetchone()
    return Consistency(asked=asked, same=int(same))


def _check_uuid(uuid: str) -> None:
    if not 0 < len(uuid) <= _LONGEST_UUID:
        raise StoreError(f"A vote's id must have 1 to {_LONGEST_UUID} characters; got {len(uuid)}.")


def _uuid_reused(uuid: str) -> StoreError:
    return StoreError(f"The id {uuid} already belongs to another choice, so this one wasn't recorded. Choose again.")

"""Votes: cast, taken back, found again, asked again and reviewed. Rows are only ever appended."""

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import get_args

from sdpo_core.errors import StoreError
from sdpo_core.images.files import ImageFolder
from sdpo_core.workspace import rows
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.records import Choice, Consistency, Pair, Purpose, Strength, Vote, VotedPair

ASK_AGAIN_EVERY = 15
"""Of so many pairs that are shown about one was chosen on before."""

_NOT_SO_SOON = 10  # votes between a vote and the same question again
_CANDIDATES_TO_ASK_AGAIN = 20
_LONGEST_UUID = 64
_NOT_TAKEN_BACK = "NOT EXISTS (SELECT 1 FROM votes undo WHERE undo.undoes = votes.id)"

_AGAIN = """
    (SELECT again.choice FROM votes again WHERE again.repeat_of = votes.uuid AND again.choice <> 'skip'
     AND NOT EXISTS (SELECT 1 FROM votes undo WHERE undo.undoes = again.id) ORDER BY again.id DESC LIMIT 1)
"""
_FITS = f"""
    pairs.purpose = 'train' AND standing_vote_id IS NOT NULL
    AND (:prompt = '' OR instr(lower(l_prompt.text), lower(:prompt)))
    AND (:choice IS NULL OR votes.choice = :choice)
    AND (NOT :much_better OR votes.strength = 2)
    AND (:since IS NULL OR votes.created_at >= :since)
    AND (:until IS NULL OR votes.created_at < :until)
    AND (NOT :unsteady OR ifnull({_AGAIN}, votes.choice) <> votes.choice)
"""


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


@dataclass(frozen=True)
class VoteFilter:
    """Which votes are wanted; everything empty means all."""

    prompt: str = ""  # a part of it, in any case
    choice: Choice | None = None
    much_better: bool = False
    unsteady: bool = False  # only those that got another answer when they were asked again
    since: str | None = None  # ISO 8601 in UTC, as in the store
    until: str | None = None  # the first moment that is too late


@dataclass(frozen=True)
class ReviewedVote:
    """A standing vote, and what the person chose when the pair was asked again (None: it was not)."""

    pair: Pair
    vote: Vote
    again: Choice | None


class VoteTable:
    """The votes of one workspace. Every method may be called from any thread; failures are `StoreError`s."""

    def __init__(self, database: Database, images: ImageFolder) -> None:
        self._database, self._images = database, images

    def cast(
        self,
        uuid: str,
        pair_id: int,
        choice: Choice,
        response_ms: int | None = None,
        *,
        strength: Strength = 1,
        swapped: bool = False,
        repeat_of: str | None = None,
    ) -> Vote:
        """Record a choice; once this returns, it survives a power cut. A newer vote on a pair replaces the older.

        The same `uuid` again (a retry) returns the first vote and changes nothing, even when that vote was undone or
        replaced since. The same `uuid` with another pair or choice raises `StoreError`. `choice` names the pair's own
        side; `swapped` says that it was shown on the other. With `repeat_of`, the uuid of an earlier vote on the pair,
        the choice is kept in addition to that vote to measure how steady the person is, and never stands.
        """
        cast = Cast(uuid, pair_id, choice, response_ms, strength, swapped=swapped, repeat_of=repeat_of)
        with self._database.writing() as connection:
            return record(connection, cast, rows.now())

    def undo(self, uuid: str, vote_uuid: str) -> Pair:
        """Take the standing vote `vote_uuid` back, as a row of its own named `uuid`; returns the pair, open again.

        Again (a retry, or a second tab) it changes nothing. A vote that was replaced by a newer one can't be undone:
        `StoreError`, because the pair would seem open while the newer vote stands. An answer to a pair that was asked
        again is taken back in the same way.
        """
        with self._database.writing() as connection:
            return take_back(connection, uuid, vote_uuid, rows.now())

    def find(self, uuid: str) -> Vote:
        """The vote of this name, even one that was undone since; raises `StoreError` when there is none."""
        with self._database.reading() as connection:
            return rows.find_vote(connection, uuid)

    def newest(self, *, purpose: Purpose, run_id: str | None = None) -> Vote | None:
        """The newest vote that was not taken back, for undo after a reload; a ranking's own are not among them.

        It stands, or answered a pair that was asked again.
        """
        with self._database.reading() as connection:
            row = connection.execute(
                # CROSS JOIN keeps the order of the tables: from the newest vote back, the first that fits ends the
                # search.
                f"{rows.SELECT_VOTE} CROSS JOIN pairs ON pairs.id = votes.pair_id WHERE votes.choice IS NOT NULL"
                f" AND (pairs.standing_vote_id = votes.id OR (votes.repeat_of IS NOT NULL AND {_NOT_TAKEN_BACK}))"
                f" AND votes.ranking IS NULL AND {rows.of_run(run_id)} ORDER BY votes.id DESC LIMIT 1",
                {"purpose": purpose, "run_id": run_id},
            ).fetchone()
        return rows.read_vote(row) if row else None

    def pair_of(self, uuid: str) -> Pair:
        """The pair that a vote was cast on; raises `StoreError` when there is no such vote to undo."""
        with self._database.reading() as connection:
            return rows.find_pair(connection, rows.find_vote(connection, uuid).pair_id)

    def replaced_by(self, uuid: str) -> str | None:
        """The vote that stood when the vote `uuid` was cast, and whose place it took; None when its pair was open."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT earlier.uuid, undo.id < vote.id FROM votes vote"
                " JOIN votes earlier ON earlier.pair_id = vote.pair_id AND earlier.id < vote.id"
                " LEFT JOIN votes undo ON undo.undoes = earlier.id"
                " WHERE vote.uuid = ? AND earlier.choice IS NOT NULL AND earlier.repeat_of IS NULL"
                " ORDER BY earlier.id DESC LIMIT 1",
                (uuid,),
            ).fetchone()
        return None if row is None or row[1] else str(row[0])

    def to_ask_again(self, shown: Collection[int], ahead: int) -> VotedPair | None:
        """A training pair to ask again once `ahead` others have been answered; None when it is not time yet.

        About one in `ASK_AGAIN_EVERY` pairs should be one; while one waits for its answer among `shown` (ids of pairs
        in a browser), there is no other.
        """
        with self._database.reading() as connection:
            if _any_voted(connection, shown):
                return None
            due = _due_again(connection, ahead)
        return next((voted for voted in due if all(map(self._images.has, voted.pair.images))), None)

    def consistency(self) -> Consistency:
        """How often the person, asked again, chose the same; a tie after a side is another answer, a skip isn't an
        answer."""
        with self._database.reading() as connection:
            asked, same = connection.execute(
                "SELECT count(*), total(votes.choice = first.choice)"
                " FROM votes JOIN votes first ON first.uuid = votes.repeat_of"
                f" WHERE votes.repeat_of IS NOT NULL AND votes.choice <> 'skip' AND {_NOT_TAKEN_BACK}"
                " AND NOT EXISTS (SELECT 1 FROM votes undo WHERE undo.undoes = first.id)"
            ).fetchone()
        return Consistency(asked=asked, same=int(same))

    def review(
        self, wanted: VoteFilter, *, limit: int = 60, before: str | None = None
    ) -> tuple[list[ReviewedVote], int]:
        """Up to `limit` standing votes that train and fit, newest first, older than the vote named `before`; how many
        fit in all."""
        values = {**vars(wanted), "before": before, "limit": limit}
        with self._database.reading() as connection:
            (total,) = connection.execute(
                f"SELECT count(*) FROM {rows.VOTED_PAIR_TABLES} WHERE {_FITS}", values
            ).fetchone()
            found = connection.execute(
                f"SELECT {_AGAIN}, {rows.VOTED_PAIR_COLUMNS} FROM {rows.VOTED_PAIR_TABLES} WHERE {_FITS}"
                " AND (:before IS NULL OR standing_vote_id < (SELECT id FROM votes last WHERE last.uuid = :before))"
                " ORDER BY standing_vote_id DESC LIMIT :limit",
                values,
            ).fetchall()
        reviewed: list[ReviewedVote] = []
        for again, *row in found:
            voted = rows.read_voted_pair(row)
            reviewed.append(ReviewedVote(voted.pair, voted.vote, again))
        return reviewed, total


def record(connection: sqlite3.Connection, cast: Cast, now: str) -> Vote:
    """Append a vote inside the caller's transaction; a retry gives the first one. See `VoteTable.cast`.

    Raises `StoreError` for an unknown pair, the name of another choice, and the repeat of a vote on another pair.
    """
    known = connection.execute(f"{rows.SELECT_VOTE} WHERE uuid = ?", (cast.uuid,)).fetchone()
    if known:
        if known[1:3] != (cast.pair_id, cast.choice):
            raise _uuid_reused(cast.uuid)
        return rows.read_vote(known)
    rows.find_pair(connection, cast.pair_id)
    if cast.repeat_of is not None:
        first = rows.find_vote(connection, cast.repeat_of)
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


def take_back(connection: sqlite3.Connection, uuid: str, vote_uuid: str, now: str) -> Pair:
    """Take a vote back inside the caller's transaction. See `VoteTable.undo`.

    Raises `StoreError` for an unknown vote, one that another has replaced, and a name that is taken.
    """
    _check_uuid(uuid)
    vote = rows.find_vote(connection, vote_uuid)
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


def _any_voted(connection: sqlite3.Connection, pair_ids: Collection[int]) -> bool:
    """Whether one of these pairs has a vote."""
    listed = json.dumps(list(pair_ids))
    row = connection.execute(
        "SELECT 1 FROM pairs WHERE id IN (SELECT value FROM json_each(?)) AND standing_vote_id IS NOT NULL LIMIT 1",
        (listed,),
    ).fetchone()
    return row is not None


def _due_again(connection: sqlite3.Connection, ahead: int) -> list[VotedPair]:
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


def _check_uuid(uuid: str) -> None:
    if not 0 < len(uuid) <= _LONGEST_UUID:
        raise StoreError(f"A vote's id must have 1 to {_LONGEST_UUID} characters; got {len(uuid)}.")


def _uuid_reused(uuid: str) -> StoreError:
    return StoreError(f"The id {uuid} already belongs to another choice, so this one wasn't recorded. Choose again.")

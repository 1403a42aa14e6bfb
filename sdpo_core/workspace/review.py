"""All votes that train, to be reviewed: newest first, filtered, a page at a time."""

import sqlite3
from dataclasses import dataclass

from sdpo_core.workspace import rows
from sdpo_core.workspace.records import Choice, Pair, Vote

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


def page(
    connection: sqlite3.Connection, wanted: VoteFilter, limit: int, before: str | None
) -> tuple[list[ReviewedVote], int]:
    """Up to `limit` standing votes that fit, older than the vote named `before`, and how many fit in all."""
    values = {**vars(wanted), "before": before, "limit": limit}
    (total,) = connection.execute(f"SELECT count(*) FROM {rows.VOTED_PAIR_TABLES} WHERE {_FITS}", values).fetchone()
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

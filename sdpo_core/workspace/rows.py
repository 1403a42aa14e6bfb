"""From the tables' rows to the typed records: the column lists and the functions that read them stand together."""

import hashlib
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sdpo_core.errors import StoreError
from sdpo_core.workspace.records import AdapterRecord, Candidate, Fit, MadeWith, Pair, Recipe, Vote, VotedPair

_CANDIDATE_WIDTH = 10


def _candidate_columns(table: str) -> str:
    own = ("negative", "image_sha256", "width_px", "height_px", "recipe", "created_at", "made_with")
    return f"{table}.id, {table}.key, {table}_prompt.text, " + ", ".join(f"{table}.{column}" for column in own)


SELECT_CANDIDATE = f"""
    SELECT {_candidate_columns("candidate")}
    FROM candidates candidate JOIN prompts candidate_prompt ON candidate_prompt.id = candidate.prompt_id
"""

_PAIR_COLUMNS = f"""
    pairs.id, pairs.purpose, pairs.run_id, pairs.created_at, pairs.chosen_by,
    {_candidate_columns("l")}, {_candidate_columns("r")}
"""

_PAIR_TABLES = """
    pairs
    JOIN candidates l ON l.id = pairs.left_id JOIN prompts l_prompt ON l_prompt.id = l.prompt_id
    JOIN candidates r ON r.id = pairs.right_id JOIN prompts r_prompt ON r_prompt.id = r.prompt_id
"""

_PAIR_OWN = 5
_PAIR_WIDTH = _PAIR_OWN + 2 * _CANDIDATE_WIDTH
_VOTE_COLUMNS = (
    "votes.uuid, votes.pair_id, votes.choice, votes.response_ms, votes.created_at, votes.strength, votes.swapped,"
    " votes.repeat_of, votes.ranking"
)

SELECT_PAIR = f"SELECT {_PAIR_COLUMNS} FROM {_PAIR_TABLES}"
SELECT_VOTE = f"SELECT {_VOTE_COLUMNS} FROM votes"
VOTED_PAIR_COLUMNS = f"{_PAIR_COLUMNS}, {_VOTE_COLUMNS}"
VOTED_PAIR_TABLES = f"{_PAIR_TABLES} JOIN votes ON votes.id = pairs.standing_vote_id"
SELECT_VOTED_PAIR = f"SELECT {VOTED_PAIR_COLUMNS} FROM {VOTED_PAIR_TABLES}"
SELECT_ADAPTER = (
    "SELECT id, name, path, sha256, base_sha256, run_id, created_at, note, strength, modules, matched FROM adapters"
)


def read_candidate(row: Sequence[Any]) -> Candidate:
    """A row of `SELECT_CANDIDATE`."""
    number, key, prompt, negative, image_sha256, width_px, height_px, recipe, created_at, made_with = row
    return Candidate(
        id=number,
        key=key,
        prompt=prompt,
        negative=negative,
        image_sha256=image_sha256,
        width_px=width_px,
        height_px=height_px,
        recipe=None if recipe is None else _recipe(recipe),
        created_at=datetime.fromisoformat(created_at),
        made_with=None if made_with is None else MadeWith.model_validate_json(made_with),
    )


def read_pair(row: Sequence[Any]) -> Pair:
    """A row of `SELECT_PAIR`."""
    number, purpose, run_id, created_at, chosen_by = row[:_PAIR_OWN]
    return Pair(
        id=number,
        left=read_candidate(row[_PAIR_OWN : _PAIR_OWN + _CANDIDATE_WIDTH]),
        right=read_candidate(row[_PAIR_OWN + _CANDIDATE_WIDTH : _PAIR_WIDTH]),
        purpose=purpose,
        run_id=run_id,
        created_at=datetime.fromisoformat(created_at),
        chosen_by=chosen_by,
    )


def read_vote(row: Sequence[Any]) -> Vote:
    """A row of `SELECT_VOTE`; the row must be a vote, not an undo."""
    uuid, pair_id, choice, response_ms, created_at, strength, swapped, repeat_of, ranking = row
    return Vote(
        uuid=uuid,
        pair_id=pair_id,
        choice=choice,
        response_ms=response_ms,
        created_at=datetime.fromisoformat(created_at),
        strength=strength,
        swapped=bool(swapped),
        repeat_of=repeat_of,
        ranking=ranking,
    )


def read_voted_pair(row: Sequence[Any]) -> VotedPair:
    """A row of `SELECT_VOTED_PAIR`."""
    return VotedPair(pair=read_pair(row[:_PAIR_WIDTH]), vote=read_vote(row[_PAIR_WIDTH:]))


def read_adapter(row: Sequence[Any]) -> AdapterRecord:
    """A row of `SELECT_ADAPTER`."""
    number, name, path, sha256, base_sha256, run_id, created_at, note, strength, modules, matched = row
    return AdapterRecord(
        id=number,
        name=name,
        path=path,
        sha256=sha256,
        base_sha256=base_sha256,
        run_id=run_id,
        created_at=datetime.fromisoformat(created_at),
        note=note,
        strength=strength,
        fit=None if modules is None or matched is None else Fit(modules=modules, matched=matched),
    )


def find_candidate(connection: sqlite3.Connection, candidate_id: int) -> Candidate:
    """The candidate with this id; raises `StoreError` when there is none."""
    row: Any = connection.execute(f"{SELECT_CANDIDATE} WHERE candidate.id = ?", (candidate_id,)).fetchone()
    if row is None:
        raise StoreError(f"No candidate {candidate_id} in this workspace. Add the image first.")
    return read_candidate(row)


def find_pair(connection: sqlite3.Connection, pair_id: int) -> Pair:
    """The pair with this id; raises `StoreError` when there is none."""
    row: Any = connection.execute(f"{SELECT_PAIR} WHERE pairs.id = ?", (pair_id,)).fetchone()
    if row is None:
        raise StoreError(f"No pair {pair_id} in this workspace; it may have been deleted.")
    return read_pair(row)


def find_vote(connection: sqlite3.Connection, uuid: str) -> Vote:
    """The vote of this name; raises `StoreError` when there is none, or when the name is that of an undo."""
    row: Any = connection.execute(f"{SELECT_VOTE} WHERE uuid = ?", (uuid,)).fetchone()
    if row is None or row[2] is None:
        raise StoreError("This vote isn't saved yet. Try again.")
    return read_vote(row)


def prompt_id(connection: sqlite3.Connection, text: str, now: str) -> int:
    """The id of a prompt, recorded if need be."""
    connection.execute("INSERT INTO prompts (text, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING", (text, now))
    return int(connection.execute("SELECT id FROM prompts WHERE text = ?", (text,)).fetchone()[0])


def shown_swapped(one_key: str, other_key: str) -> bool:
    """Whether of two candidates the second is shown on the left; a hash decides, so that the position says nothing."""
    low, high = sorted((one_key, other_key))
    high_is_left = bool(hashlib.sha256(f"{low} {high}".encode()).digest()[0] & 1)
    return high_is_left == (one_key == low)


@lru_cache(maxsize=4096)
def _recipe(text: str) -> Recipe:
    # Recipes never change, and parsing them is most of the time that reading a page of pairs takes.
    return Recipe.model_validate_json(text)


def of_run(run_id: str | None) -> str:
    """The condition for pairs of a purpose and, unless None, of a run."""
    return "purpose = :purpose" if run_id is None else "purpose = :purpose AND run_id = :run_id"


def now() -> str:
    """This moment, as every table names one: ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat()

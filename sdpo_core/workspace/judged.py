"""Blind comparisons whose votes train too, because the person asked for it: which they are, and since when."""

import sqlite3

from sdpo_core.workspace import rows
from sdpo_core.workspace.records import VotedPair


def let_train(connection: sqlite3.Connection, run_id: str, since: str | None) -> int:
    """Mark the pairs of a blind test; returns how many there are. A mark that is there keeps its time."""
    connection.execute(
        "UPDATE pairs SET trains_since = CASE WHEN :since IS NULL THEN NULL ELSE ifnull(trains_since, :since) END"
        " WHERE purpose = 'judge' AND run_id = :run_id",
        {"since": since, "run_id": run_id},
    )
    return int(
        connection.execute("SELECT count(*) FROM pairs WHERE purpose = 'judge' AND run_id = ?", (run_id,)).fetchone()[0]
    )


def training(connection: sqlite3.Connection, run_id: str | None) -> list[VotedPair]:
    """Marked pairs that have a vote, oldest vote first."""
    found = connection.execute(
        f"{rows.SELECT_VOTED_PAIR} WHERE standing_vote_id IS NOT NULL AND trains_since IS NOT NULL"
        f" AND {rows.of_run(run_id)} ORDER BY standing_vote_id",
        {"purpose": "judge", "run_id": run_id},
    ).fetchall()
    return [rows.read_voted_pair(row) for row in found]

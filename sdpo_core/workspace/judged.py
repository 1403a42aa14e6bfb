"""Blind comparisons whose votes train too, because the person asked for it: which they are, and since when."""

from sdpo_core.workspace import rows
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.records import VotedPair


class JudgedTable:
    """The comparisons of one workspace's blind tests. Every method may be called from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def let_train(self, run_id: str, *, trains: bool) -> int:
        """Let the votes on a blind test's comparisons train from now on, or no longer; returns how many there are.

        Comparisons that train already keep the time since which they do.
        """
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE pairs SET"
                " trains_since = CASE WHEN :since IS NULL THEN NULL ELSE ifnull(trains_since, :since) END"
                " WHERE purpose = 'judge' AND run_id = :run_id",
                {"since": rows.now() if trains else None, "run_id": run_id},
            )
            (marked,) = connection.execute(
                "SELECT count(*) FROM pairs WHERE purpose = 'judge' AND run_id = ?", (run_id,)
            ).fetchone()
        return int(marked)

    def pairs(self, run_id: str | None = None) -> list[VotedPair]:
        """Comparisons whose votes are used for training, oldest vote first, of one blind test or (None) of all."""
        with self._database.reading() as connection:
            found = connection.execute(
                f"{rows.SELECT_VOTED_PAIR} WHERE standing_vote_id IS NOT NULL AND trains_since IS NOT NULL"
                f" AND {rows.of_run(run_id)} ORDER BY standing_vote_id",
                {"purpose": "judge", "run_id": run_id},
            ).fetchall()
        return [rows.read_voted_pair(row) for row in found]

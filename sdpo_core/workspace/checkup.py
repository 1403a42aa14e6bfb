"""How much a workspace holds, and what is wrong with it."""

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sdpo_core.images.files import ImageFolder
from sdpo_core.workspace.backups import lacks_daily_copy
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.location import INBOX, REFUSED, location_warning
from sdpo_core.workspace.migrations import require_current
from sdpo_core.workspace.records import Purpose

_FINDINGS_SHOWN = 5

# The standing vote is the newest vote of a pair, or none when that one was undone; answers to a pair that was asked
# again don't count.
_PAIRS_AGAINST_THEIR_HISTORY = """
    SELECT count(*) FROM pairs WHERE standing_vote_id IS NOT (
        SELECT newest.id FROM votes newest
        WHERE newest.id = (SELECT max(id) FROM votes WHERE pair_id = pairs.id AND choice IS NOT NULL
            AND repeat_of IS NULL)
        AND NOT EXISTS (SELECT 1 FROM votes undo WHERE undo.undoes = newest.id)
    )
"""


@dataclass(frozen=True)
class Counts:
    """How much there is of everything; pairs and votes are those of one purpose."""

    prompts: int
    candidates: int
    pairs: int
    open_pairs: int  # waiting for a vote, with both images available
    votes: int  # standing: decided + ties + both_bad + skipped
    decided: int  # left or right
    ties: int
    both_bad: int
    skipped: int
    adapters: int


def count(database: Database, images: ImageFolder, purpose: Purpose) -> Counts:
    """Count everything; pairs and votes of `purpose`."""
    with database.reading() as connection:
        prompts, candidates, pairs, adapters = connection.execute(
            "SELECT (SELECT count(*) FROM prompts), (SELECT count(*) FROM candidates),"
            " (SELECT count(*) FROM pairs WHERE purpose = ?), (SELECT count(*) FROM adapters)",
            (purpose,),
        ).fetchone()
        by_choice: dict[str, int] = dict(
            connection.execute(
                "SELECT choice, count(*) FROM pairs JOIN votes ON votes.id = standing_vote_id"
                " WHERE purpose = ? AND standing_vote_id IS NOT NULL GROUP BY choice",
                (purpose,),
            ).fetchall()
        )
        images_of_open = connection.execute(
            "SELECT l.image_sha256, r.image_sha256 FROM pairs"
            " JOIN candidates l ON l.id = left_id JOIN candidates r ON r.id = right_id"
            " WHERE standing_vote_id IS NULL AND purpose = ?",
            (purpose,),
        ).fetchall()
    return Counts(
        prompts=prompts,
        candidates=candidates,
        pairs=pairs,
        open_pairs=sum(images.has(left) and images.has(right) for left, right in images_of_open),
        votes=sum(by_choice.values()),
        decided=by_choice.get("left", 0) + by_choice.get("right", 0),
        ties=by_choice.get("tie", 0),
        both_bad=by_choice.get("both-bad", 0),
        skipped=by_choice.get("skip", 0),
        adapters=adapters,
    )


def pairs_against_their_history(connection: sqlite3.Connection) -> int:
    """How many pairs show another vote than their history says; 0 unless something else wrote to the database."""
    return int(connection.execute(_PAIRS_AGAINST_THEIR_HISTORY).fetchone()[0])


def check(workspace: Path, database: Database, images: ImageFolder) -> list[str]:
    """What is wrong or risky, one sentence each; empty when all is well. Reads every image."""
    findings = _findings(workspace, database, images)
    backups = workspace / "backups"
    if lacks_daily_copy(database, backups):
        findings.append(
            f"No backup from today in {backups}. Restart the studio to make one. If none appears, check the "
            "folder's permissions and the free space."
        )
    return findings


def look(workspace: Path) -> tuple[list[str], Counts]:
    """What is wrong or risky, and how much there is (for training), without changing anything in the workspace.

    Nothing is made, migrated or copied, so a copy of today may well be missing: the next start makes it. Raises
    `StoreError` for a database of another version, program, or a damaged one.
    """
    images = ImageFolder(workspace / "images")
    with contextlib.closing(Database(workspace / "studio.db", read_only=True)) as database:
        require_current(database)
        return _findings(workspace, database, images), count(database, images, "train")


def _findings(workspace: Path, database: Database, images: ImageFolder) -> list[str]:
    findings = _database_findings(database, workspace / "backups")
    warning = location_warning(workspace)
    return [*findings, *([warning] if warning else []), *_image_findings(database, images), *_inbox_findings(workspace)]


def _inbox_findings(workspace: Path) -> list[str]:
    aside = workspace / INBOX / REFUSED
    found = sum(path.suffix == ".jsonl" for path in aside.iterdir()) if aside.is_dir() else 0
    if not found:
        return []
    return [
        f"{found} of the batches from ComfyUI couldn't be used: the text files in {aside} say why. Fix them and move "
        "them back with their images, or delete them."
    ]


def _image_findings(database: Database, images: ImageFolder) -> list[str]:
    findings: list[str] = []
    missing = missing_images(database, images)
    if missing:
        findings.append(
            f"{len(missing)} recorded image{'s are' if len(missing) > 1 else ' is'} missing from {images.root}. Their "
            "pairs aren't shown or trained on until you restore the files from a copy."
        )
    damaged = sorted(sha256 for sha256 in _recorded_images(database) - missing if not images.intact(sha256))
    if damaged:
        names = ", ".join(f"{sha256}.png" for sha256 in damaged[:_FINDINGS_SHOWN])
        more = f" and {len(damaged) - _FINDINGS_SHOWN} more" if len(damaged) > _FINDINGS_SHOWN else ""
        findings.append(
            f"{len(damaged)} image{'s' if len(damaged) > 1 else ''} in {images.root} changed after being saved: "
            f"{names}{more}. Pairs with an image that can't be decoded aren't trained on. Restore the files from a "
            "copy, or generate the images again with the same settings."
        )
    return findings


def _database_findings(database: Database, backups: Path) -> list[str]:
    remedy = f"Restore the newest backup from {backups}."
    with database.reading() as connection:
        integrity = connection.execute(f"PRAGMA integrity_check({_FINDINGS_SHOWN})").fetchall()
        dangling = connection.execute("PRAGMA foreign_key_check").fetchone()
        differing = pairs_against_their_history(connection)
    findings = [f"The database is damaged: {finding}. {remedy}" for (finding,) in integrity if finding != "ok"]
    if dangling:
        findings.append(f"The database has rows that refer to missing rows. {remedy}")
    if differing:
        findings.append(f"{differing} pairs have a vote that doesn't match their history. {remedy}")
    return findings


def missing_images(database: Database, images: ImageFolder) -> set[str]:
    """SHA-256 of the recorded images whose file is gone or empty; looks at every file."""
    return {sha256 for sha256 in _recorded_images(database) if not images.has(sha256)}


def _recorded_images(database: Database) -> set[str]:
    with database.reading() as connection:
        recorded = connection.execute("SELECT DISTINCT image_sha256 FROM candidates").fetchall()
    return {sha256 for (sha256,) in recorded}

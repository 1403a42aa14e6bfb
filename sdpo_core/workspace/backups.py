"""Copies of studio.db: one per day, and one before each migration."""

import contextlib
import logging
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from sdpo_core.atomic import replacing
from sdpo_core.errors import DiskError
from sdpo_core.workspace.database import Database, damaged, database_errors

_log = logging.getLogger(__name__)

KEEP_DAYS = 7
"""Daily copies that are kept; copies made before a migration are few and stay."""


def write_backup(database: Database, path: Path) -> None:
    """Copy the whole database, committed votes in the WAL included, to `path` in one atomic step."""
    with replacing(path) as temporary, database.reading() as connection, database_errors(path):
        copy = sqlite3.connect(temporary)
        try:
            connection.backup(copy)
            _drop_features(copy)
            # The copy inherits WAL mode; one plain file without companions is easier for a person to restore.
            copy.execute("PRAGMA journal_mode = DELETE").fetchall()
        finally:
            copy.close()


def _drop_features(copy: sqlite3.Connection) -> None:
    """Leave out what can be computed again from the images, and would make each copy many times as large."""
    if copy.execute("SELECT 1 FROM sqlite_schema WHERE name = 'features'").fetchone():
        copy.execute("DELETE FROM features")
        copy.commit()
        copy.execute("VACUUM")


def daily_path(folder: Path) -> Path:
    """Where today's copy belongs (days in UTC)."""
    return folder / f"day-{datetime.now(UTC):%Y-%m-%d}.db"


def lacks_daily_copy(database: Database, folder: Path) -> bool:
    """Whether there is something to lose and no copy of today. One without a vote counts only while there is none."""
    with database.reading() as connection:
        images, votes = connection.execute(
            "SELECT EXISTS (SELECT 1 FROM candidates), EXISTS (SELECT 1 FROM votes)"
        ).fetchone()
    path = daily_path(folder)
    return bool(images) and (not path.exists() or (bool(votes) and not _has_votes(path)))


def _has_votes(copy: Path) -> bool:
    """Whether a copy holds any; one that can't be read holds none."""
    try:
        with contextlib.closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("SELECT EXISTS (SELECT 1 FROM votes)").fetchone()[0])
    except sqlite3.Error:
        return False


def daily_backup(database: Database, folder: Path) -> None:
    """Make today's copy unless it is there or there is nothing to copy, and drop all but the newest `KEEP_DAYS`.

    A damaged database raises `StoreError` instead: it must not push the good copies out.
    """
    path = daily_path(folder)
    if not lacks_daily_copy(database, folder):
        return
    with database.reading() as connection:
        finding = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if finding != "ok":
        raise damaged(database.path, finding)
    try:
        write_backup(database, path)
    except DiskError as error:
        # A full disk must not lock a person out of the votes there are; `Store.check` reports the missing copy.
        _log.warning("No backup was made today: %s", error)
        return
    for old in sorted(folder.glob("day-*.db"))[:-KEEP_DAYS]:
        old.unlink(missing_ok=True)


def keep_daily_copy(workspace: Path) -> None:
    """Make today's copy of an open workspace if it is missing: a studio may stay open for days.

    Raises as `daily_backup` does.
    """
    folder = workspace / "backups"
    if daily_path(folder).exists() or not (workspace / "studio.db").is_file():
        return
    with contextlib.closing(Database(workspace / "studio.db")) as database:
        daily_backup(database, folder)

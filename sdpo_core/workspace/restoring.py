"""Back to an earlier copy of the database, while the studio is open; and forth again, because now is copied first."""

import contextlib
import re
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sdpo_core.errors import SdpoError, StoreError
from sdpo_core.workspace.backups import write_backup
from sdpo_core.workspace.database import Database, damaged, database_errors
from sdpo_core.workspace.migrations import NO_HISTORY, migrate, schema_of

_NAME = re.compile(r"(day|before-version|before-restore)-[0-9T-]+\.db")
_KEEP_BEFORE_RESTORE = 5


class Voted(NamedTuple):
    """Votes that stand: ties and skips included, those that were replaced or taken back not."""

    votes: int  # on pairs to train on: what the pages call votes
    blind: int  # in blind tests


@dataclass(frozen=True)
class Backup:
    """A copy of the database."""

    name: str
    path: Path
    made_at: datetime
    size_bytes: int
    voted: Voted
    problem: str  # why it can't be restored; empty when it can


def backups(workspace: Path) -> list[Backup]:
    """All copies, newest first."""
    paths = [path for path in (workspace / "backups").glob("*.db") if _NAME.fullmatch(path.name)]
    return sorted(map(_read, paths), key=lambda backup: (backup.made_at, backup.name), reverse=True)


def voted(path: Path) -> Voted:
    """The counting votes of a database, which is only read; raises `StoreError`s."""
    with contextlib.closing(Database(path, read_only=True)) as database, database.reading() as connection:
        found = connection.execute(
            "SELECT purpose, count(*) FROM pairs WHERE standing_vote_id IS NOT NULL GROUP BY purpose"
        )
        by_purpose = dict(found.fetchall())
    return Voted(by_purpose.get("train", 0), by_purpose.get("judge", 0))


def restore(workspace: Path, name: str) -> Backup:
    """Make the copy called `name` (which may be hostile) what the studio works with; returns it.

    Now is copied before, as `before-restore-<time>.db`. A copy of an older version is brought up to date, one of a
    newer version or a damaged one raises `StoreError`; then nothing has changed. The change is one transaction, which
    open connections of this and other processes see immediately.
    """
    backup = next((backup for backup in backups(workspace) if backup.name == name), None)
    if backup is None:
        raise StoreError("This backup no longer exists; it has been cleared.")
    folder = workspace / "backups"
    draft = folder / f".restoring-{secrets.token_hex(4)}.db"
    try:
        with contextlib.closing(Database(backup.path, read_only=True)) as source:
            _require_sound(source)
            write_backup(source, draft)
        with contextlib.closing(Database(draft)) as ready:
            migrate(ready, folder / ".restoring")
            with contextlib.closing(Database(workspace / "studio.db")) as live:
                write_backup(live, folder / f"before-restore-{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}.db")
                _keep_all_but_history(ready, live)
                _copy_over(ready, live)
    finally:
        for left in (draft, *(draft.with_name(f"{draft.name}{end}") for end in ("-wal", "-shm"))):
            left.unlink(missing_ok=True)
        for left in (folder / ".restoring").glob("*.db"):  # copies that migrating the draft made
            left.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            (folder / ".restoring").rmdir()
    for old in sorted(folder.glob("before-restore-*.db"))[:-_KEEP_BEFORE_RESTORE]:
        old.unlink(missing_ok=True)
    return backup


def _require_sound(database: Database) -> None:
    if schema_of(database) == 0:
        raise StoreError(f"{database.path.name} is empty, so there's nothing to restore. Choose another backup.")
    with database.reading() as connection:
        finding = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if finding != "ok":
        raise damaged(database.path, finding)


def _keep_all_but_history(ready: Database, live: Database) -> None:
    """Give the copy today's features, generated images and labels: they describe files that no restore takes away.

    A database that is too damaged to give them is restored without.
    """
    with contextlib.suppress(SdpoError, sqlite3.OperationalError):
        if schema_of(live) != schema_of(ready):
            return
        with ready.reading() as connection:
            connection.execute("ATTACH DATABASE ? AS live", (str(live.path),))
        try:
            with ready.writing() as connection:
                for table in reversed(NO_HISTORY):
                    connection.execute(f"DELETE FROM main.{table}")
                for table in NO_HISTORY:
                    connection.execute(f"INSERT INTO main.{table} SELECT * FROM live.{table}")
        finally:
            with ready.reading() as connection:
                connection.execute("DETACH DATABASE live")


def _copy_over(source: Database, target: Database) -> None:
    with source.reading() as ready, target.reading() as live, database_errors(target.path):
        ready.backup(live)


def _read(path: Path) -> Backup:
    state = path.stat()
    there, problem = Voted(0, 0), ""
    try:
        there = voted(path)
    except (SdpoError, sqlite3.OperationalError):
        problem = f"{path.name} can't be read; it may be damaged."
    made_at = datetime.fromtimestamp(state.st_mtime, UTC)
    return Backup(path.name, path, made_at, state.st_size, there, problem)

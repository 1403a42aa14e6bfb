"""One SQLite connection that many threads share, and SQLite's failures as messages."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from sdpo_core.errors import DiskError, SdpoError, StoreError

BUSY_TIMEOUT_S = 10.0
"""How long a write waits for another process (the studio and a job may use it at the same time)."""

_OLDEST_SQLITE = (3, 37, 0)  # the first with STRICT tables

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_REFUSED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR}
_OCCUPIED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class Database:
    """A connection behind a lock. Reads are short and a write is one fsync, so one connection serves all threads."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open or create the file, or only read an existing one; raises `StoreError` or `DiskError`."""
        self.path = path
        self._lock = threading.RLock()
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise StoreError(
                f"SQLite 3.37 or newer is required; this Python has {sqlite3.sqlite_version}. Update Python."
            )
        with database_errors(path):
            self._connection = sqlite3.connect(
                _looking_at(path) if read_only else path,
                uri=read_only,
                timeout=BUSY_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
            )
        if read_only:
            return
        try:
            with database_errors(path):
                self._configure()
        except BaseException:
            self._connection.close()
            raise

    def _configure(self) -> None:
        # WAL: readers and a writer in other processes don't block each other. FULL: a commit is on the disk.
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "fullfsync = ON", "foreign_keys = ON"):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for statements that change nothing."""
        with self._lock, database_errors(self.path):
            yield self._connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection inside a transaction: committed and on the disk after a clean exit, else rolled back."""
        with self._lock, database_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk makes SQLite itself roll back, and then there is nothing left to undo.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


@contextlib.contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Raise what SQLite says about `path` as a `StoreError` or `DiskError` for a person; bugs pass through."""
    try:
        yield
    except sqlite3.ProgrammingError as error:
        if "closed" not in str(error):
            raise
        raise StoreError("The database is already closed. Restart the studio.") from error
    except sqlite3.DatabaseError as error:
        words = _explained(path, error)
        if words is None:
            raise
        raise words from error


def _looking_at(path: Path) -> str:
    """The address under which SQLite opens a database without changing it."""
    place = path.absolute().as_posix()
    # Without -wal nobody has it open; said so (immutable), SQLite doesn't put -wal and -shm next to it either.
    how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
    return f"file://{'' if place.startswith('/') else '/'}{quote(place, safe='/:')}?{how}"


def damaged(path: Path, detail: str) -> StoreError:
    """The error for a database that can't be read, naming the way back."""
    return StoreError(
        f"{path.name} in {path.parent} is damaged ({detail}). Close the studio, move {path.name} and its -wal and -shm "
        f"files somewhere else, copy the newest file from {path.parent / 'backups'} here as {path.name}, then start "
        "again."
    )


def _explained(path: Path, error: sqlite3.DatabaseError) -> SdpoError | None:
    number: int | None = getattr(error, "sqlite_errorcode", None)
    if number is None:  # Python's own finding, not SQLite's: a text that isn't UTF-8
        return damaged(path, str(error))
    code = number & 0xFF  # the low byte is the kind, the rest a detail of it
    if code == sqlite3.SQLITE_FULL:
        return DiskError(
            f"The disk is full: {path.name} in {path.parent} can't grow. Free some space, then try again; everything "
            "saved before is intact."
        )
    if code in _REFUSED:
        return DiskError(
            f"{path.name} in {path.parent} can't be opened or written ({error}). Check that the folder exists, that "
            "you can write to it and that the disk works, then try again."
        )
    if code in _DAMAGED:
        return damaged(path, str(error))
    if code in _OCCUPIED:
        return StoreError(
            f"{path.name} in {path.parent} was locked by another program for {BUSY_TIMEOUT_S:.0f} seconds. Close other "
            "programs that have it open, then try again."
        )
    return None

"""One studio per workspace: the system locks `open.lock` while a studio has it open, `studio.lock` says whose it is.

Two files, because nobody can read a locked file on Windows, and other programs have to read who it is.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
from filelock import FileLock, Timeout
from pydantic import BaseModel, ValidationError

from app.desk.text import say
from sdpo_core.atomic import disk_errors, patiently, write_json
from sdpo_core.errors import StoreError

_CLOCK_SLACK_S = 2.0
_WRITING_S = 1.0  # how long another studio may take between taking the workspace and saying so


class _Owner(BaseModel):
    """What `studio.lock` holds."""

    pid: int
    created: float  # when that process started, s
    url: str


class StudioRunning(StoreError):
    """Another studio has the workspace open; `url` is its address, empty if it hasn't said."""

    def __init__(self, workspace: Path, url: str) -> None:
        super().__init__(say("openElsewhereAt" if url else "openElsewhere", workspace=workspace, url=url))
        self.url = url


@dataclass(frozen=True)
class StudioLock:
    """A workspace that is held until `release`, or until this process ends, in whatever way."""

    path: Path  # says whose it is
    _held: FileLock

    @classmethod
    def acquire(cls, workspace: Path, url: str) -> Self:
        """Take the workspace for the studio at `url`; raises `StudioRunning` when another living one has it.

        Raises `StoreError` for a workspace that is a file or can't be locked, `DiskError` when the disk refuses.
        """
        if workspace.exists() and not workspace.is_dir():
            raise StoreError(say("workspaceIsAFile", path=workspace))
        path = workspace / "studio.lock"
        with disk_errors(path):
            workspace.mkdir(parents=True, exist_ok=True)
        held = _hold(workspace, path)
        try:
            owner = _read(path)
            if owner and owner.pid != os.getpid() and _alive(owner):  # a studio from before `open.lock`
                raise StudioRunning(workspace, owner.url)
            owner = _Owner(pid=os.getpid(), created=psutil.Process().create_time(), url=url)
            write_json(path, owner.model_dump())
        except BaseException:
            held.release()
            raise
        return cls(path, held)

    @staticmethod
    def url_of(workspace: Path) -> str:
        """Where the studio that has the workspace answers; empty when none has it."""
        owner = _read(workspace / "studio.lock")
        return owner.url if owner else ""

    def release(self) -> None:
        """Give the workspace back."""
        try:
            patiently(lambda: self.path.unlink(missing_ok=True))
        finally:
            self._held.release()


def _hold(workspace: Path, path: Path) -> FileLock:
    """The system's lock, which children don't inherit; any thread may release it."""
    place = workspace / "open.lock"
    # Without system locks this fails: a mere file in place of a lock would stay behind after a crash.
    held = FileLock(place, blocking=False, thread_local=False, fallback_to_soft=False)
    try:
        with disk_errors(place):
            held.acquire()
    except Timeout as error:
        owner = _read(path, living=True)
        raise StudioRunning(workspace, owner.url if owner else "") from error
    except OSError as error:
        raise StoreError(say("cantLock", workspace=workspace, why=error.strerror or error)) from error
    return held


def _read(path: Path, *, living: bool = False) -> _Owner | None:
    """Who has the workspace open, according to `path`; None if it doesn't say.

    Another studio may be writing it right now, so an unreadable file is read again for up to `_WRITING_S`. With
    `living`, so is a file that is missing or names a process that has ended.
    """
    deadline = time.monotonic() + _WRITING_S
    while True:
        owner = None
        try:
            owner = _Owner.model_validate_json(patiently(path.read_bytes))
        except FileNotFoundError:
            if not living:
                return None
        except ValidationError:
            pass
        late = time.monotonic() > deadline
        if late or (owner and (not living or _alive(owner))):
            return owner
        time.sleep(0.05)


def _alive(owner: _Owner) -> bool:
    try:
        process = psutil.Process(owner.pid)
        same = abs(process.create_time() - owner.created) < _CLOCK_SLACK_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError, OverflowError):  # gone, somebody else's, or no process id at all
        return False

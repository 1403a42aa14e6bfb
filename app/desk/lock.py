"""One studio per workspace: `studio.lock` names the process that has it and where it answers."""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from app.desk import text
from sdpo_core.atomic import disk_errors
from sdpo_core.errors import StoreError

_CLOCK_SLACK_S = 2.0
_WRITING_S = 1.0  # how long another studio may take between creating the lock and filling it


class StudioRunning(StoreError):
    """Another studio has the workspace; `url` is where it answers."""

    def __init__(self, workspace: Path, url: str) -> None:
        super().__init__(text.studio_running(str(workspace), url))
        self.url = url


@dataclass(frozen=True)
class StudioLock:
    """The lock, held until `release`. A lock whose process is gone is taken over."""

    path: Path

    @classmethod
    def acquire(cls, workspace: Path, url: str) -> Self:
        """Take the workspace for the studio at `url`; raises `StudioRunning` when another living one has it."""
        lock = cls(workspace / "studio.lock")
        if workspace.exists() and not workspace.is_dir():
            raise StoreError(text.workspace_is_a_file(str(workspace)))
        content = {"pid": os.getpid(), "created": psutil.Process().create_time(), "url": url}
        with disk_errors(lock.path):
            workspace.mkdir(parents=True, exist_ok=True)
            while True:
                try:
                    with lock.path.open("x", encoding="utf-8") as file:
                        json.dump(content, file)
                    return lock
                except FileExistsError:
                    owner = _read(lock.path)
                    if owner and _alive(owner):
                        raise StudioRunning(workspace, str(owner["url"])) from None
                    lock.path.unlink(missing_ok=True)

    @staticmethod
    def url_of(workspace: Path) -> str:
        """Where the studio that has the workspace answers; empty when none has it."""
        owner = _read(workspace / "studio.lock")
        return str(owner["url"]) if owner else ""

    def release(self) -> None:
        """Give the workspace back."""
        self.path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any] | None:
    """The lock's content; None when it is gone, or still not readable after the time that writing it takes."""
    deadline = time.monotonic() + _WRITING_S
    while True:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:
            content = None
        if isinstance(content, dict) and {"pid", "created", "url"} <= content.keys():
            return content
        if time.monotonic() > deadline:
            return None
        time.sleep(0.05)


def _alive(owner: dict[str, Any]) -> bool:
    try:
        process = psutil.Process(int(owner["pid"]))
        same = abs(process.create_time() - float(owner["created"])) < _CLOCK_SLACK_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, TypeError, ValueError, OverflowError):  # gone, somebody else's, or no process id at all
        return False

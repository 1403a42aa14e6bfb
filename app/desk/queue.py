"""Runs that wait for their turn. One heavy job runs at a time; the next one starts when it ends, without a page.

    queue.json in the project: [{"id": …, "verb": "train", "config": {…}, "title": …}, …], the next one first

It survives a restart of the studio: it continues when the project is opened. `config` is what config.json of the run
will be, so a run that waited while the studio was updated starts with what it was queued with.
"""

import contextlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.desk.jobs import Jobs
from app.desk.messages import Queue, QueueMessage, Waits
from app.desk.text import say
from app.ui.replies import Reply, Sent, answered, answered_to
from sdpo_core.atomic import write_json
from sdpo_core.errors import ConfigError, RunError, SdpoError
from sdpo_core.runs.folder import RunFolder, Status
from sdpo_core.settings.base import Settings, flat
from sdpo_core.settings.jobs import JOBS
from sdpo_core.settings.migrations import numbered, upgraded

QUEUE = "queue.json"

_LOOK_EVERY_S = 2.0
_MOST_WAITING = 50
_SECOND_CLICK_S = 5.0


class Waiting(BaseModel):
    """A run that waits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern="^[0-9a-f]{12}$")
    verb: Waits
    config: dict[str, Any]
    title: str

    def resolved(self) -> dict[str, Any]:
        """Its settings in today's tables and fields; raises `ConfigError` when a newer version queued it."""
        return upgraded(self.config, JOBS[self.verb], resolved=True, source=f"“{self.title}”")

    def settings(self) -> dict[str, Any]:
        """The same flat: each setting by its name."""
        return flat(JOBS[self.verb], self.resolved())

    def problem(self) -> str:
        """Why this version can't start it; empty when it can."""
        try:
            self.settings()
        except ConfigError as error:
            return str(error)
        return ""

    def same_as(self, other: "Waiting") -> bool:
        """Whether both would compute the same."""
        return not self.problem() and not other.problem() and self.settings() == other.settings()


class RunQueue:
    """The queue of the open project. Every method may be called from any thread."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._watcher: threading.Thread | None = None

    # ------------------------------------------------------------------------------------------------------ watching

    def watch(self, tell: Callable[[str], None]) -> None:
        """Start what waits as soon as it can, until `close`; what goes wrong is reported, and tried again."""

        def look() -> None:
            while not self._closed.wait(_LOOK_EVERY_S):
                try:
                    self.start_next()
                except SdpoError as error:
                    tell(str(error))

        self._watcher = threading.Thread(target=look, daemon=True)
        self._watcher.start()

    def close(self) -> None:
        """Start nothing more. What is queued stays queued."""
        self._closed.set()
        if self._watcher:
            self._watcher.join()

    # ------------------------------------------------------------------------------------------------------- waiting

    def start_or_wait(self, verb: Waits, config: Settings, title: str) -> RunFolder | None:
        """Start a job now, or put it at the end of the queue (None) while another runs or waits.

        A generating job gives way, as it does to any other job. Raises `RunError` if the queue is full, or if the same
        job is queued already or has just been started.
        """
        with self._lock:
            waiting = self.waiting()
            if not waiting and not self._busy():
                with contextlib.suppress(RunError):  # somebody else was quicker
                    return self._jobs.start(verb, config)
            if len(waiting) >= _MOST_WAITING:
                raise RunError(say("queueFull"))
            content = numbered(config.model_dump(mode="json"))
            one = Waiting(id=secrets.token_hex(6), verb=verb, config=content, title=title[:200])
            if any(one.same_as(other) for other in waiting) or self._just_started(one):
                raise RunError(say("waitsAlready"))
            self._keep([*waiting, one])
        return None

    def start_next(self) -> RunFolder | None:
        """Start the first of the queue if nothing runs; None when there is nothing to start.

        A generating job is waited for here, unless it's only idle: nobody just pressed a button. What a newer
        version queued stays queued for that version.
        """
        with self._lock:
            first = next((one for one in self.waiting() if not one.problem()), None)
            current = self._jobs.current()
            if first is None or (current and not self._jobs.is_idle(*current)):
                return None
            try:
                run = self._jobs.start(first.verb, JOBS[first.verb].parse(first.resolved()))
            except RunError:  # a job of another window was quicker
                return None
            except SdpoError as error:  # settings that this version does not take; a failed run says so
                run = RunFolder.create(self._jobs.root, first.verb, first.resolved())
                run.write_status(Status(state="failed", verb=first.verb, message=str(error)))
            # Only now: a crash in between runs it twice rather than never.
            self._keep([one for one in self.waiting() if one.id != first.id])
        return run

    def waiting(self) -> list[Waiting]:
        """What waits, the next one first. A file that can't be read is an empty queue."""
        try:
            content: Any = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        found: list[Waiting] = []
        for row in content if isinstance(content, list) else []:
            with contextlib.suppress(ValidationError):
                found.append(Waiting.model_validate(row))
        return found[:_MOST_WAITING]

    # ------------------------------------------------------------------------------------------------------ the page

    def state(self, _: Any = None) -> Reply[Queue]:
        """What waits, for a page."""
        return answered(self._state)

    def act(self, message: Sent[QueueMessage]) -> Reply[Queue]:
        """Reorder the queue, or take a run out of it."""
        return answered_to(QueueMessage, message, self._act)

    def _state(self) -> Queue:
        waiting = self.waiting()
        sentences = [say("runsQueued", n=len(waiting)) if waiting else "", *(one.problem() for one in waiting)]
        return {
            "waiting": [{"id": one.id, "title": one.title, "verb": one.verb} for one in waiting],
            "sentence": " ".join(filter(None, sentences)),
        }

    def _act(self, wish: QueueMessage) -> Queue:
        with self._lock:
            self._change(wish)
        return self._state()

    def _change(self, wish: QueueMessage) -> None:
        waiting = self.waiting()
        place = next((i for i, one in enumerate(waiting) if one.id == wish.id), None)
        if place is None:
            raise RunError(say("notWaiting"))
        one = waiting.pop(place)
        if wish.action != "remove":
            waiting.insert(max(0, place + (1 if wish.action == "down" else -1)), one)
        self._keep(waiting)

    # ------------------------------------------------------------------------------------------------------- helpers

    @property
    def _file(self) -> Path:
        return self._jobs.root.parent / QUEUE

    def _busy(self) -> bool:
        current = self._jobs.current()
        return current is not None and current[1].verb != "generate"

    def _just_started(self, one: Waiting) -> bool:
        """Whether this very run began a moment ago: a second click, or one in a second tab."""
        current = self._jobs.current()
        if current is None or current[0].settings() != one.settings():
            return False
        age_s = time.time() - (current[0].path / "config.json").stat().st_mtime
        return age_s < _SECOND_CLICK_S

    def _keep(self, waiting: list[Waiting]) -> None:
        write_json(self._file, [one.model_dump() for one in waiting])

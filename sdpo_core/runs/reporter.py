"""A job's voice in its run folder: how far it is, how long it will take, and whether it should stop."""

import time
from collections.abc import Callable
from typing import NamedTuple

from sdpo_core.runs.folder import RunFolder, State, Status, this_process
from sdpo_core.settings.jobs import Verb

REPORT_INTERVAL_S = 0.3


class Stopped(Exception):
    """Raised between two steps of a job, because a person asked it to stop."""


class _Pace(NamedTuple):
    """From where the pace is measured."""

    step: int
    total: int
    began: float  # seconds, monotonic


class Reporter:
    """A job's voice: keeps status.json current, rewritten at most every `REPORT_INTERVAL_S`, and says when to stop."""

    def __init__(
        self,
        run: RunFolder,
        verb: Verb,
        total: int,
        echo: Callable[[Status], None] | None = None,
        *,
        silent: bool = False,
    ) -> None:
        """`silent`: another process of the same run speaks for all, this one only listens."""
        self._run, self._silent = run, silent
        self._verb: Verb = verb
        self._echo = echo
        self._who = this_process()
        self._last_write = 0.0
        self._pace = _Pace(0, total, time.monotonic())
        self.total = total
        self.stop_was_requested = False  # as far as the job has noticed

    def begin_at(self, step: int) -> None:
        """The steps up to this one were done earlier: the pace, and so the time left, is that of the ones to come."""
        self._pace = _Pace(step, self.total, time.monotonic())

    def say(self, step: int, message: str, *, state: State = "running", force: bool = False) -> None:
        """Report `step` of `total`; the time left follows from the pace since the steps began."""
        if self._silent:
            return
        now = time.monotonic()
        # The clock starts again while nothing has advanced (the model is loading) and when more work came in.
        if step <= self._pace.step or self.total != self._pace.total:
            self._pace = _Pace(step, self.total, now)
        done = step - self._pace.step
        eta_s = (now - self._pace.began) / done * (self.total - step) if done and state == "running" else None
        if not force and state == "running" and now - self._last_write < REPORT_INTERVAL_S:
            return
        self._last_write = now
        if state == "running" and self.stop_requested():
            state = "stopping"
        status = Status(
            state=state, verb=self._verb, step=step, total=self.total, eta_s=eta_s, message=message, **self._who
        )
        self._run.write_status(status)
        if self._echo:
            self._echo(status)

    def stop_requested(self) -> bool:
        """Whether a viewer asked the job to stop."""
        asked = self._run.signalled("stop")
        self.stop_was_requested = self.stop_was_requested or asked
        return asked

"""The blind tests of the open project and their verdicts, cached: a verdict never changes."""

import contextlib

from app.desk.desk import Desk
from sdpo_core.errors import RunError, StoreError
from sdpo_core.judging.verdict import Verdict, verdict
from sdpo_core.runs.folder import RunFolder


class Verdicts:
    """What pages ask about verdicts. Every method may be called from any thread."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known: dict[str, Verdict] = {}

    def runs(self) -> list[RunFolder]:
        """All blind tests, newest first."""
        readable = self._desk.readable_runs("judge")
        return [run for run in readable if {"adapter", "comparisons"} <= run.settings().keys()]

    def of(self, run: RunFolder) -> Verdict | None:
        """The verdict of a blind test; None until its last vote. Then it is closed, so it is remembered.

        Raises `StoreError` and `RunError` for a run with a damaged pair or plan.
        """
        if run.id not in self._known:
            told = verdict(self._desk.store, run)
            if told is None:
                return None
            self._known[run.id] = told
        return self._known[run.id]

    def by_adapter(self) -> dict[str, Verdict]:
        """The newest verdict of every judged adapter file, by its SHA-256: a name may belong to another by now."""
        found: dict[str, Verdict] = {}
        for run in self.runs():
            with contextlib.suppress(StoreError, RunError):  # a blind test with a damaged pair or plan says nothing
                told = self.of(run)
                if told:
                    found.setdefault(told.adapter_sha256, told)
        return found

"""What all generating jobs share: the seeds, and waiting until another pair is wanted. No torch."""

import secrets
import time
from collections.abc import Callable

from sdpo_core.errors import RunError
from sdpo_core.runs.folder import RunFolder, list_runs
from sdpo_core.runs.reporter import Reporter, Stopped
from sdpo_core.settings.generate import Ahead
from sdpo_core.workspace.store import Store

POLL_S = 0.1
"""How often a waiting job checks whether it should stop."""

_LOOK_S = 0.5  # how often the pairs that wait are counted
SEED_COUNT = 2**32


class Wanted:
    """Says when another pair is wanted, while fewer than `keep_ahead` wait for a vote."""

    def __init__(self, ahead: Ahead, run: RunFolder, store: Store, reporter: Reporter, started: float) -> None:
        """`started` (seconds since the epoch) is when the job began: a training run queued since then is waited for."""
        assert ahead.keep_ahead is not None
        self._ahead, self._idle_s, self._started = ahead.keep_ahead, ahead.keep_warm_s, started
        self._run, self._store, self._reporter = run, store, reporter

    @property
    def missing(self) -> int:
        """How many pairs are wanted now."""
        return self._ahead - len(self._store.pairs.open(purpose="train", limit=self._ahead))

    def wait(self, step: int, note: str, meanwhile: Callable[[], bool] = lambda: False) -> bool | None:
        """Wait until another pair is wanted (None), or the job is over (False), or there is a request (True).

        It is over when nothing was voted on for `keep_warm_s`, or when a training run wants the memory. `meanwhile`
        does a little of something else, and says whether there was any. Raises `Stopped`.
        """
        idle_since = time.monotonic()
        while self.missing == 0:
            self._reporter.total = step
            self._reporter.say(step, f"{self._ahead} pairs ready. More are generated as you vote. {note}".strip())
            pause = time.monotonic() + _LOOK_S
            while time.monotonic() < pause:
                if self._reporter.stop_requested():
                    raise Stopped
                if next(self._run.requests(), None) is not None:
                    return True
                if not meanwhile():
                    time.sleep(POLL_S)
            if time.monotonic() - idle_since >= self._idle_s or training_waits(self._run, self._started):
                return False
        return None


def training_waits(run: RunFolder, since: float) -> bool:
    """Whether a training run other than `run` was queued or is running since `since` (seconds since the epoch)."""
    return any(_touched(one) >= since and _unfinished(one) for one in list_runs(run.path.parent, "train"))


def asked_seed(seed: int | None) -> int:
    """The seed that was asked for, or one by chance."""
    return secrets.randbelow(SEED_COUNT) if seed is None else seed


def pair_count(made: list[int]) -> str:
    """How many pairs there are."""
    return "1 pair" if len(made) == 1 else f"{len(made)} pairs"


def _touched(run: RunFolder) -> float:
    try:
        return (run.path / "status.json").stat().st_mtime
    except FileNotFoundError:  # removed since it was listed
        return 0.0


def _unfinished(run: RunFolder) -> bool:
    try:
        return run.status().state in ("queued", "running", "stopping")
    except RunError:  # a broken run folder wants nothing
        return False

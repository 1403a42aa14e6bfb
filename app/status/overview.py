"""What the status bar and the Home page show: the job, how far the person is, the next step, warnings."""

import json
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from app.desk.desk import WANTED_VOTES, Desk
from app.desk.text import say as desk_say
from app.judge.verdicts import Verdicts
from app.status.messages import Job, Snapshot
from app.status.text import say
from app.ui.words import duration
from sdpo_core.errors import RunError, SdpoError
from sdpo_core.paths import repository_root
from sdpo_core.runs.folder import FINISHED, RunFolder, Status, list_runs
from sdpo_core.workspace.checkup import Counts

_COUNTS_AGE_S = 0.5
_COUNTS_SHARE = 0.05  # counting looks at every image file; it may take this share of one core at most


@dataclass(frozen=True)
class NextStep:
    """The one obvious thing to do now."""

    text: str
    button: str
    tab: str


class Overview:
    """Reads a desk for the bar above all pages. Every open tab asks once a second, so counting is shared."""

    def __init__(self, desk: Desk, verdicts: Verdicts) -> None:
        self._desk, self._verdicts = desk, verdicts
        self._lock = threading.Lock()
        self._looked: tuple[Counts, int] | None = None
        self._recount_at = 0.0
        self._counted = desk.workspace

    def snapshot(self) -> Snapshot:
        """Everything that the bar shows, as JSON."""
        counts = self.counts()
        current = self._desk.jobs.current()
        runs = list_runs(self._desk.jobs.root)
        trained = list_runs(self._desk.jobs.root, "train")
        newest = current or self._newest(runs)
        step = self._next_step(counts, current)
        return {
            "project": self._desk.projects.current.id,
            "job": self._job(*newest) if newest else None,
            "facts": self._facts(counts, len(trained)),
            "counts": {"candidates": counts.candidates, "pairs": counts.pairs, "open": counts.open_pairs},
            "next": {"text": step.text, "button": step.button, "tab": step.tab} if step else None,
            "warnings": self.warnings(),
        }

    def counts(self) -> Counts:
        """How much the workspace holds; at most a moment old."""
        return self._look()[0]

    def _look(self) -> tuple[Counts, int]:
        """The counts, and how many images are gone."""
        with self._lock:
            now = time.monotonic()
            if self._looked is None or now >= self._recount_at or self._counted != self._desk.workspace:
                self._counted = self._desk.workspace
                self._looked = self._desk.store.counts(), self._desk.store.missing_images()
                took_s = time.monotonic() - now
                self._recount_at = now + max(_COUNTS_AGE_S, took_s / _COUNTS_SHARE)
            return self._looked

    def warnings(self) -> list[str]:
        """What the person should know before continuing."""
        found = [message for message in (gpu_warning(Path(sys.prefix) / "sdpo-setup.json"),) if message]
        if not self._desk.workspace.is_dir():
            found.append(desk_say("folderGone", folder=self._desk.workspace))
        elif missing := self._look()[1]:
            found.append(say("missingImages", n=missing))
        try:
            self._desk.models.chosen()
        except SdpoError as error:
            found.append(str(error))
        return found

    def _facts(self, counts: Counts, trained: int) -> list[tuple[str, str]]:
        """The numbers of the loop: label and value."""
        numbers = {"pairs": counts.pairs, "votes": counts.votes, "runs": trained, "adapters": counts.adapters}
        model = (say("fact.model"), self._model_name())
        return [model, *((say(f"fact.{name}"), f"{number:,}") for name, number in numbers.items())]

    def _model_name(self) -> str:
        try:
            return self._desk.models.chosen().name
        except SdpoError:  # told in the warnings
            return self._desk.models.source()

    def _newest(self, runs: list[RunFolder]) -> tuple[RunFolder, Status] | None:
        for run in runs:
            try:
                return run, self._desk.jobs.status(run)
            except RunError:  # a broken folder; the next one says more
                continue
        return None

    def _job(self, run: RunFolder, status: Status) -> Job:
        idle = self._desk.jobs.is_idle(run, status)
        return {
            "id": run.id,
            "verb": status.verb,
            "state": "done" if idle else status.state,
            "step": status.step,
            "total": status.total,
            "eta": duration(status.eta_s) if status.eta_s is not None and not idle else "",
            "message": status.message,
            "running": status.state not in FINISHED and not idle,
            "waiting": idle and self._continues(run),  # generates again as soon as somebody votes
        }

    def _continues(self, run: RunFolder) -> bool:
        try:
            return bool(run.settings().get("keep_ahead"))
        except RunError:  # a broken folder, which the next check skips
            return False

    def _next_step(self, counts: Counts, current: tuple[RunFolder, Status] | None) -> NextStep | None:
        working = current is not None and not self._desk.jobs.is_idle(*current)
        if working and current and current[1].verb != "generate":
            return None
        judged = not counts.adapters or self._desk.store.adapters.all()[0].sha256 in self._verdicts.by_adapter()
        if not judged and not working:
            return NextStep(say("next.judge"), say("button.judge"), tab="judge")
        if counts.open_pairs and counts.decided < WANTED_VOTES:
            return NextStep(_vote_sentence(counts), say("button.vote"), tab="vote")
        if working:
            return None
        if counts.adapters:
            return NextStep(say("next.use"), say("button.use"), tab="adapters")
        if counts.decided >= WANTED_VOTES or (counts.decided and not counts.open_pairs):
            return NextStep(say("next.train", n=counts.decided), say("button.train"), tab="train")
        which = "more" if counts.votes else "generate"
        return NextStep(say(f"next.{which}"), say(f"button.{which}"), tab="generate")


def _vote_sentence(counts: Counts) -> str:
    if not counts.decided:
        return say("next.firstVote", n=counts.open_pairs)
    more = say("next.moreVotes", n=WANTED_VOTES - counts.decided)
    return say("next.vote", waiting=say("next.waiting", n=counts.open_pairs), more=more)


def gpu_warning(record: Path) -> str:
    """The sentence about a GPU that is not used, from what launch.py wrote down; empty when all is well."""
    for path in (record, repository_root() / ".venv" / record.name):
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            continue
        if isinstance(facts, dict) and facts.get("gpu_lost"):
            return f"{say('gpuLost')} {facts.get('message') or ''}".strip()
        return ""
    return ""

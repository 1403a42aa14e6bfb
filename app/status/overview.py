"""What the status bar and the Home page show: the job, how far the person is, the next step, warnings."""

import json
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from app.desk.desk import Desk
from app.desk.standing import Standing
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
        self._looked: tuple[Counts, Standing, int] | None = None
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
            "facts": self._facts(counts, self.standing(), len(trained)),
            "counts": {"candidates": counts.candidates, "pairs": counts.pairs, "open": counts.open_pairs},
            "next": {"text": step.text, "button": step.button, "tab": step.tab} if step else None,
            "warnings": self.warnings(),
        }

    def counts(self) -> Counts:
        """How much the workspace holds; at most a moment old."""
        return self._look()[0]

    def standing(self) -> Standing:
        """How many votes can train, and in which round; as old as the counts."""
        return self._look()[1]

    def _look(self) -> tuple[Counts, Standing, int]:
        """The counts, what the votes are good for, and how many images are gone."""
        with self._lock:
            now = time.monotonic()
            if self._looked is None or now >= self._recount_at or self._counted != self._desk.workspace:
                self._counted = self._desk.workspace
                store = self._desk.store
                self._looked = store.counts(), self._desk.standing(), store.missing_images()
                took_s = time.monotonic() - now
                self._recount_at = now + max(_COUNTS_AGE_S, took_s / _COUNTS_SHARE)
            return self._looked

    def warnings(self) -> list[str]:
        """What the person should know before continuing."""
        found = [message for message in (gpu_warning(Path(sys.prefix) / "sdpo-setup.json"),) if message]
        if not self._desk.workspace.is_dir():
            found.append(desk_say("folderGone", folder=self._desk.workspace))
        elif missing := self._look()[2]:
            found.append(say("missingImages", n=missing))
        try:
            self._desk.models.chosen()
        except SdpoError as error:
            found.append(str(error))
        return found

    def _facts(self, counts: Counts, standing: Standing, trained: int) -> list[tuple[str, str]]:
        """The numbers of the loop: label and value. Votes are those that can train."""
        votes = standing.votes.usable
        numbers = {"pairs": counts.pairs, "votes": votes, "runs": trained, "adapters": counts.adapters}
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
        standing, newest = self.standing(), next(iter(self._desk.store.adapters.all()), None)
        begun = newest and standing.round_of and standing.round_of.sha256 == newest.sha256  # the next round
        if newest and not begun and not working and newest.sha256 not in self._verdicts.by_adapter():
            return NextStep(say("next.judge"), say("button.judge"), tab="judge")
        if counts.open_pairs and standing.missing:
            return NextStep(_vote_sentence(standing, counts.open_pairs), say("button.vote"), tab="vote")
        if working:
            return None
        if newest and not begun:
            return NextStep(say("next.use"), say("button.use"), tab="adapters")
        return _train(standing) if standing.votes.usable else _without_votes(standing)


def _train(standing: Standing) -> NextStep:
    votes, begun = standing.votes.usable, standing.round_of
    if begun is None:
        return NextStep(say("next.train", n=votes), say("button.train"), tab="train")
    sentence = say("next.trainRound", n=votes, name=begun.name)
    return NextStep(sentence, say("button.trainRound", n=votes, round=standing.round), tab="train")


def _without_votes(standing: Standing) -> NextStep:
    """What to do where nothing waits for a vote, and none can train."""
    if standing.votes.foreign:
        return NextStep(say("next.foreign", n=standing.votes.foreign), say("button.foreign"), tab="train")
    which = "undecided" if standing.votes.undecided else "more" if standing.votes.cast else "generate"
    return NextStep(say(f"next.{which}"), say(f"button.{which}"), tab="generate")


def _vote_sentence(standing: Standing, waiting: int) -> str:
    if not standing.votes.usable:
        return say("next.firstVote", n=waiting)
    more = say("next.moreVotes", n=standing.missing)
    return say("next.vote", waiting=say("next.waiting", n=waiting), more=more)


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

"""What the Home page shows: the loop with its numbers, the machine, the projects. Replies are plain JSON."""

import contextlib
from typing import Any

from app.desk.desk import Desk
from app.desk.machine import Machine, disk
from app.desk.standing import Standing
from app.desk.text import project_facts
from app.desk.text import say as desk_say
from app.home.messages import MachinePart, Shown, ShownProject, Stage, StageKey
from app.home.text import say
from app.judge.verdicts import Verdicts
from app.status.overview import Overview
from app.ui.replies import Reply, answered
from app.ui.words import size
from sdpo_core.errors import DiskError, RunError, SdpoError
from sdpo_core.families.table import FAMILIES
from sdpo_core.projects.folders import Project


class Home:
    """Reads a desk for the Home page."""

    def __init__(self, desk: Desk, overview: Overview, verdicts: Verdicts) -> None:
        self._desk, self._overview, self._verdicts = desk, overview, verdicts
        self._machine = Machine()

    def snapshot(self, _: Any = None) -> Reply[Shown]:
        """Everything the page shows beyond the bar's own snapshot; or why not, which the bar says too."""
        return answered(self._shown)

    def _shown(self) -> Shown:
        return {"stages": self._stages(), "machine": self._strip(), "projects": self._projects()}

    def _stages(self) -> list[Stage]:
        counts = self._overview.counts()
        standing = self._overview.standing()
        images = say("waiting", n=counts.open_pairs) if counts.open_pairs else say("allVoted")
        images = images if counts.candidates else say("noImagesYet")
        name, model, usable = self._model()
        runs, run = self._runs()
        values: dict[StageKey, tuple[str, str, str, bool]] = {
            "model": (name, model, "generate", usable),
            "candidates": (f"{counts.candidates:,}", images, "generate", counts.candidates > 0),
            "votes": (f"{standing.votes.usable:,}", _votes(standing), "vote", not standing.missing),
            "runs": (f"{runs:,}", run, "train", counts.adapters > 0),
            "adapters": (f"{counts.adapters:,}", *self._adapters(counts.adapters)),
        }
        return [
            {"key": key, "title": say(f"stage.{key}"), "value": value, "hint": hint, "tab": tab, "done": done}
            for key, (value, hint, tab, done) in values.items()
        ]

    def _model(self) -> tuple[str, str, bool]:
        try:
            info = self._desk.models.chosen()
        except SdpoError:  # the bar says why
            return self._desk.models.source(), say("modelTrouble"), False
        family = say("demoModel") if info.is_demo else FAMILIES[info.family].title
        return info.name, say("modelHint", family=family, size_px=info.native_size_px), True

    def _runs(self) -> tuple[int, str]:
        runs = self._desk.readable_runs("train")
        for run in runs:
            with contextlib.suppress(RunError):  # a broken folder; the next one says more
                status = self._desk.jobs.status(run)
                if status.state in ("running", "stopping"):
                    return len(runs), say("running", step=status.step, total=status.total)
                return len(runs), say("newest", state=desk_say(f"state.{status.state}"))
        return len(runs), say("noRun")

    def _adapters(self, count: int) -> tuple[str, str, bool]:
        adapters = self._desk.store.adapters.all()
        if not count or not adapters:
            return say("noAdapter"), "adapters", False
        judged = adapters[0].sha256 in self._verdicts.by_adapter()
        return (say("judged"), "adapters", True) if judged else (say("notJudged"), "judge", False)

    def _strip(self) -> list[MachinePart]:
        """The GPUs and the disk: a label, a sentence and the share that is taken."""
        cards: list[MachinePart] = [
            {
                "label": gpu.name,
                "hint": say(
                    "gpuHint" if gpu.busy_percent is None else "gpuBusyHint",
                    used=size(gpu.used_mib << 20),
                    total=size(gpu.total_mib << 20),
                    busy=gpu.busy_percent,
                ),
                "share": min(1.0, gpu.used_mib / gpu.total_mib),
            }
            for gpu in self._machine.gpus()
        ]
        none: MachinePart = {"label": say("noGpu"), "hint": say("noGpuHint"), "share": None}
        hint, share = self._room()
        return [*(cards or [none]), {"label": say("disk"), "hint": hint, "share": share, "tab": "disk"}]

    def _room(self) -> tuple[str, float | None]:
        try:
            left = disk(self._desk.workspace)
        except DiskError as error:
            return str(error), None
        hint = say("diskHint", free=size(left.free_bytes), total=size(left.total_bytes))
        return hint, 1 - left.free_bytes / left.total_bytes

    def _projects(self) -> list[ShownProject]:
        current = self._desk.projects.current.id
        return [
            {
                "id": project.id,
                "name": project.name,
                "open": project.id == current,
                "archived": project.archived,
                "facts": self._facts(project),
            }
            for project in self._desk.projects.all()
        ]

    def _facts(self, project: Project) -> str:
        if project.id == self._desk.projects.current.id:
            counts = self._overview.counts()
            return project_facts(counts.candidates, counts.votes, counts.adapters)
        return self._desk.projects.facts(project)


def _votes(standing: Standing) -> str:
    """How many more it takes, and why some of those that were cast can't train."""
    votes = standing.votes
    if not votes.cast:
        return say("noVotes")
    told = [say("moreVotes", n=standing.missing) if standing.missing else say("enoughVotes")]
    aside = {"foreign": votes.foreign, "otherRound": votes.other_round, "undecided": votes.undecided}
    told += [say(f"aside.{why}", n=count) for why, count in aside.items() if count]
    return "; ".join(told)

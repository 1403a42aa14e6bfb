"""What the Home page shows: the loop with its numbers, the machine, the projects. Replies are plain JSON."""

import contextlib
from typing import Any

from app.desk import text as desk_text
from app.desk.desk import WANTED_VOTES, Desk
from app.desk.machine import Machine, disk
from app.home import text
from app.home.messages import MachinePart, Shown, ShownProject, Stage, StageKey
from app.judge.verdicts import Verdicts
from app.status.overview import Overview
from app.ui.replies import Reply, answered
from app.ui.words import size
from sdpo_core.errors import DiskError, RunError, SdpoError
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
        missing = WANTED_VOTES - counts.decided
        votes = text.NO_VOTES if not counts.votes else text.more_votes(missing) if missing > 0 else text.ENOUGH_VOTES
        images = text.waiting(counts.open_pairs) if counts.candidates else text.NO_IMAGES_YET
        name, model, usable = self._model()
        runs, run = self._runs()
        values: dict[StageKey, tuple[str, str, str, bool]] = {
            "model": (name, model, "generate", usable),
            "candidates": (f"{counts.candidates:,}", images, "generate", counts.candidates > 0),
            "votes": (f"{counts.votes:,}", votes, "vote", missing <= 0),
            "runs": (f"{runs:,}", run, "train", counts.adapters > 0),
            "adapters": (f"{counts.adapters:,}", *self._adapters(counts.adapters)),
        }
        return [
            {"key": key, "title": text.STAGES[key], "value": value, "hint": hint, "tab": tab, "done": done}
            for key, (value, hint, tab, done) in values.items()
        ]

    def _model(self) -> tuple[str, str, bool]:
        try:
            info = self._desk.models.chosen()
        except SdpoError:  # the bar says why
            return self._desk.models.source(), text.MODEL_TROUBLE, False
        family = text.DEMO_MODEL if info.is_demo else desk_text.FAMILIES[info.family]
        return info.name, text.model_hint(family, info.native_size_px), True

    def _runs(self) -> tuple[int, str]:
        runs = self._desk.readable_runs("train")
        for run in runs:
            with contextlib.suppress(RunError):  # a broken folder; the next one says more
                status = self._desk.jobs.status(run)
                if status.state in ("running", "stopping"):
                    return len(runs), text.RUNNING.format(step=status.step, total=status.total)
                return len(runs), text.NEWEST.format(state=desk_text.RUN_STATES[status.state])
        return len(runs), text.NO_RUN

    def _adapters(self, count: int) -> tuple[str, str, bool]:
        adapters = self._desk.store.adapters()
        if not count or not adapters:
            return text.NO_ADAPTER, "adapters", False
        judged = adapters[0].sha256 in self._verdicts.by_adapter()
        return (text.JUDGED, "adapters", True) if judged else (text.NOT_JUDGED, "judge", False)

    def _strip(self) -> list[MachinePart]:
        """The GPUs and the disk: a label, a sentence and the share that is taken."""
        cards: list[MachinePart] = [
            {
                "label": gpu.name,
                "hint": text.GPU_HINT.format(used=size(gpu.used_mib << 20), total=size(gpu.total_mib << 20))
                + (text.GPU_BUSY.format(busy=gpu.busy_percent) if gpu.busy_percent is not None else ""),
                "share": min(1.0, gpu.used_mib / gpu.total_mib),
            }
            for gpu in self._machine.gpus()
        ]
        none: MachinePart = {"label": text.NO_GPU, "hint": text.NO_GPU_HINT, "share": None}
        hint, share = self._room()
        return [*(cards or [none]), {"label": text.DISK_LABEL, "hint": hint, "share": share, "tab": "disk"}]

    def _room(self) -> tuple[str, float | None]:
        try:
            left = disk(self._desk.workspace)
        except DiskError as error:
            return str(error), None
        hint = text.DISK_HINT.format(free=size(left.free_bytes), total=size(left.total_bytes))
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
            return desk_text.project_facts(counts.candidates, counts.votes, counts.adapters)
        return self._desk.projects.facts(project)

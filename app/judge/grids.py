"""What the Judge page does with grids: one prompt at several strengths and steps of training, and the choice from it.

Messages may be anything; replies are plain JSON.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.desk.desk import Desk
from app.judge.messages import Grid, GridRequest, NearImage, NoImage, Pick, PickedGrid, StrengthsRequest
from app.judge.text import clipped, say
from app.ui.forms import filled
from app.ui.replies import Reply, Said, Sent, answered_to
from app.ui.words import moment
from sdpo_core.errors import ConfigError, RunError, SdpoError
from sdpo_core.judging.grid_plan import GridPlan, cell_path, pick, read_plan
from sdpo_core.runs.folder import FINISHED, RunFolder
from sdpo_core.settings.base import flat
from sdpo_core.settings.judge import GridConfig
from sdpo_core.workspace.disk import throw_grid
from sdpo_core.workspace.records import AdapterRecord

_LONGEST_LISTED = 40  # letters of a prompt in the list


class Grids:
    """The grids of a desk's open project."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def runs(self) -> list[RunFolder]:
        """All grids, newest first."""
        return [run for run in self._desk.readable_runs("grid") if {"adapter", "prompt"} <= run.settings().keys()]

    def find(self, run_id: Any) -> RunFolder | None:
        """The grid of this id, which may be anything; else the newest one, else None."""
        runs = self.runs()
        return next((run for run in runs if run.id == run_id), runs[0] if runs else None)

    def choices(self) -> list[tuple[str, str]]:
        """All grids for a list: what they are called, and their id. Newest first."""
        return [(_listed(run), run.id) for run in self.runs()]

    def steps(self, adapter_name: Any) -> list[int]:
        """Steps of whose checkpoints an adapter's grid can have rows; empty for an unknown one."""
        try:
            return [*self._trained(self._desk.store.adapters.find(str(adapter_name))).checkpoint_adapters()]
        except SdpoError:
            return []

    def start(self, adapter_name: Any, form: Mapping[str, Any]) -> RunFolder | None:
        """Generate a grid of an adapter, now or (None) when what runs has ended.

        The form holds fields of `GridConfig`; `strengths` may be text.
        """
        record = self._desk.adapters.require(adapter_name)
        values = filled({name: value for name, value in form.items() if value != []})
        if isinstance(values.get("strengths"), str):
            values["strengths"] = _numbers(values["strengths"])
        values = {**flat(GridConfig, values), "adapter": record.name}
        config = GridConfig.parse({**self._desk.adapters.to_draw_with(record), **values})
        return self._desk.queue.start_or_wait("grid", config, say("gridTitle", name=record.name))

    def shown(self, message: Sent[GridRequest]) -> Reply[Grid]:
        """A grid as far as it is generated."""
        return answered_to(GridRequest, message, self._look)

    def pick(self, message: Sent[Pick]) -> Reply[PickedGrid]:
        """Make the checkpoint and strength of an image the recommended ones."""
        return answered_to(Pick, message, self._pick)

    def draw_strengths(self, message: Sent[StrengthsRequest]) -> Reply[Said]:
        """Generate a grid of an adapter's usual strengths."""
        return answered_to(StrengthsRequest, message, self._draw_strengths)

    def remove(self, message: Sent[GridRequest]) -> Reply[Said]:
        """Move a grid to the trash."""
        return answered_to(GridRequest, message, self._remove)

    def near(self, adapter_name: Any, strength: Any) -> NearImage | NoImage | None:
        """The image of an adapter's latest grid nearest to a strength, and the base model's; None: no adapter.

        Without such an image the reply has no `cell`; `waits` says whether a grid of it is being generated.
        """
        record = next((one for one in self._desk.store.adapters.all() if one.name == adapter_name), None)
        if record is None:
            return None
        runs = [run for run in self.runs() if run.settings()["adapter"] == record.name]
        for run in runs:
            if found := _nearest(run, record, strength if isinstance(strength, int | float) else 1.0):
                return found
        return {"adapter": record.name, "cell": None, "waits": any(map(self._is_unfinished, runs[:1]))}

    def image_path(self, run_id: str, row: int, column: int) -> Path:
        """An image of a grid; raises `RunError` when there is none. `run_id` may be hostile."""
        path = cell_path(self._open(run_id), row, column)
        if not path.is_file():
            raise RunError(say("noSuchImage"))
        return path

    # ------------------------------------------------------------------------------------------------------ helpers

    def _look(self, wish: GridRequest) -> Grid:
        return self._shown(self._open(wish.run))

    def _pick(self, wish: Pick) -> PickedGrid:
        run = self._open(wish.run)
        if not _is_cell(read_plan(run), wish.row, wish.column):
            raise RunError(say("noSuchImage"))
        record = pick(self._desk.store, run, wish.row, wish.column)
        return {**self._shown(run), "sentence": say("picked", name=record.name, strength=record.strength or 0.0)}

    def _draw_strengths(self, wish: StrengthsRequest) -> Said:
        run = self.start(wish.adapter, {})
        return {"sentence": say("preview.waits") if run is None else say("startedGrid")}

    def _remove(self, wish: GridRequest) -> Said:
        throw_grid(self._desk.workspace, self._open(wish.run))
        return {"sentence": say("gridRemoved")}

    def _open(self, run_id: str) -> RunFolder:
        run = next((run for run in self.runs() if run.id == run_id), None)
        if run is None:
            raise RunError(say("noSuchGrid"))
        return run

    def _trained(self, record: AdapterRecord) -> RunFolder:
        return self._desk.jobs.open(record.run_id, "train")

    def _is_unfinished(self, run: RunFolder) -> bool:
        return self._desk.jobs.status(run).state not in FINISHED

    def _shown(self, run: RunFolder) -> Grid:
        plan, status = read_plan(run), self._desk.jobs.status(run)
        running = status.state not in FINISHED
        if plan is None:
            if status.state == "failed" and status.message:
                raise RunError(status.message)
            return {"run": run.id, "running": running, "rows": []}
        columns = range(len(plan.strengths))
        recommended = {record.sha256: record.strength for record in self._desk.store.adapters.all()}
        return {
            "run": run.id,
            "prompt": plan.prompt,
            "seed": plan.seed,
            "strengths": [*plan.strengths],
            "running": running,
            "rows": [
                {
                    "step": row.step,
                    "drawn": [cell_path(run, number, column).is_file() for column in columns],
                    "recommended": recommended.get(row.sha256),
                }
                for number, row in enumerate(plan.rows)
            ],
        }


def _nearest(run: RunFolder, record: AdapterRecord, strength: float) -> NearImage | None:
    """The image of an adapter nearest to `strength`, and the base model's; None without any."""
    try:
        plan = read_plan(run)
    except RunError:  # of another version; an earlier grid may do
        return None
    row = next((place for place, one in enumerate(plan.rows) if one.sha256 == record.sha256), None) if plan else None
    if plan is None or row is None:
        return None
    drawn = [place for place in range(len(plan.strengths)) if cell_path(run, row, place).is_file()]
    acting = [place for place in drawn if plan.strengths[place]]
    if not acting:
        return None
    column = min(acting, key=lambda place: abs(plan.strengths[place] - strength))
    base = next((place for place in drawn if not plan.strengths[place]), None)
    return {
        "adapter": record.name,
        "prompt": plan.prompt,
        "cell": {"address": f"/sdpo/grid/{run.id}/{row}/{column}", "strength": f"{plan.strengths[column]:g}"},
        "base": {"address": f"/sdpo/grid/{run.id}/{row}/{base}"} if base is not None else None,
    }


def _is_cell(plan: GridPlan | None, row: int, column: int) -> bool:
    return plan is not None and 0 <= row < len(plan.rows) and 0 <= column < len(plan.strengths)


def _numbers(written: str) -> list[float]:
    """Numbers that somebody typed, parted by commas, semicolons or spaces."""
    found: list[float] = []
    for word in written.replace(",", " ").replace(";", " ").replace("−", "-").split():
        try:
            found.append(float(word))
        except ValueError as error:
            raise ConfigError(say("strengthsWrong", given=word[:40])) from error
    return found


def _listed(run: RunFolder) -> str:
    config = run.settings()
    prompt = clipped(str(config["prompt"]), _LONGEST_LISTED)
    return say("gridListed", adapter=str(config["adapter"]), prompt=prompt, moment=moment(run.began_at))

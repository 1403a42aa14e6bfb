"""What a grid shows and which of it is chosen: read and written without torch, for the job and for whoever looks on.

runs/<id>/grid.json                  the prompt, the seed, a row per checkpoint, a column per strength
runs/<id>/grid/<row>-<column>.png    the images, each as soon as it is generated
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.atomic import write_bytes, write_json
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.errors import AdapterError, RunError
from sdpo_core.runs.folder import RunFolder
from sdpo_core.workspace.adapters import free_path
from sdpo_core.workspace.records import AdapterRecord, Fit
from sdpo_core.workspace.store import Store

_PLAN = "grid.json"
_NAMED = 12  # steps named in an error
_ADAPTER_MODE = 0o644  # other tools read it under other users


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class GridRow(_Part):
    """One adapter file."""

    step: int | None  # of the checkpoint; None: the adapter's own file
    sha256: str


class GridPlan(_Part):
    """A grid: all its images share prompt, seed and settings."""

    adapter: str  # its name, or its file
    base_sha256: str
    prompt: str
    seed: int
    strengths: tuple[float, ...]
    rows: tuple[GridRow, ...]


def write_plan(run: RunFolder, plan: GridPlan) -> None:
    """Say what will be generated."""
    write_json(run.path / _PLAN, plan.model_dump())


def read_plan(run: RunFolder) -> GridPlan | None:
    """What is generated; None until the job knows. Raises `RunError` when the file can't be read."""
    path = run.path / _PLAN
    if not path.is_file():
        return None
    try:
        return GridPlan.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise RunError(f"{_PLAN} of run {run.id} can't be read by this version. Generate the grid again.") from error


def cell_path(run: RunFolder, row: int, column: int) -> Path:
    """Where the image of a cell is, or will be."""
    return run.path / "grid" / f"{row:02d}-{column:02d}.png"


def rows_of(store: Store, adapter: str, checkpoints: Sequence[int]) -> list[tuple[int | None, Path]]:
    """Step and file of every row of a grid; raises `AdapterError` when a checkpoint, or the adapter, doesn't exist."""
    if not checkpoints:
        return [(None, store.adapters.file(adapter))]
    record = store.adapters.find(adapter)
    there = RunFolder(store.workspace / "runs" / record.run_id).checkpoint_adapters()
    missing = [str(step) for step in checkpoints if step not in there]
    if missing:
        known = ", ".join(str(step) for step in [*there][:_NAMED])
        hint = f"Available: {known}." if known else "They were cleared, or it was trained on another machine."
        raise AdapterError(f"{record.name} has no checkpoint of step {', '.join(missing)}. {hint}")
    return [(step, there[step]) for step in checkpoints]


def pick(store: Store, run: RunFolder, row: int, column: int) -> AdapterRecord:
    """Make the file and the strength of a cell the recommended ones; returns the adapter that has them.

    A checkpoint that isn't an adapter yet becomes one next to the first, so nothing that was judged changes under its
    name. Raises `RunError` for a cell that isn't one, `AdapterError` when its file is gone or another by now.
    """
    plan = read_plan(run)
    if plan is None or not 0 <= row < len(plan.rows) or not 0 <= column < len(plan.strengths):
        raise RunError("This grid has no such image. Choose one that it shows.")
    chosen = plan.rows[row]
    strength = plan.strengths[column]
    if strength == 0:
        raise AdapterError("Strength 0 is the base model without the adapter, so there's nothing to recommend.")
    known = next((record for record in store.adapters.all() if record.sha256 == chosen.sha256), None)
    record = known or _publish(store, store.adapters.find(plan.adapter), plan, chosen)
    return store.adapters.recommend(record.id, strength)


def _publish(store: Store, origin: AdapterRecord, plan: GridPlan, chosen: GridRow) -> AdapterRecord:
    """A checkpoint as an adapter of its own, named after the one that came from the same run."""
    trained = RunFolder(store.workspace / "runs" / origin.run_id)
    source = trained.checkpoint_adapters().get(chosen.step or 0)
    if source is None or sha256_file(source) != chosen.sha256:
        raise AdapterError(f"The checkpoint of step {chosen.step} is missing or has changed. Generate the grid again.")
    data = source.read_bytes()
    taken = [record.name for record in store.adapters.all()]
    path = free_path(store.workspace / "adapters", f"{origin.name}-step-{chosen.step}", taken)
    write_bytes(path, data, mode=_ADAPTER_MODE)
    previews = trained.previews().get(chosen.step or 0)
    if previews:
        write_bytes(path.with_suffix(".png"), previews[0].read_bytes())
    modules = read_adapter_info(path).modules  # the job has put all of them on this base, or it would have ended
    return store.adapters.add(
        name=path.stem,
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        base_sha256=plan.base_sha256,
        run_id=origin.run_id,
        fit=Fit(modules=modules, matched=modules),
    )

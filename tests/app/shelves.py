"""Adapters for the tests of judging, grids and cards: real small files, trained by nobody, and judged by rule."""

import json
import uuid
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import save_file

from app.studio import Studio
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.judging.grid_plan import GridPlan, GridRow, cell_path, write_plan
from sdpo_core.runs.folder import RunFolder
from sdpo_core.taste.calibration import CALIBRATION, Calibration, Limits, Point, write_calibration
from sdpo_core.workspace.records import AdapterRecord, Fit
from sdpo_core.workspace.store import Store
from tests.app.helpers import BASE

_STEM = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
FIT = Fit(modules=1, matched=1)


def write_adapter(path: Path, number: int = 1, **facts: Any) -> Path:
    """An adapter of one layer in our layout, another for each number."""
    tensors = {
        f"{_STEM}.lora_down.weight": torch.full((2, 4), float(number)),
        f"{_STEM}.lora_up.weight": torch.ones(4, 2),
        f"{_STEM}.alpha": torch.tensor(2.0),
    }
    told = {"pairs": 30, "held_out_pairs": 0, "step": 100, "winner_error": 0.004, "base_name": "Lakes XL", **facts}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"sdpo": json.dumps(told)})
    return path


def add_adapter(
    studio: Studio, name: str = "mine", number: int = 1, *, model: str = "/models/lakes.safetensors", **facts: Any
) -> AdapterRecord:
    """A recorded adapter, the last of two checkpoints of a training run on a model that isn't on this machine."""
    run = RunFolder.create(studio.desk.workspace / "runs", "train", {"model": model})
    run.write_status(run.status().model_copy(update={"state": "done"}))
    for step, one in ((50, number + 100), (100, number)):
        write_adapter(run.checkpoint_path(step) / "adapter.safetensors", one, **{**facts, "step": step})
    path = studio.desk.workspace / "adapters" / f"{name}.safetensors"
    path.write_bytes(run.checkpoint_adapters()[100].read_bytes())
    base = studio.desk.models.inspect("demo").sha256 if model == "demo" else BASE
    return studio.desk.store.adapters.add(
        name=name, path=path, sha256=sha256_file(path), base_sha256=base, run_id=run.id, fit=FIT
    )


def calibrate(
    studio: Studio, record: AdapterRecord, points: tuple[Point, ...], strength: float | None, budget: float = 0.02
) -> RunFolder:
    """Give an adapter's run what it would have measured of it."""
    run = studio.desk.jobs.open(record.run_id, "train")
    run.adapter_path.write_bytes((studio.desk.workspace / record.path).read_bytes())
    found = Calibration(strength=strength, sentence="Measured.", limits=Limits(budget=budget), points=points)
    write_calibration(found, run.path / CALIBRATION)
    return run


def judge_all(studio: Studio, run: RunFolder, outcomes: str) -> None:
    """Vote on the comparisons of a run: one letter each, win, loss or tie."""
    with Store(studio.desk.workspace) as store:
        pairs = store.pairs.open(purpose="judge", run_id=run.id, limit=100)
        for pair, outcome in zip(pairs, outcomes, strict=True):
            ours = "left" if pair.left.recipe and pair.left.recipe.adapters else "right"
            other = "right" if ours == "left" else "left"
            choice: Any = {"w": ours, "l": other, "t": "tie"}[outcome]
            store.votes.cast(str(uuid.uuid4()), pair.id, choice)


def make_grid(studio: Studio, record: AdapterRecord, *cells: tuple[int, int]) -> RunFolder:
    """A grid of an adapter's two checkpoints and three strengths, as far as it is drawn."""
    run = RunFolder.create(studio.desk.workspace / "runs", "grid", {"adapter": record.name, "prompt": "a lake"})
    run.write_status(run.status().model_copy(update={"state": "done"}))
    steps = studio.desk.jobs.open(record.run_id, "train").checkpoint_adapters()
    rows = tuple(GridRow(step=step, sha256=sha256_file(path)) for step, path in steps.items())
    plan = GridPlan(
        adapter=record.name, base_sha256=BASE, prompt="a lake", seed=7, strengths=(0.0, 0.5, 1.0), rows=rows
    )
    write_plan(run, plan)
    for row, column in cells:
        path = cell_path(run, row, column)
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    return run

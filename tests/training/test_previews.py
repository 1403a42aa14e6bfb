"""The negative prompt of a training's previews: the person's, and never in the adapter's file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sdpo_core.checkpoints.header import read_header
from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.presets import resolve
from sdpo_core.settings.train import TrainConfig
from sdpo_core.training.job import run_train
from sdpo_core.training.run_data import freeze_data
from sdpo_core.workspace.pairs import training_pairs
from sdpo_core.workspace.store import Store
from tests.app.helpers import recipe

QUICK: dict[str, Any] = {
    "rank": 2, "lora_alpha": 2.0, "steps": 1, "pairs_per_step": 1, "preview_prompts": 1, "size_px": 64,
    "sampling_steps": 1, "bank_draws_per_pair": 2, "learning_rate": 0.05, "warmup_steps": 0, "device": "cpu",
}  # fmt: skip

Start = Callable[..., RunFolder]


@pytest.fixture
def start(tiny_folder: Path, tmp_path: Path) -> Start:
    """Trains on two pairs that were drawn with the negative prompt "fog, rain"."""
    workspace, base = tmp_path / "workspace", inspect_model(str(tiny_folder)).sha256
    with Store(workspace) as store:
        for i in range(2):
            made = [recipe("a hill", 2 * i + n, base).model_copy(update={"negative": "fog, rain"}) for n in range(2)]
            one, other = (
                store.candidates.add(Image.new("RGB", (64, 64), (90 * i, 99, 50 * n)), made[n]) for n in range(2)
            )
            store.votes.cast(f"vote-{i}", store.pairs.add(one.id, other.id).id, "left")

    def go(*, begun_before: bool = False, **settings: Any) -> RunFolder:
        config = resolve(TrainConfig, {"model": str(tiny_folder), **QUICK, **settings})
        run = RunFolder.create(workspace / "runs", "train", config.model_dump(mode="json"))
        if begun_before:
            with Store(workspace) as store:
                freeze_data(run, training_pairs(store, base), config.health.held_out_fraction, config.schedule.seed)
        run_train(config, run, workspace, Reporter(run, "train", 0))
        return run

    return go


def first_preview(run: RunFolder) -> bytes:
    return run.previews()[0][0].read_bytes()


def test_previews_have_the_negative_prompt_that_the_pairs_were_made_with(start: Start) -> None:
    unset, bare, same = start(), start(negative=""), start(negative="fog, rain")
    assert [run.settings()["negative"] for run in (unset, bare, same)] == ["fog, rain", "", "fog, rain"]
    assert first_preview(unset) == first_preview(same) != first_preview(bare)
    assert "fog" not in str(read_header(unset.adapter_path))


def test_a_run_that_began_before_it_could_be_set_continues_without(start: Start) -> None:
    resumed = start(begun_before=True)
    assert resumed.settings()["negative"] is None
    assert first_preview(resumed) == first_preview(start(negative=""))

"""What a run would take, measured without one: on the tiny model with real votes."""

import json
from pathlib import Path
from typing import Any

import pytest

from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.errors import DataError
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.presets import train_config
from sdpo_core.settings.train import steps_for_pairs
from sdpo_core.training.measure import run_measure
from sdpo_core.training.preflight import PREFLIGHT
from sdpo_core.workspace.store import Store


def measured(tiny_folder: Path, workspace: Path, **settings: Any) -> RunFolder:
    given = {"model": str(tiny_folder), "device": "cpu", "rank": 4, **settings}
    config = train_config(given, inspect_model(str(tiny_folder)))
    run = RunFolder.create(workspace / "runs", "measure", config.model_dump(mode="json"))
    run_measure(config, run, workspace, Reporter(run, "measure", 0))
    return run


def test_a_dry_step_tells_memory_and_pace_and_leaves_no_adapter(tiny_folder: Path, voted_workspace: Path) -> None:
    with Store(voted_workspace) as store:
        votes = len(store.pairs.voted(purpose="train"))
    run = measured(tiny_folder, voted_workspace, steps=9)
    found = json.loads((run.path / PREFLIGHT).read_text(encoding="utf-8"))
    assert found["steps"] == 9
    assert 0 < found["seconds_per_step"] < 60
    assert 0 < found["peak_gib"] < found["total_gib"]
    assert (run.status().state, run.status().step, run.status().total) == ("done", 3, 3)
    assert "9 steps take" in run.status().message
    assert not list(run.path.rglob("*.safetensors"))
    assert votes > 0
    by_itself = json.loads((measured(tiny_folder, voted_workspace).path / PREFLIGHT).read_text(encoding="utf-8"))
    assert by_itself["steps"] == steps_for_pairs(votes)


def test_a_stop_before_the_step_is_obeyed(tiny_folder: Path, voted_workspace: Path) -> None:
    config = train_config({"model": str(tiny_folder), "device": "cpu"}, inspect_model(str(tiny_folder)))
    run = RunFolder.create(voted_workspace / "runs", "measure", config.model_dump(mode="json"))
    run.signal("stop")
    run_measure(config, run, voted_workspace, Reporter(run, "measure", 0))
    assert run.status().state == "stopped"
    assert not (run.path / PREFLIGHT).exists()


def test_without_votes_there_is_nothing_to_measure(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Vote on a few pairs first"):
        measured(tiny_folder, tmp_path / "empty")

"""Runs that 70378da started: they continue with the settings that they started with, to the numbers that it reaches."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from app.desk.jobs import Jobs
from app.desk.queue import QUEUE, RunQueue
from sdpo_core.models.lora import Lora
from sdpo_core.models.registry import load_model
from sdpo_core.runs.folder import RunFolder, list_runs
from sdpo_core.settings.base import leaves, tables
from sdpo_core.settings.jobs import JOBS
from sdpo_core.settings.migrations import KEY
from sdpo_core.settings.presets import read_settings_file, resolve
from sdpo_core.settings.train import TrainConfig
from sdpo_core.training.dataset import encode_pairs
from sdpo_core.training.health import Bank
from sdpo_core.training.rounds import keep_start, read_start
from sdpo_core.training.run_data import load_data
from sdpo_core.workspace.store import Store
from tests.app.helpers import FAKE_JOB, end_processes
from tests.cli.helpers import sdpo
from tests.from_70378da.model import tensors_sha256
from tests.training.parts import checked

KEPT = {
    "hold_unconditional": 4.0, "caption_dropout": 0.2, "learning_rate": 2e-3, "safeguard": "lora", "mu": 0.5,
    "drift_budget": 0.02, "beta": 2000.0, "loss": "diffusion-dpo", "targets": "attention", "warmup_steps": 2,
}  # fmt: skip
"""Settings that were defaults then, or were given. A default of today must not reach a run of then."""

STOPPED_AFTER = 3
_CLOSE = 0.01
"""Share of the way that the parameters went since the checkpoint. Another processor's rounding leads 4e-4 of it away
(measured with the instructions of 2010), κ 0 leads .11, no caption dropout .13, half the rate .5."""


def parameters(state: dict[str, Tensor]) -> Tensor:
    """The LoRA as one vector."""
    return torch.cat([state[name].flatten() for name in sorted(state) if name.startswith("lora.")])


def state_of(run: RunFolder, step: int) -> Path:
    return run.checkpoint_path(step) / "state.safetensors"


def test_every_run_is_read_in_all_of_todays_fields(runs: dict[str, RunFolder], workspace: Path) -> None:
    """A field that is new has to be filled by a step of `settings_migrations`, else an old run gets its default."""
    found = list_runs(workspace / "runs")
    assert {run.status().verb for run in found} == {"generate", "train", "judge", "grid"}
    for run in found:
        assert KEY not in json.loads((run.path / "config.json").read_text("utf-8"))
        kind = JOBS[run.status().verb]
        assert run.settings().keys() == leaves(kind).keys(), "a field is missing: add a step for it"
        assert run.config().keys() == tables(kind).keys()
        kind.parse(run.config())
    for name in ("first", "half", "killed", "second"):
        config = TrainConfig.parse(runs[name].config()).flat()
        assert {field: config[field] for field in KEPT} == KEPT


def test_a_queued_run_keeps_its_settings(workspace: Path) -> None:
    jobs = Jobs(workspace, FAKE_JOB)
    queue = RunQueue(jobs)
    (waiting,) = queue.waiting()
    assert KEY not in waiting.config
    assert waiting.settings().keys() == leaves(TrainConfig).keys(), "a field is missing: add a step for it"
    run = queue.start_next()
    try:
        assert run is not None
        config = TrainConfig.parse(run.config())
        assert (config.objective.hold_unconditional, config.objective.caption_dropout) == (4.0, 0.2)
        assert config.schedule.learning_rate == 2e-3
        assert (config.lora.adapter_name, config.schedule.steps) == ("waited", 6)
        assert json.loads((workspace / QUEUE).read_text("utf-8")) == []
    finally:
        end_processes(workspace)
        for child in jobs._children.values():
            child.wait(5)


def test_settings_files_hold_what_they_say_and_leave_the_rest_to_today(folder: Path) -> None:
    written = read_settings_file(folder / "settings/written-out.toml", TrainConfig)
    assert written.keys() <= leaves(TrainConfig).keys()
    assert (written["hold_unconditional"], written["caption_dropout"]) == (4.0, 0.2)
    model = {"model": "model", "rank": 1, "lora_alpha": 1.0, "pairs_per_step": 4, "pairs_per_micro_step": 4}
    config = resolve(TrainConfig, {**model, "learning_rate": 2e-3}, file=folder / "settings/written-out.toml")
    assert (config.objective.hold_unconditional, config.objective.caption_dropout) == (4.0, 0.2)
    short = resolve(TrainConfig, {**model, "learning_rate": 2e-3}, file=folder / "settings/by-hand.toml")
    assert (short.schedule.steps, short.safeguarding.mu) == (90, 0.3)
    assert short.objective.hold_unconditional == TrainConfig().objective.hold_unconditional


def test_states_are_reported_correctly(runs: dict[str, RunFolder]) -> None:
    assert runs["first"].status().state == "done"
    assert runs["half"].status().state == "stopped"
    assert runs["second"].status().state == "stopped"
    assert runs["killed"].status().state == "failed", "its process is gone"
    assert runs["killed"].checkpoints() == []
    assert [path.name for path in runs["half"].checkpoints()] == ["step-000003"]
    rows, _ = runs["first"].read_metrics()
    assert [row["step"] for row in rows if row["kind"] == "health"] == [3, 6]
    assert sorted(runs["first"].previews()) == [0, 3, 6]


def test_half_done_runs_end_where_that_commit_ends(
    workspace: Path, runs: dict[str, RunFolder], folder: Path, expected: dict[str, Any]
) -> None:
    begun = load_file(state_of(runs["half"], STOPPED_AFTER))
    reached = parameters(load_file(folder / "resumed/state.safetensors"))
    way = float((reached - parameters(begun)).norm())
    assert way > 0
    for name in ("half", "killed"):
        sdpo("train", "--workspace", workspace, "--run", runs[name].path)
        run = runs[name]
        assert run.status().state == "done"
        away = float((parameters(load_file(state_of(run, 6))) - reached).norm())
        assert away < _CLOSE * way, f"{name}: {away:.3g} from the numbers of 70378da, which lie {way:.3g} further on"
        assert {field: run.settings()[field] for field in KEPT} == KEPT
        compare_rows(run, expected["resumed"]["rows"])
    # Where this processor computes the first half to the bit as the recording one did, all bits have to be the same.
    if tensors_sha256(state_of(runs["killed"], STOPPED_AFTER)) == expected["half_state_tensors_sha256"]:
        for name in ("half", "killed"):
            assert tensors_sha256(state_of(runs[name], 6)) == expected["resumed"]["state_tensors_sha256"]
            assert tensors_sha256(runs[name].adapter_path) == expected["resumed"]["adapter_tensors_sha256"]
    assert tensors_sha256(state_of(runs["half"], STOPPED_AFTER)) == expected["half_state_tensors_sha256"]


def compare_rows(run: RunFolder, recorded: list[dict[str, Any]]) -> None:
    """Today's rows say at least what those said, and the same. Errors are near 1, so that is what numbers differ by."""
    rows, _ = run.read_metrics()
    assert [(row["kind"], row["step"]) for row in rows] == [(row["kind"], row["step"]) for row in recorded]
    for row, told in zip(rows, recorded, strict=True):
        assert row.keys() >= told.keys()
        for name in ("winner_error", "loser_error", "drift"):
            if name in told:
                assert math.isclose(row[name], told[name], abs_tol=1e-4), (name, row["step"])
        for name in ("learning_rate", "beta", "budget", "healthy", "held_out"):
            if name in told:
                assert row[name] == pytest.approx(told[name], rel=1e-6), (name, row["step"])


def test_the_gate_of_a_run_from_before_is_its_estimate_alone(
    runs: dict[str, RunFolder], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However unsure the estimate is: with a standard error of 100 % it is inside its budget, and just outside it."""
    config, data = TrainConfig.parse(runs["half"].config()), load_data(runs["half"])
    assert data is not None
    assert data.held_out
    model = load_model("model", device="cpu")
    lora = Lora.create(model, rank=1, alpha=1.0, targets="attention", seed=0)
    sizes = [(32, 32)] * 3
    with Store(workspace) as store:
        pairs = encode_pairs(model, store, data.held_out[:3], sizes, config.sampling.clip_skip)
    bank = Bank.make(model, lora, pairs, draws_per_pair=2, seed=0)
    monkeypatch.setattr(Bank, "_standard_error", lambda *_: 1.0)
    for error, healthy in ((0.019, True), (0.021, False)):
        monkeypatch.setattr("sdpo_core.training.health._relative", lambda *_, error=error: error)
        check = checked(bank, model, config, 2000.0)
        assert (check["winner_error"], check["healthy"]) == (error, healthy)


def test_a_second_round_is_resumed_and_continued(workspace: Path, runs: dict[str, RunFolder]) -> None:
    second = runs["second"]
    reference = (second.path / "reference.safetensors").read_bytes()
    sdpo("train", "--workspace", workspace, "--run", second.path)
    assert second.status().state == "done"
    assert (second.path / "reference.safetensors").read_bytes() == reference
    rows, _ = second.read_metrics()
    assert [row["step"] for row in rows if row["kind"] == "step"] == [1, 2, 3, 4, 5, 6]
    third = RunFolder.create(workspace / "runs", "train", second.config())
    with Store(workspace) as store:
        keep_start(third, store, "latest", load_model("model", device="cpu"))
    start = read_start(third)
    assert (start.note, start.rank) == ("", 1), (
        "its checkpoint is found, so a third round starts from unrounded numbers"
    )
    assert abs(rows[0]["margin"]) < 1e-3, "at its start it was its reference, to rounding: β/2 · 1e-6"

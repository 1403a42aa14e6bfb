"""Round two: an adapter continues from where it was, against a frozen copy of itself, on pairs that it made."""

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from sdpo_core.checkpoints.header import read_header
from sdpo_core.errors import AdapterError, DataError, RunError
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.models.registry import load_model
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.presets import resolve
from sdpo_core.settings.train import TrainConfig
from sdpo_core.training.dataset import EncodedPairs
from sdpo_core.training.health import Bank
from sdpo_core.training.job import run_train
from sdpo_core.training.rounds import keep_start, read_start
from sdpo_core.training.step import side_gradients
from sdpo_core.workspace.pairs import training_pairs
from sdpo_core.workspace.records import AdapterUse
from sdpo_core.workspace.store import Store
from tests.app.helpers import recipe
from tests.tiny_model import build_tiny_pipeline
from tests.training.parts import checked, parts

QUICK: dict[str, Any] = {
    "rank": 2, "lora_alpha": 6.0, "steps": 3, "checkpoint_every_steps": 2, "pairs_per_step": 2, "preview_prompts": 1,
    "size_px": 64, "sampling_steps": 1, "bank_draws_per_pair": 2, "learning_rate": 0.05, "warmup_steps": 0,
    "rate": "fixed", "final_strength": "trained",
}  # fmt: skip


def test_the_reference_is_the_frozen_copy(model: DiffusionModel, trained_lora: Lora, pairs: EncodedPairs) -> None:
    """At the start of the round the margin is 0 exactly, although the adapter does something; then it moves away."""
    config = TrainConfig()
    batch = pairs.batch(0, pairs=4, seed=0, caption_dropout=0.0)
    _, seen = side_gradients(model, trained_lora, [batch], *parts(config), beta=2000.0)
    assert int(seen.margin.count_nonzero()) == 4
    trained_lora.freeze_reference()
    _, seen = side_gradients(model, trained_lora, [batch], *parts(config), beta=2000.0)
    assert_close(seen.margin, torch.zeros(4), rtol=0, atol=0)
    bank = Bank.make(model, trained_lora, pairs, draws_per_pair=2, seed=0)
    assert checked(bank, model, config, 2000.0)["winner_error"] == 0
    before = [parameter.detach().clone() for parameter in trained_lora.parameters]
    with torch.no_grad():
        for parameter in trained_lora.parameters:
            parameter.mul_(1.5)
    moved = [parameter.detach().clone() for parameter in trained_lora.parameters]
    with torch.no_grad(), trained_lora.reference():
        for parameter, expected in zip(trained_lora.parameters, before, strict=True):
            assert_close(parameter.data, expected, rtol=0, atol=0)
    for parameter, expected in zip(trained_lora.parameters, moved, strict=True):
        assert_close(parameter.data, expected, rtol=0, atol=0)
    assert checked(bank, model, config, 2000.0)["winner_error"] != 0


def test_a_second_round(tiny_folder: Path, voted_workspace: Path, tmp_path: Path) -> None:
    first = go(voted_workspace, tiny_folder, adapter_name="mine")
    with Store(voted_workspace) as store:
        record = store.adapters.find("mine")
    with pytest.raises(DataError, match="4 made without this adapter"):
        go(voted_workspace, tiny_folder, continue_from="mine")
    vote_on_pairs_made_with(voted_workspace, record.sha256, record.base_sha256)

    second = go(voted_workspace, tiny_folder, continue_from="mine", adapter_name="mine-2")
    assert (second.settings()["rank"], second.settings()["lora_alpha"]) == (2, 6.0)  # its own, not the model's defaults
    start = load_file(second.path / "reference.safetensors")
    kept = next(path for path in first.checkpoints() if sha(path / "adapter.safetensors") == record.sha256)
    state = load_file(kept / "state.safetensors")
    for name, tensor in start.items():
        assert_close(tensor, state[f"lora.{name}"], rtol=0, atol=0)  # unrounded
    rows = [json.loads(row) for row in (second.path / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert rows[0]["margin"] == 0
    assert [row["step"] for row in rows if row["kind"] == "step"] == [1, 2, 3]
    with Store(voted_workspace) as store:
        again = store.adapters.find("mine-2")
        assert again.sha256 != record.sha256
        assert json.loads(header(store, again.path)["sdpo"])["continued_from"] == record.sha256
        assert len(training_pairs(store, record.base_sha256, adapter_sha256=record.sha256).usable) == 2
        assert training_pairs(store, record.base_sha256).with_adapter == 2

    # The first run is deleted: a resume of the second still knows where it started.
    (kept / "state.safetensors").unlink()
    status = second.status().model_copy(update={"state": "stopped"})
    second.write_status(status)
    run_train(TrainConfig.parse(second.config()), second, voted_workspace, Reporter(second, "train", 0))
    assert_close(load_file(second.path / "reference.safetensors"), start, rtol=0, atol=0)
    # A third round from the file alone starts from rounded numbers, and says so.
    said: list[str] = []
    go(voted_workspace, tiny_folder, said, continue_from="mine", adapter_name="mine-3")
    assert any("starts from the file's rounded weights" in message for message in said)


def test_an_adapter_of_another_base_is_refused(tiny_folder: Path, voted_workspace: Path, tmp_path: Path) -> None:
    run = go(voted_workspace, tiny_folder, adapter_name="other")
    folder = build_tiny_pipeline(tmp_path / "stranger", seed=1)
    with Store(voted_workspace) as store, pytest.raises(AdapterError, match="wasn't trained on stranger"):
        keep_start(RunFolder(tmp_path), store, "other", load_model(str(folder), device="cpu"))
        # A file that this workspace doesn't know may be of a relative of the model: told, not refused.
        tensors, metadata = load_file(run.adapter_path), read_header(run.adapter_path)[1]
        save_file(tensors, tmp_path / "foreign.safetensors", {**metadata, "made": "elsewhere"})
        foreign = RunFolder.create(tmp_path / "runs", "train", run.config())
        keep_start(foreign, store, str(tmp_path / "foreign.safetensors"), load_model(str(folder), device="cpu"))
        assert "It was trained on a model other than stranger" in read_start(foreign).note
    keep = RunFolder.create(tmp_path / "runs", "train", run.config())
    with Store(voted_workspace) as store:
        keep_start(keep, store, "other", load_model(str(tiny_folder), device="cpu"))
    (keep.path / "reference.safetensors").write_bytes(b"cut")
    with pytest.raises(RunError, match="the adapter it continues from, can't be read"):
        read_start(keep)


def go(workspace: Path, model: Path, said: list[str] | None = None, **settings: Any) -> RunFolder:
    asked = {"model": str(model), **QUICK, **settings}
    if "continue_from" in asked:  # whose rank it is
        del asked["rank"], asked["lora_alpha"]
    config = resolve(TrainConfig, asked)
    run = RunFolder.create(workspace / "runs", "train", config.model_dump(mode="json"))
    heard = said if said is not None else []
    run_train(config, run, workspace, Reporter(run, "train", 0, lambda status: heard.append(status.message)))
    return run


def vote_on_pairs_made_with(workspace: Path, adapter_sha256: str, base_sha256: str) -> None:
    with Store(workspace) as store:
        for i in range(2):
            made = [recipe(f"a tall hill {i}", 50 + 2 * i + side, base_sha256) for side in (0, 1)]
            made = [one.model_copy(update={"adapters": (AdapterUse(sha256=adapter_sha256),)}) for one in made]
            one, other = (
                store.candidates.add(Image.new("RGB", (64, 64), (90 * i, 99, 50 * n)), made[n]) for n in range(2)
            )
            store.votes.cast(str(uuid.uuid4()), store.pairs.add(one.id, other.id).id, "left")


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def header(store: Store, path: str) -> dict[str, str]:
    return read_header(store.workspace / path)[1]

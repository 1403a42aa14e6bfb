"""The end of a run: the strength that is calibrated is the file's, the next round's and the card's."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from sdpo_core.adapters.file import load_adapter
from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.models.registry import load_model
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.presets import resolve
from sdpo_core.settings.train import TrainConfig
from sdpo_core.taste.calibration import CALIBRATION
from sdpo_core.training.checkpoint import read_lora
from sdpo_core.training.job import run_train
from sdpo_core.training.rounds import keep_start, read_start
from sdpo_core.workspace import disk as housekeeping
from sdpo_core.workspace.store import Store

GENTLE: dict[str, Any] = {
    "rank": 2, "lora_alpha": 6.0, "steps": 3, "checkpoint_every_steps": 2, "pairs_per_step": 2, "preview_prompts": 0,
    "size_px": 64, "bank_draws_per_pair": 2, "learning_rate": 1e-3, "rate": "fixed", "warmup_steps": 0,
}  # fmt: skip


def go(workspace: Path, model: Path, **settings: Any) -> RunFolder:
    config = resolve(TrainConfig, {"model": str(model), **GENTLE, **settings})
    run = RunFolder.create(workspace / "runs", "train", config.model_dump(mode="json"))
    run_train(config, run, workspace, Reporter(run, "train", 0))
    return run


def prediction(model: DiffusionModel) -> torch.Tensor:
    noisy = torch.randn(2, *model.latent_shape(32), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model.predict(noisy, torch.tensor([100, 700]), model.encode_prompts(["a hill", "a lake"]))


def test_the_file_and_the_next_round_have_the_calibrated_strength(tiny_folder: Path, voted_workspace: Path) -> None:
    """Hardly any drift, so the strongest strength that is allowed is found."""
    run = go(voted_workspace, tiny_folder, adapter_name="strong")
    found = json.loads((run.path / CALIBRATION).read_text("utf-8"))
    assert found["strength"] == 2.5
    assert [point["strength"] for point in found["points"]] == sorted(point["strength"] for point in found["points"])
    assert (read_adapter_info(run.adapter_path).sdpo or {})["strength"] == 2.5
    assert "at 2.5 times its trained strength" in run.status().message
    kept = run.checkpoint_path(3)
    assert (kept / "published.safetensors").read_bytes() == run.adapter_path.read_bytes()

    stronger_health, trained_health = run.health_at(3, 2.5), run.health_at(3)
    assert stronger_health is not None
    assert trained_health is not None
    assert stronger_health["winner_error"] == (read_adapter_info(run.adapter_path).sdpo or {})["winner_error"]
    assert stronger_health["winner_error"] != trained_health["winner_error"]

    model = load_model(str(tiny_folder), device="cpu")
    base = prediction(model)
    adapter = load_adapter(run.adapter_path, model)
    exported = prediction(model)
    adapter.remove()
    adapter = Lora(model, adapter.modules, rank=2, alpha=6.0, seed=0)
    adapter.load_state_dict(read_lora(kept))
    trained = prediction(model)
    with adapter.at_strength(2.5):
        stronger = prediction(model)
    adapter.remove()
    effect = float((exported - base).norm())
    assert float((trained - base).norm()) < 0.6 * effect
    assert float((stronger - exported).norm()) < 1e-2 * effect, "but for fp16's rounding"

    with Store(voted_workspace) as store:
        second = RunFolder.create(voted_workspace / "runs", "train", run.config())
        keep_start(second, store, "strong", model)
    start = read_start(second).lora(model)
    assert float((prediction(model) - stronger).norm()) < 1e-5 * float(base.norm()), "unrounded"
    with torch.no_grad(), start.reference():
        assert float((prediction(model) - stronger).norm()) < 1e-5 * float(base.norm())
    state = load_file(second.path / "reference.safetensors")
    for name, tensor in read_lora(kept, 2.5).items():
        assert_close(state[name], tensor, rtol=0, atol=0)
    start.remove()

    going = housekeeping.preview(voted_workspace, "checkpoints").files
    assert run.checkpoint_path(2) in going
    assert kept not in going, "round two continues from there"


def test_as_trained_nothing_is_multiplied(tiny_folder: Path, voted_workspace: Path) -> None:
    run = go(voted_workspace, tiny_folder, final_strength="trained")
    assert not (run.path / CALIBRATION).exists()
    kept = run.checkpoint_path(3)
    assert not (kept / "published.safetensors").exists()
    assert (kept / "adapter.safetensors").read_bytes() == run.adapter_path.read_bytes()

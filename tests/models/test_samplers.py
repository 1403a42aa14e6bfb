"""v-prediction and zero terminal SNR: with a perfect network for one image, every sampler ends at that image."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from sdpo_core.errors import ModelError
from sdpo_core.models.family import DiffusionModel, set_timesteps
from sdpo_core.models.registry import load_model
from sdpo_core.objective import Sides
from sdpo_core.settings.sampling import Sampler

SAMPLERS: list[Sampler] = ["ddim", "euler", "dpm++2m"]
SCHEDULE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": True,
}


def with_schedule(folder: Path, to: Path, **settings: Any) -> DiffusionModel:
    """The tiny model with other scheduler settings."""
    copy = Path(shutil.copytree(folder, to / "model"))
    path = copy / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({"_class_name": "DDIMScheduler", **SCHEDULE, **settings}))
    return load_model(str(copy), device="cpu")


@pytest.fixture
def zero_snr(tiny_folder: Path, tmp_path: Path) -> DiffusionModel:
    return with_schedule(tiny_folder, tmp_path, prediction_type="v_prediction", rescale_betas_zero_snr=True)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "zero terminal SNR"])
def test_a_perfect_network_ends_at_its_image(tiny_folder: Path, tmp_path: Path, sampler: Sampler, kind: str) -> None:
    """x_0 = c is all there is, so x_t tells ε = (x_t − √ᾱ·c)/√(1−ᾱ), and v = √ᾱ·ε − √(1−ᾱ)·c."""
    zero = kind == "zero terminal SNR"
    settings = {"rescale_betas_zero_snr": zero, "prediction_type": "v_prediction" if zero else kind}
    model = with_schedule(tiny_folder, tmp_path, **settings)
    scheduler: Any = model.scheduler(sampler)
    set_timesteps(scheduler, 10, model.device)
    assert not zero or int(scheduler.timesteps[0]) == 999, "an image of pure noise belongs to the last timestep"
    image = torch.full((1, 4, 8, 8), 0.7)
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)) * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        noisy = scheduler.scale_model_input(latents, t)
        abar = scheduler.alphas_cumprod[int(t)]
        noise = (noisy - abar.sqrt() * image) / (1 - abar).sqrt()
        prediction = noise if kind == "epsilon" else abar.sqrt() * noise - (1 - abar).sqrt() * image
        latents = scheduler.step(prediction, t, latents, return_dict=False)[0]
    assert_close(latents, image, atol=2e-3, rtol=0)


def test_the_last_timestep_of_zero_terminal_snr_is_pure_noise(zero_snr: DiffusionModel) -> None:
    """ᾱ_T is 0, not nearly: what is noised is ε, and the target is −x_0; nothing is divided."""
    process, t = zero_snr.noise_process, torch.tensor([0, 500, 999])
    abar = process.signal[t].square()
    assert float(abar[2]) == 0.0
    g = torch.Generator().manual_seed(1)
    x0, noise = torch.randn(3, 4, 8, 8, generator=g), torch.randn(3, 4, 8, 8, generator=g)
    assert torch.equal(process.add_noise(x0, noise, t)[2], noise[2])
    goal = process.target(x0, noise, t)
    assert torch.equal(goal[2], -x0[2])
    assert_close(goal, abar.sqrt().view(-1, 1, 1, 1) * noise - (1 - abar).sqrt().view(-1, 1, 1, 1) * x0)
    assert all(bool(side.isfinite().all()) for side in Sides(goal, x0))


def test_zero_terminal_snr_begins_at_the_last_timestep_whatever_the_spacing(tiny_folder: Path, tmp_path: Path) -> None:
    settings = {"prediction_type": "v_prediction", "timestep_spacing": "leading", "steps_offset": 1}
    model = with_schedule(tiny_folder, tmp_path, rescale_betas_zero_snr=True, **settings)
    for sampler in SAMPLERS:
        scheduler: Any = model.scheduler(sampler)
        set_timesteps(scheduler, 20, model.device)
        assert int(scheduler.timesteps[0]) == 999
    ordinary: Any = with_schedule(tiny_folder, tmp_path / "2", **settings).scheduler("ddim")
    set_timesteps(ordinary, 20, model.device)
    assert int(ordinary.timesteps[0]) == 951


def test_zero_terminal_snr_without_v_prediction_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="rescale_betas_zero_snr needs prediction_type v_prediction"):
        with_schedule(tiny_folder, tmp_path, rescale_betas_zero_snr=True)

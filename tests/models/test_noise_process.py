"""Noise processes against the formulas of the papers, and against diffusers' schedulers."""

import math
from typing import Any

import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch.testing import assert_close

from sdpo_core.models.noise_process import (
    NoiseProcess,
    ddpm,
    flow_matching,
    logit_normal_levels,
    shifted,
    uniform_levels,
)

T = 1000
STEPS = torch.tensor([0, 1, 499, 998, 999])


def images() -> tuple[torch.Tensor, torch.Tensor]:
    """An x_0 and an ε for each of `STEPS`."""
    g = torch.Generator().manual_seed(0)
    x0, noise = (torch.randn(len(STEPS), 4, 3, 2, generator=g) for _ in range(2))
    return x0, noise


def recovered(process: NoiseProcess, x_t: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """x_0 out of x_t = a·x_0 + b·ε and target = c·ε + d·x_0, by Cramer's rule."""
    a, b, c, d = (
        table[STEPS].view(-1, 1, 1, 1)
        for table in (process.signal, process.spread, process.noise_in_target, process.image_in_target)
    )
    return (c * x_t - b * target) / (a * c - b * d)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_ddpm_is_what_diffusers_computes(prediction: str) -> None:
    scheduler: Any = DDIMScheduler.from_config({"prediction_type": prediction})
    process = ddpm(scheduler.alphas_cumprod, "epsilon" if prediction == "epsilon" else "v_prediction")
    x0, noise = images()
    assert_close(process.add_noise(x0, noise, STEPS), scheduler.add_noise(x0, noise, STEPS), rtol=0, atol=0)
    velocity = scheduler.get_velocity(x0, noise, STEPS)
    expected = noise if prediction == "epsilon" else velocity
    assert_close(process.target(x0, noise, STEPS), expected, rtol=0, atol=0)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_image_is_recovered_from_either_prediction(prediction: str) -> None:
    abar = torch.linspace(0.99, 0.01, T, dtype=torch.float64)
    process = ddpm(abar, "epsilon" if prediction == "epsilon" else "v_prediction")
    x0, noise = (x.double() for x in images())
    x_t, target = process.add_noise(x0, noise, STEPS), process.target(x0, noise, STEPS)
    assert_close(recovered(process, x_t, target), x0)


def test_zero_terminal_snr_ends_in_pure_noise() -> None:
    scheduler: Any = DDIMScheduler(prediction_type="v_prediction", rescale_betas_zero_snr=True)
    process = ddpm(scheduler.alphas_cumprod, "v_prediction")
    x0, noise = images()
    assert torch.equal(process.add_noise(x0, noise, STEPS)[-1], noise[-1])
    assert torch.equal(process.target(x0, noise, STEPS)[-1], -x0[-1])


def test_flow_matching_is_the_line_from_image_to_noise() -> None:
    process = flow_matching(uniform_levels(T))
    x0, noise = images()
    s = ((STEPS + 0.5) / T).view(-1, 1, 1, 1)
    x_t, target = process.add_noise(x0, noise, STEPS), process.target(x0, noise, STEPS)
    assert_close(x_t, x0 + s * (noise - x0))
    assert_close(target, noise - x0)
    assert_close(recovered(process, x_t, target), x0)
    assert_close(x_t - s * target, x0)  # one step of Euler with the right velocity ends at the image


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow_matching_noises_as_diffusers_does(shift: float) -> None:
    """diffusers' levels are (1000 … 1)/1000, then shifted; its tables run the other way."""
    scheduler: Any = FlowMatchEulerDiscreteScheduler(num_train_timesteps=T, shift=shift)
    levels = scheduler.sigmas.flip(0)
    process = flow_matching(levels)
    assert_close(levels, shifted(torch.arange(1, T + 1) / T, shift))
    x0, noise = images()
    theirs = scheduler.scale_noise(x0, scheduler.timesteps.flip(0)[STEPS], noise)
    assert_close(process.add_noise(x0, noise, STEPS), theirs)


def test_one_euler_step_of_diffusers_with_the_target_gives_the_image() -> None:
    scheduler: Any = FlowMatchEulerDiscreteScheduler(num_train_timesteps=T)
    scheduler.set_timesteps(sigmas=[0.75])
    process, step = flow_matching(torch.tensor([0.75])), torch.zeros(len(STEPS), dtype=torch.int64)
    x0, noise = images()
    x_t, target = process.add_noise(x0, noise, step), process.target(x0, noise, step)
    assert_close(scheduler.step(target, scheduler.timesteps[0], x_t, return_dict=False)[0], x0)


def test_densities_have_their_quantiles() -> None:
    """Against the distribution functions in closed form: F(s_k) = (k+½)/T."""
    shares = (torch.arange(T, dtype=torch.float64) + 0.5) / T
    assert_close(uniform_levels(T), shares.float())
    for mean, deviation in ((0.0, 1.0), (-0.5, 0.7)):
        s = logit_normal_levels(T, mean, deviation).double()
        normal = torch.special.ndtr((torch.logit(s) - mean) / deviation)
        assert_close(normal, shares, rtol=1e-4, atol=1e-6)
    k = 3.0
    s = shifted(uniform_levels(T), k).double()
    assert_close(s / (k - (k - 1) * s), shares, rtol=1e-5, atol=1e-7)


def test_tables_of_quantiles_increase_inside_the_unit_interval() -> None:
    for levels in (uniform_levels(T), logit_normal_levels(T), shifted(logit_normal_levels(T), 2.0)):
        assert levels.dtype == torch.float32
        assert 0 < float(levels[0]) < float(levels[-1]) < 1
        assert bool((levels.diff() > 0).all())


def test_a_shift_that_undoes_another() -> None:
    levels = uniform_levels(T)
    assert torch.equal(shifted(levels, 1.0), levels)
    assert_close(shifted(shifted(levels, 3.0), 1 / 3), levels)
    signal_to_noise = ((1 - levels) / levels).log()
    moved = shifted(levels, 3.0)
    assert_close(((1 - moved) / moved).log(), signal_to_noise - math.log(3.0), rtol=1e-4, atol=1e-4)


def test_a_process_moves_as_a_whole() -> None:
    process = flow_matching(uniform_levels(3)).to(torch.device("meta"))
    assert len(process) == 3
    assert {table.device.type for table in (process.signal, process.spread, process.image_in_target)} == {"meta"}

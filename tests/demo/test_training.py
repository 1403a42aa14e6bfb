"""The training loop and the algebra around the autoencoder, at tiny sizes."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn

from demo.recipe import RECIPES, Phase
from demo.tokenizer import build_tokenizer
from demo.training import Trainer, Workers
from demo.unet import NOISIER, DenoisingObjective, build_scheduler, build_text_encoder, build_unet, spread_timesteps
from demo.vae import build_vae, normalise_latents

PHASE = Phase(images=40, batch=4, lr=1e-2, hold=0.5, warmup_steps=2, ema_decay=0.9)


class Line(nn.Module):
    """Learns y = 2 x."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.slope * x - 2 * x).square()


def draw(generator: torch.Generator, batch: int) -> tuple[torch.Tensor, ...]:
    return (torch.randn(batch, generator=generator),)


def trainer(phase: Phase = PHASE) -> Trainer:
    return Trainer(Line(), draw, phase, Workers(0, 1), seed=0, device=torch.device("cpu"))


def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    whole, first, second = trainer(), trainer(), trainer()
    for _ in whole.run():
        pass
    for progress in first.run():
        if progress.step == 4:
            break
    first.save(tmp_path / "state.safetensors")
    second.load(tmp_path / "state.safetensors")
    assert second.step == 4
    for _ in second.run():
        pass
    torch.testing.assert_close(second.parameters[0], whole.parameters[0], rtol=0, atol=0)
    torch.testing.assert_close(second.averages[0], whole.averages[0], rtol=0, atol=0)


def test_the_rate_rises_holds_and_ends_near_zero() -> None:
    rates = [progress.lr for progress in trainer().run()]
    assert len(rates) == 10
    assert rates[0] == PHASE.lr / 2
    assert rates[1:6] == [PHASE.lr] * 5
    assert all(after < before for before, after in pairwise(rates[5:]))
    assert rates[-1] < 0.1 * PHASE.lr


def test_averaged_weights_are_lent_and_returned() -> None:
    subject = trainer(replace(PHASE, images=400, lr=0.1))
    for _ in subject.run():
        pass
    own = subject.parameters[0].detach().clone()
    with subject.averaged():
        torch.testing.assert_close(subject.parameters[0].detach(), subject.averages[0])
    torch.testing.assert_close(subject.parameters[0].detach(), own, rtol=0, atol=0)
    assert abs(own.item() - 2) < 0.5


def test_normalising_the_latents_changes_no_picture() -> None:
    """Encoding gives unit latents afterwards, and decoding them gives what the raw latents gave."""
    torch.manual_seed(0)
    vae: Any = build_vae().eval()  # diffusers annotates its outputs as what they are not
    images = torch.rand(6, 3, 96, 96) * 2 - 1
    with torch.no_grad():
        before = vae.encode(images).latent_dist
        decoded = vae.decode(before.mean).sample
        unit = normalise_latents(vae, before.mean)
        after = vae.encode(images).latent_dist
        torch.testing.assert_close(after.mean, unit, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(vae.decode(unit).sample, decoded, rtol=1e-3, atol=1e-4)
        spread = before.mean.std((0, 2, 3)).view(1, -1, 1, 1)
        torch.testing.assert_close(after.std * spread, before.std, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(unit.mean((0, 2, 3)), torch.zeros(4), rtol=0, atol=1e-4)
    torch.testing.assert_close(unit.std((0, 2, 3)), torch.ones(4), rtol=0, atol=1e-4)


def test_the_objective_noises_as_the_scheduler_does() -> None:
    torch.manual_seed(0)
    tokenizer = build_tokenizer()
    model = DenoisingObjective(build_unet(), build_text_encoder(tokenizer)).eval()
    latents, noise = torch.randn(2, 3, 4, 24, 24)
    tokens = tokenizer(["a lake", "hills", ""], padding="max_length", return_tensors="pt").input_ids
    timesteps = torch.tensor([3, 400, 999])
    with torch.no_grad():
        scheduler: Any = build_scheduler()
        noisy = scheduler.add_noise(latents, noise, timesteps)
        predicted = model.unet(noisy, timesteps, model.text_encoder(tokens).last_hidden_state).sample
        expected = (predicted - noise).square().mean((1, 2, 3))
        torch.testing.assert_close(model.errors(latents, tokens, noise, timesteps), expected)
        weighted = model(latents, tokens, noise, timesteps)
    torch.testing.assert_close(weighted[1:], expected[1:])  # little signal: full weight
    assert weighted[0] < 0.1 * expected[0]


def test_timesteps_are_spread_over_the_whole_range() -> None:
    drawn = torch.stack([spread_timesteps(8, torch.Generator().manual_seed(seed)) for seed in range(400)])
    assert drawn.min() >= 0
    assert drawn.max() <= 999
    shares = ((drawn + 0.5) / 1000) ** (1 / NOISIER) * 8  # uniform again
    assert (shares.floor() == torch.arange(8)).float().mean() > 0.98  # but for rounding at the edges
    assert abs(drawn.float().mean().item() - 1000 / (1 + NOISIER)) < 5


def test_every_recipe_is_consistent() -> None:
    for name, recipe in RECIPES.items():
        assert recipe.name == name
        assert recipe.encoded <= recipe.scenes
        assert recipe.processes >= 1

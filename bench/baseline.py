"""What public LoRA-DPO scripts for diffusion models do in a training step, written plainly, for comparison.

Winners and losers go through every network in one batch; the reference is the policy with its adapter off; one loss
(Wallace et al. 2023, arXiv 2311.12908, eq. 14) has one backward pass. Nothing here is shared with `sdpo_core.training`.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor

from sdpo_core.models.family import Conditioning, DiffusionModel, Frame
from sdpo_core.models.lora import Lora
from sdpo_core.objective import Sides


class Inputs(NamedTuple):
    """B pairs as one batch: the winners, then the losers."""

    latents: Tensor  # (2B, C, h, w)
    conditioning: Conditioning  # 2B rows


@contextlib.contextmanager
def plain_peft(model: DiffusionModel) -> Iterator[None]:
    """Within it adapted layers compute as in plain peft, without the changes of `sdpo_core.models.lora`."""
    layers = [module for module in model.network.modules() if isinstance(module, LoraLayer)]
    before = [(layer.lora_variant, layer.cast_input_dtype_enabled) for layer in layers]
    for layer in layers:
        layer.lora_variant, layer.cast_input_dtype_enabled = {}, True
    try:
        yield
    finally:
        for layer, (variant, cast) in zip(layers, before, strict=True):
            layer.lora_variant, layer.cast_input_dtype_enabled = variant, cast


def encode(model: DiffusionModel, images: Sides, prompts: Sequence[str]) -> Inputs:
    """Images (B, 3, H, W) per side and their prompts through VAE and text encoder: such scripts do it in every step."""
    pixels = torch.cat(images)  # (2B, 3, H, W)
    size = (pixels.shape[2], pixels.shape[3])
    encoded = model.encode_prompts(prompts)
    twice = Conditioning.cat([encoded, encoded])
    return Inputs(model.encode_images(pixels), model.frame(twice, [Frame(size, (0, 0), size)] * len(pixels)))


def dpo_loss(
    model: DiffusionModel, lora: Lora, inputs: Inputs, noise: Tensor, timesteps: Tensor, beta: float
) -> Tensor:
    """The mean loss of B pairs, a scalar, at `noise` (B, C, h, w) and `timesteps` (B,), the same for both sides."""
    noise, timesteps = noise.repeat(2, 1, 1, 1), timesteps.repeat(2)
    noisy = model.noise_process.add_noise(inputs.latents, noise, timesteps)
    goal = model.noise_process.target(inputs.latents, noise, timesteps)
    policy = _errors(model.predict(noisy, timesteps, inputs.conditioning), goal)
    with torch.no_grad(), lora.off():
        reference = _errors(model.predict(noisy, timesteps, inputs.conditioning), goal)
    winner, loser = (policy - reference).chunk(2)
    return -torch.nn.functional.logsigmoid(-beta / 2 * (winner - loser)).mean()


def _errors(prediction: Tensor, goal: Tensor) -> Tensor:
    return (prediction.float() - goal.float()).square().mean(dim=(1, 2, 3))  # (2B,)

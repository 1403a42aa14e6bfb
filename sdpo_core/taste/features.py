"""Images of a model as vectors, from what is available without a download: pixels, the VAE, the network itself.

`layout` says what each number is. Costs about one forward pass an image: the network stops after its mid block.
"""

import contextlib
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from sdpo_core.errors import ModelError
from sdpo_core.models.family import Conditioning, DiffusionModel, Frame
from sdpo_core.models.lora import adapters_off
from sdpo_core.taste.layout import FEATURES, NOISE_LEVELS, Layout, Vector
from sdpo_core.taste.pixels import measure

__all__ = ["FEATURES", "describe", "layout_of"]

_MOST_IMAGES = 8  # described together
_MOST_PIXELS = 8 * 256 * 256  # a VAE in float32 wants gigabytes for one image of 1024 px
_WIDEST = 2.0  # aspect ratio that the network is shown; a longer image is squeezed

_Size = tuple[int, int]  # (width, height) in pixels


class _SeenEnough(Exception):
    """Raised by the hook, so that the network's upper half is not computed."""


def layout_of(model: DiffusionModel) -> Layout:
    """The layout of the vectors that `describe` gives for `model`."""
    channels, _, _ = model.latent_shape(model.info.native_size_px)
    return Layout(channels, _mid_channels(model.network))


@torch.no_grad()
def describe(model: DiffusionModel, images: Sequence[Image.Image], prompts: Sequence[str]) -> Vector:
    """One vector per image, (N, `layout_of(model).size`) float32.

    `images` may have any size; `prompts` are their own, one each (ValueError otherwise). Adapters on the network are
    switched off meanwhile: the features are the base model's. The noise is the same for all images of one size and
    comes from the version, so the same call gives the same numbers. Raises `ModelError` when the model gives NaN or
    infinity.
    """
    if len(images) != len(prompts):
        raise ValueError(f"got {len(images)} images but {len(prompts)} prompts; each image needs one")
    layout = layout_of(model)
    vectors = np.zeros((len(images), layout.size), np.float32)
    by_size: defaultdict[_Size, list[int]] = defaultdict(list)
    for row, image in enumerate(images):
        vectors[row, layout.slices["pixels"]] = measure(image)
        by_size[_shown_size(image.size, model)].append(row)
    told = {prompt: model.encode_prompts([prompt]) for prompt in dict.fromkeys(prompts)}
    with adapters_off(model.network):
        for size, rows in by_size.items():
            for some in _batches(rows, size):
                latents = model.encode_images(_to_tensor([images[row] for row in some], size))  # (B, C, h, w)
                vectors[some, layout.slices["latents"]] = _latent_numbers(latents).cpu().numpy()
                if layout.network_channels:
                    cond = _conditioning(model, [told[prompts[row]] for row in some], size)
                    seen = torch.cat(
                        [_mid_numbers(model, latents, cond, level) for level in range(len(NOISE_LEVELS))], 1
                    )
                    vectors[some, layout.slices["network"]] = seen.cpu().numpy()
    if not np.isfinite(vectors).all():
        raise ModelError(
            f"{model.info.name} produced NaN or infinity while describing images. Try precision fp32 or bf16."
        )
    return vectors


# ------------------------------------------------------------------------------------------------------------- images


def _shown_size(size: _Size, model: DiffusionModel) -> _Size:
    """The size at which the model looks at an image: about its native area, sides that it can halve."""
    aspect = min(max(size[0] / size[1], 1 / _WIDEST), _WIDEST)
    side, multiple = model.info.native_size_px, model.multiple_px

    def nearest(length: float) -> int:
        return max(1, round(length / multiple)) * multiple

    return nearest(side * math.sqrt(aspect)), nearest(side / math.sqrt(aspect))


def _batches(rows: list[int], size: _Size) -> Iterator[list[int]]:
    together = min(_MOST_IMAGES, max(1, _MOST_PIXELS // (size[0] * size[1])))
    for start in range(0, len(rows), together):
        yield rows[start : start + together]


def _to_tensor(images: Sequence[Image.Image], size: _Size) -> Tensor:
    """(B, 3, H, W) float32 in [-1, 1]."""
    fitted = [image.convert("RGB").resize(size, Image.Resampling.LANCZOS) for image in images]
    pixels = np.stack([np.asarray(image, dtype=np.float32) for image in fitted])  # (B, H, W, 3)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2) / 127.5 - 1


def _conditioning(model: DiffusionModel, told: Sequence[Conditioning], size: _Size) -> Conditioning:
    frame = Frame((size[1], size[0]), (0, 0), (size[1], size[0]))
    return model.frame(Conditioning.cat(told), [frame] * len(told))


# ------------------------------------------------------------------------------------------------------------ numbers


def _latent_numbers(latents: Tensor) -> Tensor:
    """Mean and standard deviation of each channel of (B, C, h, w), whole and in quarters: (B, LATENT_NUMBERS·C)."""
    high, wide = latents.shape[-2:]
    halves = [(0, math.ceil(high / 2)), (high // 2, high)], [(0, math.ceil(wide / 2)), (wide // 2, wide)]
    quarters = [latents[..., top:bottom, left:right] for top, bottom in halves[0] for left, right in halves[1]]
    numbers = [number for region in (latents, *quarters) for number in (region.mean((2, 3)), _spread(region))]
    return torch.cat(numbers, dim=1)


def _spread(region: Tensor) -> Tensor:
    return region.std((2, 3), correction=0)


def _mid_numbers(model: DiffusionModel, latents: Tensor, cond: Conditioning, level: int) -> Tensor:
    """Mean and maximum over all positions of each of the mid block's channels, (B, 2·M) float32.

    The images are noised as in training, with one ε for all images of a size.
    """
    last = len(model.noise_process) - 1
    t = round(NOISE_LEVELS[level] * last)
    noise = torch.randn(latents.shape[1:], generator=torch.Generator("cpu").manual_seed(1000 * FEATURES + level))
    timesteps = torch.full((len(latents),), t, device=model.device)
    noisy = model.noise_process.add_noise(latents, noise.to(latents), timesteps)
    seen = _mid_block(model, noisy, timesteps, cond).float()  # (B, M, h, w)
    return torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], dim=1)


def _mid_block(model: DiffusionModel, noisy: Tensor, timesteps: Tensor, cond: Conditioning) -> Tensor:
    """What the mid block gives; the forward pass ends there."""
    seen: list[Tensor] = []

    def stop(module: nn.Module, arguments: Any, output: Tensor) -> None:  # noqa: ARG001 - as torch calls it
        seen.append(output)
        raise _SeenEnough

    block = _mid(model.network)
    assert block is not None
    handle = block.register_forward_hook(stop)
    try:
        with contextlib.suppress(_SeenEnough):
            model.predict(noisy, timesteps, cond)
    finally:
        handle.remove()
    return seen[0]


def _mid(network: nn.Module) -> nn.Module | None:
    """The mid block; None for a network without one (some pruned ones)."""
    block = getattr(network, "mid_block", None)
    return block if isinstance(block, nn.Module) else None


def _mid_channels(network: nn.Module) -> int:
    if _mid(network) is None:
        return 0
    # As wide as the lowest level, in every UNet2DConditionModel.
    config: Any = network.config
    return int(config["block_out_channels"][-1])

"""The one interface through which the studio sees a foreign diffusion model.

A family (`sdpo_core.families`) names the class that implements `DiffusionModel` for it.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, Self

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from torch import Tensor

from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.models.noise_process import NoiseProcess
from sdpo_core.settings.sampling import Sampler

Scheduler = DDIMScheduler | EulerDiscreteScheduler | DPMSolverMultistepScheduler


def set_timesteps(scheduler: Scheduler, steps: int, device: torch.device) -> None:
    """Prepare a sampler for `steps` steps."""
    with warnings.catch_warnings():  # diffusers' Euler hands a tensor to numpy in a way that numpy 2 frowns upon
        warnings.filterwarnings("ignore", message="__array__ implementation", category=DeprecationWarning)
        scheduler.set_timesteps(steps, device=device)


class Frame(NamedTuple):
    """How an image got its size, an input of SDXL (arXiv 2307.01952, section 2.2). All in pixels, y before x."""

    original: tuple[int, int]  # (height, width) before it was scaled
    crop: tuple[int, int]  # (top, left) of what was kept, after scaling
    size: tuple[int, int]  # (height, width) now


@dataclass(frozen=True)
class Conditioning:
    """What the network gets in addition to the noisy image and the timestep; float32 on the model's device."""

    context: Tensor  # (B, L, D): the prompts' tokens, for cross-attention
    pooled: Tensor | None = None  # (B, P): each prompt as one vector, where the family has it
    time_ids: Tensor | None = None  # (B, 6): each image's frame, where the family has it

    def to(self, device: torch.device) -> Self:
        """The same on `device`."""
        return self.map(lambda tensor: tensor.to(device))

    @classmethod
    def cat(cls, parts: Sequence[Self]) -> Self:
        """All rows of all parts in order, (ΣB, …)."""
        pooled = [part.pooled for part in parts if part.pooled is not None]
        time_ids = [part.time_ids for part in parts if part.time_ids is not None]
        return cls(
            torch.cat(_equally_long([part.context for part in parts])),
            torch.cat(pooled) if pooled else None,
            torch.cat(time_ids) if time_ids else None,
        )

    def map(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same with `change` applied to every tensor."""
        return replace(
            self,
            context=change(self.context),
            pooled=None if self.pooled is None else change(self.pooled),
            time_ids=None if self.time_ids is None else change(self.time_ids),
        )


def _equally_long(contexts: Sequence[Tensor]) -> list[Tensor]:
    """Contexts (B, L, D) of one length, the least common multiple of theirs.

    Each is repeated as a whole. Cross-attention is a weighted mean of values over the keys; with k copies of every
    key, each softmax weight is a k-th and the mean is the same. Padding would take a share of the attention.
    """
    length = math.lcm(*(context.shape[1] for context in contexts))
    return [
        context if context.shape[1] == length else context.repeat(1, length // context.shape[1], 1)
        for context in contexts
    ]


class DiffusionModel(Protocol):
    """A frozen latent diffusion model: network, VAE and prompt encoder, ready on one device."""

    info: ModelInfo
    device: torch.device
    dtype: torch.dtype  # of the weights; latents, conditioning and predictions are float32 at the border
    network: torch.nn.Module  # the UNet; frozen (requires_grad False), eval mode
    noise_process: NoiseProcess  # float32 on `device`
    default_clip_skip: int
    multiple_px: int  # the sides of its images have to be multiples of this

    def encode_prompts(self, prompts: Sequence[str], clip_skip: int | None = None) -> Conditioning:
        """Conditioning of each prompt, as `prompts.PromptEncoder` reads it, without time ids.

        `clip_skip` says which hidden state of the text encoder is used, counted from the last (1); None means the
        family's. Deterministic. Caching is up to the caller.
        """
        ...

    def frame(self, conditioning: Conditioning, frames: Sequence[Frame]) -> Conditioning:
        """`conditioning` with the time ids of B `frames`; unchanged where the family has none."""
        ...

    def encode_images(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [-1, 1] -> latents (B, C, h, w): the posterior's mean, shifted and scaled."""
        ...

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Latents (B, C, h, w) -> images (B, 3, H, W), about [-1, 1], not clamped."""
        ...

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """The network's output (B, C, h, w) float32 for `noisy` (B, C, h, w) at `timesteps` (B,)."""
        ...

    def scheduler(self, sampler: Sampler) -> Scheduler:
        """A fresh sampler, configured as the model's own scheduler config asks."""
        ...

    def latent_shape(self, size_px: int) -> tuple[int, int, int]:
        """(C, h, w) of the latents of a square image with side `size_px`."""
        ...

    def release_encoders(self) -> None:
        """Take the VAE and the text encoder off the device; the next use brings them back."""
        ...

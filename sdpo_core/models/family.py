"""The one interface through which the studio sees a foreign diffusion model.

A family (SD1.5, …) is one file that implements `DiffusionModel` and one line in `registry.FAMILIES`.
"""

import warnings
from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from torch import Tensor

from sdpo_core.config import Sampler
from sdpo_core.files.model_info import ModelInfo

Scheduler = DDIMScheduler | EulerDiscreteScheduler | DPMSolverMultistepScheduler


def set_timesteps(scheduler: Scheduler, steps: int, device: torch.device) -> None:
    """Prepare a sampler for `steps` steps."""
    with warnings.catch_warnings():  # diffusers' Euler hands a tensor to numpy in a way that numpy 2 frowns upon
        warnings.filterwarnings("ignore", message="__array__ implementation", category=DeprecationWarning)
        scheduler.set_timesteps(steps, device=device)


class DiffusionModel(Protocol):
    """A frozen latent diffusion model: network, VAE and prompt encoder, ready on one device."""

    info: ModelInfo
    device: torch.device
    dtype: torch.dtype  # of the weights; latents, conditioning and predictions are float32 at the border
    network: torch.nn.Module  # the UNet; frozen (requires_grad False), eval mode
    alphas_cumprod: Tensor  # (T,) float32 on `device`
    prediction_type: Literal["epsilon", "v_prediction"]

    def encode_prompts(self, prompts: Sequence[str]) -> Tensor:
        """Conditioning of each prompt, (B, L, D) float32. Deterministic. Caching is the caller's affair."""
        ...

    def truncated_tokens(self, prompts: Sequence[str]) -> list[int]:
        """How many tokens at the end of each prompt the text encoder does not see."""
        ...

    def encode_images(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [-1, 1] -> latents (B, C, h, w): the posterior's mean, shifted and scaled."""
        ...

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Latents (B, C, h, w) -> images (B, 3, H, W), about [-1, 1], not clamped."""
        ...

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Tensor) -> Tensor:
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

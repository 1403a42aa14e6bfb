"""The autoencoder between images and latents that every Stable Diffusion model has."""

from typing import Any

import torch
from torch import Tensor

from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.errors import ModelError
from sdpo_core.models.loading import finite, usable_settings
from sdpo_core.models.parts import Parts


class Vae:
    """A frozen `AutoencoderKL` with its latents' scale and shift."""

    def __init__(self, parts: Parts, device: torch.device, dtype: torch.dtype) -> None:
        """Load the part `vae`, as `dtype` unless its settings say that it overflows in half precision.

        Raises `ModelError` when it or its settings can't be used.
        """
        self._device = device
        self._module: Any = parts.module("vae", torch.float32)
        config: Any = self._module.config
        with usable_settings(parts.settings_path("vae")):
            self._scale = finite(config["scaling_factor"])
            self._shift = finite(config["shift_factor"] or 0.0)
            if self._scale <= 0:
                raise ValueError(f"scaling_factor is {self._scale}")
            if config["latents_mean"] is not None or config["latents_std"] is not None:
                raise ValueError("latents_mean and latents_std are not supported")
        self._dtype = torch.float32 if config["force_upcast"] else dtype
        self._module.to(device, self._dtype)
        self._channels = int(config["latent_channels"])
        self._reduction = 2 ** (len(config["block_out_channels"]) - 1)  # pixels per latent along a side

    def multiple_px(self, unet_halvings: int) -> int:
        """An image's sides have to be multiples of this, so that VAE and UNet can halve them often enough."""
        return self._reduction * 2**unet_halvings

    def latent_shape(self, size_px: int, unet_halvings: int, info: ModelInfo) -> tuple[int, int, int]:
        """(C, h, w) of a square image; raises `ModelError` when its side isn't a multiple of `multiple_px`."""
        multiple = self.multiple_px(unet_halvings)
        if size_px % multiple:
            raise ModelError(
                f"{info.name} makes images whose side is a multiple of {multiple} px, not {size_px}. "
                f"Choose {info.native_size_px}, for instance."
            )
        side = size_px // self._reduction
        return self._channels, side, side

    def encode(self, images: Tensor) -> Tensor:
        """Latents (B, C, h, w) float32 of images (B, 3, H, W) in [-1, 1]: (posterior mean − shift)·scale."""
        self._module.to(self._device)
        with torch.no_grad():
            posterior = self._module.encode(images.to(self._device, self._dtype)).latent_dist
        return (posterior.mean.float() - self._shift) * self._scale

    def decode(self, latents: Tensor) -> Tensor:
        """Images (B, 3, H, W) float32 of latents (B, C, h, w)."""
        self._module.to(self._device)
        scaled = latents / self._scale + self._shift
        with torch.no_grad():
            return self._module.decode(scaled.to(self._device, self._dtype)).sample.float()

    def release(self) -> None:
        """Move it to main memory; the next use brings it back."""
        self._module.to("cpu")

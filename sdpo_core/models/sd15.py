"""Stable Diffusion 1.x, from parts: no pipeline class, no remote code.

Why no `StableDiffusionPipeline`: its constructor resets `clip_sample`, which the demo model needs, to False, and it
wants parts (safety checker, feature extractor) that nothing here uses.
"""

from collections.abc import Sequence
from typing import Any, Literal, cast

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from torch import Tensor

from sdpo_core.config import Sampler
from sdpo_core.errors import ModelError
from sdpo_core.files.model_info import ModelInfo
from sdpo_core.models.family import Conditioning, Frame, Scheduler, set_timesteps
from sdpo_core.models.loading import finite, usable_settings
from sdpo_core.models.parts import open_parts
from sdpo_core.models.prompts import PromptEncoder, TextPart

_SAMPLERS: dict[Sampler, tuple[type[Scheduler], dict[str, Any]]] = {
    "ddim": (DDIMScheduler, {}),
    "euler": (EulerDiscreteScheduler, {}),
    "dpm++2m": (DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++", "solver_order": 2}),
}
_MOST_STEPS = 200  # as many sampler steps as a person may ask for


class StableDiffusion15:
    """Implements `sdpo_core.models.family.DiffusionModel` for Stable Diffusion 1.x."""

    default_clip_skip = 1

    def __init__(self, info: ModelInfo, *, device: torch.device, dtype: torch.dtype) -> None:
        """Load every part of the model; raises `ModelError` naming the part that can't be read."""
        self.info, self.device, self.dtype = info, device, dtype
        parts = open_parts(info)
        self._scheduler_config = parts.scheduler_config()
        text = TextPart(parts.tokenizer(), parts.module("text_encoder", dtype))
        self._prompts = PromptEncoder((text,), default_clip_skip=self.default_clip_skip, final_norm=True)
        self._vae = parts.module("vae", dtype)
        self._vae.to(device)
        unet = parts.module("unet", dtype)
        self.network: torch.nn.Module = unet.to(device)
        self._latent_channels = int(unet.config["in_channels"])
        with usable_settings(parts.settings_path("vae")):
            self._scale = finite(self._vae.config["scaling_factor"])
            self._shift = finite(self._vae.config["shift_factor"] or 0.0)
            if self._scale <= 0:
                raise ValueError(f"scaling_factor is {self._scale}")
        with usable_settings(parts.settings_path("scheduler")):
            alphas_cumprod = self._try_samplers()
        self.alphas_cumprod = alphas_cumprod.to(device=device, dtype=torch.float32)  # (T,)
        self.prediction_type: Literal["epsilon", "v_prediction"] = cast(Any, info.prediction_type)

    def encode_prompts(self, prompts: Sequence[str], clip_skip: int | None = None) -> Conditioning:
        """A hidden state of the text encoder after its final norm."""
        return self._prompts.encode(prompts, clip_skip, self.device)

    def frame(self, conditioning: Conditioning, frames: Sequence[Frame]) -> Conditioning:  # noqa: ARG002
        """`conditioning` as it is: this family is not told about sizes."""
        return conditioning

    def encode_images(self, images: Tensor) -> Tensor:
        """Latents (B, C, h, w) float32 of images (B, 3, H, W) in [-1, 1]: (posterior mean − shift)·scale."""
        self._vae.to(self.device)
        with torch.no_grad():
            posterior = self._vae.encode(images.to(self.device, self.dtype)).latent_dist
        return (posterior.mean.float() - self._shift) * self._scale

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Images (B, 3, H, W) float32 of latents (B, C, h, w)."""
        self._vae.to(self.device)
        scaled = latents / self._scale + self._shift
        with torch.no_grad():
            return self._vae.decode(scaled.to(self.device, self.dtype)).sample.float()

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """The UNet's output (B, C, h, w), float32."""
        noisy, context = noisy.to(self.dtype), conditioning.context.to(self.dtype)
        return self.network(noisy, timesteps, encoder_hidden_states=context, return_dict=False)[0].float()

    def scheduler(self, sampler: Sampler) -> Scheduler:
        """A fresh sampler. `clip_sample` acts in DDIM only: diffusers' Euler and DPM++ have no such setting."""
        kind, own = _SAMPLERS[sampler]
        scheduler: Any = kind.from_config(self._scheduler_config, **own)  # Any: typed as if it could be a tuple
        return scheduler

    def latent_shape(self, size_px: int) -> tuple[int, int, int]:
        """(C, h, w); raises `ModelError` when the side is no multiple of what VAE and UNet halve it by."""
        levels = len(self._vae.config["block_out_channels"]) - 1
        halvings = levels + len(self.network.config["block_out_channels"]) - 1  # pyright: ignore
        if size_px % 2**halvings:
            raise ModelError(
                f"{self.info.name} makes images whose side is a multiple of {2**halvings} px, not {size_px}. "
                f"Choose for instance {self.info.native_size_px}."
            )
        side = size_px // 2**levels
        return self._latent_channels, side, side

    def release_encoders(self) -> None:
        """Move VAE and text encoder to main memory."""
        self._vae.to("cpu")
        self._prompts.release()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _try_samplers(self) -> Tensor:
        """Take a step with every sampler, so that none fails later; returns ᾱ of the noise schedule, (T,)."""
        latents, cpu = torch.zeros(1, self._latent_channels, 8, 8), torch.device("cpu")
        for sampler in _SAMPLERS:
            scheduler: Any = self.scheduler(sampler)
            set_timesteps(scheduler, _MOST_STEPS, cpu)
            t = scheduler.timesteps[0]
            scheduler.step(scheduler.scale_model_input(latents, t), t, latents, return_dict=False)
        reference = self.scheduler("ddim")
        if not bool(((reference.betas >= 0) & (reference.betas <= 1)).all()):
            raise ValueError("its betas leave the range from 0 to 1")
        return reference.alphas_cumprod

"""Stable Diffusion 1.x and 2.x, from parts: no pipeline class, no remote code.

Why no `StableDiffusionPipeline`: its constructor resets `clip_sample`, which the demo model needs, to False, and it
wants parts (safety checker, feature extractor) that nothing here uses.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.models.encoders import PromptEncoder, TextPart
from sdpo_core.models.family import Conditioning, Frame, Scheduler
from sdpo_core.models.parts import Parts, open_parts
from sdpo_core.models.samplers import Samplers
from sdpo_core.models.vae import Vae
from sdpo_core.settings.sampling import Sampler


class StableDiffusion15:
    """Implements `sdpo_core.models.family.DiffusionModel` for Stable Diffusion 1.x, and 2.x in diffusers format.

    2.x has the same parts at other sizes. Its diffusers files hold the text encoder without its last layer, so that the
    hidden state that it was trained on is the last one there as well.
    """

    default_clip_skip = 1

    def __init__(
        self, info: ModelInfo, *, device: torch.device, dtype: torch.dtype, parts: Parts | None = None
    ) -> None:
        """Load every part of the model, from where `info` says or from `parts`.

        Raises `ModelError` naming the part that can't be read.
        """
        self.info, self.device, self.dtype = info, device, dtype
        parts = parts or open_parts(info)
        text = TextPart(parts.tokenizer(), parts.module("text_encoder", dtype))
        self._prompts = PromptEncoder((text,), default_clip_skip=self.default_clip_skip, final_norm=True)
        self._vae = Vae(parts, device, dtype)
        unet = parts.module("unet", dtype)
        self.network: torch.nn.Module = unet.to(device)
        self._unet_halvings = len(unet.config["block_out_channels"]) - 1
        self.multiple_px = self._vae.multiple_px(self._unet_halvings)
        self._samplers = Samplers(parts, unet.config["in_channels"])
        self.noise_process = self._samplers.process(info.prediction_type).to(device)

    def encode_prompts(self, prompts: Sequence[str], clip_skip: int | None = None) -> Conditioning:
        """A hidden state of the text encoder after its final norm."""
        return self._prompts.encode(prompts, clip_skip, self.device)

    def frame(self, conditioning: Conditioning, frames: Sequence[Frame]) -> Conditioning:  # noqa: ARG002
        """`conditioning` as it is: this family is not told about sizes."""
        return conditioning

    def encode_images(self, images: Tensor) -> Tensor:
        """Latents (B, C, h, w) float32 of images (B, 3, H, W) in [-1, 1]."""
        return self._vae.encode(images)

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Images (B, 3, H, W) float32 of latents (B, C, h, w)."""
        return self._vae.decode(latents)

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """The UNet's output (B, C, h, w), float32 or wider."""
        noisy, context = noisy.to(self.dtype), conditioning.context.to(self.dtype)
        predicted = self.network(noisy, timesteps, encoder_hidden_states=context, return_dict=False)[0]
        return predicted.to(torch.promote_types(self.dtype, torch.float32))

    def scheduler(self, sampler: Sampler) -> Scheduler:
        """A fresh sampler."""
        return self._samplers.make(sampler)

    def latent_shape(self, size_px: int) -> tuple[int, int, int]:
        """(C, h, w); raises `ModelError` when the side is no multiple of what VAE and UNet halve it by."""
        return self._vae.latent_shape(size_px, self._unet_halvings, self.info)

    def release_encoders(self) -> None:
        """Move VAE and text encoder to main memory."""
        self._vae.release()
        self._prompts.release()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

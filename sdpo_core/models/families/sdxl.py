"""Stable Diffusion XL and its descendants (Pony, Illustrious, NoobAI), from parts: no pipeline class, no remote code.

Two text encoders stand side by side, and the network is told the prompt as one vector and the image's size and crop
as well (arXiv 2307.01952).
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.models.encoders import PromptEncoder, TextPart
from sdpo_core.models.family import Conditioning, Frame, Scheduler
from sdpo_core.models.parts import Parts, open_parts
from sdpo_core.models.samplers import Samplers
from sdpo_core.models.vae import Vae
from sdpo_core.settings.sampling import Sampler


class StableDiffusionXL:
    """Implements `sdpo_core.models.family.DiffusionModel` for SDXL."""

    default_clip_skip = 2  # the penultimate hidden state, without the final norm

    def __init__(
        self, info: ModelInfo, *, device: torch.device, dtype: torch.dtype, parts: Parts | None = None
    ) -> None:
        """Load every part of the model, from where `info` says or from `parts`.

        Raises `ModelError` naming the part that can't be read.
        """
        self.info, self.device, self.dtype = info, device, dtype
        parts = parts or open_parts(info)
        self._prompts = PromptEncoder(
            (
                TextPart(parts.tokenizer(), parts.module("text_encoder", dtype)),
                TextPart(parts.tokenizer("tokenizer_2"), parts.module("text_encoder_2", dtype)),
            ),
            default_clip_skip=self.default_clip_skip,
            final_norm=False,
            pooled=True,
            zero_empty=info.zero_empty_prompt,
        )
        self._vae = Vae(parts, device, dtype)
        unet = parts.module("unet", dtype)
        self.network: torch.nn.Module = unet.to(device)
        self._unet_halvings = len(unet.config["block_out_channels"]) - 1
        self.multiple_px = self._vae.multiple_px(self._unet_halvings)
        self._samplers = Samplers(parts, unet.config["in_channels"])
        self.noise_process = self._samplers.process(info.prediction_type).to(device)

    def encode_prompts(self, prompts: Sequence[str], clip_skip: int | None = None) -> Conditioning:
        """Both text encoders' hidden states, and the second one's projection of the prompt's end."""
        return self._prompts.encode(prompts, clip_skip, self.device)

    def frame(self, conditioning: Conditioning, frames: Sequence[Frame]) -> Conditioning:
        """`conditioning` with (original height, width, crop's top, left, height, width) of each frame."""
        ids = [[*frame.original, *frame.crop, *frame.size] for frame in frames]
        return replace(conditioning, time_ids=torch.tensor(ids, dtype=torch.float32, device=self.device))

    def encode_images(self, images: Tensor) -> Tensor:
        """Latents (B, C, h, w) float32 of images (B, 3, H, W) in [-1, 1]."""
        return self._vae.encode(images)

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Images (B, 3, H, W) float32 of latents (B, C, h, w)."""
        return self._vae.decode(latents)

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """The UNet's output (B, C, h, w), float32 or wider; `conditioning` has to be framed."""
        assert conditioning.pooled is not None
        assert conditioning.time_ids is not None
        # The time ids stay float32, in which the UNet takes their sines: bfloat16 holds no odd size above 256.
        told = {"text_embeds": conditioning.pooled.to(self.dtype), "time_ids": conditioning.time_ids}
        noisy, context = noisy.to(self.dtype), conditioning.context.to(self.dtype)
        predicted = self.network(
            noisy, timesteps, encoder_hidden_states=context, added_cond_kwargs=told, return_dict=False
        )[0]
        return predicted.to(torch.promote_types(self.dtype, torch.float32))

    def scheduler(self, sampler: Sampler) -> Scheduler:
        """A fresh sampler."""
        return self._samplers.make(sampler)

    def latent_shape(self, size_px: int) -> tuple[int, int, int]:
        """(C, h, w); raises `ModelError` when the side is no multiple of what VAE and UNet halve it by."""
        return self._vae.latent_shape(size_px, self._unet_halvings, self.info)

    def release_encoders(self) -> None:
        """Move VAE and text encoders to main memory."""
        self._vae.release()
        self._prompts.release()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

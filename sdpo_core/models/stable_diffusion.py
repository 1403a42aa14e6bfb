"""Models with the U-Net of Stable Diffusion, from parts: no pipeline class, no remote code.

Why not `StableDiffusionPipeline`: its constructor resets `clip_sample`, which the demo model needs, to False, and it
wants parts (safety checker, feature extractor) that nothing here uses.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.families.family import Family
from sdpo_core.models.encoders import PromptEncoder, TextPart
from sdpo_core.models.family import Conditioning, Frame, Scheduler
from sdpo_core.models.parts import Parts, open_parts
from sdpo_core.models.samplers import Samplers
from sdpo_core.models.vae import Vae
from sdpo_core.settings.sampling import Sampler


class StableDiffusion:
    """Implements `sdpo_core.models.family.DiffusionModel` for the families of Stable Diffusion 1.x, 2.x and XL."""

    def __init__(
        self, family: Family, info: ModelInfo, *, device: torch.device, dtype: torch.dtype, parts: Parts | None = None
    ) -> None:
        """Load every part of the model, from where `info` says or from `parts`.

        Raises `ModelError` naming the part that can't be read.
        """
        self.info, self.device, self.dtype = info, device, dtype
        self.default_clip_skip = family.clip_skip
        self._takes_size = family.takes_pooled_and_size
        parts = parts or open_parts(info)
        self._prompts = PromptEncoder(
            tuple(
                TextPart(parts.tokenizer(part.tokenizer), parts.module(part.name, dtype))
                for part in family.text_encoders
            ),
            default_clip_skip=family.clip_skip,
            final_norm=family.final_norm,
            pooled=family.takes_pooled_and_size,
            zero_empty=family.takes_pooled_and_size and info.zero_empty_prompt,
        )
        self._vae = Vae(parts, device, dtype)
        unet = parts.module(family.network.name, dtype)
        self.network: torch.nn.Module = unet.to(device)
        self._unet_halvings = len(unet.config["block_out_channels"]) - 1
        self.multiple_px = self._vae.multiple_px(self._unet_halvings)
        self._samplers = Samplers(parts, unet.config["in_channels"])
        self.noise_process = self._samplers.process(info.prediction_type).to(device)

    def encode_prompts(self, prompts: Sequence[str], clip_skip: int | None = None) -> Conditioning:
        """The text encoders' hidden states concatenated, with the last one's projection if the network takes it."""
        return self._prompts.encode(prompts, clip_skip, self.device)

    def frame(self, conditioning: Conditioning, frames: Sequence[Frame]) -> Conditioning:
        """`conditioning` with (original height, width, crop's top, left, height, width) of each frame, where used."""
        if not self._takes_size:
            return conditioning
        ids = [[*frame.original, *frame.crop, *frame.size] for frame in frames]
        return replace(conditioning, time_ids=torch.tensor(ids, dtype=torch.float32, device=self.device))

    def encode_images(self, images: Tensor) -> Tensor:
        """Latents (B, C, h, w) float32 of images (B, 3, H, W) in [-1, 1]."""
        return self._vae.encode(images)

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Images (B, 3, H, W) float32 of latents (B, C, h, w)."""
        return self._vae.decode(latents)

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """The U-Net's output (B, C, h, w), float32 or wider; `conditioning` has to come from `frame`."""
        noisy, context = noisy.to(self.dtype), conditioning.context.to(self.dtype)
        added: dict[str, dict[str, Tensor]] = {}
        if self._takes_size:
            assert conditioning.pooled is not None
            assert conditioning.time_ids is not None
            # The time ids stay float32 because the U-Net takes their sines: bfloat16 has no odd numbers above 256.
            pooled = conditioning.pooled.to(self.dtype)
            added = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": conditioning.time_ids}}
        predicted = self.network(noisy, timesteps, encoder_hidden_states=context, return_dict=False, **added)[0]
        return predicted.to(torch.promote_types(self.dtype, torch.float32))

    def scheduler(self, sampler: Sampler) -> Scheduler:
        """A fresh sampler."""
        return self._samplers.make(sampler)

    def latent_shape(self, size_px: int) -> tuple[int, int, int]:
        """(C, h, w); raises `ModelError` when the side isn't a multiple of `multiple_px`."""
        return self._vae.latent_shape(size_px, self._unet_halvings, self.info)

    def release_encoders(self) -> None:
        """Move VAE and text encoders to main memory."""
        self._vae.release()
        self._prompts.release()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

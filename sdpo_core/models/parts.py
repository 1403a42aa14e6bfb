"""Where the parts of a model come from: a family says which part it wants, a source finds and checks it.

Loaded part by part: no pipeline class, no remote code, never a pickle, never the network.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.errors import ModelError
from sdpo_core.models.loading import (
    LOADING_ERRORS,
    Module,
    check_complete,
    finite,
    read_settings,
    reason,
    usable_settings,
)
from sdpo_core.models.single_file import SingleFileParts

_LOADERS: dict[Module, tuple[Callable[..., Any], str]] = {
    "unet": (UNet2DConditionModel.from_pretrained, "diffusion_pytorch_model"),
    "vae": (AutoencoderKL.from_pretrained, "diffusion_pytorch_model"),
    "text_encoder": (CLIPTextModel.from_pretrained, "model"),
    "text_encoder_2": (CLIPTextModelWithProjection.from_pretrained, "model"),
}
"""For each part in a folder in diffusers format: what loads it, and the file name of its weights without the suffix."""


class Parts(Protocol):
    """The parts of one model. Every method raises `ModelError` naming what can't be read."""

    def module(self, part: Module, dtype: torch.dtype) -> Any:
        """A part with weights, as `dtype`, on the CPU, frozen and in eval mode; every tensor comes from its file."""
        ...

    def tokenizer(self, part: str = "tokenizer") -> Any:
        """A `CLIPTokenizer` that truncates, pads and numbers like the model's own."""
        ...

    def scheduler_config(self) -> dict[str, Any]:
        """Settings for diffusers' samplers."""
        ...

    def settings_path(self, part: Module) -> Path:
        """The JSON file that a part's settings come from, for `usable_settings`."""
        ...


def open_parts(info: ModelInfo) -> Parts:
    """The source that fits `info`."""
    return FolderParts(info) if info.path.is_dir() else SingleFileParts(info)


class FolderParts:
    """Parts in a folder in diffusers format."""

    def __init__(self, info: ModelInfo) -> None:
        self._folder = info.path
        self._prediction_type = info.prediction_type

    def module(self, part: Module, dtype: torch.dtype) -> Any:
        """Load `part`; half-precision files are used where there are no others.

        Raises `ModelError` when its files are missing, damaged or incomplete.
        """
        load, stem = _LOADERS[part]
        has_full = any((self._folder / part / f"{stem}.safetensors{end}").is_file() for end in ("", ".index.json"))
        weights = f"{part}/{stem}.safetensors" if has_full else f"{part}/{stem}.fp16.safetensors"
        try:
            module, report = load(
                self._folder,
                subfolder=part,
                variant=None if has_full else "fp16",
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                **({"dtype": dtype} if part.startswith("text_encoder") else {"torch_dtype": dtype}),
            )
        except LOADING_ERRORS as error:
            raise ModelError(
                f"Could not read {weights} of the model in {self._folder}: {reason(error)}. The file may be missing or "
                "damaged; copy or download the model again."
            ) from error
        check_complete(list(report["missing_keys"]), weights, self._folder)
        return module.requires_grad_(False).eval()

    def tokenizer(self, part: str = "tokenizer") -> Any:
        """Load the tokenizer in the folder `part`; raises `ModelError` when it can't be read."""
        try:
            return CLIPTokenizer.from_pretrained(self._folder, subfolder=part, local_files_only=True)
        except LOADING_ERRORS as error:
            raise ModelError(
                f"Could not read the folder {part} of the model in {self._folder}: {reason(error)}. Copy or download "
                "the model again."
            ) from error

    def scheduler_config(self) -> dict[str, Any]:
        """The folder's own scheduler settings, with `clip_sample` only where it is intended."""
        path = self.settings_path("scheduler")
        config = read_settings(path)
        # SD latents reach far past ±1, so clipping to the default range is an oversight in old configs, which
        # StableDiffusionPipeline corrects in the same way. A wider range, such as the demo model's 2.5, is intended.
        with usable_settings(path):
            clips = bool(config.get("clip_sample", False)) and finite(config.get("clip_sample_range", 1.0)) > 1.0
        return {**config, "clip_sample": clips, "prediction_type": self._prediction_type}

    def settings_path(self, part: Module) -> Path:
        """`<part>/config.json`, or the scheduler's."""
        return self._folder / part / ("scheduler_config.json" if part == "scheduler" else "config.json")

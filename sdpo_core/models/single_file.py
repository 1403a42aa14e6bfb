"""Parts from a single-file checkpoint, offline: the file's tensors, and our own settings from `assets/configs/`.

Each part is built without weights and filled from its own tensors alone. diffusers' conversion functions rename them;
a part with missing or surplus tensors after that is refused here.
"""

from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors import safe_open
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.errors import ModelError
from sdpo_core.families.stable_diffusion import UNET_PREFIX, VAE_PREFIX
from sdpo_core.families.table import FAMILIES
from sdpo_core.models.clip_tokenizer import build_clip_tokenizer
from sdpo_core.models.loading import LOADING_ERRORS, Module, check_complete, read_settings, reason

_State = dict[str, Tensor]
_MERGES = "clip/bpe_simple_vocab_16e6.txt.gz"
_UNUSED = (".position_ids", ".logit_scale")
"""Endings of tensors that are stored with a text encoder's weights but aren't weights themselves."""


class SingleFileParts:
    """Implements `sdpo_core.models.parts.Parts` for a checkpoint in the original layout."""

    def __init__(self, info: ModelInfo) -> None:
        self._info = info

    def module(self, part: Module, dtype: torch.dtype) -> Any:
        """Build `part` from its settings and fill it.

        Raises `ModelError` when the model has no such part, or the file's tensors aren't exactly those of the part.
        """
        prefix = FAMILIES[self._info.family].prefixes.get(part)
        if prefix is None:
            raise ModelError(f"{self._info.path} is a {self._info.family} model, which has no {part}.")
        try:
            module = empty_part(part, self.settings_path(part))
            state = convert(module, self._read(prefix), prefix)
        except LOADING_ERRORS as error:
            raise ModelError(
                f"Could not read the {part} in {self._info.path}: {reason(error)}. The file may be damaged, or of a "
                "kind the studio doesn't know; download it again or choose another."
            ) from error
        self._check(part, state, module.state_dict())
        # Copied out of the mapped file: it may be replaced while the model is used, and sums over tensors that aren't
        # aligned in memory, as in a file, differ in their last bits.
        module.load_state_dict({name: tensor.to(dtype, copy=True) for name, tensor in state.items()}, assign=True)
        return module.requires_grad_(False).eval()

    def tokenizer(self, part: str = "tokenizer") -> Any:
        """CLIP's tokenizer, padding as the settings of `part` say; raises `ModelError` when it can't be built."""
        path = self._info.configs / part / "tokenizer_config.json"
        settings, merges = read_settings(path), self._info.configs.parent / _MERGES
        try:
            return build_clip_tokenizer(
                merges, max_tokens=settings["model_max_length"], pad_token=settings["pad_token"]
            )
        except LOADING_ERRORS as error:
            raise ModelError(
                f"Could not build the tokenizer from {path} and {merges}: {reason(error)}. Download the studio again."
            ) from error

    def scheduler_config(self) -> dict[str, Any]:
        """The family's settings, with what the file says about its prediction and its noise."""
        return {
            **read_settings(self.settings_path("scheduler")),
            "prediction_type": self._info.prediction_type,
            "rescale_betas_zero_snr": self._info.zero_terminal_snr,
        }

    def settings_path(self, part: Module) -> Path:
        """Our own file in `assets/configs/`."""
        return self._info.configs / part / ("scheduler_config.json" if part == "scheduler" else "config.json")

    def _check(self, part: Module, state: _State, expected: _State) -> None:
        check_complete(sorted(expected.keys() - state.keys()), part, self._info.path)
        foreign = sorted(state.keys() - expected.keys())
        if foreign:
            raise ModelError(
                f"The {part} in {self._info.path} has {len(foreign)} tensors that a {self._info.family} model doesn't "
                f"have, such as {foreign[0]}. Choose another model."
            )
        for name, tensor in expected.items():
            if state[name].shape != tensor.shape:
                raise ModelError(
                    f"The {part} in {self._info.path} doesn't have the shape of a {self._info.family} model: {name} is "
                    f"{tuple(state[name].shape)}, expected {tuple(tensor.shape)}. Choose another model."
                )

    def _read(self, prefix: str) -> _State:
        with safe_open(self._info.path, "pt", device="cpu") as file:
            names = [name for name in file.keys() if name.startswith(prefix) and not name.endswith(_UNUSED)]  # noqa: SIM118
            return {name: file.get_tensor(name) for name in names}


def empty_part(part: Module, settings: Path) -> Any:
    """A part with buffers but without weights (on the meta device), as the settings in that file say."""
    config = read_settings(settings)
    with init_empty_weights(include_buffers=False):
        if part == "unet":
            return UNet2DConditionModel.from_config(config)
        if part == "vae":
            return AutoencoderKL.from_config(config)
        kind = CLIPTextModelWithProjection if part == "text_encoder_2" else CLIPTextModel
        return kind(CLIPTextConfig.from_dict(config))


def convert(module: Any, state: _State, prefix: str) -> _State:
    """`state`, whose names start with `prefix`, under the names that `module` uses."""
    if prefix == UNET_PREFIX:
        renamed: _State = convert_ldm_unet_checkpoint(state, dict(module.config))
        known = {id(tensor) for tensor in renamed.values()}
        # What diffusers skips, such as the guidance input of a distilled model, keeps its name and is refused.
        return {**renamed, **{name: tensor for name, tensor in state.items() if id(tensor) not in known}}
    if prefix == VAE_PREFIX:
        return convert_ldm_vae_checkpoint(state, dict(module.config))
    if prefix.endswith(".transformer."):
        renamed = convert_ldm_clip_checkpoint(state)
    else:
        renamed = convert_open_clip_checkpoint(module, state, prefix=prefix)
        if prefix + "text_projection.weight" in state:  # some tools keep it as a linear layer, others transposed
            renamed["text_projection.weight"] = state[prefix + "text_projection.weight"]
    projection = renamed.pop("text_projection.weight", None)  # ComfyUI saves one even for encoders that don't use it
    # transformers has no `text_model.` in a CLIPTextModel; some old files have none for any class.
    bare = {name.removeprefix("text_model."): tensor for name, tensor in renamed.items()}
    if not isinstance(module, CLIPTextModelWithProjection):
        return bare
    named = {f"text_model.{name}": tensor for name, tensor in bare.items()}
    return named if projection is None else {**named, "text_projection.weight": projection}

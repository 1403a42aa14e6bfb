"""Which model a single-file checkpoint holds, from its header: names and shapes of tensors, never their data.

The layout is that of the original code (`model.diffusion_model.…`, `first_stage_model.…`, `cond_stage_model.…` or
`conditioner.…`), which ComfyUI, A1111 and most download sites use. A family's sizes are read from
`assets/configs/<family>/`, which is also what the parts are built from.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from sdpo_core.checkpoints.header import TensorInfo, read_header
from sdpo_core.errors import ModelError
from sdpo_core.families.family import Family, FamilyName, Predicts
from sdpo_core.families.stable_diffusion import UNET_PREFIX as UNET
from sdpo_core.families.stable_diffusion import VAE_PREFIX as VAE
from sdpo_core.families.table import FAMILIES, titles

SUPPORTED = f"The studio reads checkpoints of {titles()}, and models based on them"
# The first half of a LoRA in the layouts of kohya, PEFT (with or without the adapter's name) and old diffusers.
LORA_DOWN = re.compile(r"(\.(lora_down|lora_A(\.\w+)?|lora\.down|lora_linear_layer\.down)|_lora\.down)\.weight$")
_CONV_IN = UNET + "input_blocks.0.0.weight"  # (width, in_channels, 3, 3)
_TRANSFORMER_BLOCK = re.compile(re.escape(UNET) + r"(.+\.transformer_blocks\.\d+)\.")
_WEIGHT_TYPES = frozenset({"F64", "F32", "F16", "BF16"})
_PREDICTION_OF_MODELSPEC: dict[str, Predicts] = {
    "epsilon": "epsilon",
    "v": "v_prediction",
    "v_prediction": "v_prediction",
}


@dataclass(frozen=True)
class CheckpointInfo:
    """A checkpoint that the studio can load."""

    family: FamilyName
    prediction_type: Predicts | None  # None: neither the file nor its family says
    zero_terminal_snr: bool


@dataclass(frozen=True)
class Sizes:
    """What distinguishes a family's UNet from others with the same tensor names."""

    in_channels: int
    width: int  # of the first block
    text_width: int  # D of the conditioning
    vector_width: int | None  # of SDXL's pooled text and sizes; None where there is no such input
    transformer_blocks: int  # in all of its attention layers


def read_checkpoint(path: Path, sizes_of: Callable[[FamilyName], Sizes]) -> CheckpointInfo:
    """Find the family of the checkpoint in `path`; `sizes_of` gives the sizes that a family's files must have.

    Raises `ModelError`, saying what the file is instead, when the studio can't load it.
    """
    return identify_checkpoint(path, *read_header(path, ModelError), sizes_of)


def identify_checkpoint(
    path: PurePath,
    tensors: Mapping[str, TensorInfo],
    metadata: Mapping[str, Any],
    sizes_of: Callable[[FamilyName], Sizes],
) -> CheckpointInfo:
    """`read_checkpoint` for a header that was read already; `path` is for messages. Raises the same `ModelError`."""
    if _CONV_IN not in tensors:
        raise ModelError(f"{path} {_what_else(tensors)}. {SUPPORTED}; choose a whole checkpoint.")
    _refuse_relatives(path, tensors)
    family = _family(path, tensors)
    _check_sizes(path, family, tensors, sizes_of(family.name))
    _check_parts(path, family, tensors)
    return CheckpointInfo(family.name, _prediction_type(family, tensors, metadata), "ztsnr" in tensors)


def _what_else(tensors: Mapping[str, TensorInfo]) -> str:
    """What a file without the UNet of a checkpoint is, as the rest of a sentence."""

    def has(*starts: str) -> bool:
        return any(name.startswith(starts) for name in tensors)

    def holds(*pieces: str) -> bool:
        return any(piece in name for name in tensors for piece in pieces)

    if any(LORA_DOWN.search(name) for name in tensors):
        return "is a LoRA, not a model: use it as an adapter"
    if holds("double_blocks."):
        return "is a Flux model (or a relative of it)"
    if holds("joint_blocks."):
        return "is a Stable Diffusion 3 model"
    if has("control_model.", "controlnet_", "input_hint_block."):
        return "is a ControlNet, not a model"
    if has("input_blocks.", "down_blocks."):
        return "is only a UNet, without VAE and text encoder"
    if has("decoder.", "encoder.", VAE):
        return "is only a VAE, without UNet and text encoder"
    if has("text_model.", "token_embedding.", "cond_stage_model.", "conditioner."):
        return "is only a text encoder, without UNet and VAE"
    return "holds no UNet of Stable Diffusion"


def _refuse_relatives(path: PurePath, tensors: Mapping[str, TensorInfo]) -> None:
    """Refuse models that share SDXL's names but not the way it predicts or reads text."""
    if any(name.startswith("conditioner.embedders.0.model.") for name in tensors):
        raise ModelError(
            f"{path} is the SDXL refiner, which only finishes images of another model. Choose the SDXL base model."
        )
    if "edm_mean" in tensors or any(name.startswith("edm_vpred.") for name in tensors):
        raise ModelError(
            f"{path} is an EDM model (like Playground 2.5 or CosXL), which the studio doesn't support. "
            f"{SUPPORTED}; choose another."
        )


def _family(path: PurePath, tensors: Mapping[str, TensorInfo]) -> Family:
    def has(family: Family) -> list[bool]:
        return [any(name.startswith(prefix) for name in tensors) for prefix in family.text_prefixes.values()]

    for family in FAMILIES.values():
        if all(has(family)):
            return family
    likely = next((family for family in FAMILIES.values() if family.text_width == _text_width(tensors)), None)
    missing = "its text encoder"
    if likely and len(likely.text_encoders) > 1:
        missing = "one of its two text encoders" if any(has(likely)) else "both of its text encoders"
    raise ModelError(
        f"{path} lacks {missing}, so it can't read prompts. Choose a complete checkpoint; ComfyUI's Save Checkpoint "
        "node makes one from the parts."
    )


def _check_sizes(path: PurePath, family: Family, tensors: Mapping[str, TensorInfo], expected: Sizes) -> None:
    shape = tensors[_CONV_IN].shape
    width, channels = (shape[0], shape[1]) if len(shape) == 4 else (0, 0)
    if channels != expected.in_channels:
        kind = {9: ", as inpainting does", 8: ", as editing by instruction does", 5: ", as a model for depth maps does"}
        raise ModelError(
            f"The UNet in {path} takes {channels} channels{kind.get(channels, '')}; expected {expected.in_channels}. "
            "Choose the plain text-to-image model."
        )
    vector = tensors.get(UNET + "label_emb.0.0.weight")
    blocks = {match[1] for name in tensors if (match := _TRANSFORMER_BLOCK.match(name))}
    vector_width = vector.shape[-1] if vector and vector.shape else None
    found = Sizes(channels, width, _text_width(tensors) or 0, vector_width, len(blocks))
    whole = expected.transformer_blocks
    if len(blocks) < whole and found == replace(expected, transformer_blocks=len(blocks)):
        raise ModelError(
            f"The UNet in {path} has {len(blocks)} transformer blocks, where a complete {family.name} has {whole}: it "
            f"was pruned, like SSD-1B and Segmind Vega, or is cut short. {SUPPORTED}, but not pruned ones; "
            "choose another."
        )
    if found != expected:
        raise ModelError(
            f"{path} names its parts as {family.name} does, but the UNet's sizes differ ({_described(found)}; expected "
            f"{_described(expected)}). {SUPPORTED}; choose another."
        )


def _described(sizes: Sizes) -> str:
    vector = "no vector" if sizes.vector_width is None else f"a vector of {sizes.vector_width}"
    blocks = f"{sizes.transformer_blocks} transformer blocks"
    return f"width {sizes.width}, text of width {sizes.text_width}, {vector}, {blocks}"


def _text_width(tensors: Mapping[str, TensorInfo]) -> int | None:
    """D, from any cross-attention layer; None when the UNet has none."""
    suffix = ".attn2.to_k.weight"
    shapes = (info.shape for name, info in tensors.items() if name.startswith(UNET) and name.endswith(suffix))
    return next((shape[1] for shape in shapes if len(shape) == 2), None)


def _check_parts(path: PurePath, family: Family, tensors: Mapping[str, TensorInfo]) -> None:
    if not any(name.startswith(VAE) for name in tensors):
        raise ModelError(
            f"{path} has no VAE, so it can't make images. Choose a version with a baked-in VAE; ComfyUI's Save "
            "Checkpoint node makes one."
        )
    prefixes = tuple(family.prefixes.values())
    odd = {
        info.dtype
        for name, info in tensors.items()
        if name.startswith(prefixes) and name.endswith("weight") and info.dtype not in _WEIGHT_TYPES
    }
    if odd:
        raise ModelError(
            f"{path} holds {', '.join(sorted(odd))} weights, too coarse to train on; expected 16- or 32-bit floats. "
            "Choose the fp16 or bf16 version."
        )


def _prediction_type(family: Family, tensors: Mapping[str, TensorInfo], metadata: Mapping[str, Any]) -> Predicts | None:
    """What the file says; if it says nothing, what its family does."""
    if "v_pred" in tensors:
        return "v_prediction"
    declared = _PREDICTION_OF_MODELSPEC.get(str(metadata.get("modelspec.prediction_type", "")))
    return declared or family.predicts

"""One of the studio's adapters with diffusers' and peft's names for its tensors. No torch: only the header changes.

    lora_unet_<path, dots as underscores>.lora_down.weight  ->  unet.<path>.lora_A.weight
                                         .lora_up.weight    ->             .lora_B.weight
                                         .alpha             ->  left out: it is the rank, which diffusers assumes

ComfyUI, A1111 and Forge need the original file: they lose layers in this layout.
"""

import json
import re
import struct
from pathlib import Path
from typing import BinaryIO

from sdpo_core.atomic import replacing
from sdpo_core.checkpoints.header import TensorInfo, read_header
from sdpo_core.errors import AdapterError

_PREFIX = "lora_unet_"
_HALVES = {".lora_down.weight": ".lora_A.weight", ".lora_up.weight": ".lora_B.weight"}
_ALPHA = ".alpha"
_PIECE_BYTES = 2**20
_NUMBERS = {"F16": "<e", "F32": "<f", "F64": "<d"}
# What can be between two dots of a module's path in diffusers' UNet. Names with underscores of their own come before
# the shorter ones that they start with.
_PART = re.compile(
    r"(down_blocks|up_blocks|mid_block|transformer_blocks|attentions|resnets|downsamplers|upsamplers|attn[12]|to_q|to_k"
    r"|to_v|to_out|proj_in|proj_out|ff|net|proj|conv_in|conv_out|conv_shortcut|conv[12]|conv|time_emb_proj"
    r"|time_embedding|add_embedding|linear_[12]|\d+)(?:_|$)"
)


def write_peft(source: Path, target: Path) -> int:
    """Write the adapter in `source` to `target` with diffusers' names; returns how many layers it adapts.

    Raises `AdapterError` when the file is broken, has another layout, or has an alpha that isn't the rank.
    """
    tensors, metadata = read_header(source)
    start = source.stat().st_size - max((tensor.end for tensor in tensors.values()), default=0)
    renamed = _renamed(source, tensors)
    _check_alphas(source, tensors, start)
    kept = {name: text for name, text in metadata.items() if not name.startswith(("ss_", "sshs_"))}
    header: dict[str, object] = {"__metadata__": {**kept, "format": "pt"}}
    order = sorted(renamed, key=lambda name: tensors[name].begin)
    position = 0
    for name in order:
        tensor = tensors[name]
        end = position + tensor.end - tensor.begin
        header[renamed[name]] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [position, end]}
        position = end
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    with replacing(target) as temporary, temporary.open("wb") as out, source.open("rb") as weights:
        out.write(struct.pack("<Q", len(encoded)) + encoded)
        for name in order:
            weights.seek(start + tensors[name].begin)
            _copy(weights, out, tensors[name].end - tensors[name].begin)
    return len(renamed) // 2


def module_path(name: str) -> str | None:
    """`down_blocks.0.attn1` of `down_blocks_0_attn1`; None for anything that isn't a module of a UNet."""
    parts: list[str] = []
    position = 0
    while position < len(name):
        found = _PART.match(name, position)
        if found is None:
            return None
        parts.append(found.group(1))
        position = found.end()
    return ".".join(parts) or None


def _renamed(source: Path, tensors: dict[str, TensorInfo]) -> dict[str, str]:
    """The new name of every tensor that is kept."""
    renamed: dict[str, str] = {}
    for name in tensors:
        stem, dot, half = name.partition(".")
        path = module_path(stem.removeprefix(_PREFIX)) if stem.startswith(_PREFIX) else None
        if path is None or dot + half not in {*_HALVES, _ALPHA}:
            raise AdapterError(
                f"{source.name} holds {name}, which diffusers' layout has no name for. Expected a LoRA for the UNet "
                "alone, in kohya's layout, as the studio writes it."
            )
        if dot + half != _ALPHA:
            renamed[name] = f"unet.{path}{_HALVES[dot + half]}"
    return renamed


def _check_alphas(source: Path, tensors: dict[str, TensorInfo], start: int) -> None:
    with source.open("rb") as file:
        for name, tensor in tensors.items():
            if not name.endswith(_ALPHA):
                continue
            down = tensors.get(name.removesuffix(_ALPHA) + ".lora_down.weight")
            file.seek(start + tensor.begin)
            data = file.read(tensor.end - tensor.begin)
            form = _NUMBERS.get(tensor.dtype, "")
            alpha = struct.unpack(form, data)[0] if form and len(data) == struct.calcsize(form) else None
            if down is None or not down.shape or alpha != down.shape[0]:
                raise AdapterError(
                    f"{source.name}: {name} is {alpha}, not the rank, so diffusers would scale its layer differently. "
                    "Use the original file, which diffusers reads too."
                )


def _copy(weights: BinaryIO, out: BinaryIO, size: int) -> None:
    """Copy the next `size` bytes in chunks, so that the studio's own process stays small."""
    while size:
        piece = weights.read(min(size, _PIECE_BYTES))
        out.write(piece)
        size -= len(piece)

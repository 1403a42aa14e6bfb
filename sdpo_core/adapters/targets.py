"""The layers of each family that an adapter can change, by the part and path that diffusers and transformers give them.

Recorded from the real classes (tests/adapters/record_targets.py), so that a file can be judged without loading a model.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal, NamedTuple

from sdpo_core.checkpoints.single_files import Family
from sdpo_core.paths import repository_root

Part = Literal["unet", "text_encoder", "text_encoder_2"]
Shape = tuple[int, ...]
TARGETS_FILE = "adapter_targets.json"


class Target(NamedTuple):
    """A linear layer or convolution."""

    part: Part
    path: str


@cache
def family_targets(family: Family) -> Mapping[Target, Shape]:
    """Weight shapes, (out, in) or (out, in, kh, kw), of everything that can be changed in a model of this family."""
    path = repository_root() / "assets" / "configs" / family / TARGETS_FILE
    recorded: dict[Part, dict[str, list[int]]] = json.loads(path.read_text(encoding="utf-8"))
    return {Target(part, name): tuple(shape) for part, named in recorded.items() for name, shape in named.items()}


_BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")
_RESNET = {
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_OUTSIDE = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_out": "out.2",
}
_MIDDLE = {"resnets.0": "middle_block.0", "attentions.0": "middle_block.1", "resnets.1": "middle_block.2"}


def original_names(paths: Iterable[str]) -> dict[str, str]:
    """The names of the original code (CompVis, SGM) for a UNet's paths in diffusers, by those paths.

    There the blocks of one direction are one numbered list; each holds a resnet (0), its attention (1), a resampler.
    """
    known = list(paths)
    layers = 1 + max(
        (int(m[1]) for name in known if (m := re.match(r"down_blocks\.0\.resnets\.(\d+)\.", name))), default=1
    )
    attends = {name.split(".attentions.")[0] for name in known if ".attentions." in name}
    return {name: _original_name(name, layers, attends) for name in known}


def _original_name(name: str, layers: int, attends: set[str]) -> str:
    if name in _OUTSIDE:
        return _OUTSIDE[name]
    if name.startswith("mid_block."):
        _, what, number, rest = name.split(".", 3)
        return f"{_MIDDLE[f'{what}.{number}']}.{_RESNET[rest] if what == 'resnets' else rest}"
    match = _BLOCK.fullmatch(name)
    if match is None:
        return name
    side, block, what, number, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
    if what == "downsamplers":
        return f"input_blocks.{(block + 1) * (layers + 1)}.0.op"
    if what == "upsamplers":
        return f"output_blocks.{block * (layers + 1) + layers}.{2 if f'up_blocks.{block}' in attends else 1}.conv"
    start = f"input_blocks.{block * (layers + 1) + number + 1}"
    if side == "up":
        start = f"output_blocks.{block * (layers + 1) + number}"
    return f"{start}.0.{_RESNET[rest]}" if what == "resnets" else f"{start}.1.{rest}"


def fits(down: Shape, up: Shape, weight: Shape) -> bool:
    """Whether two halves of a LoRA, (r, in, …) and (out, r, …), make a change of a weight's shape.

    A convolution of 1 x 1 may be written as a matrix, and the other way round, as all tools take it.
    """
    if len(down) < 2 or len(up) < 2 or not down[0]:
        return False
    out, *rest = weight
    return _tight(down) == (down[0], *_tight(tuple(rest), 1)) and _tight(up) == (out, down[0])


def _tight(shape: Shape, ahead: int = 2) -> Shape:
    """Without a kernel of 1 x 1."""
    return shape[:ahead] if all(side == 1 for side in shape[ahead:]) else shape

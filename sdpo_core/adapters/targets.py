"""The layers of each family that an adapter can change, by their part and path in diffusers and transformers.

Recorded from the real classes (tests/adapters/record_targets.py), so that files can be checked without loading a model.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from sdpo_core.families.family import FamilyName, Part
from sdpo_core.families.table import FAMILIES
from sdpo_core.paths import repository_root

Shape = tuple[int, ...]
TARGETS_FILE = "adapter_targets.json"


class Target(NamedTuple):
    """A linear layer or convolution."""

    part: Part
    path: str


@cache
def family_targets(family: FamilyName) -> Mapping[Target, Shape]:
    """Weight shapes, (out, in) or (out, in, kh, kw), of everything that can be changed in a model of this family."""
    path = repository_root() / "assets" / "configs" / family / TARGETS_FILE
    recorded: dict[str, dict[str, list[int]]] = json.loads(path.read_text(encoding="utf-8"))
    return {
        Target(FAMILIES[family].part(part), name): tuple(shape)
        for part, named in recorded.items()
        for name, shape in named.items()
    }


def original_names(targets: Iterable[Target]) -> dict[str, str]:
    """The original code's names for the network's layers among `targets`, by path."""
    of_network = [target for target in targets if target.part.role == "network"]
    known: dict[str, str] = {}
    for part in dict.fromkeys(target.part for target in of_network):
        if part.original_names:
            known |= part.original_names(target.path for target in of_network if target.part is part)
    return known


def fits(down: Shape, up: Shape, weight: Shape) -> bool:
    """Whether the product of two halves of a LoRA, (r, in, …) and (out, r, …), has the weight's shape.

    A convolution of 1 x 1 may be written as a matrix and vice versa; all tools accept that.
    """
    if len(down) < 2 or len(up) < 2 or not down[0]:
        return False
    out, *rest = weight
    return _tight(down) == (down[0], *_tight(tuple(rest), 1)) and _tight(up) == (out, down[0])


def _tight(shape: Shape, ahead: int = 2) -> Shape:
    """Without a kernel of 1 x 1."""
    return shape[:ahead] if all(side == 1 for side in shape[ahead:]) else shape

"""What an adapter file says about itself, from its header alone."""

import itertools
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sdpo_core.checkpoints.header import TensorInfo, read_header
from sdpo_core.checkpoints.single_files import LORA_DOWN
from sdpo_core.errors import AdapterError
from sdpo_core.families.table import FAMILIES

__all__ = ["AdapterInfo", "TensorInfo", "read_adapter_info", "read_header"]

_KINDS = {"attention": re.compile(r"[._]attn\d?[._]|self_attn"), "feed-forward": re.compile(r"[._](ff|mlp)[._]")}


@dataclass(frozen=True)
class AdapterInfo:
    """What an adapter's header says; None for what it doesn't."""

    path: Path
    metadata: dict[str, str]  # as in the header
    sdpo: dict[str, Any] | None  # our own facts, when the studio wrote it
    modules: int  # layers that it changes
    targets: dict[str, int]  # how many of them are of each kind: attention, feed-forward, other
    rank: int | None  # None when its layers have different ranks
    family: str | None  # a name in `sdpo_core.families.table.FAMILIES`, or of a later version
    base_sha256: str | None  # `ModelInfo.sha256` of the model it was trained on
    clip_skip: int | None  # what it was trained with, when the studio wrote it


def read_adapter_info(path: Path) -> AdapterInfo:
    """Read the header; raises `AdapterError` when the file is broken or holds no LoRA."""
    tensors, metadata = read_header(path)
    layers = {name: tensor.shape for name, tensor in tensors.items() if LORA_DOWN.search(name)}
    shapes = list(layers.values())
    if not shapes:
        raise AdapterError(f"{path} holds no LoRA layers, so it isn't an adapter. Choose a LoRA file.")
    ranks = {shape[0] if shape else 0 for shape in shapes}
    facts = _own_facts(path, metadata)
    return AdapterInfo(
        path=path,
        metadata=metadata,
        sdpo=facts,
        modules=len(shapes),
        targets=dict(Counter(_kind(name) for name in layers).most_common()),
        rank=ranks.pop() if len(ranks) == 1 else None,
        family=_text(facts, "family") or _family(metadata),
        base_sha256=_text(facts, "base_sha256"),
        clip_skip=_clip_skip(facts),
    )


def _family(metadata: dict[str, str]) -> str | None:
    """From kohya's name for the base model, else from modelspec's."""
    version, architecture = metadata.get("ss_base_model_version"), metadata.get("modelspec.architecture")
    by_kohya = (name for name, family in FAMILIES.items() if version in family.kohya.values())
    by_modelspec = (name for name, family in FAMILIES.items() if architecture in family.modelspec.values())
    return next(itertools.chain(by_kohya, by_modelspec), None)


def _kind(layer: str) -> str:
    return next((kind for kind, pattern in _KINDS.items() if pattern.search(layer)), "other")


def _own_facts(path: Path, metadata: dict[str, str]) -> dict[str, Any] | None:
    if "sdpo" not in metadata:
        return None
    try:
        facts: Any = json.loads(metadata["sdpo"])
    except (ValueError, RecursionError) as error:
        raise AdapterError(f"The studio's facts in {path} aren't JSON. Copy or train it again.") from error
    if not isinstance(facts, dict):
        raise AdapterError(f"The studio's facts in {path} aren't a JSON object. Copy or train it again.")
    return cast("dict[str, Any]", facts)


def _clip_skip(facts: dict[str, Any] | None) -> int | None:
    match facts:
        case {"settings": {"clip_skip": int() as skip}} if not isinstance(skip, bool) and skip >= 1:
            return skip
        case _:
            return None


def _text(facts: dict[str, Any] | None, name: str) -> str | None:
    value = facts.get(name) if facts else None
    return value if isinstance(value, str) else None

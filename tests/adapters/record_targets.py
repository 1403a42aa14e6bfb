"""Records the layers that adapters can change, from diffusers' and transformers' real classes on the meta device.

`python -m tests.adapters.record_targets` writes assets/configs/<family>/adapter_targets.json.
"""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from sdpo_core.adapters.targets import TARGETS_FILE
from sdpo_core.families.family import FamilyName
from sdpo_core.families.table import FAMILIES
from sdpo_core.paths import repository_root

Recorded = dict[str, dict[str, list[int]]]


def record(family: FamilyName) -> Recorded:
    """Every linear layer and 2-d convolution of a family's networks."""
    configs = repository_root() / "assets" / "configs" / family
    found: Recorded = {}
    with torch.device("meta"):
        found["unet"] = _layers(UNet2DConditionModel.from_config(_config(configs / "unet")))
        for part, kind in (("text_encoder", CLIPTextModel), ("text_encoder_2", CLIPTextModelWithProjection)):
            if (configs / part).is_dir():
                layers = _layers(kind(CLIPTextConfig(**_config(configs / part))))
                # Files spell the prefix that transformers 5 leaves out.
                inner = {f"text_model.{n.removeprefix('text_model.')}": s for n, s in layers.items() if "encoder" in n}
                found[part] = inner | {n: s for n, s in layers.items() if n == "text_projection"}
    return found


def _config(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))


def _layers(network: object) -> dict[str, list[int]]:
    assert isinstance(network, nn.Module)
    kinds = (nn.Linear, nn.Conv2d)
    return {name: list(layer.weight.shape) for name, layer in network.named_modules() if isinstance(layer, kinds)}


def main() -> None:
    for family in FAMILIES:
        lines = [
            f' "{part}": {{\n'
            + ",\n".join(f'  "{name}": {json.dumps(shape)}' for name, shape in named.items())
            + "\n }"
            for part, named in record(family).items()
        ]
        path = repository_root() / "assets" / "configs" / family / TARGETS_FILE
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""What is read from adapters of several tools."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.errors import AdapterError


def adapter(path: Path, down: str, up: str, metadata: dict[str, str] | None = None, ranks: tuple[int, ...] = (4, 4)):
    tensors: dict[str, torch.Tensor] = {}
    for number, rank in enumerate(ranks):
        tensors[f"unet_block_{number}{down}"] = torch.zeros(rank, 6)
        tensors[f"unet_block_{number}{up}"] = torch.zeros(6, rank)
    save_file(tensors, path, metadata)
    return path


@pytest.mark.parametrize(
    ("down", "up"),
    [
        (".lora_down.weight", ".lora_up.weight"),
        (".lora_A.weight", ".lora_B.weight"),
        (".lora_A.default.weight", ".lora_B.default.weight"),
        (".lora.down.weight", ".lora.up.weight"),
    ],
)
def test_modules_and_rank_in_every_layout(tmp_path: Path, down: str, up: str) -> None:
    info = read_adapter_info(adapter(tmp_path / "a.safetensors", down, up))
    assert (info.modules, info.rank, info.sdpo, info.family, info.base_sha256) == (2, 4, None, None, None)
    mixed = read_adapter_info(adapter(tmp_path / "b.safetensors", down, up, ranks=(4, 8, 4)))
    assert (mixed.modules, mixed.rank) == (3, None)


def test_own_facts_come_first(tmp_path: Path) -> None:
    facts = {"family": "sd15", "base_sha256": "b" * 64, "pairs": 60}
    metadata = {"sdpo": json.dumps(facts), "ss_base_model_version": "sdxl_base_v1-0"}
    info = read_adapter_info(adapter(tmp_path / "a.safetensors", ".lora_down.weight", ".lora_up.weight", metadata))
    assert info.sdpo == facts
    assert info.metadata == metadata
    assert (info.family, info.base_sha256) == ("sd15", "b" * 64)


@pytest.mark.parametrize(
    ("settings", "clip_skip"),
    [({"clip_skip": 2}, 2), ({}, None), ({"clip_skip": "2"}, None), ({"clip_skip": True}, None), ([], None)],
)
def test_the_clip_skip_it_was_trained_with(tmp_path: Path, settings: object, clip_skip: int | None) -> None:
    metadata = {"sdpo": json.dumps({"settings": settings})}
    info = read_adapter_info(adapter(tmp_path / "a.safetensors", ".lora_down.weight", ".lora_up.weight", metadata))
    assert info.clip_skip == clip_skip


@pytest.mark.parametrize(
    ("key", "value", "family"),
    [
        ("ss_base_model_version", "sd_v1", "sd15"),
        ("ss_base_model_version", "sdxl_base_v1-0", "sdxl"),
        ("modelspec.architecture", "stable-diffusion-v1/lora", "sd15"),
        ("modelspec.architecture", "flux-1-dev/lora", None),
    ],
)
def test_family_of_other_tools(tmp_path: Path, key: str, value: str, family: str | None) -> None:
    path = adapter(tmp_path / "a.safetensors", ".lora_down.weight", ".lora_up.weight", {key: value})
    assert read_adapter_info(path).family == family


@pytest.mark.parametrize(("facts", "words"), [("{", "aren't JSON"), ("[1]", "aren't a JSON object")])
def test_broken_facts_are_refused(tmp_path: Path, facts: str, words: str) -> None:
    path = adapter(tmp_path / "a.safetensors", ".lora_down.weight", ".lora_up.weight", {"sdpo": facts})
    with pytest.raises(AdapterError, match=words):
        read_adapter_info(path)


def test_a_checkpoint_is_not_an_adapter(pristine: Path) -> None:
    with pytest.raises(AdapterError, match="holds no LoRA layers"):
        read_adapter_info(pristine / "vae" / "diffusion_pytorch_model.safetensors")

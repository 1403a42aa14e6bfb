"""Load Adapter for Guidance: what acts on the weights while each of guidance's two predictions is made."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from comfy_nodes.graph import find
from tests.comfy_nodes.conftest import MODULES, SDXL, FakeComfy, Hooks, Model, acting

Write = Callable[..., Path]
SDPO = {"sdpo": json.dumps({"family": "sd15", "base_name": "dream", "pairs": 60, "step": 150})}


def conditioning() -> Any:
    return [[torch.zeros(1, 77, 8), {"pooled_output": None}]]


@pytest.fixture
def up(write_adapter: Write) -> torch.Tensor:
    """B of every module of the adapter `taste`."""
    path = write_adapter("taste", SDPO)
    return load_file(path)[f"lora_unet_{MODULES[0]}.lora_up.weight"].float()


@pytest.mark.parametrize("without", [0.0, -0.5, 0.25])
def test_each_prediction_has_its_own_strength(comfy: FakeComfy, up: torch.Tensor, without: float) -> None:
    model, positive, negative = Model(), conditioning(), conditioning()
    patched, guided, info = comfy.guided.execute(model, "taste", 0.8, negative, without)
    assert acting(patched, positive).keys() == acting(patched, guided).keys() == set(MODULES)
    for name in MODULES:
        assert_close(acting(patched, positive)[name], 0.8 * up)
        assert_close(acting(patched, guided)[name], 0.8 * without * up)
    assert "hooks" not in negative[0][1], "the conditioning that came in may go elsewhere too"
    assert model.patches == {}
    assert info.splitlines()[0] == "taste at strength 0.8: 4 of 4 modules patched."
    assert info.splitlines()[-1] == f"Without the prompt at strength {0.8 * without:g}."
    assert comfy.drawn[-1] == (info, "7")


def test_the_same_strength_everywhere_hangs_nothing_on_the_conditioning(comfy: FakeComfy, up: torch.Tensor) -> None:
    negative = conditioning()
    for strength, without in ((0.8, 1.0), (0.0, -0.5)):
        _, guided, _ = comfy.guided.execute(Model(), "taste", strength, negative, without)
        assert guided is negative


def test_earlier_hooks_keep_acting(comfy: FakeComfy, up: torch.Tensor) -> None:
    negative = conditioning()
    negative[0][1]["hooks"] = Hooks([(2.0, {f"lora_unet_{name}.lora_up.weight": up for name in MODULES})])
    patched, guided, _ = comfy.guided.execute(Model(), "taste", 1.0, negative, 0.0)
    assert_close(acting(patched, guided)[MODULES[0]], 2.0 * up)


def test_another_family_is_passed_on_as_it_came(comfy: FakeComfy, up: torch.Tensor) -> None:
    model, negative = Model(config=SDXL), conditioning()
    same, untouched, info = comfy.guided.execute(model, "taste", 1.0, negative, 0.0)
    assert same is model
    assert untouched is negative
    assert info.startswith("⚠ This adapter was trained for Stable Diffusion 1.5, but the model is SDXL.")
    with pytest.raises(ValueError, match="the model is SDXL"):
        comfy.guided.execute(model, "taste", 1.0, negative, 0.0, on_mismatch="stop")


def test_parts_for_the_text_encoder_are_left_out(comfy: FakeComfy, write_adapter: Write) -> None:
    """The prompt is encoded before this node, so no CLIP could be patched in time."""
    path = write_adapter("foreign", {"ss_base_model_version": "sd_v1"}, modules=[*MODULES, "te_text_model_fc1"])
    tensors = {key.replace("lora_unet_te_", "lora_te_"): tensor for key, tensor in load_file(path).items()}
    save_file(tensors, path, {"ss_base_model_version": "sd_v1"})
    _, _, info = comfy.guided.execute(Model(), "foreign", 1.0, conditioning(), 0.0)
    assert "1 more are for the text encoder, and are skipped." in info


def test_names_are_checked_as_by_the_other_loader(comfy: FakeComfy, up: torch.Tensor) -> None:
    assert comfy.guided.validate_inputs(adapter="taste") is True
    assert "no longer" in comfy.guided.validate_inputs(adapter="gone")
    assert comfy.guided.fingerprint_inputs(adapter="taste", strength=1.0) == comfy.node.fingerprint_inputs(
        adapter="taste"
    )


def test_prompts_are_found_through_it() -> None:
    """The votes' nodes read the graph, and the negative prompt now comes by way of this node."""
    graph = {
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "dream.safetensors"}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lake", "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "fog", "clip": ["4", 1]}},
        "10": {
            "class_type": "SdpoLoadAdapterForGuidance",
            "inputs": {
                "model": ["4", 0],
                "adapter": "taste",
                "strength": 1.0,
                "negative": ["7", 0],
                "without_prompt": 0.0,
            },
        },
        "3": {
            "class_type": "KSampler",
            "inputs": {"seed": 5, "model": ["10", 0], "positive": ["6", 0], "negative": ["10", 1]},
        },
        "9": {"class_type": "SdpoSendPairToStudio", "inputs": {"images": ["3", 0]}},
    }
    found = find(graph, "9")
    assert (found.prompt, found.negative, found.seed, found.model) == ("a lake", "fog", 5, "dream")

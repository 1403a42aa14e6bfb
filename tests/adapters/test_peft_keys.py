"""Our adapter under diffusers' names, against diffusers itself and against our own reader."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file

from sdpo_core.adapters.file import load_adapter, module_shapes, save_adapter
from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.adapters.peft_keys import module_path, write_peft
from sdpo_core.errors import AdapterError
from sdpo_core.models.lora import Lora
from sdpo_core.models.registry import load_model
from tests.models.test_lora import shake
from tests.tiny_model import build_tiny_pipeline, build_tiny_sdxl

BUILDERS = {"sd15": build_tiny_pipeline, "sdxl": build_tiny_sdxl}


@pytest.fixture(scope="module", params=["sd15", "sdxl"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A folder with a pipeline, our adapter, and the export of it."""
    root = tmp_path_factory.mktemp(request.param)
    BUILDERS[request.param](root / "model")
    model = load_model(str(root / "model"), device="cpu")
    lora = Lora.create(model, rank=4, alpha=8.0, targets="wide", seed=0)
    shake(lora)
    save_adapter(root / "ours.safetensors", lora, info=model.info, sdpo={"pairs": 3}, title="ours")
    assert write_peft(root / "ours.safetensors", root / "theirs.safetensors") == len(lora.modules)
    return request.param, root


def test_diffusers_computes_the_same_with_it(exported: tuple[str, Path]) -> None:
    family, root = exported
    model = load_model(str(root / "model"), device="cpu")
    load_adapter(root / "ours.safetensors", model)
    unet = UNet2DConditionModel.from_pretrained(root / "model" / "unet")
    without = copy.deepcopy(unet)
    unet.load_lora_adapter(root / "theirs.safetensors", prefix="unet")
    torch.manual_seed(0)
    context = {"sd15": 32, "sdxl": 80}[family]
    given: dict[str, Any] = {"encoder_hidden_states": torch.randn(2, 7, context)}
    if family == "sdxl":
        given["added_cond_kwargs"] = {"text_embeds": torch.randn(2, 40), "time_ids": torch.ones(2, 6)}
    noisy, t = torch.randn(2, 4, 8, 8), torch.tensor([10, 700])
    with torch.no_grad():
        ours = model.network(noisy, t, **given).sample
        theirs = unet(noisy, t, **given).sample
        plain = without(noisy, t, **given).sample
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert (ours - plain).abs().max() > 1e-3


def test_every_layer_of_a_network_has_its_name(exported: tuple[str, Path]) -> None:
    _, root = exported
    names = module_shapes(load_model(str(root / "model"), device="cpu").network)
    assert {name: module_path(name.replace(".", "_")) for name in names} == {name: name for name in names}


def test_the_header_keeps_our_facts_and_no_alpha(exported: tuple[str, Path]) -> None:
    _, root = exported
    ours, theirs = read_adapter_info(root / "ours.safetensors"), read_adapter_info(root / "theirs.safetensors")
    assert (theirs.modules, theirs.rank, theirs.sdpo) == (ours.modules, ours.rank, ours.sdpo)
    assert not [name for name in theirs.metadata if name.startswith("ss_")]
    tensors = load_file(root / "theirs.safetensors")
    assert all(name.startswith("unet.") and name.endswith((".lora_A.weight", ".lora_B.weight")) for name in tensors)


@pytest.mark.parametrize("name", ["", "to_q_nowhere", "text_model_encoder", "down_blocks__0"])
def test_only_modules_have_a_name(name: str) -> None:
    assert module_path(name) is None


def test_what_would_be_scaled_otherwise_is_refused(tmp_path: Path) -> None:
    stem = "lora_unet_mid_block_attentions_0_proj_in"
    tensors = {f"{stem}.lora_down.weight": torch.ones(2, 3), f"{stem}.lora_up.weight": torch.ones(3, 2)}
    save_file({**tensors, f"{stem}.alpha": torch.tensor(1.0)}, tmp_path / "half.safetensors")
    with pytest.raises(AdapterError, match=r"alpha is 1.0, not the rank"):
        write_peft(tmp_path / "half.safetensors", tmp_path / "out.safetensors")
    save_file({**tensors, "lora_te_text_model.alpha": torch.tensor(2.0)}, tmp_path / "text.safetensors")
    with pytest.raises(AdapterError, match="diffusers' layout has no name for"):
        write_peft(tmp_path / "text.safetensors", tmp_path / "out.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(b"12345")
    with pytest.raises(AdapterError):
        write_peft(tmp_path / "cut.safetensors", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()

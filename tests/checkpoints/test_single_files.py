"""What headers say about single-file checkpoints, at their real sizes, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from sdpo_core.checkpoints import model_info
from sdpo_core.checkpoints.answers import known_prediction_type, remember_prediction_type
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.checkpoints.model_info import configs_folder, inspect_model
from sdpo_core.checkpoints.single_files import CheckpointInfo, read_checkpoint
from sdpo_core.errors import ModelError
from sdpo_core.families.family import FamilyName
from sdpo_core.families.stable_diffusion import UNET_PREFIX as UNET
from sdpo_core.families.stable_diffusion import VAE_PREFIX as VAE
from sdpo_core.families.table import FAMILIES
from tests.original_layout import BLOCKS, essentials

Tensors = dict[str, torch.Tensor]


def write(folder: Path, tensors: Tensors, metadata: dict[str, str] | None = None) -> Path:
    path = folder / "lakes.safetensors"
    save_file(tensors, path, metadata)
    return path


def read(path: Path) -> CheckpointInfo:
    return read_checkpoint(path, model_info.family_sizes)


@pytest.mark.parametrize("family", FAMILIES)
def test_families_are_distinguished(tmp_path: Path, family: FamilyName) -> None:
    info = read(write(tmp_path, essentials(family)))
    assert info == CheckpointInfo(family, None if family == "sd20" else "epsilon", False)


def test_prediction_and_noise_are_read_from_marks_and_metadata(tmp_path: Path) -> None:
    marks = {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}
    assert read(write(tmp_path, {**essentials("sdxl"), **marks})) == CheckpointInfo("sdxl", "v_prediction", True)
    for said, kind in (("v", "v_prediction"), ("epsilon", "epsilon")):
        path = write(tmp_path, essentials("sd20"), {"modelspec.prediction_type": said})
        assert read(path).prediction_type == kind


def test_zero_terminal_snr_needs_v_prediction(tmp_path: Path) -> None:
    path = write(tmp_path, {**essentials("sdxl"), "ztsnr": torch.zeros(0)})
    assert not inspect_model(str(path)).zero_terminal_snr
    assert inspect_model(str(path), "v_prediction").zero_terminal_snr


def test_a_file_is_inspected(tmp_path: Path) -> None:
    path = write(tmp_path, essentials("sdxl"))
    info = inspect_model(str(path))
    assert (info.path, info.name, info.family, info.configs) == (path, "lakes", "sdxl", configs_folder("sdxl"))
    assert (info.native_size_px, info.prediction_type, info.zero_terminal_snr) == (1024, "epsilon", False)
    assert info.sha256 == sha256_file(path)
    assert info.comfyui
    assert inspect_model(str(write(tmp_path, essentials("sd15")))).native_size_px == 512


def test_what_a_file_does_not_say_is_asked_once(tmp_path: Path) -> None:
    path = write(tmp_path, essentials("sd20"))
    with pytest.raises(ModelError, match=r"doesn't say what it predicts.* Set prediction_type once"):
        inspect_model(str(path))
    asked = inspect_model(str(path), "v_prediction")
    assert (asked.prediction_type, asked.native_size_px) == ("v_prediction", 768)
    again = inspect_model(str(path.rename(tmp_path / "moved.safetensors")))
    assert (again.prediction_type, again.native_size_px) == ("v_prediction", 768)
    corrected = inspect_model(str(again.path), "epsilon")
    assert (corrected.prediction_type, corrected.native_size_px) == ("epsilon", 512)
    assert inspect_model(str(again.path)).prediction_type == "epsilon"


def test_answers_that_can_not_be_kept_or_read_are_asked_again(cache: Path) -> None:
    remember_prediction_type("a" * 64, "epsilon")
    assert known_prediction_type("a" * 64) == "epsilon"
    for content in ("[]", "{", '{"' + "a" * 64 + '": 3}'):
        (cache / "prediction-types.json").write_text(content)
        assert known_prediction_type("a" * 64) is None
    (cache / "prediction-types.json").unlink()
    cache.rmdir()
    cache.write_text("a file where the folder should be")
    remember_prediction_type("a" * 64, "epsilon")
    assert known_prediction_type("a" * 64) is None


def resized(name: str, *shape: int) -> Callable[[Tensors], Any]:
    return lambda tensors: tensors.update({name: torch.zeros(*shape).half()})


def pruned(outer: int, inner: int, middle: int) -> Callable[[Tensors], Any]:
    """SDXL with fewer transformer blocks in the layers that have 2, in those that have 10, and in the middle."""
    keep = {2: outer, 10: inner}
    layers = {layer: middle if layer.startswith("middle") else keep[n] for layer, n in BLOCKS["sdxl"].items()}
    gone = [
        f"{UNET}{layer}.transformer_blocks.{i}."
        for layer, left in layers.items()
        for i in range(left, BLOCKS["sdxl"][layer])
    ]
    return without(*gone)


def without(*starts: str) -> Callable[[Tensors], Any]:
    return lambda tensors: [tensors.pop(name) for name in list(tensors) if name.startswith(starts)]


@pytest.mark.parametrize(
    ("family", "change", "words"),
    [
        ("sdxl", resized("conditioner.embedders.0.model.ln_final.weight", 8), "is the SDXL refiner"),
        ("sdxl", resized("edm_mean", 4), "is an EDM model"),
        ("sdxl", resized("edm_vpred.sigma_max", 1), "is an EDM model"),
        ("sd15", resized(UNET + "input_blocks.0.0.weight", 320, 9, 3, 3), "takes 9 channels, as inpainting does"),
        ("sdxl", resized(UNET + "input_blocks.0.0.weight", 320, 8, 3, 3), "8 channels, as editing"),
        ("sd20", resized(UNET + "input_blocks.0.0.weight", 320, 5, 3, 3), "5 channels, as a model for depth maps"),
        ("sd20", resized(UNET + "input_blocks.0.0.weight", 256, 7, 3, 3), "takes 7 channels; expected 4"),
        ("sd15", resized(UNET + "input_blocks.0.0.weight", 192, 4, 3, 3), "sizes differ .width 192, text of width 768"),
        ("sd20", resized(UNET + "label_emb.0.0.weight", 1280, 2048), "a vector of 2048, .* expected .* no vector"),
        ("sdxl", without(UNET + "label_emb"), "no vector, .* expected .* a vector of 2816"),
        ("sd15", resized(UNET + "input_blocks.0.0.weight", 4), "takes 0 channels"),
        ("sdxl", pruned(2, 4, 0), "has 30 transformer blocks, where a complete sdxl has 70: it was pruned"),
        ("sdxl", pruned(1, 2, 0), "has 15 transformer blocks, .* Segmind Vega"),
        ("sdxl", without(VAE), "has no VAE, so"),
        ("sd15", without("cond_stage_model."), "lacks its text encoder"),
        ("sdxl", without("conditioner."), "lacks both of its text encoders"),
        ("sdxl", without("conditioner.embedders.1."), "lacks one of its two text encoders"),
        ("sdxl", without(UNET), "is only a VAE"),
        ("sdxl", without(UNET, VAE), "is only a text encoder"),
        ("sdxl", without(UNET, VAE, "conditioner"), "holds no UNet of Stable Diffusion"),
    ],
)
def test_relatives_and_halves_are_refused(
    tmp_path: Path, family: FamilyName, change: Callable[[Tensors], Any], words: str
) -> None:
    tensors = essentials(family)
    change(tensors)
    with pytest.raises(ModelError, match=words):
        read(write(tmp_path, tensors))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight", "is a LoRA, not a model"),
        ("unet.down_blocks.0.attentions.0.proj_in.lora_A.weight", "is a LoRA, not a model"),
        ("model.diffusion_model.double_blocks.0.img_attn.qkv.weight", "is a Flux model"),
        ("double_blocks.0.img_attn.qkv.weight", "is a Flux model"),
        ("model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight", "is a Stable Diffusion 3 model"),
        ("control_model.input_blocks.0.0.weight", "is a ControlNet"),
        ("input_blocks.0.0.weight", "is only a UNet"),
        ("down_blocks.0.resnets.0.conv1.weight", "is only a UNet"),
        ("decoder.conv_in.weight", "is only a VAE"),
        ("text_model.final_layer_norm.weight", "is only a text encoder"),
        ("emb_params", "holds no UNet of Stable Diffusion"),
    ],
)
def test_other_files_are_named(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        inspect_model(str(write(tmp_path, {name: torch.zeros(4, 4)})))


def test_coarse_weights_are_refused(tmp_path: Path) -> None:
    tensors = essentials("sd15")
    name = UNET + "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
    tensors[name] = tensors[name].to(torch.float8_e4m3fn)
    with pytest.raises(ModelError, match=r"holds F8_E4M3 weights, too coarse .* Choose the fp16 or bf16 version"):
        read(write(tmp_path, tensors))


def test_damaged_and_dangerous_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, essentials("sd15"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(ModelError, match="is cut short"):
        inspect_model(str(path))
    for legacy in (False, True):
        torch.save({"state_dict": {}}, path, _use_new_zipfile_serialization=not legacy)
        with pytest.raises(ModelError, match=r"a renamed pickle, so the studio doesn't open it.* Save Checkpoint"):
            inspect_model(str(path))
    path.rename(tmp_path / "lakes.ckpt")
    with pytest.raises(ModelError, match=r"lakes\.ckpt is a pickle file.* Save Checkpoint"):
        inspect_model(str(tmp_path / "lakes.ckpt"))
    (tmp_path / "lakes.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelError, match=r"lakes\.gguf isn't a checkpoint: expected .* \.safetensors"):
        inspect_model(str(tmp_path / "lakes.gguf"))

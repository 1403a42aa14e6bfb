import json
import re
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from sdpo_core.errors import ModelError
from sdpo_core.families.table import FAMILIES
from sdpo_core.models import samplers
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.registry import load_model, resolve_device
from sdpo_core.settings.sampling import Sampling
from tests.models.pipelines import stock_pipeline

PROMPTS = ["a hill", "at night", ""]


def copy_of(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to / "model"))


def change_json(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_prompts_are_encoded_as_by_the_stock_pipeline(tiny: DiffusionModel, tiny_folder: Path) -> None:
    expected, empty = stock_pipeline(tiny_folder).encode_prompt(PROMPTS, "cpu", 1, True, negative_prompt=[""] * 3)
    torch.testing.assert_close(tiny.encode_prompts(PROMPTS).context, expected, rtol=0, atol=0)
    torch.testing.assert_close(tiny.encode_prompts([""] * 3).context, empty, rtol=0, atol=0)


def test_latents_and_predictions_are_those_of_the_parts(tiny: DiffusionModel, tiny_folder: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(2, 3, 32, 32, generator=generator) * 2 - 1
    vae: Any = AutoencoderKL.from_pretrained(tiny_folder, subfolder="vae")
    unet: Any = UNet2DConditionModel.from_pretrained(tiny_folder, subfolder="unet")
    conditioning, timesteps = tiny.encode_prompts(["a", "b"]), torch.tensor([3, 800])
    with torch.no_grad():
        latents = vae.encode(images).latent_dist.mode()
        prediction = unet(latents, timesteps, encoder_hidden_states=conditioning.context).sample
        decoded = vae.decode(latents).sample
        assert torch.equal(tiny.predict(latents, timesteps, conditioning), prediction)
    assert torch.equal(tiny.encode_images(images), latents)
    assert torch.equal(tiny.decode_latents(latents), decoded)
    assert latents.shape[1:] == tiny.latent_shape(32) == (4, 8, 8)


def test_latents_are_shifted_and_scaled_as_the_vae_config_says(tiny_folder: Path, tmp_path: Path) -> None:
    plain = load_model(str(tiny_folder), device="cpu")
    folder = copy_of(tiny_folder, tmp_path)
    change_json(folder / "vae" / "config.json", scaling_factor=0.5, shift_factor=0.25)
    scaled = load_model(str(folder), device="cpu")
    images = torch.zeros(1, 3, 32, 32)
    torch.testing.assert_close(scaled.encode_images(images), (plain.encode_images(images) - 0.25) * 0.5)
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(scaled.decode_latents(latents), plain.decode_latents(latents * 2 + 0.25))


def test_the_network_is_frozen_in_eval_mode_with_the_noise_schedule(tiny: DiffusionModel) -> None:
    assert not tiny.network.training
    assert not any(parameter.requires_grad for parameter in tiny.network.parameters())
    betas = torch.linspace(1e-4, 0.02, 1000)
    process, abar = tiny.noise_process, (1 - betas).cumprod(0)
    torch.testing.assert_close(process.signal, abar.sqrt())
    torch.testing.assert_close(process.spread, (1 - abar).sqrt())
    assert (process.noise_in_target == 1).all()
    assert (process.image_in_target == 0).all()


def test_encoders_come_back_after_their_release(tiny: DiffusionModel) -> None:
    before = tiny.encode_prompts(PROMPTS).context
    tiny.release_encoders()
    assert torch.equal(tiny.encode_prompts(PROMPTS).context, before)


def test_a_side_that_can_not_be_halved_often_enough_is_refused(tiny: DiffusionModel) -> None:
    with pytest.raises(ModelError, match="multiple of 8 px, not 36"):
        tiny.latent_shape(36)


@pytest.mark.parametrize(
    ("config", "clips"),
    [
        ({"clip_sample": True, "clip_sample_range": 2.5}, True),
        ({"clip_sample": True, "clip_sample_range": 1.0}, False),
        ({"clip_sample": True}, False),
        ({}, False),
    ],
)
def test_clipping_is_kept_only_where_it_is_meant(
    tiny_folder: Path, tmp_path: Path, config: dict[str, Any], clips: bool
) -> None:
    folder = copy_of(tiny_folder, tmp_path)
    path = folder / "scheduler" / "scheduler_config.json"
    kept = {name: value for name, value in json.loads(path.read_text()).items() if not name.startswith("clip")}
    path.write_text(json.dumps({**kept, **config}))
    scheduler: Any = load_model(str(folder), device="cpu").scheduler("ddim")
    assert scheduler.config.clip_sample is clips
    assert scheduler.config.timestep_spacing == "trailing"


def test_half_precision_files_are_loaded_as_float32(tiny_folder: Path, tmp_path: Path) -> None:
    folder = copy_of(tiny_folder, tmp_path)
    for path in folder.rglob("*.safetensors"):
        save_file({name: tensor.half() for name, tensor in load_file(path).items()}, path, {"format": "pt"})
    model = load_model(str(folder), device="cpu")
    assert {parameter.dtype for parameter in model.network.parameters()} == {torch.float32}
    assert model.encode_prompts(["a"]).context.dtype == torch.float32


def test_fp16_variants_are_found(tiny_folder: Path, tmp_path: Path) -> None:
    folder = copy_of(tiny_folder, tmp_path)
    for path in folder.rglob("*.safetensors"):
        path.rename(path.with_suffix(".fp16.safetensors"))
    assert load_model(str(folder), device="cpu").network is not None


def test_loading_touches_no_network(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    load_model(str(tiny_folder), device="cpu")


def test_a_truncated_file_is_named(tiny_folder: Path, tmp_path: Path) -> None:
    folder = copy_of(tiny_folder, tmp_path)
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ModelError, match=r"diffusion_pytorch_model\.safetensors"):
        load_model(str(folder), device="cpu")


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "tokenizer", "scheduler"])
def test_a_missing_part_is_named(tiny_folder: Path, tmp_path: Path, part: str) -> None:
    folder = copy_of(tiny_folder, tmp_path)
    shutil.rmtree(folder / part)
    with pytest.raises(ModelError, match=part):
        load_model(str(folder), device="cpu")


@pytest.mark.parametrize(
    ("file", "tensor"),
    [
        ("unet/diffusion_pytorch_model.safetensors", "conv_in.weight"),
        ("text_encoder/model.safetensors", "final_layer_norm.weight"),
    ],
)
def test_a_missing_tensor_is_not_made_up(tiny_folder: Path, tmp_path: Path, file: str, tensor: str) -> None:
    folder = copy_of(tiny_folder, tmp_path)
    tensors = load_file(folder / file)
    name = next(name for name in tensors if name.endswith(tensor))
    del tensors[name]
    save_file(tensors, folder / file, {"format": "pt"})
    with pytest.raises(ModelError, match=tensor):
        load_model(str(folder), device="cpu")


def test_an_unknown_prediction_type_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    folder = copy_of(tiny_folder, tmp_path)
    change_json(folder / "scheduler" / "scheduler_config.json", prediction_type="sample")
    with pytest.raises(ModelError, match="sample"):
        load_model(str(folder), device="cpu")


@pytest.mark.parametrize(
    ("file", "setting", "value"),
    [
        ("scheduler/scheduler_config.json", "beta_schedule", "x"),
        ("scheduler/scheduler_config.json", "beta_start", -1),
        ("scheduler/scheduler_config.json", "beta_end", 1.5),
        ("scheduler/scheduler_config.json", "clip_sample_range", None),
        ("scheduler/scheduler_config.json", "clip_sample_range", float("nan")),
        ("scheduler/scheduler_config.json", "num_train_timesteps", 0),
        ("scheduler/scheduler_config.json", "num_train_timesteps", 1000.0),
        ("scheduler/scheduler_config.json", "timestep_spacing", "x"),
        ("scheduler/scheduler_config.json", "trained_betas", [1]),
        ("scheduler/scheduler_config.json", "final_sigmas_type", "x"),  # DPM++ alone asks
        ("vae/config.json", "scaling_factor", None),
        ("vae/config.json", "scaling_factor", 0),
        ("vae/config.json", "shift_factor", "x"),
    ],
)
def test_settings_that_can_not_be_used_are_named(
    tiny_folder: Path, tmp_path: Path, file: str, setting: str, value: Any
) -> None:
    folder = copy_of(tiny_folder, tmp_path)
    change_json(folder / file, **{setting: value})
    with pytest.raises(ModelError, match=re.escape(f"The settings in {folder / file} can't be used: ")):
        load_model(str(folder), device="cpu")


@pytest.mark.parametrize(
    ("file", "setting", "value"),
    [("unet", "attention_head_dim", 0), ("vae", "norm_num_groups", 0), ("text_encoder", "num_attention_heads", 3)],
)
def test_a_part_that_can_not_be_built_is_named(
    tiny_folder: Path, tmp_path: Path, file: str, setting: str, value: Any
) -> None:
    folder = copy_of(tiny_folder, tmp_path)
    change_json(folder / file / "config.json", **{setting: value})
    with pytest.raises(ModelError, match=f"Could not read {file}/"):
        load_model(str(folder), device="cpu")


def test_samplers_are_tried_with_as_many_steps_as_a_person_may_ask_for() -> None:
    assert Sampling(sampling_steps=samplers.MOST_STEPS)
    with pytest.raises(ValidationError):
        Sampling(sampling_steps=samplers.MOST_STEPS + 1)


def test_devices() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type in ("cpu", "cuda", "mps")
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="cuda"):
            resolve_device("cuda")
    assert "sd15" in FAMILIES

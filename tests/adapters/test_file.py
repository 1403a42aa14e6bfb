import errno
import hashlib
import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from sdpo_core.adapters.file import load_adapter, module_shapes, prove_adapter, save_adapter
from sdpo_core.errors import AdapterError
from sdpo_core.families.stable_diffusion import LORA_TARGETS as TARGETS
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from tests.models.pipelines import stock_pipeline
from tests.models.test_lora import inputs, shake


def trained(model: DiffusionModel, *, targets: str = "wide", rank: int = 4, alpha: float = 6.0) -> Lora:
    lora = Lora.create(model, rank=rank, alpha=alpha, targets=targets, seed=3)
    shake(lora)
    return lora


def predict(model: DiffusionModel) -> Tensor:
    with torch.no_grad():
        return model.predict(*inputs(model))


@pytest.fixture
def file(tiny: DiffusionModel, tmp_path: Path) -> Path:
    """A file written from a trained adapter, which is then taken off the model."""
    path = tmp_path / "taste.safetensors"
    lora = trained(tiny)
    save_adapter(path, lora, info=tiny.info, sdpo={"run": "r1"}, title="taste")
    lora.remove()
    return path


@pytest.mark.parametrize("targets", sorted(TARGETS))
def test_diffusers_reads_the_file_to_the_same_network(
    tiny: DiffusionModel, tiny_folder: Path, tmp_path: Path, targets: str
) -> None:
    lora = trained(tiny, targets=targets)
    bare_difference = predict(tiny)
    save_adapter(tmp_path / "a.safetensors", lora, info=tiny.info, sdpo={}, title="a")
    pipe = stock_pipeline(tiny_folder)
    pipe.load_lora_weights(tmp_path, weight_name="a.safetensors")
    noisy, timesteps, conditioning = inputs(tiny)
    with torch.no_grad():
        theirs = pipe.unet(noisy, timesteps, encoder_hidden_states=conditioning.context).sample
        with lora.off():
            bare = tiny.predict(noisy, timesteps, conditioning)
    error = (theirs - bare_difference).norm() / (bare_difference - bare).norm()
    assert float(error) < 2e-3, "float16 keeps 11 bits"


@pytest.mark.parametrize("targets", sorted(TARGETS))
def test_round_trip(tiny: DiffusionModel, tmp_path: Path, targets: str) -> None:
    lora = trained(tiny, targets=targets)
    expected, state = predict(tiny), lora.state_dict()
    save_adapter(tmp_path / "a.safetensors", lora, info=tiny.info, sdpo={}, title="a")
    lora.remove()
    back = load_adapter(tmp_path / "a.safetensors", tiny)
    assert back.names == lora.names
    for name, tensor in back.state_dict().items():
        scale = 6.0 / 4 if "lora_B" in name else 1.0  # baked in, so that alpha = rank
        torch.testing.assert_close(tensor, (state[name] * scale).half().float(), rtol=0, atol=0)
    torch.testing.assert_close(predict(tiny), expected, rtol=2e-2, atol=2e-3)


def test_keys_shapes_and_scale_are_kohyas(file: Path, tiny: DiffusionModel) -> None:
    tensors = load_file(file)
    stem = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_out_0"
    assert tensors[f"{stem}.lora_down.weight"].shape == (4, 64)
    assert tensors[f"{stem}.lora_up.weight"].shape == (64, 4)
    assert tensors["lora_unet_down_blocks_0_resnets_0_conv1.lora_down.weight"].shape == (4, 32, 3, 3)
    assert tensors["lora_unet_down_blocks_0_resnets_0_conv1.lora_up.weight"].shape == (32, 4, 1, 1)
    assert {t.dtype for t in tensors.values()} == {torch.float16}
    assert {float(t) for name, t in tensors.items() if name.endswith(".alpha")} == {4.0}
    assert file.stat().st_mode & 0o777 == 0o644


def test_metadata_is_strings_without_prompts(file: Path, tiny: DiffusionModel) -> None:
    with safe_open(file, "pt") as opened:
        metadata: dict[str, str] = opened.metadata()
    assert {
        "ss_v2": "False",
        "ss_base_model_version": "sd_v1",
        "ss_network_module": "networks.lora",
        "ss_network_dim": "4",
        "ss_network_alpha": "4.0",
        "ss_output_name": "taste",
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": "stable-diffusion-v1/lora",
        "modelspec.resolution": "32x32",
        "modelspec.prediction_type": "epsilon",
    }.items() <= metadata.items()
    assert json.loads(metadata["ss_network_args"]) == {"conv_dim": "4", "conv_alpha": "4"}
    assert json.loads(metadata["sdpo"]) == {
        "run": "r1",
        "family": "sd15",
        "base_sha256": tiny.info.sha256,
        "base_name": tiny.info.name,
    }
    data = file.read_bytes()
    (header,) = struct.unpack("<Q", data[:8])
    assert metadata["sshs_model_hash"] == hashlib.sha256(data[8 + header :]).hexdigest()


def test_the_hash_is_of_the_file(tiny: DiffusionModel, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    sha256 = save_adapter(path, trained(tiny), info=tiny.info, sdpo={}, title="a")
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_system_that_knows_no_modes_gets_the_adapter_too(
    tiny: DiffusionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    save_adapter(tmp_path / "a.safetensors", trained(tiny), info=tiny.info, sdpo={}, title="a")
    assert prove_adapter(tmp_path / "a.safetensors", tiny).matched == 64


def test_a_diverged_adapter_is_not_written(tiny: DiffusionModel, tmp_path: Path) -> None:
    lora = trained(tiny)
    with torch.no_grad():
        lora.parameters[1].fill_(1e9)
    with pytest.raises(AdapterError, match="diverged"):
        save_adapter(tmp_path / "a.safetensors", lora, info=tiny.info, sdpo={}, title="a")
    assert list(tmp_path.iterdir()) == []


def test_the_proof_counts_modules(file: Path, tiny: DiffusionModel) -> None:
    proof = prove_adapter(file, tiny)
    assert (proof.modules, proof.matched, proof.base_matches, proof.works_in_comfyui) == (64, 64, True, False)
    assert proof.sentence().startswith("64 of 64 modules fit.")
    assert "only in the studio" in proof.sentence()


def change(path: Path, edit: Any) -> None:
    with safe_open(path, "pt") as opened:
        metadata = opened.metadata()
    tensors = load_file(path)
    edit(tensors, metadata)
    save_file(tensors, path, metadata)


def test_another_base_is_let_through_and_told(file: Path, tiny: DiffusionModel) -> None:
    def other_base(_: dict[str, Tensor], metadata: dict[str, str]) -> None:
        metadata["sdpo"] = json.dumps({**json.loads(metadata["sdpo"]), "base_sha256": "0" * 64})

    change(file, other_base)
    proof = prove_adapter(file, tiny)
    assert not proof.base_matches
    assert "another base" in proof.sentence()
    load_adapter(file, tiny).remove()


def test_an_adapter_of_another_family_is_named(file: Path, tiny: DiffusionModel) -> None:
    def other_family(_: dict[str, Tensor], metadata: dict[str, str]) -> None:
        metadata["sdpo"] = json.dumps({"family": "sdxl"})

    change(file, other_family)
    with pytest.raises(AdapterError, match="adapter for sdxl"):
        load_adapter(file, tiny)


def test_a_file_with_alpha_other_than_rank_is_scaled(file: Path, tiny: DiffusionModel) -> None:
    expected = load_adapter(file, tiny)
    state = expected.state_dict()
    expected.remove()

    def halve(tensors: dict[str, Tensor], _: dict[str, str]) -> None:
        for name in list(tensors):
            if name.endswith(".alpha"):
                tensors[name] /= 2

    change(file, halve)
    for name, tensor in load_adapter(file, tiny).state_dict().items():
        torch.testing.assert_close(tensor, state[name] / (2 if "lora_B" in name else 1))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t, _: t.update({k: v[:, :3].clone() for k, v in t.items() if k.endswith("q.lora_down.weight")}), "fit"),
        (lambda t, _: t.pop(next(k for k in t if k.endswith("lora_up.weight"))), "half"),
        (lambda t, _: t.update({"lora_te_text_model_encoder_layers_0_mlp_fc1.alpha": torch.ones(())}), "doesn't read"),
        (lambda t, _: t.update({"lora_unet_x.dora_scale": torch.ones(())}), "dora_scale"),
        (
            lambda t, _: t.update(
                {f"lora_unet_mid_block_x.{h}.weight": torch.ones(4, 4) for h in ("lora_up", "lora_down")}
            ),
            "64 of 65",
        ),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_the_model_alone(
    file: Path, tiny: DiffusionModel, edit: Any, message: str
) -> None:
    before = predict(tiny)
    change(file, edit)
    with pytest.raises(AdapterError, match=message):
        load_adapter(file, tiny)
    assert torch.equal(predict(tiny), before)


_KEY = "lora_unet_mid_block_attentions_0_proj_in"


@pytest.mark.parametrize(
    ("half", "value"),
    [
        ("lora_down.weight", torch.ones(0, 64)),  # rank 0
        ("lora_down.weight", torch.ones(())),
        ("lora_up.weight", torch.ones(())),
        ("lora_up.weight", torch.ones(4)),
        ("lora_up.weight", torch.ones(64, 0)),
        ("alpha", torch.ones(2)),
        ("alpha", torch.ones(0)),
        ("alpha", torch.tensor(float("nan"))),
    ],
)
@pytest.mark.parametrize("read", [load_adapter, prove_adapter])
def test_impossible_shapes_are_named(
    tiny: DiffusionModel, tmp_path: Path, half: str, value: Tensor, read: Callable[[Path, DiffusionModel], Any]
) -> None:
    good = {f"{_KEY}.lora_down.weight": torch.ones(4, 64), f"{_KEY}.lora_up.weight": torch.ones(64, 4)}
    save_file({**good, f"{_KEY}.{half}": value}, tmp_path / "odd.safetensors")
    with pytest.raises(AdapterError, match=rf"odd\.safetensors: {_KEY}\.{half} "):
        read(tmp_path / "odd.safetensors", tiny)


def test_broken_files_are_refused(file: Path, tiny: DiffusionModel, tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(file.read_bytes()[:-100])
    pickled = tmp_path / "pickled.safetensors"
    pickled.write_bytes(pickle.dumps({"a": 1}))
    for path in (cut, pickled, tmp_path / "absent.safetensors"):
        with pytest.raises(AdapterError):
            load_adapter(path, tiny)


def test_names_in_files_are_unambiguous(tiny: DiffusionModel) -> None:
    names = [name.replace(".", "_") for name in module_shapes(tiny.network)]
    assert len(names) == len(set(names))

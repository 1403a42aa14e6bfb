"""What is known about models, and how everything else is refused."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from sdpo_core.checkpoints import hashing
from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.errors import ModelError, ModelNotHere
from sdpo_core.paths import repository_root
from tests.tiny_model import IMAGE_PX, build_tiny_pipeline

UNET = "unet/diffusion_pytorch_model.safetensors"


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


def test_folder(model: Path) -> None:
    info = inspect_model(str(model))
    assert (info.source, info.path, info.family, info.name) == (str(model), model, "sd15", "lakes")
    assert info.native_size_px == IMAGE_PX
    assert (info.default_guidance, info.is_demo, info.comfyui, info.prediction_type) == (7.0, False, False, "epsilon")
    edit(model / "scheduler/scheduler_config.json", prediction_type="v_prediction")
    assert inspect_model(str(model)).prediction_type == "v_prediction"
    assert inspect_model(str(model), "epsilon").prediction_type == "epsilon"


def test_demo() -> None:
    info = inspect_model("demo")
    assert (info.is_demo, info.default_guidance, info.comfyui, info.name) == (True, 3.0, False, "demo")
    assert info.native_size_px == 96
    by_path = inspect_model(str(repository_root() / "assets" / "demo"))
    assert by_path.is_demo
    assert by_path.sha256 == info.sha256


def test_wide_model_works_in_comfyui(model: Path) -> None:
    edit(model / "unet/config.json", block_out_channels=[320, 640], cross_attention_dim=768)
    edit(model / "text_encoder/config.json", hidden_size=768)
    assert inspect_model(str(model)).comfyui


def test_stable_diffusion_2_is_recognised_by_its_text_width(model: Path) -> None:
    edit(model / "unet/config.json", block_out_channels=[320, 640], cross_attention_dim=1024)
    edit(model / "text_encoder/config.json", hidden_size=1024)
    info = inspect_model(str(model))
    assert (info.family, info.comfyui, info.default_guidance) == ("sd20", True, 7.0)


def test_sdxl(xl: Path) -> None:
    info = inspect_model(str(xl))
    assert (info.family, info.default_guidance, info.native_size_px) == ("sdxl", 5.0, IMAGE_PX)
    assert (info.comfyui, info.zero_empty_prompt, info.zero_terminal_snr) == (False, True, False)
    edit(xl / "model_index.json", force_zeros_for_empty_prompt=False)
    edit(xl / "scheduler/scheduler_config.json", prediction_type="v_prediction", rescale_betas_zero_snr=True)
    changed = inspect_model(str(xl))
    assert (changed.zero_empty_prompt, changed.prediction_type, changed.zero_terminal_snr) == (
        False,
        "v_prediction",
        True,
    )
    assert changed.sha256 != info.sha256
    vocabulary = (xl / "tokenizer_2/tokenizer_config.json").read_text()
    edit(xl / "tokenizer_2/tokenizer_config.json", pad_token="a")
    assert inspect_model(str(xl)).sha256 != changed.sha256
    (xl / "tokenizer_2/tokenizer_config.json").write_text(vocabulary)
    assert inspect_model(str(xl)).sha256 == changed.sha256


def test_true_sdxl_sizes_work_in_comfyui(xl: Path) -> None:
    sizes = {"cross_attention_dim": 2048, "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816}
    edit(xl / "unet/config.json", block_out_channels=[320, 640], **sizes)
    edit(xl / "text_encoder/config.json", hidden_size=768)
    edit(xl / "text_encoder_2/config.json", hidden_size=1280, projection_dim=1280)
    assert inspect_model(str(xl)).comfyui


@pytest.mark.parametrize(
    ("file", "changes", "words"),
    [
        ("unet/config.json", {"in_channels": 9}, "takes 9 channels"),
        ("unet/config.json", {"addition_embed_type": None}, "doesn't take the prompt as one vector"),
        ("unet/config.json", {"cross_attention_dim": 64}, "expects text of width 64 and a vector of 88"),
        ("text_encoder_2/config.json", {"projection_dim": 41}, "make 80 and 89"),
        ("text_encoder_2/config.json", {"projection_dim": "x"}, "doesn't take the prompt as one vector"),
    ],
)
def test_what_only_looks_like_sdxl_is_refused(xl: Path, file: str, changes: dict[str, Any], words: str) -> None:
    edit(xl / file, **changes)
    with pytest.raises(ModelError, match=words):
        inspect_model(str(xl))


def test_a_missing_second_tokenizer_is_named(xl: Path) -> None:
    shutil.rmtree(xl / "tokenizer_2")
    with pytest.raises(ModelError, match="tokenizer_2 is missing"):
        inspect_model(str(xl))


def test_hash_is_of_the_content(model: Path, tmp_path: Path) -> None:
    first = inspect_model(str(model)).sha256
    copy = Path(shutil.copytree(model, tmp_path / "copy"))
    edit(copy / "unet/config.json", _diffusers_version="9.9.9", _name_or_path="elsewhere")
    for path in copy.rglob("*.json"):
        path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert inspect_model(str(copy)).sha256 == first
    assert inspect_model(str(build_tiny_pipeline(tmp_path / "same seed"))).sha256 == first

    def changed(change: Callable[[Path], None]) -> str:
        broken = Path(shutil.copytree(model, tmp_path / "changed"))
        change(broken)
        sha256 = inspect_model(str(broken)).sha256
        shutil.rmtree(broken)
        return sha256

    def flip_a_weight(folder: Path) -> None:
        data = bytearray((folder / UNET).read_bytes())
        data[-1] ^= 1
        (folder / UNET).write_bytes(data)

    hashes = {
        first,
        changed(flip_a_weight),
        changed(lambda folder: edit(folder / "vae/config.json", scaling_factor=0.5)),
        changed(lambda folder: edit(folder / "scheduler/scheduler_config.json", clip_sample=False)),
        changed(lambda folder: edit(folder / "tokenizer/tokenizer_config.json", model_max_length=12)),
    }
    assert len(hashes) == 5


def test_weights_are_read_once(model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    whole = hashing.sha256_file
    monkeypatch.setattr(hashing, "sha256_file", lambda path, *more: (read.append(path.name), whole(path, *more))[1])
    first = inspect_model(str(model)).sha256
    assert len(read) == 3
    assert inspect_model(str(model)).sha256 == first
    assert len(read) == 3
    save_file({name: tensor + 1 for name, tensor in load_file(model / UNET).items()}, model / UNET)
    assert inspect_model(str(model)).sha256 != first
    assert len(read) == 4
    for content in (b"not JSON", b"[]", b'{"x": 3}'):
        (cache / "weights-sha256.json").write_bytes(content)
        inspect_model(str(model))
    assert len(read) == 13


def test_cache_that_cannot_be_written_only_costs_time(model: Path, cache: Path) -> None:
    first = inspect_model(str(model)).sha256
    shutil.rmtree(cache)
    cache.write_text("a file where the folder should be")
    assert inspect_model(str(model)).sha256 == first


def test_half_precision_and_shards_are_found(model: Path) -> None:
    tensors = load_file(model / UNET)
    (model / UNET).unlink()
    half = model / "unet/diffusion_pytorch_model.fp16.safetensors"
    save_file({name: tensor.half() for name, tensor in tensors.items()}, half)
    in_half = inspect_model(str(model)).sha256
    names = sorted(tensors)
    files = {
        name: f"diffusion_pytorch_model-{1 + number % 2:05d}-of-00002.safetensors" for number, name in enumerate(names)
    }
    for file in sorted(set(files.values())):
        save_file({name: tensors[name] for name in names if files[name] == file}, model / "unet" / file)
    index = model / "unet/diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": files}))
    assert inspect_model(str(model)).sha256 != in_half
    index.write_text(json.dumps({"weight_map": {**files, names[0]: "no.safetensors"}}))
    with pytest.raises(ModelError, match=r"no\.safetensors doesn't exist"):
        inspect_model(str(model))
    index.write_text(json.dumps({"weight_map": {names[0]: "../../x.safetensors"}}))
    with pytest.raises(ModelError, match="outside its folder"):
        inspect_model(str(model))


def delete(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def write(name: str, content: bytes) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return damage


def change(name: str, **changes: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / name, **changes)


def only_pickle(folder: Path) -> None:
    (folder / UNET).unlink()
    torch.save({}, folder / "unet/diffusion_pytorch_model.bin")


def cut(folder: Path) -> None:
    (folder / UNET).write_bytes((folder / UNET).read_bytes()[:-5])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (delete("model_index.json"), r"has no model_index\.json"),
        (write("model_index.json", b"{"), r"model_index\.json isn't JSON"),
        (write("model_index.json", b"[]"), "isn't a JSON object"),
        (change("model_index.json", _class_name="StableDiffusion3Pipeline"), "is a StableDiffusion3Pipeline"),
        (
            change("model_index.json", _class_name="StableDiffusionXLPipeline"),
            r"text_encoder_2.config\.json is missing",
        ),
        (change("scheduler/scheduler_config.json", _class_name="EDMEulerScheduler"), "is an EDM model"),
        (delete("unet/config.json"), r"config\.json is missing"),
        (change("unet/config.json", in_channels=9), "takes 9 channels, as inpainting does"),
        (change("unet/config.json", cross_attention_dim=64), "text of width 64; its text encoder makes 32"),
        (change("unet/config.json", block_out_channels=[320, 640]), "text of width 32, like no model"),
        (change("unet/config.json", block_out_channels="x"), "expected a list of numbers"),
        (change("unet/config.json", sample_size=None), "sample_size None"),
        (change("scheduler/scheduler_config.json", prediction_type="sample"), "predicts 'sample'"),
        (delete(UNET), r"has no diffusion_pytorch_model\.safetensors"),
        (only_pickle, r"diffusion_pytorch_model\.bin is a pickle file"),
        (cut, r"unet.diffusion_pytorch_model\.safetensors is cut short"),
        (write("text_encoder/model.safetensors", b"version https://git-lfs"), "Git LFS pointer"),
        (write("tokenizer/tokenizer.json", b"{"), "tokenizer file .* isn't JSON"),
    ],
)
def test_damage_is_named(model: Path, damage: Callable[[Path], None], words: str) -> None:
    damage(model)
    with pytest.raises(ModelError, match=words):
        inspect_model(str(model))


def test_missing_tokenizer_is_named(model: Path) -> None:
    shutil.rmtree(model / "tokenizer")
    with pytest.raises(ModelError, match="tokenizer is missing"):
        inspect_model(str(model))


def test_files_and_names_other_than_models(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "model.ckpt").write_bytes(b"")
    with pytest.raises(ModelError, match="isn't a safetensors file"):
        inspect_model(str(tmp_path / "model.safetensors"))
    with pytest.raises(ModelError, match=r"model\.ckpt is a pickle file"):
        inspect_model(str(tmp_path / "model.ckpt"))
    for source in ("", "no such thing", str(tmp_path / "nowhere"), "\0", "x" * 5000):
        with pytest.raises(ModelError):
            inspect_model(source)


def test_the_home_of_an_unknown_user_is_refused() -> None:
    with pytest.raises(ModelError, match="There is no model at ~no-such-user/x"):
        inspect_model("~no-such-user/x")


_ASK = """
import os, sys
from sdpo_core.errors import ModelError, ModelNotHere
from sdpo_core.checkpoints.model_info import inspect_model
if os.geteuid() == 0:
    os.setuid(65534)  # root may enter any folder
try:
    inspect_model(sys.argv[1])
except ModelError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="folders of Windows have no such permission")
@pytest.mark.parametrize("closed", ["", "unet"])
def test_folder_that_may_not_be_entered_is_named(pristine: Path, closed: str) -> None:
    # Not under tmp_path, which another user can't reach.
    with tempfile.TemporaryDirectory() as outer:
        Path(outer).chmod(0o755)
        model = Path(shutil.copytree(pristine, Path(outer) / "model"))
        model.chmod(0o755)
        (model / closed).chmod(0o644)
        said = subprocess.run([sys.executable, "-c", _ASK, str(model)], check=True, capture_output=True, text=True)
        (model / closed).chmod(0o755)
    assert f"{model / closed}" in said.stdout
    assert "Permission denied" in said.stdout


def test_hub_id_is_found_in_the_local_cache_only(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ModelNotHere, match=r"python launch\.py download someone/lakes"):
        inspect_model("someone/lakes")
    repository, commit = tmp_path / "hub" / "models--someone--lakes", "c" * 40
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    shutil.copytree(model, repository / "snapshots" / commit)
    info = inspect_model("someone/lakes")
    assert (info.name, info.path) == ("someone/lakes", repository / "snapshots" / commit)
    assert info.sha256 == inspect_model(str(model)).sha256
    weights = info.path / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))  # as an older tool may have fetched it
    with pytest.raises(ModelNotHere, match=r"no complete model with this hub id"):
        inspect_model("someone/lakes")
    edit(info.path / "model_index.json", _class_name="FluxPipeline")
    with pytest.raises(ModelError, match="is a FluxPipeline"):
        inspect_model("someone/lakes")
    (info.path / "model_index.json").unlink()
    with pytest.raises(ModelNotHere, match=r"no model with this hub id on this machine"):
        inspect_model("someone/lakes")


def test_no_model_library_is_loaded() -> None:
    code = (
        "import sys; from sdpo_core.checkpoints.model_info import inspect_model; inspect_model('demo')\n"
        "import sdpo_core.adapters.info, sdpo_core.workspace.pairs, sdpo_core.judging.verdict\n"
        "heavy = {'torch', 'diffusers', 'transformers', 'peft', 'accelerate', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=repository_root())

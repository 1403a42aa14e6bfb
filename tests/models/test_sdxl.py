"""SDXL against diffusers' own pipeline around the same files."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor
from torch.testing import assert_close

from sdpo_core.adapters.file import load_adapter, prove_adapter, save_adapter
from sdpo_core.families.stable_diffusion import LORA_TARGETS as TARGETS
from sdpo_core.generation.sample import build_recipe, sample
from sdpo_core.models.family import Conditioning, DiffusionModel, Frame
from sdpo_core.models.lora import Lora, adaptable_modules
from sdpo_core.models.registry import load_model
from sdpo_core.paths import repository_root
from sdpo_core.settings.sampling import Sampler, Sampling
from sdpo_core.workspace.records import AdapterUse, Recipe
from tests.models.pipelines import stock_xl_pipeline
from tests.models.test_lora import shake

PROMPTS = ["a hill, at night", "the sea!"]
WHOLE = Frame((32, 32), (0, 0), (32, 32))


def inputs(model: DiffusionModel) -> tuple[Tensor, Tensor, Conditioning]:
    noisy = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    return noisy, torch.tensor([10, 900]), model.frame(model.encode_prompts(PROMPTS), [WHOLE] * 2)


def predict(model: DiffusionModel) -> Tensor:
    with torch.no_grad():
        return model.predict(*inputs(model))


def recipes(model: DiffusionModel, negative: str = "", **changes: Any) -> list[Recipe]:
    sampling = Sampling(sampling_steps=6, guidance=5.0, **changes)
    return [
        build_recipe(model, sampling, prompt=prompt, negative=negative, seed=i, batch=2)
        for i, prompt in enumerate(PROMPTS)
    ]


def test_prompts_are_encoded_as_by_the_stock_pipeline(xl: DiffusionModel, xl_folder: Path) -> None:
    found = xl.encode_prompts([*PROMPTS, ""])
    context, zeros, pooled, zero_pooled = stock_xl_pipeline(xl_folder).encode_prompt(PROMPTS, device="cpu")
    assert found.pooled is not None
    assert_close(found.context, torch.cat([context, zeros[:1]]), rtol=1e-5, atol=1e-6)
    assert_close(found.pooled, torch.cat([pooled, zero_pooled[:1]]), rtol=1e-5, atol=1e-6)
    assert int(found.context[2].count_nonzero()) == 0
    other = xl.encode_prompts(PROMPTS, clip_skip=3).context
    assert_close(other, stock_xl_pipeline(xl_folder).encode_prompt(PROMPTS, device="cpu", clip_skip=1)[0])


def test_the_empty_prompt_is_encoded_where_the_model_says_so(xl_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(xl_folder, tmp_path / "model"))
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "force_zeros_for_empty_prompt": False}))
    model = load_model(str(folder), device="cpu")
    context, _, pooled, _ = stock_xl_pipeline(xl_folder).encode_prompt([""], device="cpu")
    found = model.encode_prompts([""])
    assert_close(found.context, context)
    assert_close(found.pooled, pooled)


def test_long_and_weighted_prompts_go_through_both_encoders(xl: DiffusionModel) -> None:
    found, plain = xl.encode_prompts(["a (red:1.5) b BREAK c"]), xl.encode_prompts(["a red b", "c"])
    assert found.context.shape == (1, 48, 80)
    assert found.pooled is not None
    assert plain.pooled is not None
    assert_close(found.pooled, plain.pooled[:1])  # of the first chunk, without weights
    assert_close(found.context[0, 24:], plain.context[1])
    assert_close(found.context[0, [0, 1, 5]], plain.context[0, [0, 1, 5]])
    for width in (slice(0, 32), slice(32, 80)):
        assert not torch.allclose(found.context[0, 2:5, width], plain.context[0, 2:5, width])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers with numpy 2
@pytest.mark.parametrize("sampler", ["ddim", "euler", "dpm++2m"])
@pytest.mark.parametrize("negative", ["", "night"])
def test_images_are_those_of_the_stock_pipeline(
    xl: DiffusionModel, xl_folder: Path, sampler: Sampler, negative: str
) -> None:
    wanted = recipes(xl, negative, sampler=sampler)
    pipe = stock_xl_pipeline(xl_folder)
    pipe.scheduler = xl.scheduler(sampler)
    noise = torch.stack([torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(r.seed)) for r in wanted])
    theirs = pipe(
        PROMPTS,
        negative_prompt=[negative] * 2 if negative else None,
        latents=noise,
        num_inference_steps=6,
        guidance_scale=5.0,
        height=32,
        width=32,
    ).images
    ours = sample(xl, wanted)
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(np.asarray(a).astype(int) - np.asarray(b).astype(int)).max() <= 1
    assert (wanted[0].clip_skip, wanted[0].width_px) == (2, 32)


def test_the_network_gets_size_and_crop(xl: DiffusionModel) -> None:
    told = xl.encode_prompts(PROMPTS)
    framed = xl.frame(told, [Frame((64, 48), (3, 0), (32, 32)), WHOLE])
    assert framed.time_ids is not None
    assert framed.time_ids.tolist() == [[64, 48, 3, 0, 32, 32], [32, 32, 0, 0, 32, 32]]
    noisy, t, plain = inputs(xl)
    with torch.no_grad():
        one, other = xl.predict(noisy, t, framed), xl.predict(noisy, t, plain)
    assert not torch.allclose(one[0], other[0])
    assert_close(one[1], other[1])


def test_the_autoencoder_runs_in_float32_where_it_overflows_else(xl_folder: Path) -> None:
    model = load_model(str(xl_folder), device="cpu", precision="bf16")
    vae: Any = AutoencoderKL.from_pretrained(xl_folder, subfolder="vae")
    images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        latents = vae.encode(images).latent_dist.mean
    assert torch.equal(model.encode_images(images), latents)
    assert {parameter.dtype for parameter in model.network.parameters()} == {torch.bfloat16}
    assert predict(model).dtype == torch.float32


@pytest.mark.parametrize("targets", sorted(TARGETS))
def test_diffusers_reads_the_adapter_to_the_same_network(
    xl: DiffusionModel, xl_folder: Path, tmp_path: Path, targets: str
) -> None:
    lora = Lora.create(xl, rank=4, alpha=6.0, targets=targets, seed=3)
    shake(lora)
    ours = predict(xl)
    save_adapter(tmp_path / "a.safetensors", lora, info=xl.info, sdpo={}, title="a")
    pipe = stock_xl_pipeline(xl_folder)
    pipe.load_lora_weights(tmp_path, weight_name="a.safetensors")
    noisy, t, told = inputs(xl)
    with torch.no_grad(), lora.off():
        bare = xl.predict(noisy, t, told)
        extra = {"text_embeds": told.pooled, "time_ids": told.time_ids}
        theirs = pipe.unet(noisy, t, encoder_hidden_states=told.context, added_cond_kwargs=extra).sample
    assert float((theirs - ours).norm() / (ours - bare).norm()) < 2e-3, "float16 keeps 11 bits"


def test_an_adapter_comes_back_and_says_what_it_is(xl: DiffusionModel, tmp_path: Path) -> None:
    lora = Lora.create(xl, rank=4, alpha=4.0, targets="wide", seed=3)
    shake(lora)
    expected, path = predict(xl), tmp_path / "a.safetensors"
    save_adapter(path, lora, info=xl.info, sdpo={}, title="a")
    lora.remove()
    proof = prove_adapter(path, xl)
    assert proof.modules == proof.matched == len(lora.modules)
    back = load_adapter(path, xl)
    assert_close(predict(xl), expected, rtol=2e-2, atol=2e-3)
    back.remove()
    stem = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_1_attn2_to_k"
    tensors = load_file(path)
    assert tensors[f"{stem}.lora_down.weight"].shape == (4, 80)
    assert not [name for name in tensors if "embedding" in name], "ComfyUI places none of these"
    with safe_open(path, "pt") as opened:
        metadata = opened.metadata()
    assert (metadata["ss_base_model_version"], metadata["ss_v2"]) == ("sdxl_base_v1-0", "False")
    assert metadata["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"


def test_an_adapter_changes_the_image(xl: DiffusionModel) -> None:
    lora = Lora.create(xl, rank=4, alpha=4.0, targets="attention", seed=3)
    shake(lora)
    bare = recipes(xl)
    used = [recipe.model_copy(update={"adapters": (AdapterUse(sha256="0" * 64),)}) for recipe in bare]
    one, other = (np.asarray(sample(xl, some, lora=lora)[0]).astype(int) for some in (bare, used))
    assert np.abs(one - other).max() > 0


def test_the_true_sdxl_has_560_attention_layers() -> None:
    """70 transformer blocks with two attentions of four projections; all of them are adapted."""
    config = json.loads((repository_root() / "assets/configs/sdxl/unet/config.json").read_text())
    with torch.device("meta"):
        unet: Any = UNet2DConditionModel.from_config(config)
    names = adaptable_modules(unet)
    found = {kind: sum(name.endswith(tuple(f".{end}" for end in TARGETS[kind])) for name in names) for kind in TARGETS}
    assert found["attention"] == 560
    assert found["wide"] > 700

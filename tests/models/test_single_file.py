"""A checkpoint in the original layout is read as the models that it was written from, without a network."""

import dataclasses
import json
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import init_empty_weights
from safetensors.torch import load_file, save_file
from torch import nn

from sdpo_core.checkpoints import model_info
from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.errors import ModelError
from sdpo_core.families.family import FamilyName
from sdpo_core.families.stable_diffusion import UNET_PREFIX as UNET
from sdpo_core.families.stable_diffusion import VAE_PREFIX as VAE
from sdpo_core.families.table import FAMILIES
from sdpo_core.models.clip_tokenizer import build_clip_tokenizer
from sdpo_core.models.family import Frame, set_timesteps
from sdpo_core.models.registry import load_model
from sdpo_core.models.single_file import SingleFileParts, convert, empty_part
from sdpo_core.paths import repository_root
from tests.original_layout import build_parts, open_clip_tensors, original_tensors, tiny_configs, write_checkpoint

V = {"modelspec.prediction_type": "v"}
ASSETS = repository_root() / "assets" / "configs"
MERGES = ASSETS / "clip" / "bpe_simple_vocab_16e6.txt.gz"


@pytest.fixture(scope="session")
def session_configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_configs(tmp_path_factory.mktemp("tiny") / "configs")


@pytest.fixture
def configs(session_configs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tiny sizes in place of the families' own, no network, and no cache of the person's."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(model_info, "configs_folder", lambda family: session_configs / family)
    monkeypatch.setenv("SDPO_CACHE", str(tmp_path / "cache"))
    return session_configs


def parts_of(path: Path) -> SingleFileParts:
    return SingleFileParts(inspect_model(str(path), "epsilon"))


def assert_same(module: Any, expected: nn.Module) -> None:
    assert type(module) is type(expected)
    state, wanted = module.state_dict(), expected.state_dict()
    assert state.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert torch.equal(state[name], tensor), name
    assert not any(parameter.requires_grad for parameter in module.parameters())
    assert not module.training


@pytest.mark.parametrize("family", FAMILIES)
def test_every_tensor_of_every_part_arrives(configs: Path, tmp_path: Path, family: FamilyName) -> None:
    modules = build_parts(configs, family)
    path = write_checkpoint(tmp_path / "lakes.safetensors", family, modules)
    assert inspect_model(str(path), "epsilon").family == family
    for part, expected in modules.items():
        assert_same(parts_of(path).module(part, torch.float32), expected)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("family", "kind"), [("sd15", "epsilon"), ("sd20", "v_prediction")])
def test_a_loaded_model_encodes_and_predicts_as_the_parts(
    configs: Path, tmp_path: Path, family: FamilyName, kind: str
) -> None:
    parts: dict[str, Any] = dict(build_parts(configs, family))
    path = write_checkpoint(tmp_path / "lakes.safetensors", family, parts, V if family == "sd20" else None)
    model = load_model(str(path), device="cpu")
    assert (model.info.prediction_type, model.info.name) == (kind, "lakes")
    ids = parts_of(path).tokenizer()(["a cat"], padding="max_length", return_tensors="pt")["input_ids"]
    conditioning = model.encode_prompts(["a cat"])
    generator = torch.Generator().manual_seed(1)
    noisy, images = torch.randn(1, 4, 16, 16, generator=generator), torch.rand(1, 3, 32, 32, generator=generator)
    t = torch.tensor([500])
    text = parts["text_encoder"](ids)[0]
    assert torch.equal(conditioning.context, text)
    assert torch.equal(model.predict(noisy, t, conditioning), parts["unet"](noisy, t, text).sample)
    latents = parts["vae"].encode(images).latent_dist.mean
    torch.testing.assert_close(model.encode_images(images), latents * 0.18215)
    scheduler: Any = model.scheduler("ddim")
    assert scheduler.config.prediction_type == kind


def test_sdxl_encodes_and_predicts_as_its_parts(configs: Path, tmp_path: Path) -> None:
    parts: dict[str, Any] = dict(build_parts(configs, "sdxl"))
    path = write_checkpoint(tmp_path / "lakes.safetensors", "sdxl", parts)
    model = load_model(str(path), device="cpu")
    told, empty = (
        model.frame(model.encode_prompts([prompt]), [Frame((64, 48), (3, 0), (32, 32))]) for prompt in ("a cat", "")
    )
    states: list[torch.Tensor] = []
    for number in ("", "_2"):
        tokenizer = parts_of(path).tokenizer(f"tokenizer{number}")  # pyright: ignore[reportArgumentType]
        ids = tokenizer(["a cat", ""], padding="max_length", return_tensors="pt")["input_ids"]
        output = parts[f"text_encoder{number}"](ids, output_hidden_states=True)
        states.append(output.hidden_states[-2])
    context, vector = torch.cat(states, dim=2), output.text_embeds
    torch.testing.assert_close(told.context, context[:1])
    torch.testing.assert_close(told.pooled, vector[:1])
    torch.testing.assert_close(empty.context, context[1:])  # no zeros, as in ComfyUI
    torch.testing.assert_close(empty.pooled, vector[1:])
    noisy = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    extra = {"text_embeds": vector[:1], "time_ids": torch.tensor([[64, 48, 3, 0, 32, 32]])}
    t = torch.tensor([500])
    expected = parts["unet"](noisy, t, encoder_hidden_states=context[:1], added_cond_kwargs=extra).sample
    torch.testing.assert_close(model.predict(noisy, t, told), expected)


def test_the_text_encoders_of_sdxl_compute_what_the_originals_do(configs: Path, tmp_path: Path) -> None:
    modules: dict[str, Any] = dict(build_parts(configs, "sdxl"))
    parts = parts_of(write_checkpoint(tmp_path / "lakes.safetensors", "sdxl", modules))
    for number in ("", "_2"):
        tokens = parts.tokenizer(f"tokenizer{number}")(["a cat!"], padding="max_length", return_tensors="pt")  # pyright: ignore
        ids, part = tokens["input_ids"], f"text_encoder{number}"
        assert ids[0, -1] == (0 if number else 49407)
        loaded: Any = parts.module(part, torch.float32)  # pyright: ignore[reportArgumentType]
        found, expected = (net(ids, output_hidden_states=True) for net in (loaded, modules[part]))
        assert torch.equal(found.hidden_states[-2], expected.hidden_states[-2])
        assert torch.equal(found[0], expected[0])


@pytest.mark.parametrize("kept", [torch.float16, torch.bfloat16])
def test_halves_become_what_is_asked_for(configs: Path, tmp_path: Path, kept: torch.dtype) -> None:
    modules = build_parts(configs, "sd15")
    for module in modules.values():
        module.to(kept)
    path = write_checkpoint(tmp_path / "half.safetensors", "sd15", modules)
    assert_same(parts_of(path).module("vae", torch.float32), modules["vae"].float())


def test_zero_terminal_snr_reaches_every_sampler(configs: Path, tmp_path: Path) -> None:
    marks = {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}
    path = write_checkpoint(tmp_path / "lakes.safetensors", "sd15", build_parts(configs, "sd15"), more=marks)
    model = load_model(str(path), device="cpu")
    assert model.info.zero_terminal_snr
    assert model.noise_process.signal[-1] == 0
    for sampler in ("ddim", "euler", "dpm++2m"):
        scheduler: Any = model.scheduler(sampler)
        set_timesteps(scheduler, 4, torch.device("cpu"))
        assert scheduler.timesteps[0] == 999
        assert scheduler.config.prediction_type == "v_prediction"


def rewrite(path: Path, change: Any) -> None:
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_missing_tensor_is_not_made_up_and_a_foreign_one_not_dropped(
    configs: Path, tmp_path: Path, part: str
) -> None:
    path = write_checkpoint(tmp_path / "lakes.safetensors", "sd15", build_parts(configs, "sd15"))
    prefix = {"unet": UNET, "vae": VAE, **FAMILIES["sd15"].text_prefixes}[part]
    name = {
        "unet": "output_blocks.1.0.in_layers.0.bias",
        "vae": "decoder.up.1.block.0.conv1.bias",
        "text_encoder": "text_model.encoder.layers.1.mlp.fc1.bias",
    }[part]
    rewrite(
        path, lambda tensors: tensors.update({prefix + name.replace(".bias", ".odd"): tensors[prefix + name].clone()})
    )
    with pytest.raises(ModelError, match=rf"The {part} in .* has 1 tensors that a sd15 model doesn't have"):
        parts_of(path).module(part, torch.float32)  # pyright: ignore[reportArgumentType]
    rewrite(path, lambda tensors: (tensors.pop(prefix + name.replace(".bias", ".odd")), tensors.pop(prefix + name)))
    with pytest.raises(ModelError, match=rf"{part} of the model in .* lacks 1 tensors"):
        parts_of(path).module(part, torch.float32)  # pyright: ignore[reportArgumentType]


def test_an_input_that_only_a_distilled_model_has_is_refused(configs: Path, tmp_path: Path) -> None:
    more = {UNET + "time_embed.cond_proj.weight": torch.zeros(32, 256)}
    path = write_checkpoint(tmp_path / "lcm.safetensors", "sd15", build_parts(configs, "sd15"), more=more)
    with pytest.raises(ModelError, match=r"doesn't have, such as .*time_embed\.cond_proj"):
        parts_of(path).module("unet", torch.float32)


def test_a_tensor_of_another_shape_is_refused(configs: Path, tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "lakes.safetensors", "sd15", build_parts(configs, "sd15"))
    rewrite(path, lambda tensors: tensors.update({VAE + "quant_conv.bias": torch.zeros(3)}))
    with pytest.raises(
        ModelError, match=r"The vae .* doesn't have the shape .*quant_conv\.bias is \(3,\), expected \(8,\)"
    ):
        parts_of(path).module("vae", torch.float32)


def test_what_other_tools_leave_in_a_file_does_no_harm(configs: Path, tmp_path: Path) -> None:
    modules = build_parts(configs, "sdxl")
    path = write_checkpoint(tmp_path / "lakes.safetensors", "sdxl", modules)
    first, second = FAMILIES["sdxl"].text_prefixes.values()

    def like_comfyui(tensors: dict[str, torch.Tensor]) -> None:
        tensors[first + "text_model.embeddings.position_ids"] = torch.arange(77)[None].half()
        tensors[first + "text_projection.weight"] = torch.eye(32)
        tensors[second + "logit_scale"] = torch.tensor(4.6)
        tensors[second + "text_projection.weight"] = tensors.pop(second + "text_projection").T.contiguous()
        tensors["denoiser.sigmas"] = torch.zeros(1000)

    rewrite(path, like_comfyui)
    for part in ("text_encoder", "text_encoder_2"):
        assert_same(parts_of(path).module(part, torch.float32), modules[part])


def test_old_files_name_the_text_encoder_without_its_middle(configs: Path, tmp_path: Path) -> None:
    modules = build_parts(configs, "sd15")
    path = write_checkpoint(tmp_path / "lakes.safetensors", "sd15", modules)

    def like_2022(tensors: dict[str, torch.Tensor]) -> None:
        for name in list(tensors):
            tensors[name.replace("transformer.text_model.", "transformer.")] = tensors.pop(name)

    rewrite(path, like_2022)
    assert_same(parts_of(path).module("text_encoder", torch.float32), modules["text_encoder"])


@pytest.mark.parametrize(
    ("family", "part", "parameters"),
    [
        ("sd15", "unet", 859_520_964),
        ("sd20", "unet", 865_910_724),
        ("sdxl", "unet", 2_567_463_684),
        *((family, "vae", 83_653_863) for family in FAMILIES),
        ("sd15", "text_encoder", 123_060_480),
        ("sd20", "text_encoder", 340_387_840),
        ("sdxl", "text_encoder", 123_060_480),
        ("sdxl", "text_encoder_2", 694_659_840),
    ],
)
def test_our_settings_give_the_published_sizes(family: FamilyName, part: Any, parameters: int) -> None:
    module = empty_part(part, ASSETS / family / part / "config.json")
    assert sum(parameter.numel() for parameter in module.parameters()) == parameters


@pytest.mark.parametrize(
    ("family", "tensors", "some"),
    [
        ("sd15", 686 + 248 + 196, {UNET + "output_blocks.11.1.proj_out.weight": (320, 320, 1, 1)}),
        ("sd20", 686 + 248 + 23 * 12 + 4, {UNET + "input_blocks.1.1.proj_in.weight": (320, 320)}),
        (
            "sdxl",
            1680 + 248 + 196 + 32 * 12 + 5,
            {
                UNET + "output_blocks.8.0.skip_connection.weight": (320, 640, 1, 1),
                UNET + "middle_block.1.transformer_blocks.9.attn2.to_k.weight": (1280, 2048),
                UNET + "label_emb.0.0.weight": (1280, 2816),
                UNET + "output_blocks.2.2.conv.weight": (1280, 1280, 3, 3),
                "conditioner.embedders.1.model.transformer.resblocks.31.attn.in_proj_weight": (3840, 1280),
            },
        ),
    ],
)
def test_at_true_size_every_tensor_has_its_place(
    family: FamilyName, tensors: int, some: dict[str, tuple[int, ...]]
) -> None:
    names: tuple[Any, ...] = ("unet", "vae", *FAMILIES[family].text_prefixes)
    modules = {part: empty_part(part, ASSETS / family / part / "config.json") for part in names}
    with init_empty_weights():
        original = original_tensors(family, modules)
    assert len(original) == tensors
    for name, shape in some.items():
        assert tuple(original[name].shape) == shape
    for part, prefix in {"unet": UNET, "vae": VAE, **FAMILIES[family].text_prefixes}.items():
        own = {name: tensor for name, tensor in original.items() if name.startswith(prefix)}
        state = convert(modules[part], own, prefix)
        wanted = modules[part].state_dict()
        assert {name: tensor.shape for name, tensor in state.items()} == {n: t.shape for n, t in wanted.items()}


def test_the_layer_that_stable_diffusion_2_does_not_use_is_left_out() -> None:
    module = empty_part("text_encoder", ASSETS / "sd20" / "text_encoder" / "config.json")
    prefix = FAMILIES["sd20"].text_prefixes["text_encoder"]
    own = open_clip_tensors(prefix, module.state_dict())
    for name in list(own):
        if ".resblocks.22." in name:
            own[name.replace(".22.", ".23.")] = own[name]
    own[prefix + "text_projection"] = torch.empty(1024, 1024, device="meta")
    assert convert(module, own, prefix).keys() == module.state_dict().keys()


def test_the_tokenizer_numbers_as_openai_does() -> None:
    tokenizer = build_clip_tokenizer(MERGES, max_tokens=77, pad_token="<|endoftext|>")
    assert tokenizer("a photo of a cat")["input_ids"] == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert len(tokenizer) == 49408
    assert tokenizer("a", padding="max_length")["input_ids"] == [49406, 320] + [49407] * 75
    padded = build_clip_tokenizer(MERGES, max_tokens=77, pad_token="!")
    # What is padded has the number 0; a "!" that was written keeps its own.
    assert padded("hi! !", padding="max_length", max_length=8)["input_ids"] == [49406, 1883, 256, 256, 49407, 0, 0, 0]


def test_a_damaged_file_of_merges_is_named(configs: Path, tmp_path: Path) -> None:
    own = tiny_configs(tmp_path / "own")
    (own / "clip" / MERGES.name).write_bytes(b"no gzip")
    (own / "sd15" / "tokenizer" / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 77}))
    path = write_checkpoint(tmp_path / "lakes.safetensors", "sd15", build_parts(configs, "sd15"))
    parts = parts_of(path)
    parts._info = dataclasses.replace(parts._info, configs=own / "sd15")
    with pytest.raises(ModelError, match="Could not build the tokenizer"):
        parts.tokenizer()


def test_a_given_prediction_type_wins_over_a_folders_own(tiny_folder: Path) -> None:
    model = load_model(str(tiny_folder), device="cpu", prediction_type="v_prediction")
    scheduler: Any = model.scheduler("ddim")
    assert (model.info.prediction_type, scheduler.config.prediction_type) == ("v_prediction", "v_prediction")
    assert torch.equal(model.noise_process.noise_in_target, model.noise_process.signal)

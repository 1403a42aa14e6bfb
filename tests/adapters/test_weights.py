"""Files of other tools in, our files out: what a layer becomes is always W + strength · alpha / rank · B A."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils import convert_state_dict_to_kohya  # pyright: ignore[reportPrivateImportUsage]
from peft import LoraConfig, get_peft_model
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from sdpo_core.adapters.file import (
    Base,
    base_targets,
    load_adapter,
    module_shapes,
    prove_adapter,
    save_adapter,
    save_weights,
)
from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.adapters.layouts import Layout, names_of
from sdpo_core.adapters.load_proof import prove
from sdpo_core.adapters.targets import Target, family_targets, original_names
from sdpo_core.adapters.weights import Halves, Weights, merge, read_weights
from sdpo_core.cli.main import main
from sdpo_core.errors import AdapterError
from sdpo_core.families.family import FamilyName
from sdpo_core.families.table import FAMILIES
from sdpo_core.models.family import DiffusionModel
from tests.adapters.test_file import predict, trained
from tests.models.pipelines import stock_pipeline

LAYERS = ("attn1.to_q", "attn2.to_out.0", "ff.net.0.proj", "proj_in", "resnets.0.conv1", "downsamplers.0.conv", "fc1")
Names = Callable[[str], tuple[str, str]]
ENDS: dict[str, Names] = {
    "kohya": lambda stem: (f"{stem}.lora_down.weight", f"{stem}.lora_up.weight"),
    "PEFT's": lambda stem: (f"{stem}.lora_A.weight", f"{stem}.lora_B.weight"),
    "PEFT's, named": lambda stem: (f"{stem}.lora_A.default.weight", f"{stem}.lora_B.default.weight"),
    "old": lambda stem: (f"{stem}.lora.down.weight", f"{stem}.lora.up.weight"),
    "older": lambda stem: (f"{stem}_lora.down.weight", f"{stem}_lora.up.weight"),
    "text encoders'": lambda stem: (f"{stem}.lora_linear_layer.down.weight", f"{stem}.lora_linear_layer.up.weight"),
}


def some(family: FamilyName) -> list[Target]:
    """A few layers of each kind, of all parts."""
    layers = family_targets(family)
    found = [target for end in LAYERS for target in [t for t in layers if t.path.endswith(f".{end}")][:2]]
    return [*found, *(t for t in layers if t.part.name == "text_encoder_2" and t.path.endswith(".q_proj"))][:16]


def random_weights(family: FamilyName, targets: list[Target], rank: int = 3, seed: int = 0) -> Weights:
    generator, layers = torch.Generator().manual_seed(seed), family_targets(family)
    modules: dict[Target, Halves] = {}
    for target in targets:
        out, *rest = layers[target]
        down = torch.randn(rank, *rest, generator=generator)
        up = torch.randn(out, rank, *(1 for _ in rest[1:]), generator=generator)
        modules[target] = Halves(down.half().float(), up.half().float())
    return Weights(modules)


def write(
    path: Path, weights: Weights, layout: Layout, ends: str, alpha: float | None, family: FamilyName = "sd15"
) -> None:
    """A file as another tool writes it: the scale is in alpha, not in the weights."""
    originals = original_names(family_targets(family))
    tensors: dict[str, Tensor] = {}
    for target, (down, up) in weights.modules.items():
        stem = names_of(target, originals)[layout][0]
        for name, tensor in zip(ENDS[ends](stem), (down, up), strict=True):
            tensors[name] = tensor.half()
        if alpha is not None:
            tensors[f"{stem}.alpha"] = torch.tensor(alpha)
    save_file(tensors, path)


def assert_same(one: Weights, other: Weights, scale: float = 1.0) -> None:
    assert one.modules.keys() == other.modules.keys()
    for target, halves in one.modules.items():
        torch.testing.assert_close(halves.product(), other.modules[target].product() * scale, rtol=1e-6, atol=1e-6)
        assert halves.down.shape == other.modules[target].down.shape


# ------------------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("layout", "ends", "alpha"),
    [
        ("kohya", "kohya", 1.5),
        ("kohya", "kohya", None),
        ("kohya, original", "kohya", 1.5),
        ("ComfyUI", "PEFT's", 1.5),
        ("ComfyUI", "kohya", None),
        ("diffusers", "PEFT's", None),
        ("diffusers", "PEFT's, named", None),
        ("diffusers", "old", None),
        ("diffusers", "older", None),
        ("diffusers", "text encoders'", None),
        ("PEFT", "PEFT's", None),
    ],
)
def test_every_layout_is_read_exactly(
    tmp_path: Path, family: FamilyName, layout: Layout, ends: str, alpha: float | None
) -> None:
    targets = [t for t in some(family) if (t.part.name == "unet" or layout != "kohya, original")]
    targets = [t for t in targets if t.part.name != "text_encoder_2" or layout != "kohya"]
    weights = random_weights(family, targets)
    write(tmp_path / "a.safetensors", weights, layout, ends, alpha, family)
    back = read_weights(tmp_path / "a.safetensors", family_targets(family))
    assert_same(back, weights, 1.0 if alpha is None else alpha / 3)
    assert back.layout in (layout, f"{layout}, old")


def test_matrices_for_convolutions_of_1_x_1_and_the_other_way_round(tmp_path: Path) -> None:
    target = Target(FAMILIES["sd15"].network, "down_blocks.0.attentions.0.proj_in")
    weights = random_weights("sd15", [target])
    (halves,) = weights.modules.values()
    assert halves.down.shape == (3, 320, 1, 1)
    stem = "lora_unet_down_blocks_0_attentions_0_proj_in"
    flat = {f"{stem}.lora_down.weight": halves.down.flatten(1), f"{stem}.lora_up.weight": halves.up.flatten(1)}
    save_file(flat, tmp_path / "a.safetensors")
    assert_same(read_weights(tmp_path / "a.safetensors", family_targets("sd15")), weights)


def peft_unet(model: DiffusionModel, **settings: Any) -> Any:
    """The network wrapped by PEFT itself, with an adapter that changes something."""
    config = LoraConfig(r=4, lora_alpha=6, target_modules=["to_q", "to_out.0", "conv1"], **settings)
    wrapped: Any = get_peft_model(model.network, config)  # pyright: ignore[reportArgumentType]
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        for name, parameter in wrapped.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.02)
    return wrapped


@pytest.mark.parametrize("settings", [{}, {"use_rslora": True}, {"alpha_pattern": {"to_q": 2}}])
def test_a_file_that_peft_saved_acts_as_in_peft(tiny: DiffusionModel, tmp_path: Path, settings: dict[str, Any]) -> None:
    wrapped = peft_unet(tiny, **settings)
    expected = predict(tiny)
    wrapped.save_pretrained(tmp_path)
    wrapped.unload()
    bare = predict(tiny)
    lora = load_adapter(tmp_path / "adapter_model.safetensors", tiny)
    assert len(lora.modules) > 10
    error = (predict(tiny) - expected).norm() / (expected - bare).norm()
    assert float(error) < 1e-4


def test_a_file_that_diffusers_saved_acts_as_there(tiny: DiffusionModel, tiny_folder: Path, tmp_path: Path) -> None:
    pipe: Any = stock_pipeline(tiny_folder)
    pipe.unet.add_adapter(LoraConfig(r=4, lora_alpha=6, target_modules=["to_q", "to_k"], init_lora_weights=False))
    from peft.utils import get_peft_model_state_dict

    state: Any = get_peft_model_state_dict(pipe.unet)
    noisy = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    context = torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = pipe.unet(noisy, torch.tensor([5]), encoder_hidden_states=context).sample
    StableDiffusionPipeline.save_lora_weights(
        tmp_path, unet_lora_layers=state, unet_lora_adapter_metadata={"r": 4, "lora_alpha": 6}
    )
    path = tmp_path / "pytorch_lora_weights.safetensors"
    load_adapter(path, tiny)
    with torch.no_grad():
        ours = tiny.network(noisy, torch.tensor([5]), encoder_hidden_states=context).sample
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def test_what_diffusers_converts_to_kohya_is_read(tmp_path: Path) -> None:
    weights = random_weights("sd15", [t for t in some("sd15") if t.part.name == "unet"])
    state = {
        f"unet.{target.path}.{half}.weight": tensor
        for target, halves in weights.modules.items()
        for half, tensor in zip(("lora_A", "lora_B"), halves, strict=True)
    }
    converted: dict[str, Tensor] = convert_state_dict_to_kohya(state)
    save_file({name: tensor.contiguous() for name, tensor in converted.items()}, tmp_path / "a.safetensors")
    assert_same(read_weights(tmp_path / "a.safetensors", family_targets("sd15")), weights)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lora_unet_conv_in.dora_scale", "isn't a plain LoRA: it holds DoRA .* and PEFT compute DoRA differently"),
        ("base_model.model.conv_in.lora_magnitude_vector.weight", "DoRA"),
        ("lora_unet_conv_in.hada_w1_a", "LoHa"),
        ("lora_unet_conv_in.lokr_w1", "LoKr"),
        ("lora_unet_conv_in.lora_mid.weight", "third factor"),
        ("lora_unet_conv_in.diff", "whole weights"),
        ("lora_unet_conv_out.lora_up.weight", "only half of"),
        ("conv_out.lora_down.weight", "only half of"),
        ("something", "1 tensors that the studio doesn't read"),
        ("unet.conv_in.alpha", "doesn't read"),
    ],
)
def test_anything_but_a_plain_lora_is_refused(tmp_path: Path, name: str, words: str) -> None:
    path = tmp_path / "a.safetensors"
    write(path, random_weights("sd15", some("sd15")[:2]), "kohya", "kohya", None)
    save_file({**load_file(path), name: torch.ones(2, 2)}, path)
    with pytest.raises(AdapterError, match=words):
        read_weights(path, family_targets("sd15"))


def test_one_layer_under_two_names_is_refused(tmp_path: Path) -> None:
    weights = random_weights("sd15", some("sd15")[:1])
    for layout in ("kohya", "kohya, original"):
        write(tmp_path / f"{layout}.safetensors", weights, layout, "kohya", None)
    both = {name: t for path in tmp_path.glob("*.safetensors") for name, t in load_file(path).items()}
    save_file(both, tmp_path / "both.safetensors")
    with pytest.raises(AdapterError, match="changes one layer twice"):
        read_weights(tmp_path / "both.safetensors", family_targets("sd15"))


# ------------------------------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("layout", ["kohya", "kohya, original", "diffusers"])
def test_every_exporter_is_read_back_exactly(tmp_path: Path, family: FamilyName, layout: str) -> None:
    weights = random_weights(family, some(family))
    path = tmp_path / "a.safetensors"
    save_weights(path, weights, base=Base(family), facts={"family": family}, title="a", layout=layout)
    back = read_weights(path, family_targets(family))
    assert back.modules.keys() == weights.modules.keys()
    for target, halves in back.modules.items():  # float16 in, float16 out: not a bit is lost
        assert torch.equal(halves.down, weights.modules[target].down)
        assert torch.equal(halves.up, weights.modules[target].up)
    assert path.stat().st_mode & 0o777 == 0o644
    assert read_adapter_info(path).family == family
    if layout == "kohya":
        assert prove(path).whole


def test_the_text_encoders_of_sdxl_are_numbered(tmp_path: Path) -> None:
    weights = random_weights("sdxl", [t for t in family_targets("sdxl") if t.path.endswith("layers.0.mlp.fc1")])
    save_weights(tmp_path / "a.safetensors", weights, base=Base("sdxl"), facts={}, title="a")
    stems = {name.split(".")[0] for name in load_file(tmp_path / "a.safetensors")}
    assert stems == {f"lora_te{n}_text_model_encoder_layers_0_mlp_fc1" for n in (1, 2)}


# ------------------------------------------------------------------------------------------------------------- merging


def test_merging_is_the_weighted_sum() -> None:
    targets = some("sd15")
    one, other = random_weights("sd15", targets, 2, seed=1), random_weights("sd15", targets[1:], 3, seed=2)
    both, lost = merge([(one, 0.7), (other, -0.5)])
    assert lost < 1e-6
    for target in targets[1:]:
        expected = 0.7 * one.modules[target].product() - 0.5 * other.modules[target].product()
        torch.testing.assert_close(both.modules[target].product(), expected, rtol=1e-4, atol=1e-4)
        assert both.modules[target].down.shape[1:] == one.modules[target].down.shape[1:]
    torch.testing.assert_close(
        both.modules[targets[0]].product(), 0.7 * one.modules[targets[0]].product(), rtol=1e-4, atol=1e-4
    )


def test_a_smaller_rank_keeps_what_is_largest() -> None:
    weights = random_weights("sd15", some("sd15")[:3], 4)
    small, lost = merge([(weights, 1.0)], rank=2)
    assert small.ranks == [2]
    gone = whole = 0.0
    for target, halves in weights.modules.items():
        values = torch.linalg.svdvals(halves.product())
        gone, whole = gone + float(values[2:].square().sum()), whole + float(values.square().sum())
        nearest = (small.modules[target].product() - halves.product()).square().sum()
        torch.testing.assert_close(float(nearest), float(values[2:].square().sum()), rtol=1e-3, atol=1e-3)
    assert lost == pytest.approx((gone / whole) ** 0.5, abs=1e-5)


# ---------------------------------------------------------------------------------------------------- the command line


def test_convert_check_and_merge_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "other.safetensors", tmp_path / "mine.safetensors"
    targets = [t for t in family_targets("sd15") if ".to_" in t.path]
    write(source, random_weights("sd15", targets, 1), "diffusers", "PEFT's", None)
    Image.new("RGB", (4, 4)).save(source.with_suffix(".png"))
    place = ["--workspace", str(tmp_path / "workspace")]
    assert main(["adapter", "check", str(source), *place]) == 1
    assert "ComfyUI and Forge: 0 of 128 modules." in capsys.readouterr().out
    assert main(["adapter", "convert", str(source), "--to", str(target), *place]) == 0
    assert "ComfyUI and Forge: 128 of 128 modules." in capsys.readouterr().out
    assert target.with_suffix(".png").is_file()
    assert main(["adapter", "check", str(target), "--json", *place]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [tool["matched"] for tool in told["tools"]] == [128, 128, 128]
    both = tmp_path / "both.safetensors"
    words = ["adapter", "merge", str(source), str(target), "--weights", "0.5", "0.5", "--to", str(both)]
    assert main([*words, "--rank", "1", *place]) == 0
    assert "rank 1; 0.0% of the change was lost" in capsys.readouterr().out
    layers = family_targets("sd15")
    one, merged = read_weights(source, layers), read_weights(both, layers)
    error = sum((merged.modules[t].product() - one.modules[t].product()).norm() for t in targets)
    assert float(error / sum(one.modules[t].product().norm() for t in targets)) < 2e-3


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["convert", "A"], 2, "Set the output file"),
        (["convert", "A", "--to", "b.bin"], 2, "must end in .safetensors"),
        (["convert", "A", "--to", "A"], 1, "exists. Choose another name"),
        (["convert", "A", "--to", "B", "--base", "demo"], 1, "works only in the studio"),
        (["convert", "A", "--to", "B", "--family", "sdxl"], 1, "doesn't fit"),
        (["merge", "A", "A", "--to", "B", "--weights", "1"], 2, "one number per adapter"),
        (["merge", "A", "A", "--to", "B", "--weights", "nan", "1"], 2, "must be finite numbers"),
        (["merge", "A", "--to", "B", "--rank", "0"], 2, "must be at least 1"),
        (["check", "A", "A"], 2, "takes one adapter"),
        (["check"], 2, "needs an adapter's name"),
    ],
)
def test_what_is_asked_wrongly_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    source = tmp_path / "a.safetensors"
    write(source, random_weights("sd15", [t for t in some("sd15") if t.part.name == "unet"]), "kohya", "kohya", None)
    places = {"A": str(source), "B": str(tmp_path / "b.safetensors")}
    words = ["adapter", *(places.get(word, word) for word in words), "--workspace", str(tmp_path / "workspace")]
    assert main(words) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "b.safetensors").exists()


def test_adapters_of_the_demo_model_work_only_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sdpo_core.models.registry import load_model

    model = load_model("demo", device="cpu")
    path = tmp_path / "taste.safetensors"
    save_adapter(path, trained(model, targets="attention"), info=model.info, sdpo={}, title="taste")
    assert main(["adapter", "check", str(path), "--workspace", str(tmp_path / "workspace")]) == 0
    assert "It works only in the studio" in capsys.readouterr().out


def test_a_folder_of_any_size_is_a_base(tmp_path: Path, tiny: DiffusionModel, xl: DiffusionModel) -> None:
    for model, parts in ((tiny, 2), (xl, 3)):
        layers = base_targets(model.info)
        assert {t.path: s for t, s in layers.items() if t.part.name == "unet"} == module_shapes(model.network)
        assert len({target.part for target in layers}) == parts
    lora = trained(tiny, targets="attention")
    path = tmp_path / "a.safetensors"
    save_adapter(path, lora, info=tiny.info, sdpo={}, title="a")
    assert prove(path, "sd15", base_targets(tiny.info)).whole
    assert not prove(path, "sd15").whole


def test_the_end_of_a_training_says_what_other_tools_load(tmp_path: Path, tiny: DiffusionModel) -> None:
    path = tmp_path / "a.safetensors"
    save_adapter(path, trained(tiny, targets="attention"), info=tiny.info, sdpo={}, title="a")
    tiny.info = replace(tiny.info, comfyui=True)
    assert "ComfyUI and Forge, A1111, diffusers load all of it." in prove_adapter(path, tiny).sentence()

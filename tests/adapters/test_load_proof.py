"""Layouts, layers and the rules of other tools, on names alone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file

from sdpo_core.adapters.layouts import Layout, names_of, read_contents, stems
from sdpo_core.adapters.load_proof import fitting_family, prove
from sdpo_core.adapters.targets import Target, family_targets, fits, original_names
from sdpo_core.errors import AdapterError
from sdpo_core.families.family import FamilyName
from sdpo_core.families.table import FAMILIES
from sdpo_core.paths import repository_root
from tests.adapters.record_targets import record
from tests.original_layout import _unet_name

_ENDS = {"diffusers": (".lora_A.weight", ".lora_B.weight"), "PEFT": (".lora_A.weight", ".lora_B.weight")}
_KOHYA = (".lora_down.weight", ".lora_up.weight")
_OLD = (".lora.down.weight", ".lora.up.weight")


def attention(family: FamilyName) -> list[Target]:
    return [target for target in family_targets(family) if ".to_" in target.path]


def write(
    path: Path,
    family: FamilyName,
    targets: list[Target],
    layout: Layout = "kohya",
    *,
    alpha: bool = True,
    metadata: dict[str, str] | None = None,
    spell: Callable[[str], str] = lambda stem: stem,
    ends: tuple[str, str] | None = None,
) -> Path:
    """A file of rank 1, in float16 so that SDXL's is small."""
    layers = family_targets(family)
    originals = original_names(layers)
    tensors: dict[str, torch.Tensor] = {}
    two = family == "sdxl"
    for target in targets:
        names = names_of(target, originals)[layout]
        stem = spell(names[1 if two and target.part.name == "text_encoder" and layout == "kohya" else 0])
        down, up = ends or _ENDS.get(layout, _KOHYA)
        out, *rest = layers[target]
        tensors[stem + down] = torch.zeros(1, *rest, dtype=torch.float16)
        tensors[stem + up] = torch.zeros(out, 1, *(1 for _ in rest[1:]), dtype=torch.float16)
        if alpha:
            tensors[f"{stem}.alpha"] = torch.tensor(1.0, dtype=torch.float16)
    save_file(tensors, path, metadata or {})
    return path


def counts(path: Path, family: FamilyName | None = None) -> list[tuple[int, int]]:
    return [(tool.matched, tool.modules) for tool in prove(path, family).tools]


# ------------------------------------------------------------------------------------------------------------ the maps


@pytest.mark.parametrize("family", FAMILIES)
def test_recorded_layers_are_those_of_the_real_classes(family: FamilyName) -> None:
    recorded = {target: list(shape) for target, shape in family_targets(family).items()}
    assert {(target.part.name, target.path): shape for target, shape in recorded.items()} == {
        (part, name): shape for part, named in record(family).items() for name, shape in named.items()
    }


@pytest.mark.parametrize(("family", "layers"), [("sd15", 128), ("sd20", 128), ("sdxl", 560)])
def test_attention_has_as_many_layers_as_is_known(family: FamilyName, layers: int) -> None:
    assert len(attention(family)) == layers


@pytest.mark.parametrize("family", FAMILIES)
def test_original_names_are_those_of_checkpoints(family: FamilyName) -> None:
    config = json.loads(
        (repository_root() / "assets/configs" / family / "unet/config.json").read_text(encoding="utf-8")
    )
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(config)
    paths = [target.path for target in family_targets(family) if target.part.name == "unet"]
    theirs = {path: _unet_name(f"{path}.weight", unet) for path in paths}
    assert {p: f"model.diffusion_model.{n}.weight" for p, n in original_names(family_targets(family)).items()} == theirs


@pytest.mark.parametrize("family", FAMILIES)
def test_no_name_means_two_layers(family: FamilyName) -> None:
    layers = family_targets(family)
    known = stems(layers)
    originals = original_names(layers)
    for target in layers:
        for layout, names in names_of(target, originals).items():
            # PEFT alone does not say which encoder it was.
            raw_of_both = layout == "PEFT" and target.part.role == "text"
            assert raw_of_both or known[names[0]][0] == target, names[0]


# ------------------------------------------------------------------------------------------------- what the tools load


@pytest.mark.parametrize("family", FAMILIES)
def test_our_own_layout_is_loaded_by_all(tmp_path: Path, family: FamilyName) -> None:
    path = write(tmp_path / "a.safetensors", family, attention(family))
    proof = prove(path, family)
    assert proof.whole
    assert {tool.modules for tool in proof.tools} == {len(attention(family))}
    assert f"ComfyUI and Forge: {len(attention(family))} of {len(attention(family))} modules." in proof.sentence()
    assert proof.warnings == ()


def test_text_encoders_are_loaded_by_all(tmp_path: Path) -> None:
    targets = [t for t in family_targets("sdxl") if t.part.name != "unet" and "encoder.layers" in t.path]
    assert counts(write(tmp_path / "a.safetensors", "sdxl", targets), "sdxl") == [(264, 264)] * 3


def test_diffusers_own_layout_loses_attention_in_comfyui(tmp_path: Path) -> None:
    others = [t for t in family_targets("sd15") if t.path.endswith((".conv1", ".proj_in", ".ff.net.2"))]
    path = write(tmp_path / "a.safetensors", "sd15", attention("sd15"), "diffusers", alpha=False)
    assert counts(path) == [(0, 128), (0, 128), (128, 128)]
    path = write(tmp_path / "b.safetensors", "sd15", attention("sd15") + others, "diffusers", alpha=False)
    assert counts(path) == [(len(others), 128 + len(others)), (0, 128 + len(others)), (128 + len(others),) * 2]
    assert "Attention layers with diffusers' names are silently skipped" in prove(path).sentence()
    assert "uses a scale of 1" in prove(path).sentence()
    with_alpha = write(tmp_path / "c.safetensors", "sd15", attention("sd15"), "diffusers")
    assert counts(with_alpha)[2] == (0, 128)


@pytest.mark.parametrize(
    ("family", "layout", "expected"),
    [
        ("sd15", "kohya, original", [128, 128, 0]),
        ("sdxl", "kohya, original", [560, 560, 560]),
        ("sd15", "ComfyUI", [128, 0, 0]),
        ("sd15", "PEFT", [0, 0, 0]),
    ],
)
def test_other_layouts(tmp_path: Path, family: FamilyName, layout: Layout, expected: list[int]) -> None:
    path = write(tmp_path / "a.safetensors", family, attention(family), layout)
    assert [matched for matched, _ in counts(path, family)] == expected
    assert prove(path, family).layout == layout


def test_old_diffusers_names(tmp_path: Path) -> None:
    conv = [t for t in family_targets("sd15") if t.path.endswith(".conv1")]
    path = write(tmp_path / "a.safetensors", "sd15", attention("sd15") + conv, "diffusers", ends=_OLD, alpha=False)
    total = 128 + len(conv)
    assert counts(path) == [(len(conv), total), (0, total), (len(conv), total)]
    assert prove(path).layout == "diffusers, old"

    def processor(stem: str) -> str:
        return stem.replace(".to_", ".processor.to_").replace(".to_out.0", ".to_out")

    ends = ("_lora.down.weight", "_lora.up.weight")
    path = write(
        tmp_path / "b.safetensors", "sd15", attention("sd15"), "diffusers", ends=ends, spell=processor, alpha=False
    )
    assert counts(path)[0] == (128, 128)


def test_a_text_encoder_without_its_prefix_is_lost_in_comfyui(tmp_path: Path) -> None:
    targets = [t for t in family_targets("sd15") if t.part.name == "text_encoder"]
    path = write(
        tmp_path / "a.safetensors",
        "sd15",
        targets,
        "diffusers",
        alpha=False,
        spell=lambda stem: stem.replace("text_model.", ""),
    )
    assert counts(path, "sd15") == [(0, 72), (0, 72), (72, 72)]
    assert "need `text_model.`" in prove(path, "sd15").sentence()


def test_size_embeddings_are_skipped_by_diffusers(tmp_path: Path) -> None:
    targets = [*attention("sdxl")[:4], *(t for t in family_targets("sdxl") if t.path.startswith("add_embedding"))]
    assert counts(write(tmp_path / "a.safetensors", "sdxl", targets), "sdxl") == [(6, 6), (6, 6), (4, 6)]


# ---------------------------------------------------------------------------------------------------------- the family


def test_the_family_is_declared_by_the_file_or_found_by_its_layers(tmp_path: Path) -> None:
    told = write(
        tmp_path / "a.safetensors", "sdxl", attention("sdxl"), metadata={"ss_base_model_version": "sdxl_base_v1-0"}
    )
    assert prove(told).family == "sdxl"
    for family in FAMILIES:
        assert prove(write(tmp_path / "b.safetensors", family, attention(family))).family == family


def test_layers_that_two_families_have_are_asked_about(tmp_path: Path) -> None:
    own = [target for target in attention("sd15") if "attn1" in target.path]
    path = write(tmp_path / "a.safetensors", "sd15", own)
    with pytest.raises(AdapterError, match=r"fits Stable Diffusion 1\.x and Stable Diffusion 2\.x"):
        prove(path)
    assert prove(path, "sd15").whole


def test_an_adapter_of_another_family_fits_nowhere(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors", "sdxl", attention("sdxl"), metadata={"sdpo": '{"family": "flux"}'})
    with pytest.raises(AdapterError, match="it is for flux"):
        prove(path)
    proof = prove(path, "sd15")
    assert max(tool.matched for tool in proof.tools) < 40
    assert "aren't in this model" in proof.sentence()
    narrow = {
        "lora_unet_conv_in.lora_down.weight": torch.zeros(1, 3, 3, 3),
        "lora_unet_conv_in.lora_up.weight": torch.zeros(9, 1),
    }
    save_file(narrow, path)
    with pytest.raises(AdapterError, match="none of its layers fit"):
        prove(path)


def test_no_layers_at_all(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(AdapterError, match="holds no LoRA layers"):
        prove(tmp_path / "a.safetensors", "sd15")


def test_oddities_are_reported(tmp_path: Path) -> None:
    names = ["x.lora_down.weight", "lora_unet_conv_in.dora_scale", "y.lora_up.weight", "z.hada_w1_a", "odd"]
    contents = read_contents(names, family_targets("sd15"))
    assert contents.halves == ("x", "y.lora_up.weight")
    assert contents.foreign == {"DoRA": "lora_unet_conv_in.dora_scale", "LoHa": "z.hada_w1_a"}
    assert contents.unknown == ("odd",)
    assert contents.layout == "unknown"
    path = write(tmp_path / "a.safetensors", "sd15", attention("sd15"), metadata={"notes": "x" * 1_000_001})
    assert "header is over 1 MB" in prove(path, "sd15").sentence()


@pytest.mark.parametrize(
    ("down", "up", "weight", "fit"),
    [
        ((4, 320), (640, 4), (640, 320), True),
        ((4, 320, 1, 1), (640, 4, 1, 1), (640, 320), True),
        ((4, 320), (640, 4), (640, 320, 1, 1), True),
        ((4, 320, 3, 3), (640, 4, 1, 1), (640, 320, 3, 3), True),
        ((4, 320), (640, 4), (640, 320, 3, 3), False),
        ((4, 320, 3, 3), (640, 4, 3, 3), (640, 320, 3, 3), False),
        ((4, 320), (640, 5), (640, 320), False),
        ((0, 320), (640, 0), (640, 320), False),
        ((4,), (640, 4), (640, 320), False),
        ((), (), (640, 320), False),
    ],
)
def test_halves_fit_a_weight(down: tuple[int, ...], up: tuple[int, ...], weight: tuple[int, ...], fit: bool) -> None:
    assert fits(down, up, weight) is fit


def test_fitting_family_needs_headers_only(tmp_path: Path) -> None:
    with pytest.raises(AdapterError):
        fitting_family(tmp_path / "a.safetensors", {})

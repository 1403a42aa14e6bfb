"""The same model as one file and as a folder makes the same images and takes the same adapter."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdpo_core.adapters.file import load_adapter, prove_adapter, save_adapter
from sdpo_core.checkpoints import model_info
from sdpo_core.families.family import FamilyName
from sdpo_core.families.table import FAMILIES
from sdpo_core.generation.sample import build_recipe, sample
from sdpo_core.models.clip_tokenizer import build_clip_tokenizer
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.models.registry import load_model
from sdpo_core.settings.sampling import Sampling
from sdpo_core.workspace.records import AdapterUse
from tests.models.test_lora import shake
from tests.original_layout import build_parts, tiny_configs, write_checkpoint


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_configs(tmp_path_factory.mktemp("tiny") / "configs")


def write_folder(folder: Path, configs: Path, family: FamilyName, parts: dict[str, Any]) -> Path:
    """The parts as diffusers and transformers save them."""
    for name, part in parts.items():
        part.save_pretrained(folder / name)
        if name.startswith("text_encoder"):
            place = name.replace("text_encoder", "tokenizer")
            settings = json.loads((configs / family / place / "tokenizer_config.json").read_text())
            merges = configs / "clip" / "bpe_simple_vocab_16e6.txt.gz"
            tokenizer = build_clip_tokenizer(merges, max_tokens=77, pad_token=settings["pad_token"])
            tokenizer.save_pretrained(folder / place)
    (folder / "scheduler").mkdir()
    scheduler = (configs / family / "scheduler" / "scheduler_config.json").read_text()
    (folder / "scheduler" / "scheduler_config.json").write_text(scheduler)
    kind = "StableDiffusionXLPipeline" if family == "sdxl" else "StableDiffusionPipeline"
    (folder / "model_index.json").write_text(json.dumps({"_class_name": kind, "force_zeros_for_empty_prompt": False}))
    return folder


def images(model: DiffusionModel, adapter: Path | None = None) -> np.ndarray:
    lora = load_adapter(adapter, model) if adapter else None
    uses = (AdapterUse(sha256="a" * 64, strength=1.0, branch="both"),) if adapter else ()
    settings = Sampling(sampling_steps=3, guidance=4.0, size_px=64)
    recipe = build_recipe(
        model, settings, prompt="a cat on a (red:1.3) hill", negative="", seed=3, batch=1, adapters=uses
    )
    made: list[Image.Image] = sample(model, [recipe], lora=lora)
    return np.asarray(made[0]).astype(int)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_and_a_folder_of_one_model_make_the_same_images(
    family: Any, configs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_info, "configs_folder", lambda family: configs / family)
    monkeypatch.setenv("SDPO_CACHE", str(tmp_path / "cache"))
    parts = build_parts(configs, family)
    file = write_checkpoint(tmp_path / "lakes.safetensors", family, parts)
    folder = write_folder(tmp_path / "lakes", configs, family, parts)
    from_file = load_model(str(file), device="cpu", prediction_type="epsilon")
    from_folder = load_model(str(folder), device="cpu")
    plain = images(from_file)
    assert plain.std() > 1
    np.testing.assert_array_equal(plain, images(from_folder))

    lora = Lora.create(from_file, rank=2, alpha=2, targets="attention", seed=0)
    shake(lora)
    adapter = tmp_path / "taste.safetensors"
    save_adapter(adapter, lora, info=from_file.info, sdpo={}, title="taste")
    lora.remove()
    proof = prove_adapter(adapter, from_file)
    assert proof.matched == proof.modules > 0
    assert proof.base_matches
    np.testing.assert_array_equal(images(from_file), plain)
    adapted = images(from_file, adapter)
    assert (adapted != plain).any()

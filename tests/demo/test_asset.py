"""The demo model that ships: complete, small, safe to load, and worth having."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors import safe_open

from demo.attributes import Judge, following
from demo.card import card
from demo.export import load
from demo.measure import generate

ASSET = Path(__file__).parents[2] / "assets" / "demo"
WEIGHTS = ("text_encoder/model", "unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model")
PROMPTS = [
    "snowy mountains at night",
    "a desert by day",
    "a forest at sunset",
    "the sea by day",
    "green hills by day",
    "an autumn forest by day",
    "a desert at night",
    "the sea at sunset",
    "snowy hills by day",
    "a lake at dawn",
    "mountains by day with the sun",
    "dunes at sunset",
]


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    return load(ASSET)


def test_it_is_small_and_holds_no_pickle() -> None:
    files = [file for file in ASSET.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 16 * 2**20
    assert {file.suffix for file in files} <= {".json", ".safetensors", ".md", ".png"}


@pytest.mark.parametrize("part", WEIGHTS)
def test_its_weights_are_float16(part: str) -> None:
    with safe_open(ASSET / f"{part}.safetensors", framework="pt") as weights:
        kinds = {weights.get_slice(name).get_dtype() for name in weights.keys()}  # noqa: SIM118 - not a dict
    assert kinds == {"F16"}


def test_its_scheduler_clips_and_trails() -> None:
    config = json.loads((ASSET / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
    assert config["clip_sample"] is True
    assert config["clip_sample_range"] == 2.5
    assert config["timestep_spacing"] == "trailing"
    assert config["prediction_type"] == "epsilon"


def test_it_has_the_shape_that_demo_builds(pipeline: StableDiffusionPipeline) -> None:
    assert tuple(pipeline.unet.config.block_out_channels) == (32, 64, 128)
    assert pipeline.unet.config.sample_size == 24
    assert pipeline.vae.config.scaling_factor == 1
    assert pipeline.tokenizer.model_max_length == 24
    assert pipeline.unet.dtype == pipeline.text_encoder.dtype == pipeline.vae.dtype == torch.float32


def test_the_same_seed_gives_the_same_picture_alone_or_in_a_batch(pipeline: StableDiffusionPipeline) -> None:
    alone = generate(pipeline, ["mountains"], steps=4, seed=5)
    batch = generate(pipeline, ["mountains", "a lake"], steps=4, seed=5)
    assert (alone[0].int() - batch[0].int()).abs().max() <= 2
    torch.testing.assert_close(generate(pipeline, ["mountains"], steps=4, seed=5), alone, rtol=0, atol=0)


def test_it_follows_prompts_far_better_than_chance(pipeline: StableDiffusionPipeline) -> None:
    judge = Judge.load(ASSET / "judge.safetensors")
    rows = following(judge, PROMPTS, generate(pipeline, PROMPTS, steps=12, seed=11))
    for name in ("land", "time"):
        assert rows[name].followed / rows[name].claimed >= 0.7, rows[name]
        assert rows[name].followed / rows[name].claimed > 2 * rows[name].by_chance, rows[name]


def test_it_is_as_good_and_as_quick_as_was_asked_of_it() -> None:
    facts = json.loads((ASSET / "metrics.json").read_text(encoding="utf-8"))
    assert facts["following_all"]["followed"] / facts["following_all"]["claimed"] >= 0.88
    assert facts["seconds_per_image"]["20"] <= 0.5


def test_its_card_says_what_was_measured() -> None:
    facts = json.loads((ASSET / "metrics.json").read_text(encoding="utf-8"))
    assert (ASSET / "README.md").read_text(encoding="utf-8") == card(facts)

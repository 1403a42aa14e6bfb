"""How good the exported pipeline is: prompt following, sharpness, speed and size, as one JSON file."""

import json
import platform
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from torch import Tensor, nn

from demo.attributes import Judge, following
from demo.recipe import Recipe
from demo.scenes import sample_prompt

GUIDANCE = 3.0
BATCH = 16
MENTION = 0.5
GRID_COLUMNS, GRID_GAP_PX = 6, 4
GRID_PROMPTS = (
    "snowy mountains at night with stars and the moon",
    "green hills by day with a house and round trees",
    "a desert at sunset with few cacti and the sun",
    "the sea at dawn with a boat",
    "an autumn lake by day with many trees",
    "a winter forest at night",
    "autumn hills at sunset with a house",
    "a lake at night with a boat and the moon",
    "mountains",
    "the sea by day with clouds and a boat",
    "dunes at night with stars",
    "a green forest by day with round trees and clouds",
    "snowy hills by day with few pine trees and a house",
    "mountains at dawn with the sun",
    "a lake at sunset with the sun",
    "an autumn forest at dawn",
    "hills",
    "a desert by day with clouds and many cacti",
    "the sea at sunset with a boat and the sun",
    "mountains at sunset with few round trees",
    "a lake",
    "a snowy lake by day with a house and pine trees",
    "an ocean at night with the moon and stars",
    "a forest at sunset with the sun and pine trees",
)


def generate(pipeline: StableDiffusionPipeline, prompts: list[str], steps: int, seed: int) -> Tensor:
    """One picture for each prompt, picture i from noise of seed + i. (N, 96, 96, 3) uint8."""
    parts = []
    for start in range(0, len(prompts), BATCH):
        texts = prompts[start : start + BATCH]
        noises = [torch.Generator().manual_seed(seed + start + i) for i in range(len(texts))]
        images = pipeline(
            texts, num_inference_steps=steps, guidance_scale=GUIDANCE, generator=noises, output_type="np"
        ).images
        parts.append(torch.from_numpy((images * 255).round().astype(np.uint8)))
    return torch.cat(parts)


def measure(pipeline: StableDiffusionPipeline, judge: Judge, recipe: Recipe) -> dict[str, Any]:
    """Prompt following over fresh prompts of the caption grammar, and seconds per image on one CPU thread."""
    rng = np.random.default_rng([recipe.seed, 2**31])
    texts = [sample_prompt(rng, MENTION) for _ in range(recipe.judged_prompts)]
    rows = following(judge, texts, generate(pipeline, texts, recipe.sampling_steps, seed=1000))
    unet = pipeline.unet.config
    claimed, followed = sum(row.claimed for row in rows.values()), sum(row.followed for row in rows.values())
    return {
        "sampling": {"steps": recipe.sampling_steps, "guidance": GUIDANCE, "prompts": len(texts), "mention": MENTION},
        "following": {name: asdict(row) for name, row in rows.items()},
        "following_all": {"claimed": claimed, "followed": followed},
        "size_px": unet.sample_size * pipeline.vae_scale_factor,
        "latents": f"{unet.in_channels}x{unet.sample_size}x{unet.sample_size}",
        "seconds_per_image": {str(steps): _seconds(pipeline, steps) for steps in recipe.timed_steps},
        "parameters": {name: _count(getattr(pipeline, name)) for name in ("vae", "unet", "text_encoder")},
        "machine": f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
        "versions": {name: version(name) for name in ("torch", "diffusers", "transformers")},
    }


def _count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _seconds(pipeline: StableDiffusionPipeline, steps: int) -> float:
    """The fastest of five pictures, one at a time on one CPU thread."""
    threads, device = torch.get_num_threads(), pipeline.device
    torch.set_num_threads(1)
    pipeline.to("cpu")
    taken = []
    for seed in range(5):
        began = time.perf_counter()
        generate(pipeline, ["mountains"], steps, seed)
        taken.append(time.perf_counter() - began)
    torch.set_num_threads(threads)
    pipeline.to(device)
    return round(min(taken), 3)


def save_grid(pipeline: StableDiffusionPipeline, steps: int, file: Path) -> None:
    """The pictures of `GRID_PROMPTS`, row by row."""
    pixels = generate(pipeline, list(GRID_PROMPTS), steps, seed=0).numpy()
    side, rows = pixels.shape[1], -(-len(pixels) // GRID_COLUMNS)
    pitch = side + GRID_GAP_PX
    sheet = Image.new("RGB", (GRID_COLUMNS * pitch - GRID_GAP_PX, rows * pitch - GRID_GAP_PX), "white")
    for i, picture in enumerate(pixels):
        sheet.paste(Image.fromarray(picture), (i % GRID_COLUMNS * pitch, i // GRID_COLUMNS * pitch))
    sheet.save(file, optimize=True)


def write_json(file: Path, facts: dict[str, Any]) -> None:
    file.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")

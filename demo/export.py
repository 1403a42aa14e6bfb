"""The trained parts as a stock diffusers pipeline folder, swapped into place as a whole."""

import json
import shutil
from pathlib import Path
from typing import cast

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from demo.unet import build_scheduler


def export(
    folder: Path,
    vae: AutoencoderKL,
    unet: UNet2DConditionModel,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
) -> None:
    """Writes float16 safetensors. The models are converted in place, so pass copies."""
    pipeline = StableDiffusionPipeline(
        vae=vae.half(),
        text_encoder=text_encoder.half(),
        tokenizer=tokenizer,
        unet=unet.half(),
        scheduler=_unclipped(build_scheduler()),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    fresh, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    pipeline.save_pretrained(fresh, safe_serialization=True)
    build_scheduler().save_pretrained(fresh / "scheduler")
    _load_in_float32(fresh / "text_encoder" / "config.json")
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _load_in_float32(config_file: Path) -> None:
    """transformers loads a model in the type that its config names, diffusers in float32: this makes them agree."""
    config = json.loads(config_file.read_text(encoding="utf-8"))
    config["dtype"] = "float32"
    config_file.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def load(folder: Path) -> StableDiffusionPipeline:
    """The exported pipeline in float32, with the sampler that its scheduler's config asks for."""
    scheduler = DDIMScheduler.from_pretrained(folder / "scheduler", local_files_only=True)
    pipeline: StableDiffusionPipeline = StableDiffusionPipeline.from_pretrained(
        folder,
        scheduler=_unclipped(scheduler),
        dtype=torch.float32,
        local_files_only=True,
        use_safetensors=True,
    )
    pipeline.scheduler = scheduler
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _unclipped(scheduler: DDIMScheduler) -> DDIMScheduler:
    """What the pipeline's constructor accepts: it warns about `clip_sample` and switches it off."""
    return cast("DDIMScheduler", DDIMScheduler.from_config(scheduler.config, clip_sample=False))

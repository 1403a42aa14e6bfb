"""diffusers' own pipeline around the same folder: the independent reader that our code is compared with."""

from pathlib import Path
from typing import Any

from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer


def stock_pipeline(folder: Path) -> Any:
    """The stock pipeline with the folder's weights. Its constructor resets clip_sample: set `.scheduler` afterwards."""
    pipe: Any = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(folder, subfolder="vae"),
        text_encoder=CLIPTextModel.from_pretrained(folder, subfolder="text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(folder, subfolder="tokenizer"),
        unet=UNet2DConditionModel.from_pretrained(folder, subfolder="unet"),
        scheduler=DDIMScheduler(clip_sample=False, steps_offset=1),  # pyright: ignore[reportArgumentType]
        safety_checker=None,  # pyright: ignore[reportArgumentType]
        feature_extractor=None,  # pyright: ignore[reportArgumentType]
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def stock_xl_pipeline(folder: Path) -> Any:
    """The same for SDXL."""
    pipe: Any = StableDiffusionXLPipeline(
        vae=AutoencoderKL.from_pretrained(folder, subfolder="vae"),
        text_encoder=CLIPTextModel.from_pretrained(folder, subfolder="text_encoder"),
        text_encoder_2=CLIPTextModelWithProjection.from_pretrained(folder, subfolder="text_encoder_2"),
        tokenizer=CLIPTokenizer.from_pretrained(folder, subfolder="tokenizer"),
        tokenizer_2=CLIPTokenizer.from_pretrained(folder, subfolder="tokenizer_2"),
        unet=UNet2DConditionModel.from_pretrained(folder, subfolder="unet"),
        scheduler=DDIMScheduler(),  # pyright: ignore[reportArgumentType]
        add_watermarker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe

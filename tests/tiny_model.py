"""Whole Stable Diffusion pipelines of real classes, small enough to be built inside a test (about half a second)."""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, EulerDiscreteScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

IMAGE_PX = 32
"""Side of the images: latents are 8x8 and the VAE scales by 4."""

_START, _END = "<|startoftext|>", "<|endoftext|>"


def build_tiny_pipeline(folder: Path, seed: int = 0) -> Path:
    """Write a pipeline with random weights in diffusers format to `folder`; the same `seed`, the same weights."""
    vocabulary = _vocabulary()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts: dict[str, Any] = {
            "unet": _unet(cross_attention_dim=32, attention_head_dim=4),
            "vae": _vae(),
            "text_encoder": CLIPTextModel(_text_config(vocabulary, 32, layers=2, projection_dim=32)),
        }
    # No merges: a word is spelled out, so any prompt has its own tokens.
    parts["tokenizer"] = CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=24)
    parts["scheduler"] = DDIMScheduler(
        beta_schedule="linear",
        beta_start=1e-4,
        beta_end=0.02,
        prediction_type="epsilon",
        clip_sample=True,
        clip_sample_range=2.5,
        timestep_spacing="trailing",
        set_alpha_to_one=True,
    )
    own = {"feature_extractor": [None, None], "requires_safety_checker": False, "safety_checker": [None, None]}
    return _save(folder, parts, {"_class_name": "StableDiffusionPipeline", **own})


def build_tiny_sdxl(folder: Path, seed: int = 0) -> Path:
    """The same for SDXL: two text encoders, of which the second has a projection, and the size's and crop's numbers."""
    vocabulary = _vocabulary()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        second = {"projection_dim": 40, "hidden_act": "gelu"}
        parts: dict[str, Any] = {
            "unet": _unet(
                cross_attention_dim=32 + 48,
                attention_head_dim=(2, 4),
                transformer_layers_per_block=(1, 2),
                use_linear_projection=True,
                addition_embed_type="text_time",
                addition_time_embed_dim=8,
                projection_class_embeddings_input_dim=40 + 6 * 8,
            ),
            "vae": _vae(force_upcast=True),
            "text_encoder": CLIPTextModel(_text_config(vocabulary, 32, layers=3)),
            "text_encoder_2": CLIPTextModelWithProjection(_text_config(vocabulary, 48, layers=3, **second)),
        }
    for name, pad in (("tokenizer", _END), ("tokenizer_2", "!")):
        parts[name] = CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=24, pad_token=pad)
    parts["scheduler"] = EulerDiscreteScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, timestep_spacing="leading", steps_offset=1
    )
    return _save(folder, parts, {"_class_name": "StableDiffusionXLPipeline", "force_zeros_for_empty_prompt": True})


def _save(folder: Path, parts: dict[str, Any], index: dict[str, Any]) -> Path:
    """Every part in a folder of its name, and the index that names their classes."""
    for name, part in parts.items():
        part.save_pretrained(folder / name)
        library = "transformers" if name.startswith(("text_encoder", "tokenizer")) else "diffusers"
        index = {**index, name: [library, type(part).__name__]}
    index = {**index, "_diffusers_version": "0.42.1"}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return folder


def _unet(**settings: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(32, 64),
        layers_per_block=1,
        norm_num_groups=8,
        **settings,
    )


def _text_config(vocabulary: dict[str, int], width: int, *, layers: int, **settings: Any) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=24,
        bos_token_id=vocabulary[_START],
        eos_token_id=vocabulary[_END],
        pad_token_id=vocabulary[_END],
        **settings,
    )


def _vocabulary() -> dict[str, int]:
    """CLIP's way of naming pieces, over single characters: inside a word and at its end."""
    characters = "abcdefghijklmnopqrstuvwxyz0123456789,.-'!?"
    pieces = [*characters, *(f"{character}</w>" for character in characters), _START, _END]
    return {piece: number for number, piece in enumerate(pieces)}


def _vae(**settings: Any) -> AutoencoderKL:
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        # diffusers annotates these three as tuples of one
        down_block_types=("DownEncoderBlock2D",) * 3,  # pyright: ignore[reportArgumentType]
        up_block_types=("UpDecoderBlock2D",) * 3,  # pyright: ignore[reportArgumentType]
        block_out_channels=(8, 8, 8),  # pyright: ignore[reportArgumentType]
        layers_per_block=1,
        norm_num_groups=4,
        mid_block_add_attention=False,
        sample_size=IMAGE_PX,
        scaling_factor=1.0,
        **settings,
    )

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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = UNet2DConditionModel(
            sample_size=8,
            in_channels=4,
            out_channels=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            block_out_channels=(32, 64),
            layers_per_block=1,
            cross_attention_dim=32,
            attention_head_dim=4,
            norm_num_groups=8,
        )
        vae = _vae()
        vocabulary = _vocabulary()
        text_encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(vocabulary),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=24,
                projection_dim=32,
                bos_token_id=vocabulary[_START],
                eos_token_id=vocabulary[_END],
                pad_token_id=vocabulary[_END],
            )
        )
    # No merges: a word is spelled out, so any prompt has its own tokens.
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=24)
    scheduler = DDIMScheduler(
        beta_schedule="linear",
        beta_start=1e-4,
        beta_end=0.02,
        prediction_type="epsilon",
        clip_sample=True,
        clip_sample_range=2.5,
        timestep_spacing="trailing",
        set_alpha_to_one=True,
    )
    parts = {"unet": unet, "vae": vae, "text_encoder": text_encoder, "tokenizer": tokenizer, "scheduler": scheduler}
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.42.1",
        "feature_extractor": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return folder


def build_tiny_sdxl(folder: Path, seed: int = 0) -> Path:
    """The same for SDXL: two text encoders, of which the second has a projection, and the size's and crop's numbers."""
    vocabulary = _vocabulary()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = UNet2DConditionModel(
            sample_size=8,
            in_channels=4,
            out_channels=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            block_out_channels=(32, 64),
            layers_per_block=1,
            cross_attention_dim=32 + 48,
            attention_head_dim=(2, 4),  # pyright: ignore[reportArgumentType]
            transformer_layers_per_block=(1, 2),  # pyright: ignore[reportArgumentType]
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=40 + 6 * 8,
            norm_num_groups=8,
        )
        vae = _vae(force_upcast=True)
        first = CLIPTextModel(_text_config(vocabulary, 32))
        second = CLIPTextModelWithProjection(_text_config(vocabulary, 48, projection_dim=40, hidden_act="gelu"))
    scheduler = EulerDiscreteScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, timestep_spacing="leading", steps_offset=1
    )
    tokenizers = [CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=24, pad_token=pad) for pad in (_END, "!")]
    parts = {"unet": unet, "vae": vae, "text_encoder": first, "text_encoder_2": second, "scheduler": scheduler}
    for name, part in {**parts, "tokenizer": tokenizers[0], "tokenizer_2": tokenizers[1]}.items():
        part.save_pretrained(folder / name)
    index = {
        "_class_name": "StableDiffusionXLPipeline",
        "_diffusers_version": "0.42.1",
        "force_zeros_for_empty_prompt": True,
        "scheduler": ["diffusers", "EulerDiscreteScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "tokenizer_2": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return folder


def _text_config(vocabulary: dict[str, int], width: int, **settings: Any) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        intermediate_size=64,
        num_hidden_layers=3,
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

"""A checkpoint that ComfyUI takes for Stable Diffusion 1.x, random and with one level, and an adapter for it.

ComfyUI knows the family by the UNet's width, 320, and its text's, 768; how many levels it has is free. Autoencoder and
text encoder have one size there, so theirs is the real one.
"""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from sdpo_core.paths import repository_root
from tests.original_layout import original_tensors

_PARTS = ("to_q", "to_k", "to_v", "to_out.0")


def small_unet() -> UNet2DConditionModel:
    """One level, 320 wide, as SD1.5's outermost."""
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(320,),
        down_block_types=("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",),
        layers_per_block=2,
        cross_attention_dim=768,
        attention_head_dim=8,
    )


def write_checkpoint(path: Path) -> None:
    """Write the checkpoint in half precision (about half a GB)."""
    configs = repository_root() / "assets" / "configs" / "sd15"
    vae = json.loads((configs / "vae" / "config.json").read_text(encoding="utf-8"))
    text = json.loads((configs / "text_encoder" / "config.json").read_text(encoding="utf-8"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        parts: dict[str, Any] = {
            "unet": small_unet(),
            "vae": AutoencoderKL.from_config(vae),
            "text_encoder": CLIPTextModel(CLIPTextConfig(**text)),
        }
    save_file({name: tensor.half() for name, tensor in original_tensors("sd15", parts).items()}, path)


def attention_modules() -> list[str]:
    """The attention layers of the small UNet, by their paths."""
    with torch.device("meta"):
        names = [name for name, _ in small_unet().named_modules()]
    return [name for name in names if name.endswith(_PARTS)]


MODULES = len(attention_modules())


def write_adapter(path: Path, rank: int = 4, start: str = "") -> None:
    """Write an adapter for the attention layers whose paths begin with `start`, large enough to be seen."""
    with torch.device("meta"):
        unet = small_unet()
    generator = torch.Generator().manual_seed(1)
    tensors: dict[str, torch.Tensor] = {}
    for name in attention_modules():
        if not name.startswith(start):
            continue
        layer: Any = unet.get_submodule(name)
        out, width = layer.weight.shape
        key = f"lora_unet_{name.replace('.', '_')}"
        tensors[f"{key}.lora_down.weight"] = torch.randn(rank, width, generator=generator).half()
        tensors[f"{key}.lora_up.weight"] = torch.randn(out, rank, generator=generator).half() / 10
        tensors[f"{key}.alpha"] = torch.tensor(float(rank)).half()
    facts = {"family": "sd15", "base_name": "tiny", "pairs": 60, "step": 150}
    save_file(tensors, path, {"ss_base_model_version": "sd_v1", "sdpo": json.dumps(facts)})

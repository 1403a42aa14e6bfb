"""What the families with the U-Net of Stable Diffusion share: its parts, the layers of a LoRA, the original names."""

import re
from collections.abc import Iterable

from sdpo_core.families.family import Part

MODEL = "sdpo_core.models.stable_diffusion:StableDiffusion"
UNET_PREFIX, VAE_PREFIX = "model.diffusion_model.", "first_stage_model."
"""What the names of their tensors begin with in a single file (the original code's)."""

_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
LORA_TARGETS = {
    "attention": _ATTENTION,
    "wide": (*_ATTENTION, "conv1", "conv2", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"),
}

_BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")
_RESNET = {
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_OUTSIDE = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_out": "out.2",
}
_MIDDLE = {"resnets.0": "middle_block.0", "attentions.0": "middle_block.1", "resnets.1": "middle_block.2"}


def original_names(paths: Iterable[str]) -> dict[str, str]:
    """The names of the original code (CompVis, SGM) for a UNet's paths in diffusers, by those paths.

    There the blocks of one direction are one numbered list; each holds a resnet (0), its attention (1), a resampler.
    """
    known = list(paths)
    layers = 1 + max(
        (int(m[1]) for name in known if (m := re.match(r"down_blocks\.0\.resnets\.(\d+)\.", name))), default=1
    )
    attends = {name.split(".attentions.")[0] for name in known if ".attentions." in name}
    return {name: _original_name(name, layers, attends) for name in known}


def _original_name(name: str, layers: int, attends: set[str]) -> str:
    if name in _OUTSIDE:
        return _OUTSIDE[name]
    if name.startswith("mid_block."):
        _, what, number, rest = name.split(".", 3)
        return f"{_MIDDLE[f'{what}.{number}']}.{_RESNET[rest] if what == 'resnets' else rest}"
    match = _BLOCK.fullmatch(name)
    if match is None:
        return name
    side, block, what, number, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
    if what == "downsamplers":
        return f"input_blocks.{(block + 1) * (layers + 1)}.0.op"
    if what == "upsamplers":
        return f"output_blocks.{block * (layers + 1) + layers}.{2 if f'up_blocks.{block}' in attends else 1}.conv"
    start = f"input_blocks.{block * (layers + 1) + number + 1}"
    if side == "up":
        start = f"output_blocks.{block * (layers + 1) + number}"
    return f"{start}.0.{_RESNET[rest]}" if what == "resnets" else f"{start}.1.{rest}"


UNET = Part(
    "unet",
    "network",
    weights="diffusion_pytorch_model",
    kohya=("lora_unet_", "lycoris_"),
    comfyui="diffusion_model.",
    original_names=original_names,
)
VAE = Part("vae", "vae", weights="diffusion_pytorch_model")
TEXT_ENCODER = Part(
    "text_encoder",
    "text",
    weights="model",
    tokenizer="tokenizer",
    kohya=("lora_te_", "lora_te1_"),
    comfyui="text_encoders.clip_l.transformer.",
)
TEXT_ENCODER_2 = Part(
    "text_encoder_2",
    "text",
    weights="model",
    number=2,
    tokenizer="tokenizer_2",
    kohya=("lora_te2_",),
    comfyui="text_encoders.clip_g.transformer.",
)

"""Single-file checkpoints for tests: tiny models of the real classes, written in the layout of the original code.

The names are the original code's (CompVis/latent-diffusion, Stability-AI/generative-models, mlfoundations/open_clip),
written here as the inverse of what is under test and without diffusers' tables.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from sdpo_core.families.family import FamilyName
from sdpo_core.families.stable_diffusion import UNET_PREFIX as UNET
from sdpo_core.families.stable_diffusion import VAE_PREFIX as VAE
from sdpo_core.families.table import FAMILIES
from sdpo_core.paths import repository_root

State = dict[str, Tensor]

_TINY: dict[FamilyName, dict[str, dict[str, Any]]] = {
    "sd15": {
        "unet": {"cross_attention_dim": 32, "attention_head_dim": 4},
        "text_encoder": {"hidden_size": 32, "intermediate_size": 128, "num_attention_heads": 4},
    },
    "sd20": {
        "unet": {"cross_attention_dim": 48, "attention_head_dim": [2, 4]},
        "text_encoder": {"hidden_size": 48, "intermediate_size": 192, "num_attention_heads": 4},
    },
    "sdxl": {
        "unet": {
            "cross_attention_dim": 80,
            "attention_head_dim": [2, 4],
            "transformer_layers_per_block": [1, 2],
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 6 * 8 + 48,
        },
        "text_encoder": {"hidden_size": 32, "intermediate_size": 128, "num_attention_heads": 4},
        "text_encoder_2": {
            "hidden_size": 48,
            "intermediate_size": 192,
            "num_attention_heads": 4,
            "projection_dim": 48,
        },
    },
}


_NORMS: dict[FamilyName, tuple[str, ...]] = {
    "sd15": ("cond_stage_model.transformer.text_model.final_layer_norm.weight",),
    "sd20": ("cond_stage_model.model.ln_final.weight",),
    "sdxl": (
        "conditioner.embedders.0.transformer.text_model.final_layer_norm.weight",
        "conditioner.embedders.1.model.ln_final.weight",
    ),
}
_ATTENTION: dict[FamilyName, tuple[str, tuple[int, int]]] = {
    "sd15": ("input_blocks.1.1", (320, 768)),
    "sd20": ("input_blocks.1.1", (320, 1024)),
    "sdxl": ("input_blocks.4.1", (640, 2048)),
}


# Attention layers and how many transformer blocks each has, on the way down, in the middle and on the way up.
BLOCKS: dict[FamilyName, dict[str, int]] = {
    "sd15": dict.fromkeys((*(f"input_blocks.{i}.1" for i in (1, 2, 4, 5, 7, 8)), "middle_block.1"), 1)
    | dict.fromkeys((f"output_blocks.{i}.1" for i in range(3, 12)), 1),
    "sdxl": {"input_blocks.4.1": 2, "input_blocks.5.1": 2, "input_blocks.7.1": 10, "input_blocks.8.1": 10}
    | {"middle_block.1": 10}
    | {f"output_blocks.{i}.1": 10 if i < 3 else 2 for i in range(6)},
}
BLOCKS["sd20"] = BLOCKS["sd15"]


def essentials(family: FamilyName) -> State:
    """The tensors that show what a checkpoint is, with their shapes in it."""
    block, shape = _ATTENTION[family]
    tensors = {
        UNET + "input_blocks.0.0.weight": torch.zeros(320, 4, 3, 3),
        f"{UNET}{block}.transformer_blocks.0.attn2.to_k.weight": torch.zeros(shape),
        VAE + "decoder.conv_in.weight": torch.zeros(512, 4, 3, 3),
        **{name: torch.zeros(8) for name in _NORMS[family]},
        **{
            f"{UNET}{layer}.transformer_blocks.{i}.norm1.weight": torch.zeros(8)
            for layer, blocks in BLOCKS[family].items()
            for i in range(blocks)
        },
    }
    if family == "sdxl":
        tensors[UNET + "label_emb.0.0.weight"] = torch.zeros(1280, 2816)
    return {name: tensor.half() for name, tensor in tensors.items()}


def tiny_configs(folder: Path) -> Path:
    """A copy of assets/configs with sizes for tests; images have 32 px."""
    shutil.copytree(repository_root() / "assets" / "configs", folder)
    for family, parts in _TINY.items():
        for part in ("unet", "vae"):
            old = _read(folder / family / part)
            types = {key: [old[key][0], old[key][-1]] for key in ("down_block_types", "up_block_types")}
            size = {"sample_size": 16} if part == "unet" else {"sample_size": 32}
            _write(folder / family / part, {**old, **types, **size, "block_out_channels": [32, 64]})
        for part, sizes in parts.items():
            layers = {"num_hidden_layers": 2} if part != "unet" else {}
            _write(folder / family / part, {**_read(folder / family / part), **layers, **sizes})
    return folder


def original_tensors(family: FamilyName, parts: dict[str, nn.Module]) -> State:
    """All tensors of a checkpoint in the original layout."""
    unet: Any = parts["unet"]
    vae: Any = parts["vae"]
    tensors = {
        **{_unet_name(name, unet): tensor for name, tensor in unet.state_dict().items()},
        **_vae_tensors(vae.state_dict(), len(vae.config.block_out_channels)),
    }
    for part, prefix in FAMILIES[family].text_prefixes.items():
        state = parts[part].state_dict()
        open_clip = prefix.endswith(".model.")
        tensors |= open_clip_tensors(prefix, state) if open_clip else _clip_tensors(prefix, state)
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def write_checkpoint(
    path: Path,
    family: FamilyName,
    parts: dict[str, nn.Module],
    metadata: dict[str, str] | None = None,
    more: State | None = None,
) -> Path:
    """Write the parts as one file, with `more` tensors in addition."""
    save_file({**original_tensors(family, parts), **(more or {})}, path, metadata)
    return path


_BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")
_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_OUTER = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_MIDDLE = {"resnets.0": "middle_block.0", "attentions.0": "middle_block.1", "resnets.1": "middle_block.2"}


def _unet_name(name: str, unet: Any) -> str:
    """The original name: blocks are one numbered list; each holds a resnet (0), its attention (1) and a resampler."""
    prefix, layers = "model.diffusion_model.", unet.config.layers_per_block
    module, _, kind = name.rpartition(".")
    if module in _OUTER:
        return f"{prefix}{_OUTER[module]}.{kind}"
    if name.startswith("mid_block."):
        _, what, number, rest = name.split(".", 3)
        rest = _resnet(rest) if what == "resnets" else rest
        return f"{prefix}{_MIDDLE[f'{what}.{number}']}.{rest}"
    match = _BLOCK.fullmatch(name)
    assert match, name
    side, block, what, number, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
    if what == "downsamplers":
        return f"{prefix}input_blocks.{(block + 1) * (layers + 1)}.0.op.{kind}"
    if what == "upsamplers":
        place = 2 if "CrossAttn" in unet.config.up_block_types[block] else 1
        return f"{prefix}output_blocks.{block * (layers + 1) + layers}.{place}.conv.{kind}"
    start = f"input_blocks.{block * (layers + 1) + number + 1}"
    if side == "up":
        start = f"output_blocks.{block * (layers + 1) + number}"
    return f"{prefix}{start}.0.{_resnet(rest)}" if what == "resnets" else f"{prefix}{start}.1.{rest}"


def _resnet(rest: str) -> str:
    module, kind = rest.split(".")
    return f"{_RESNET[module]}.{kind}"


def _vae_tensors(state: State, levels: int) -> State:
    tensors: State = {}
    for name, tensor in state.items():
        changed = name
        for ours, theirs in (
            (r"down_blocks\.(\d+)\.resnets\.", r"down.\1.block."),
            (r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample"),
            (r"mid_block\.resnets\.0", "mid.block_1"),
            (r"mid_block\.resnets\.1", "mid.block_2"),
            (r"mid_block\.attentions\.0\.group_norm", "mid.attn_1.norm"),
            (r"mid_block\.attentions\.0\.to_out\.0", "mid.attn_1.proj_out"),
            (r"mid_block\.attentions\.0\.to_", "mid.attn_1."),
            (r"conv_norm_out", "norm_out"),
            (r"conv_shortcut", "nin_shortcut"),
        ):
            changed = re.sub(ours, theirs, changed)
        match = re.match(r"decoder\.up_blocks\.(\d+)\.(resnets|upsamplers)\.(\d+)\.(.+)", changed)
        if match:  # the original counts from the image, diffusers from the latents
            level = levels - 1 - int(match[1])
            what = f"block.{match[3]}" if match[2] == "resnets" else "upsample"
            changed = f"decoder.up.{level}.{what}.{match[4]}"
        if "mid.attn_1" in changed and tensor.ndim == 2:  # linear layers are 1x1 convolutions there
            tensor = tensor[:, :, None, None]
        tensors[f"first_stage_model.{changed}"] = tensor
    return tensors


def _clip_tensors(prefix: str, state: State) -> State:
    return {f"{prefix}text_model.{name.removeprefix('text_model.')}": tensor for name, tensor in state.items()}


def open_clip_tensors(prefix: str, state: State) -> State:
    """The tensors of a text encoder in open_clip's layout."""
    bare = {name.removeprefix("text_model."): tensor for name, tensor in state.items()}
    tensors: State = {
        "token_embedding.weight": bare.pop("embeddings.token_embedding.weight"),
        "positional_embedding": bare.pop("embeddings.position_embedding.weight"),
        "ln_final.weight": bare.pop("final_layer_norm.weight"),
        "ln_final.bias": bare.pop("final_layer_norm.bias"),
    }
    if "text_projection.weight" in bare:
        tensors["text_projection"] = bare.pop("text_projection.weight").T
    for name, tensor in bare.items():
        match = re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
        assert match, name
        block, module, kind = f"transformer.resblocks.{match[1]}", match[2], match[3]
        if module == "self_attn.q_proj":
            whole = [bare[name.replace("q_proj", f"{letter}_proj")] for letter in "qkv"]
            tensors[f"{block}.attn.in_proj_{kind}"] = torch.cat(whole)
        elif module not in ("self_attn.k_proj", "self_attn.v_proj"):
            theirs = {
                "self_attn.out_proj": "attn.out_proj",
                "layer_norm1": "ln_1",
                "layer_norm2": "ln_2",
                "mlp.fc1": "mlp.c_fc",
                "mlp.fc2": "mlp.c_proj",
            }
            tensors[f"{block}.{theirs[module]}.{kind}"] = tensor
    return {prefix + name: tensor for name, tensor in tensors.items()}


def _read(part: Path) -> dict[str, Any]:
    return json.loads((part / "config.json").read_text(encoding="utf-8"))


def _write(part: Path, config: dict[str, Any]) -> None:
    (part / "config.json").write_text(json.dumps(config), encoding="utf-8")


def build_parts(configs: Path, family: FamilyName, seed: int = 0) -> dict[str, nn.Module]:
    """The models that `configs` describes, every weight random: a norm taken for another would be seen."""
    folder = configs / family
    parts: dict[str, Any] = {
        "unet": UNet2DConditionModel.from_config(_read(folder / "unet")),
        "vae": AutoencoderKL.from_config(_read(folder / "vae")),
    }
    for part in FAMILIES[family].text_prefixes:
        kind = CLIPTextModelWithProjection if part == "text_encoder_2" else CLIPTextModel
        parts[part] = kind(CLIPTextConfig.from_dict(_read(folder / part)))
    generator = torch.Generator().manual_seed(seed)
    for module in parts.values():
        module.requires_grad_(False).eval()
        for parameter in module.parameters():
            parameter.uniform_(-0.2, 0.2, generator=generator)
    return parts

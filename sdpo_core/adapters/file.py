"""The adapter file: one safetensors layout that ComfyUI, Forge, A1111 and diffusers all read in full.

    lora_unet_<module path, dots as underscores>.lora_down.weight   (rank, in)   or (rank, in, kh, kw)    float16
                                                .lora_up.weight     (out, rank)  or (out, rank, 1, 1)     float16
                                                .alpha              ()  = rank                            float16

These are kohya's keys with diffusers' block names. diffusers' own layout loses every attention layer in ComfyUI, and
readers disagree about a missing alpha; so α/rank is baked into `lora_up` and alpha equals the rank, which every reader
takes as a scale of 1. The header's metadata holds what kohya (`ss_*`) and modelspec readers look for, and our facts as
one JSON string under `sdpo`; never prompts, because adapters get shared.
"""

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import save
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.adapters.load_proof import prove
from sdpo_core.adapters.targets import Shape, Target, family_targets
from sdpo_core.adapters.weights import Halves, Weights, read_modules, read_weights, suits, write_tensors
from sdpo_core.atomic import write_bytes
from sdpo_core.checkpoints.earlier_demos import AN_EARLIER_DEMO, is_earlier_demo
from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.errors import AdapterError
from sdpo_core.families.family import FamilyName, Part, Predicts
from sdpo_core.families.table import FAMILIES
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.loading import read_settings, usable_settings
from sdpo_core.models.lora import Lora, adaptable_modules

ADAPTER_MODE = 0o644  # a ComfyUI under another user has to read it, whatever this process's umask is


@dataclass(frozen=True)
class Base:
    """What a file says about the kind of model it is for."""

    family: FamilyName
    prediction_type: Predicts = "epsilon"
    native_size_px: int = 512


@dataclass(frozen=True)
class LoadProof:
    """How an adapter file fits a model's network."""

    modules: int  # layers that the file adapts
    matched: int  # of them, layers that the network has, in the right shape
    base_matches: bool  # the file says that it was trained on exactly this model
    works_in_comfyui: bool  # ComfyUI can detect the base model at all
    elsewhere: str = ""  # how much of it other tools load, where they can load the base model
    earlier_demo: bool = False  # the file says that it was trained on a demo model that has been replaced since

    def sentence(self) -> str:
        """The proof as text."""
        parts = [f"{self.matched} of {self.modules} modules fit."]
        if self.matched and not self.base_matches:
            base = AN_EARLIER_DEMO if self.earlier_demo else "another base model"
            parts.append(f"It was trained on {base}, so its effect may differ here.")
        if not self.works_in_comfyui:
            parts.append("It works only in the studio: the base model is too narrow for ComfyUI to detect.")
        if self.elsewhere:
            parts.append(self.elsewhere)
        return " ".join(parts)


def save_adapter(path: Path, lora: Lora, *, info: ModelInfo, sdpo: dict[str, Any], title: str) -> str:
    """Write `lora` to `path` in one atomic step and return the file's SHA-256.

    Raises `AdapterError` when a weight isn't finite in float16, `DiskError` when it can't be written.
    """
    base = Base(info.family, info.prediction_type, info.native_size_px)
    facts = {**sdpo, "family": info.family, "base_sha256": info.sha256, "base_name": info.name}
    return save_weights(path, _weights(lora, FAMILIES[info.family].network), base=base, facts=facts, title=title)


def save_weights(
    path: Path, weights: Weights, *, base: Base, facts: dict[str, Any], title: str, layout: str = "kohya"
) -> str:
    """`save_adapter` for weights from anywhere; `facts` become the header's `sdpo`. Raises the same errors."""
    tensors = write_tensors(weights, layout, family_targets(base.family) if layout == "kohya, original" else None)
    metadata = _metadata(weights, base, facts, title, _weights_hash(tensors))
    data = save(tensors, metadata)
    write_bytes(path, data, mode=ADAPTER_MODE)
    return hashlib.sha256(data).hexdigest()


def load_adapter(path: Path, model: DiffusionModel) -> Lora:
    """Load the adapter in `path`, whatever its layout, onto `model`'s network, active at strength 1.

    Raises `AdapterError` when the file is broken, isn't a plain LoRA for the network, or doesn't fit it completely. A
    file trained on another base model of the same shape is accepted; `prove_adapter` reports it.
    """
    proof = prove_adapter(path, model)
    if proof.matched < proof.modules and proof.earlier_demo:
        raise AdapterError(
            f"{path.name} doesn't fit {model.info.name}: it was trained on {AN_EARLIER_DEMO}, which is no longer "
            "included. Train a new adapter."
        )
    if proof.matched < proof.modules:
        raise AdapterError(
            f"{path.name} doesn't fit {model.info.name}: {proof.matched} of {proof.modules} modules fit. Choose an "
            "adapter that was trained on this kind of model."
        )
    weights = read_weights(path, _targets(model))
    if len(weights.ranks) > 1:
        raise AdapterError(
            f"{path.name} mixes the ranks {weights.ranks}; the studio's adapters have a single one. Convert it with "
            "`adapter merge` and --rank."
        )
    rank = weights.ranks[0]
    lora = Lora(model, [target.path for target in weights.modules], rank=rank, alpha=rank, seed=0)
    state: dict[str, Tensor] = {}
    for target, (down, up) in weights.modules.items():
        state[f"{target.path}.lora_A.weight"] = down
        state[f"{target.path}.lora_B.weight"] = up
    lora.load_state_dict(state)
    return lora


def prove_adapter(path: Path, model: DiffusionModel) -> LoadProof:
    """Check every module of the file in `path` against the network.

    Raises `AdapterError` when the file can't be read or is for another family.
    """
    info = read_adapter_info(path)
    if info.family not in (None, model.info.family):
        raise AdapterError(
            f"{path.name} is an adapter for {info.family}, but {model.info.name} is {model.info.family}. Choose an "
            "adapter that was trained on this kind of model."
        )
    targets = _targets(model)
    _, modules = read_modules(path, targets)
    return LoadProof(
        modules=len(modules),
        matched=sum(suits(module, halves, targets) for module, halves in modules.items()),
        base_matches=info.base_sha256 == model.info.sha256,
        works_in_comfyui=model.info.comfyui,
        elsewhere=_elsewhere(path, model.info.family, targets) if model.info.comfyui else "",
        earlier_demo=model.info.sha256 != info.base_sha256 and is_earlier_demo(info.base_sha256),
    )


def _elsewhere(path: Path, family: FamilyName, targets: dict[Target, Shape]) -> str:
    proof = prove(path, family, targets)
    if proof.whole:
        return f"{', '.join(tool.tool for tool in proof.tools)} load all of it."
    return " ".join(tool.sentence() for tool in proof.tools if not tool.whole)


def base_targets(info: ModelInfo) -> Mapping[Target, Shape]:
    """The layers that an adapter can change in a model, from its settings, without its weights.

    Single files have the shape of their family; a folder may hold a model of any size. Raises `ModelError` when the
    settings can't be read or used.
    """
    if not info.path.is_dir():
        return family_targets(info.family)
    family, shapes = FAMILIES[info.family], dict[Target, Shape]()
    with torch.device("meta"):
        path = info.path / family.network.config
        with usable_settings(path):
            unet: Any = UNet2DConditionModel.from_config(read_settings(path))
        shapes |= {Target(family.network, name): shape for name, shape in module_shapes(unet).items()}
        for part in family.text_encoders:
            path = info.path / part.config
            if path.is_file():
                with usable_settings(path):
                    encoder = CLIPTextModel(CLIPTextConfig(**read_settings(path)))
                for name, shape in module_shapes(encoder).items():
                    shapes[Target(part, f"text_model.{name.removeprefix('text_model.')}")] = shape
    return shapes


def module_shapes(network: torch.nn.Module) -> dict[str, Shape]:
    """Weight shapes, (out, in) or (out, in, kh, kw), of the modules that an adapter can change, by module path."""
    return {name: tuple(module.weight.shape) for name, module in adaptable_modules(network).items()}


def _targets(model: DiffusionModel) -> dict[Target, Shape]:
    network = FAMILIES[model.info.family].network
    return {Target(network, name): shape for name, shape in module_shapes(model.network).items()}


def _weights(lora: Lora, part: Part) -> Weights:
    state, scale = lora.state_dict(), lora.alpha / lora.rank
    return Weights(
        {
            Target(part, module): Halves(state[f"{module}.lora_A.weight"], state[f"{module}.lora_B.weight"] * scale)
            for module in lora.modules
        }
    )


def _metadata(weights: Weights, base: Base, facts: dict[str, Any], title: str, weights_hash: str) -> dict[str, str]:
    """Header metadata; the format allows strings only."""
    family = FAMILIES[base.family]
    rank = weights.ranks[-1]
    wide = any(halves.down.ndim == 4 and halves.down.shape[2:] != (1, 1) for halves in weights.modules.values())
    convolutions = {"conv_dim": str(rank), "conv_alpha": str(rank)} if wide else {}
    return {
        "ss_v2": str(family.kohya_v2),
        "ss_base_model_version": family.kohya[base.prediction_type],
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(float(rank)),
        "ss_network_args": json.dumps(convolutions),
        "ss_output_name": title,
        "sshs_model_hash": weights_hash,
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": family.modelspec[base.prediction_type],
        "modelspec.implementation": "diffusers",
        "modelspec.title": title,
        "modelspec.resolution": f"{base.native_size_px}x{base.native_size_px}",
        "modelspec.date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "modelspec.prediction_type": "v" if base.prediction_type == "v_prediction" else "epsilon",
        "sdpo": json.dumps(facts, sort_keys=True, allow_nan=False),
    }


def _weights_hash(tensors: dict[str, Tensor]) -> str:
    """kohya's `sshs_model_hash`: SHA-256 over the file after its header."""
    data = save(tensors)
    (header_bytes,) = struct.unpack("<Q", data[:8])
    return hashlib.sha256(data[8 + header_bytes :]).hexdigest()

"""The adapter file: one safetensors layout that ComfyUI, Forge, A1111 and diffusers all read in full.

    lora_unet_<module path, dots as underscores>.lora_down.weight   (rank, in)   or (rank, in, kh, kw)    float16
                                                .lora_up.weight     (out, rank)  or (out, rank, 1, 1)     float16
                                                .alpha              ()  = rank                            float16

These are kohya's keys with diffusers' block names. diffusers' own layout loses every attention layer in ComfyUI, and
readers disagree about a missing alpha; so α/rank is baked into `lora_up` and alpha equals the rank, where the scale is
1 for all. The header's metadata holds what kohya (`ss_*`) and modelspec readers look for, and our facts as one JSON
string under `sdpo`; never prompts, because adapters get shared.
"""

import hashlib
import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from sdpo_core.atomic import write_bytes
from sdpo_core.errors import AdapterError
from sdpo_core.files.adapter_info import AdapterInfo, read_adapter_info
from sdpo_core.files.model_info import ModelInfo
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora, adaptable_modules

_PREFIX = "lora_unet_"
_DOWN, _UP, _ALPHA = ".lora_down.weight", ".lora_up.weight", ".alpha"
ADAPTER_MODE = 0o644  # a ComfyUI under another user has to read it, whatever this process's umask is


@dataclass(frozen=True)
class LoadProof:
    """How an adapter file fits a model's network."""

    modules: int  # layers that the file adapts
    matched: int  # of them, layers that the network has, in the right shape
    base_matches: bool  # the file says that it was trained on exactly this model
    works_in_comfyui: bool  # ComfyUI can detect the base model at all

    def sentence(self) -> str:
        """The proof in words."""
        parts = [f"{self.matched} of {self.modules} modules fit."]
        if self.matched and not self.base_matches:
            parts.append("It was trained on another base model, so its effect may differ here.")
        if not self.works_in_comfyui:
            parts.append("It works only in the studio: the base model is too narrow for ComfyUI to detect.")
        return " ".join(parts)


def save_adapter(path: Path, lora: Lora, *, info: ModelInfo, sdpo: dict[str, Any], title: str) -> str:
    """Write `lora` to `path` in one atomic step and return the file's SHA-256.

    Raises `AdapterError` when a weight is not finite in float16, `DiskError` when the disk refuses.
    """
    tensors = _to_file(lora)
    metadata = _metadata(lora, info, sdpo, title, _weights_hash(tensors))
    data = save(tensors, metadata)
    write_bytes(path, data, mode=ADAPTER_MODE)
    return hashlib.sha256(data).hexdigest()


def load_adapter(path: Path, model: DiffusionModel) -> Lora:
    """Put the adapter in `path` on `model`'s network, on and at strength 1, and return it.

    Raises `AdapterError` when the file is broken, has another layout, or does not fit the network completely. A file
    trained on another base model of the same shape is let through; `prove_adapter` tells.
    """
    info, modules = _open(path, model.info)
    shapes = module_shapes(model.network)
    proof = _proof(info, modules, shapes, model.info)
    if not proof.modules or proof.matched < proof.modules:
        raise AdapterError(
            f"{path.name} does not fit {model.info.name}: {proof.matched} of {proof.modules} modules fit. Choose an "
            "adapter that was trained on this kind of model."
        )
    ranks = {down.shape[0] for down, _ in modules.values()}
    if len(ranks) > 1:
        raise AdapterError(
            f"{path.name} mixes the ranks {sorted(ranks)}; adapters of this studio have one. Use it in ComfyUI instead."
        )
    rank = ranks.pop()
    names = _names_in_files(shapes)
    lora = Lora(model, [names[key] for key in modules], rank=rank, alpha=rank, seed=0)
    state: dict[str, Tensor] = {}
    for key, (down, up) in modules.items():
        state[f"{names[key]}.lora_A.weight"] = down
        state[f"{names[key]}.lora_B.weight"] = up
    lora.load_state_dict(state)
    return lora


def prove_adapter(path: Path, model: DiffusionModel) -> LoadProof:
    """Check every module of the file in `path` against the network; raises `AdapterError` when it can't be read."""
    info, modules = _open(path, model.info)
    return _proof(info, modules, module_shapes(model.network), model.info)


def module_shapes(network: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    """Weight shapes, (out, in) or (out, in, kh, kw), of the modules that an adapter can change, by module path."""
    return {name: tuple(module.weight.shape) for name, module in adaptable_modules(network).items()}


def _names_in_files(shapes: Mapping[str, Any]) -> dict[str, str]:
    """Module path by its name in files. Made from the network, because underscores can't be turned back into dots."""
    return {_PREFIX + name.replace(".", "_"): name for name in shapes}


def _to_file(lora: Lora) -> dict[str, Tensor]:
    state, scale = lora.state_dict(), lora.alpha / lora.rank
    tensors: dict[str, Tensor] = {}
    for module in lora.modules:
        key = _PREFIX + module.replace(".", "_")
        tensors[key + _DOWN] = state[f"{module}.lora_A.weight"]
        tensors[key + _UP] = state[f"{module}.lora_B.weight"] * scale
        tensors[key + _ALPHA] = torch.tensor(float(lora.rank))
    halves = {key: tensor.to("cpu", torch.float16).contiguous() for key, tensor in tensors.items()}
    broken = [key for key, tensor in halves.items() if not bool(tensor.isfinite().all())]
    if broken:
        raise AdapterError(
            f"The adapter can't be saved: {len(broken)} of its tensors, for instance {broken[0]}, hold numbers that "
            "are not finite in float16. Training has diverged; use an earlier checkpoint or a lower learning rate."
        )
    return halves


def _metadata(lora: Lora, info: ModelInfo, sdpo: dict[str, Any], title: str, weights_hash: str) -> dict[str, str]:
    """Header metadata; the format allows strings only."""
    version, architecture = _names_of_family(info)
    convolutions = {"conv_dim": str(lora.rank), "conv_alpha": str(lora.rank)} if lora.adapts_convolutions else {}
    facts = {**sdpo, "family": info.family, "base_sha256": info.sha256, "base_name": info.name}
    return {
        "ss_v2": str(info.family == "sd20"),
        "ss_base_model_version": version,
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(lora.rank),
        "ss_network_alpha": str(float(lora.rank)),
        "ss_network_args": json.dumps(convolutions),
        "ss_output_name": title,
        "sshs_model_hash": weights_hash,
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": architecture,
        "modelspec.implementation": "diffusers",
        "modelspec.title": title,
        "modelspec.resolution": f"{info.native_size_px}x{info.native_size_px}",
        "modelspec.date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "modelspec.prediction_type": "v" if info.prediction_type == "v_prediction" else "epsilon",
        "sdpo": json.dumps(facts, sort_keys=True, allow_nan=False),
    }


def _names_of_family(info: ModelInfo) -> tuple[str, str]:
    """kohya's and modelspec's names for the kind of base model."""
    if info.family == "sdxl":
        return "sdxl_base_v1-0", "stable-diffusion-xl-v1-base/lora"
    if info.family == "sd15":
        return "sd_v1", "stable-diffusion-v1/lora"
    if info.prediction_type == "v_prediction":
        return "sd_v2_v", "stable-diffusion-v2-768-v/lora"
    return "sd_v2", "stable-diffusion-v2-512/lora"


def _weights_hash(tensors: dict[str, Tensor]) -> str:
    """kohya's `sshs_model_hash`: SHA-256 over the file after its header."""
    data = save(tensors)
    (header_bytes,) = struct.unpack("<Q", data[:8])
    return hashlib.sha256(data[8 + header_bytes :]).hexdigest()


def _load(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise AdapterError(f"Could not read {path}: {error}. Copy or train the adapter again.") from error


def _open(path: Path, model: ModelInfo) -> tuple[AdapterInfo, dict[str, tuple[Tensor, Tensor]]]:
    info = read_adapter_info(path)
    if info.family not in (None, model.family):
        raise AdapterError(
            f"{path.name} is an adapter for {info.family}, but {model.name} is {model.family}. Choose an adapter that "
            "was trained on this kind of model."
        )
    return info, _read_modules(path)


def _read_modules(path: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """(down, up) in float32 by the module's name in the file, with the file's alpha/rank baked into up.

    Raises `AdapterError` when the layout is another one, or a module lacks one of its two halves.
    """
    tensors, suffixes = _load(path), (_DOWN, _UP, _ALPHA)
    foreign = sorted(key for key in tensors if not (key.startswith(_PREFIX) and key.endswith(suffixes)))
    if foreign:
        known = [key for key in foreign if key.startswith(_PREFIX)]
        raise AdapterError(
            f"{path.name} holds {len(foreign)} tensors that the studio does not read, for instance "
            f"{(known or foreign)[0]}. Expected a LoRA for the UNet alone, in kohya's layout, as the studio writes it."
        )
    stems = sorted({key[: key.rindex(suffix)] for key in tensors for suffix in suffixes if key.endswith(suffix)})
    modules: dict[str, tuple[Tensor, Tensor]] = {}
    for stem in stems:
        if stem + _DOWN not in tensors or stem + _UP not in tensors:
            raise AdapterError(f"{path.name} holds only half of {stem}. Copy or train the adapter again.")
        down = _matrix(path, stem + _DOWN, tensors)  # (r, in, …)
        up = _matrix(path, stem + _UP, tensors)  # (out, r, …)
        rank = down.shape[0]
        modules[stem] = (down, up * (_alpha(path, stem + _ALPHA, tensors, rank) / rank))
    return modules


def _matrix(path: Path, key: str, tensors: Mapping[str, Tensor]) -> Tensor:
    tensor = tensors[key].float()
    if tensor.ndim < 2 or not tensor.numel():
        raise AdapterError(
            f"{path.name}: {key} has the shape {tuple(tensor.shape)}; expected a matrix or a convolution that is not "
            "empty. Copy or train the adapter again."
        )
    return tensor


def _alpha(path: Path, key: str, tensors: Mapping[str, Tensor], rank: int) -> float:
    if key not in tensors:
        return float(rank)
    values: list[float] = tensors[key].float().flatten().tolist()
    if len(values) != 1 or not math.isfinite(values[0]):
        raise AdapterError(
            f"{path.name}: {key} holds {values[:4]}; expected one finite number. Copy or train the adapter again."
        )
    return values[0]


def _proof(
    info: AdapterInfo,
    modules: dict[str, tuple[Tensor, Tensor]],
    shapes: Mapping[str, tuple[int, ...]],
    model_info: ModelInfo,
) -> LoadProof:
    names = _names_in_files(shapes)
    matched = sum(key in names and _fits(down, up, shapes[names[key]]) for key, (down, up) in modules.items())
    return LoadProof(
        modules=len(modules),
        matched=matched,
        base_matches=info.base_sha256 == model_info.sha256,
        works_in_comfyui=model_info.comfyui,
    )


def _fits(down: Tensor, up: Tensor, weight: tuple[int, ...]) -> bool:
    rank = down.shape[0] if down.ndim else 0
    out, *rest = weight
    return tuple(down.shape) == (rank, *rest) and tuple(up.shape) == (out, rank, *(1 for _ in rest[1:]))

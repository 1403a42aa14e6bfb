"""LoRA weights from any layout into ours: reading, writing, merging.

In between, a LoRA is one pair of matrices per layer, (r, in, …) and (out, r, …) in float32, with its scale multiplied
into the second: W + B·A is the intended layer, whatever alpha, rank and layout the file had.
"""

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sdpo_core.adapters.layouts import Contents, FileModule, names_of, read_contents
from sdpo_core.adapters.targets import Shape, Target, fits, original_names
from sdpo_core.checkpoints.header import read_header
from sdpo_core.errors import AdapterError

_NOT_PORTABLE = (
    "{name} isn't a plain LoRA: it holds {kind} ({tensor}). {why}Merge it into a model in the tool that made it, or "
    "export it there as a plain LoRA."
)
_WHY_NO_DORA = "ComfyUI and PEFT compute DoRA differently, so no DoRA file gives the same image in both. "


class Halves(NamedTuple):
    """One layer's change, B·A, with the scale in `up`."""

    down: Tensor  # (r, in) or (r, in, kh, kw)
    up: Tensor  # (out, r) or (out, r, 1, 1)

    def product(self) -> Tensor:
        """B·A, (out, in·kh·kw), in float64."""
        return self.up.flatten(1).double() @ self.down.flatten(1).double()


@dataclass(frozen=True)
class Weights:
    """A LoRA, layer by layer."""

    modules: dict[Target, Halves]
    metadata: dict[str, str] = field(default_factory=dict[str, str])  # of the file it came from
    layout: str = "kohya"

    @property
    def ranks(self) -> list[int]:
        """The different ranks, in order."""
        return sorted({halves.down.shape[0] for halves in self.modules.values()})


def read_modules(path: Path, targets: Mapping[Target, Shape]) -> tuple[str, dict[FileModule, Halves]]:
    """The layout of a LoRA file, and the layers that it changes, whether or not `targets` have them.

    Raises `AdapterError` when the file is broken or isn't a plain LoRA.
    """
    names, metadata = read_header(path)
    contents = read_contents(names, targets)
    _refuse(path, contents)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise AdapterError(f"Could not read {path}: {error}. Copy or train the adapter again.") from error
    scale = _peft_scale(path, metadata, {target.part.name for target in targets})
    found: dict[FileModule, Halves] = {}
    for module in contents.modules:
        down, up = (_matrix(path, name, tensors) for name in (module.down, module.up))
        rank = down.shape[0]
        factor = _alpha(path, module.alpha, tensors) / rank if module.alpha else scale.of(module, rank)
        found[module] = Halves(down, up * factor)
    return contents.layout, found


def suits(module: FileModule, halves: Halves, targets: Mapping[Target, Shape]) -> bool:
    """Whether `targets` have the layer in a shape that fits."""
    down, up = tuple(halves.down.shape), tuple(halves.up.shape)
    return module.target is not None and fits(down, up, targets[module.target])


def read_weights(path: Path, targets: Mapping[Target, Shape]) -> Weights:
    """Read a LoRA in any layout of `sdpo_core.adapters.layouts`.

    Raises `AdapterError` when it is broken, isn't a plain LoRA, or has layers that aren't in `targets` or don't fit.
    """
    layout, found = read_modules(path, targets)
    matched = sum(suits(module, halves, targets) for module, halves in found.items())
    if matched < len(found):
        odd = next(module.stem for module, halves in found.items() if not suits(module, halves, targets))
        raise AdapterError(
            f"{path.name} doesn't fit: {matched} of {len(found)} modules do, and {odd} doesn't. Choose an adapter "
            "that was trained on this kind of model, or name its own base model."
        )
    modules: dict[Target, Halves] = {}
    for module, halves in found.items():
        if module.target is None or module.target in modules:
            raise AdapterError(
                f"{path.name} changes one layer twice, the second time as {module.stem}. Use another copy."
            )
        if not (bool(halves.down.isfinite().all()) and bool(halves.up.isfinite().all())):
            raise AdapterError(f"{path.name} holds NaN or infinity, in {module.stem}. Use another copy.")
        modules[module.target] = _shaped(halves, targets[module.target])
    return Weights(modules, read_header(path)[1], layout)


def write_tensors(weights: Weights, layout: str = "kohya", layers: Iterable[Target] | None = None) -> dict[str, Tensor]:
    """The tensors of a file in kohya's layout, with diffusers' block names or (`kohya, original`) those of the original
    code, or in diffusers' own (`diffusers`), in float16.

    `.alpha` equals the rank, which every reader takes as a scale of 1; diffusers' own layout has none. `layers` are all
    of the model, for the original names, which count blocks. Raises `AdapterError` when a number isn't finite in
    float16.
    """
    originals = original_names(layers or weights.modules)
    several = any(target.part.number > 1 for target in weights.modules)
    tensors: dict[str, Tensor] = {}
    for target, (down, up) in weights.modules.items():
        stem = _stem(target, layout, originals, several=several)
        ends = (
            (".lora_A.weight", ".lora_B.weight") if layout == "diffusers" else (".lora_down.weight", ".lora_up.weight")
        )
        for end, tensor in zip(ends, (down, up), strict=True):
            tensors[stem + end] = tensor.to("cpu", torch.float16).contiguous()
        if layout != "diffusers":
            tensors[f"{stem}.alpha"] = torch.tensor(float(down.shape[0]), dtype=torch.float16)
    broken = [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]
    if broken:
        raise AdapterError(
            f"The adapter can't be saved: {len(broken)} of its tensors, such as {broken[0]}, hold numbers that aren't "
            "finite in float16. Training has diverged; use an earlier checkpoint or a lower learning rate."
        )
    return tensors


def merge(parts: Sequence[tuple[Weights, float]], rank: int | None = None) -> tuple[Weights, float]:
    """One LoRA that does what the weighted sum of several does, and the share of it that was lost.

    The rank of the sum Σ wᵢ Bᵢ Aᵢ is at most the sum of the ranks; `rank` keeps the largest singular values of each
    layer (Eckart and Young, 1936: nothing of that rank is nearer). The share is ‖lost‖ / ‖sum‖ over all layers.
    """
    targets = dict.fromkeys(target for weights, _ in parts for target in weights.modules)
    modules: dict[Target, Halves] = {}
    lost = whole = 0.0
    for target in targets:
        own = [(weights.modules[target], factor) for weights, factor in parts if target in weights.modules]
        shape = own[0][0]
        down = torch.cat([halves.down.flatten(1).double() for halves, _ in own])  # (Σr, in·k)
        up = torch.cat([halves.up.flatten(1).double() * factor for halves, factor in own], dim=1)  # (out, Σr)
        q_up, r_up = torch.linalg.qr(up)
        q_down, r_down = torch.linalg.qr(down.T)
        u, values, v = torch.linalg.svd(r_up @ r_down.T)  # of the small core
        kept = min(rank or down.shape[0], len(values))
        lost += float(values[kept:].square().sum())
        whole += float(values.square().sum())
        root = values[:kept].sqrt()
        new_up, new_down = (q_up @ u[:, :kept]) * root, root[:, None] * (v[:kept] @ q_down.T)
        kernel = shape.down.shape[1:]
        modules[target] = Halves(
            new_down.float().reshape(kept, *kernel), new_up.float().reshape(-1, kept, *(1 for _ in kernel[1:]))
        )
    return Weights(modules), math.sqrt(lost / whole) if whole else 0.0


def _stem(target: Target, layout: str, originals: Mapping[str, str], *, several: bool) -> str:
    names = names_of(target, originals)
    if target.part.role == "text" and layout != "diffusers":
        return names["kohya"][-1 if several else 0]  # SDXL numbers its two
    if layout == "kohya, original":
        return names["kohya, original"][0]
    return names["diffusers" if layout == "diffusers" else "kohya"][0]


def _refuse(path: Path, contents: Contents) -> None:
    for kind, tensor in contents.foreign.items():
        why = _WHY_NO_DORA if kind == "DoRA" else ""
        raise AdapterError(_NOT_PORTABLE.format(name=path.name, kind=kind, tensor=tensor, why=why))
    if contents.halves:
        raise AdapterError(f"{path.name} holds only half of {contents.halves[0]}. Copy or train the adapter again.")
    if contents.unknown:
        raise AdapterError(
            f"{path.name} holds {len(contents.unknown)} tensors that the studio doesn't read, such as "
            f"{contents.unknown[0]}. Expected a LoRA in the layout of kohya, diffusers, PEFT or ComfyUI."
        )
    if not contents.modules:
        raise AdapterError(f"{path} holds no LoRA layers, so it isn't an adapter. Choose a LoRA file.")


def _matrix(path: Path, key: str, tensors: Mapping[str, Tensor]) -> Tensor:
    tensor = tensors[key].float()
    if tensor.ndim < 2 or not tensor.numel():
        raise AdapterError(
            f"{path.name}: {key} has the shape {tuple(tensor.shape)}; expected a matrix or a convolution that isn't "
            "empty. Copy or train the adapter again."
        )
    return tensor


def _alpha(path: Path, key: str, tensors: Mapping[str, Tensor]) -> float:
    values: list[float] = tensors[key].float().flatten().tolist()
    if len(values) != 1 or not math.isfinite(values[0]):
        raise AdapterError(
            f"{path.name}: {key} holds {values[:4]}; expected one finite number. Copy or train the adapter again."
        )
    return values[0]


def _shaped(halves: Halves, weight: Shape) -> Halves:
    """In the shapes of the layer itself: convolutions of 1 x 1 may be stored as matrices and vice versa."""
    out, *rest = weight
    rank = halves.down.shape[0]
    return Halves(halves.down.reshape(rank, *rest), halves.up.reshape(out, rank, *(1 for _ in rest[1:])))


@dataclass(frozen=True)
class _PeftScale:
    """The scale that a file with PEFT's names gives apart from its tensors; 1 if it gives none, as in every reader."""

    settings: dict[str, dict[str, Any]]  # by part; "" means all

    def of(self, module: FileModule, rank: int) -> float:
        """alpha / rank, or alpha / √rank for rsLoRA."""
        if module.target is None or module.layout not in ("diffusers", "PEFT"):
            return 1.0
        given = self.settings.get(module.target.part.name) or self.settings.get("") or {}
        alpha = _matching(given.get("alpha_pattern"), module.target.path, given.get("lora_alpha"))
        if not isinstance(alpha, int | float) or isinstance(alpha, bool):
            return 1.0
        return float(alpha) / (math.sqrt(rank) if given.get("use_rslora") is True else rank)


def _matching(pattern: Any, path: str, otherwise: Any) -> Any:
    if not isinstance(pattern, dict):
        return otherwise
    return next((value for name, value in pattern.items() if path == name or path.endswith(f".{name}")), otherwise)


def _peft_scale(path: Path, metadata: Mapping[str, str], parts: Collection[str]) -> _PeftScale:
    """From `lora_adapter_metadata` in the header (diffusers), else from `adapter_config.json` next to it (PEFT)."""
    given = _object(metadata.get("lora_adapter_metadata", ""))
    if given:
        settings: dict[str, dict[str, Any]] = {part: {} for part in parts}
        for key, value in given.items():
            part = next((part for part in parts if key.startswith(f"{part}.")), None)
            if part:
                settings[part][key.removeprefix(f"{part}.")] = value
        return _PeftScale(settings)
    config = path.with_name("adapter_config.json")
    try:
        text = config.read_text(encoding="utf-8") if path.stem == "adapter_model" and config.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise AdapterError(f"{config} can't be read, but holds the adapter's scale. Check the file.") from error
    return _PeftScale({"": _object(text)})


def _object(text: str) -> dict[str, Any]:
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}

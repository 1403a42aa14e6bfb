"""Checkpoints from which a run continues exactly as if it had never stopped.

checkpoints/step-000050/adapter.safetensors    usable everywhere, fp16
                        published.safetensors  the same at the strength that was calibrated, where the run kept this one
                        state.safetensors      the LoRA, AdamW's moments and the noise bank, unrounded
                        state.json             the step, the drift, the gap that β follows, and the health row
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from sdpo_core.adapters.file import save_adapter
from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.atomic import replacing_folder, write_bytes, write_json
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.errors import AdapterError, RunError
from sdpo_core.models.lora import Lora
from sdpo_core.training.reference import NoiseBank
from sdpo_core.training.train import Progress

ADAPTER = "adapter.safetensors"
PUBLISHED = "published.safetensors"
_STATE = "state.safetensors"
_NUMBERS = "state.json"
_LORA = "lora."
_MOMENTS = "adam."  # what an optimiser remembers, whichever it is; one without memory writes none
_BANK = "noise_bank.errors"


def save_checkpoint(
    path: Path,
    lora: Lora,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    health: Mapping[str, Any],
    *,
    noise_bank: NoiseBank | None = None,
    info: ModelInfo,
    sdpo: dict[str, Any],
    title: str,
) -> None:
    """Write a complete checkpoint folder in one atomic step; raises DiskError when the disk refuses."""
    with replacing_folder(path) as folder:
        save_adapter(folder / ADAPTER, lora, info=info, sdpo=sdpo, title=title)
        write_bytes(
            folder / _STATE, save(_state(lora, optimizer, noise_bank))
        )  # save_file names a full disk in its own way
        remembers = any(optimizer.state.values())
        numbers = {**dataclasses.asdict(progress), "health": dict(health), "remembers": remembers}
        write_json(folder / _NUMBERS, numbers)


def load_checkpoint(
    path: Path, lora: Lora, optimizer: torch.optim.Optimizer, noise_bank: NoiseBank | None = None
) -> Progress:
    """Put LoRA, optimiser, noise bank and progress back as they were; raises RunError when the files don't fit."""
    try:
        state = load_file(path / _STATE)
        lora.load_state_dict(lora_state(state))
        remembered = state[_BANK] if noise_bank is not None else None
        numbers = read_numbers(path)
        remembers = numbers.get("remembers", True)  # checkpoints before it was written were AdamW's
        moments = {i: _moments_of(name, state) for i, name in enumerate(lora.names)} if remembers else {}
    except (SafetensorError, OSError, KeyError) as error:
        raise RunError(
            f"Checkpoint {path.name} can't be read ({error}). Remove it to resume from an earlier one."
        ) from error
    if noise_bank is not None and remembered is not None:
        noise_bank.errors.copy_(remembered)
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    known = {field.name for field in dataclasses.fields(Progress)}
    return Progress(**{name: value for name, value in numbers.items() if name in known})


def lora_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The LoRA's parameters by name, from a checkpoint's state."""
    return {name.removeprefix(_LORA): tensor for name, tensor in state.items() if name.startswith(_LORA)}


def read_lora(path: Path, strength: float = 1.0) -> dict[str, Tensor]:
    """The unrounded LoRA of a checkpoint folder, with `strength` multiplied into B; raises OSError, SafetensorError."""
    state = lora_state(load_file(path / _STATE))
    return {name: tensor * strength if name.endswith(".lora_B.weight") else tensor for name, tensor in state.items()}


def read_published(checkpoints: Sequence[Path], sha256: str) -> dict[str, Tensor] | None:
    """The unrounded LoRA behind the adapter file of this hash; None when its checkpoint is gone or damaged.

    It has the strength of that file, so a run that continues it starts from what the file does.
    """
    for path in checkpoints:
        try:
            if sha256_file(path / ADAPTER) == sha256:
                return read_lora(path)
            published = path / PUBLISHED
            if published.is_file() and sha256_file(published) == sha256:
                return read_lora(path, float((read_adapter_info(published).sdpo or {})["strength"]))
        except (OSError, SafetensorError, AdapterError, KeyError, TypeError, ValueError):
            continue
    return None


def read_numbers(path: Path) -> dict[str, Any]:
    """The checkpoint's `step`, `drift` and `health`; raises `RunError` when they can't be read."""
    try:
        return json.loads((path / _NUMBERS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"Checkpoint {path.name} has no readable {_NUMBERS} ({error}).") from error


def deciding(checkpoints: list[Path], every_steps: int, now: int) -> list[Path]:
    """The planned checkpoints up to step `now`, and the one of step `now`. Others were asked for (save-now, an earlier
    stop), and a run that was interrupted has to end as one that was not."""
    steps = {*range(every_steps, now, every_steps), now}
    return [path for path in checkpoints if read_numbers(path)["step"] in steps]


def best_checkpoint(checkpoints: list[Path]) -> Path | None:
    """The last healthy checkpoint; when none is, the one with the least winner error; None without any."""
    health = {path: read_numbers(path)["health"] for path in checkpoints}
    healthy = [path for path in checkpoints if health[path]["healthy"]]
    if healthy:
        return healthy[-1]
    return min(checkpoints, key=lambda path: health[path]["winner_error"], default=None)


def _state(lora: Lora, optimizer: torch.optim.Optimizer, noise_bank: NoiseBank | None) -> dict[str, Tensor]:
    tensors = {} if noise_bank is None else {_BANK: noise_bank.errors}
    tensors |= {f"{_LORA}{name}": tensor.contiguous() for name, tensor in lora.state_dict().items()}
    for name, parameter in zip(lora.names, lora.parameters, strict=True):
        for moment, value in optimizer.state[parameter].items():
            tensor = value if isinstance(value, Tensor) else torch.tensor(value)  # bitsandbytes counts steps in an int
            # Copied, because its 8-bit moments share their table of values, which safetensors refuses.
            tensors[f"{_MOMENTS}{moment}.{name}"] = tensor.clone(memory_format=torch.contiguous_format)
    return tensors


def _moments_of(parameter: str, state: Mapping[str, Tensor]) -> dict[str, Tensor | int]:
    """What the optimiser knew of a parameter; raises KeyError when that is nothing."""
    found: dict[str, Tensor | int] = {
        name.removeprefix(_MOMENTS).removesuffix(f".{parameter}"): tensor
        for name, tensor in state.items()
        if name.endswith(f".{parameter}") and name.startswith(_MOMENTS)
    }
    if not found:
        raise KeyError(f"{_MOMENTS}*.{parameter}")
    if "state1" in found:
        found["step"] = int(found["step"])  # bitsandbytes' 8-bit moments
    return found

"""From a model's name to the loaded model."""

from typing import Literal

import diffusers
import torch
import transformers

from sdpo_core.checkpoints.model_info import ModelInfo, inspect_model
from sdpo_core.errors import ModelError
from sdpo_core.families.table import FAMILIES
from sdpo_core.models.family import DiffusionModel
from sdpo_core.settings.sampling import Precision, Runtime

_PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "fp64": torch.float64}


def load_model(
    source: str,
    *,
    device: str = "auto",
    precision: Precision = "auto",
    threads: int = 1,
    prediction_type: Literal["auto", "epsilon", "v_prediction"] = "auto",
) -> DiffusionModel:
    """Load `source` (see `inspect_model`) onto `device`, frozen, its weights in `precision`.

    Sets the process's CPU threads, because the last bits of a sum depend on them. Never touches the network.
    Raises `ModelError` when the device doesn't exist or the model can't be read.
    """
    info: ModelInfo = inspect_model(source, prediction_type)
    where = resolve_device(device)
    torch.set_num_threads(threads)
    # Their progress bars and "newly initialized" notes would bury the job's own log; real errors become ModelError.
    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return FAMILIES[info.family].load(info, device=where, dtype=resolve_precision(precision, where))


def load_configured(config: Runtime, *, device: str | None = None) -> DiffusionModel:
    """`load_model` as a job's settings say; `device` is this process's when there are several."""
    return load_model(
        config.model,
        device=device or config.device,
        precision=config.precision,
        threads=config.threads,
        prediction_type=config.prediction_type,
    )


def resolve_device(name: str) -> torch.device:
    """`auto` means CUDA, else MPS, else the CPU; `cuda:1` is the second GPU.

    Raises `ModelError` when a named device doesn't exist.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in present.items() if there))
    kind, _, number = name.partition(":")
    if number and kind == "cuda" and int(number) >= torch.cuda.device_count():
        raise ModelError(f"Device {name} was not found: this machine has {torch.cuda.device_count()} CUDA devices.")
    if not present.get(kind, False):
        found = ", ".join(kind for kind, there in present.items() if there)
        raise ModelError(f"This machine has no device {name!r}, only {found}. Choose device 'auto' or 'cpu'.")
    return torch.device(name)


def resolve_precision(name: Precision, device: torch.device) -> torch.dtype:
    """`auto` means bf16 on a CUDA GPU that has it, fp16 on one that doesn't, and fp32 elsewhere."""
    if name == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return _PRECISIONS[name]

"""What makes each optimiser of `sdpo_core.methods.optimizers`."""

import importlib
from collections.abc import Sequence

import torch
from torch import nn

from sdpo_core.errors import ConfigError
from sdpo_core.methods.optimizers import OPTIMIZERS
from sdpo_core.models.lora import Lora

_BETAS = (0.9, 0.999)
_WEIGHT_DECAY = 1e-2


def make_optimizer(lora: Lora, name: str, learning_rate: float) -> torch.optim.Optimizer:
    """The optimiser of this name on the adapter's parameters; raises `ConfigError` when its package is missing."""
    chosen = OPTIMIZERS[name]
    try:
        return chosen.make(lora.parameters, learning_rate)
    except ImportError as error:
        if chosen.package is None:
            raise
        raise ConfigError(
            f"optimizer '{chosen.name}' needs the package {chosen.package}. Install it (`pip install "
            f"{chosen.package}` in the project's .venv), or take '{next(iter(OPTIMIZERS))}'; a LoRA's moments are "
            "small anyway."
        ) from error


def adamw(parameters: Sequence[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Loshchilov & Hutter 2019, arXiv 1711.05101."""
    return torch.optim.AdamW(parameters, lr=learning_rate, betas=_BETAS, weight_decay=_WEIGHT_DECAY)


def adamw_8bit(parameters: Sequence[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """The same with its moments in blocks of 8 bits: Dettmers et al. 2022, arXiv 2110.02861. Needs bitsandbytes."""
    bitsandbytes = importlib.import_module("bitsandbytes")
    return bitsandbytes.optim.AdamW8bit(parameters, lr=learning_rate, betas=_BETAS, weight_decay=_WEIGHT_DECAY)

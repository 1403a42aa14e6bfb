"""The parts of a run's settings that functions take, taken out of the whole."""

from typing import Any

import torch

from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.settings.course import Computing
from sdpo_core.settings.learning import Objective, Safeguarding
from sdpo_core.settings.train import TrainConfig
from sdpo_core.training.health import Bank
from sdpo_core.training.optimizers import make_optimizer


def parts(config: TrainConfig) -> tuple[Objective, Safeguarding, Computing]:
    """What a step's gradients depend on."""
    return config.objective, config.safeguarding, config.computing


def checked(bank: Bank, model: DiffusionModel, config: TrainConfig, beta: float) -> dict[str, Any]:
    """The bank's check."""
    gate, budget = config.health.gate, config.safeguarding.drift_budget
    return bank.check(model, config.objective, beta, gate=gate, drift_budget=budget)


def optimizer_of(lora: Lora, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimiser that the settings name."""
    return make_optimizer(lora, config.computing.optimizer, config.schedule.learning_rate)

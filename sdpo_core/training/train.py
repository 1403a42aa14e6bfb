"""The training loop: a generator that yields its numbers. Metrics, checkpoints and previews live outside (`job`)."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from sdpo_core.config import TrainConfig, steps_for_pairs
from sdpo_core.errors import RunError
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.training.dataset import EncodedPairs
from sdpo_core.training.health import Bank
from sdpo_core.training.step import PairNumbers, SideGradients, assign, restrain, side_gradients

DRIFT_EVERY_STEPS = 10
_MAX_NORM = 1.0


@dataclass
class Progress:
    """Where the loop stands; with the adapter and the optimiser it is all that a resume needs."""

    step: int = 0
    drift: float = 0.0  # held-out winner error relative to the reference, when last measured


def make_optimizer(lora: Lora, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW on the adapter's parameters."""
    return torch.optim.AdamW(lora.parameters, lr=config.learning_rate, betas=(0.9, 0.999), weight_decay=1e-2)


def learning_rate(step: int, total: int, config: TrainConfig) -> float:
    """Rate of `step` (from 0) of `total`: a linear warm-up times a linear decay to 0, which averages the last noise."""
    warm = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    return config.learning_rate * warm * (1 - step / total)


def train(
    model: DiffusionModel,
    lora: Lora,
    optimizer: torch.optim.Optimizer,
    pairs: EncodedPairs,
    bank: Bank,
    config: TrainConfig,
    progress: Progress,
) -> Iterator[dict[str, Any]]:
    """Train from `progress.step` on and yield a metrics row after every step; `progress` is advanced in place.

    Raises RunError when a loss or gradient is not finite; the adapter then still holds the step before.
    """
    total = config.steps or steps_for_pairs(len(pairs))
    micro = config.pairs_per_micro_step or config.pairs_per_step
    while progress.step < total:
        began = time.perf_counter()
        if progress.step % DRIFT_EVERY_STEPS == 0:
            progress.drift = bank.drift(model)
        batch = pairs.batch(
            progress.step, pairs=config.pairs_per_step, seed=config.seed, caption_dropout=config.caption_dropout
        )
        gradients, seen = side_gradients(model, lora, batch.split(micro), config)
        gradient, factor = restrain(gradients, progress.drift, config)
        _refuse_nonfinite(seen, gradient, batch.pair_ids, progress.step)
        assign(gradient, lora.parameters)
        norm = torch.nn.utils.clip_grad_norm_(lora.parameters, _MAX_NORM)
        rate = learning_rate(progress.step, total, config)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        progress.step += 1
        yield {
            "step": progress.step,
            "kind": "step",
            **_summary(seen, gradients),
            "loser_scale": factor if config.safeguard == "lora" else float(seen.scale.mean()),
            "drift": progress.drift,
            "gradient_norm": float(norm),
            "learning_rate": rate,
            "seconds": time.perf_counter() - began,
        }


def _summary(seen: PairNumbers, gradients: SideGradients) -> dict[str, float]:
    winner, loser = gradients
    reference = seen.reference
    cosine = torch.nn.functional.cosine_similarity(winner, loser, dim=0)
    return {
        "loss": float(seen.loss.mean()),
        "margin": float(seen.margin.mean()),
        "accuracy": float((seen.margin > 0).float().mean()),
        "winner_error": float((seen.policy.winner - reference.winner).sum() / reference.winner.sum()),
        "loser_error": float((seen.policy.loser - reference.loser).sum() / reference.loser.sum()),
        "winner_gradient_norm": float(winner.norm()),
        "gradient_cosine": float(cosine),
        "past_target": float(seen.past_target.float().mean()),
    }


def _refuse_nonfinite(seen: PairNumbers, gradient: torch.Tensor, pair_ids: list[int], step: int) -> None:
    bad = [pair for pair, loss in zip(pair_ids, seen.loss.tolist(), strict=True) if not math.isfinite(loss)]
    if bad:
        names = ", ".join(map(str, sorted(set(bad))))
        raise RunError(
            f"The loss became not-a-number at step {step + 1} on pair {names}. Training stopped before the adapter was "
            "touched; the last checkpoint is good. Try a lower learning rate, or look at that pair's images."
        )
    if not bool(gradient.isfinite().all()):
        raise RunError(
            f"The gradient became not-a-number at step {step + 1}. Training stopped before the adapter was "
            "touched; the last checkpoint is good. Try a lower learning rate."
        )

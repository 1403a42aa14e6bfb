"""The training loop: a generator that yields its numbers. Metrics, checkpoints and previews live outside (`job`)."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from sdpo_core.errors import RunError
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.objective import Sides
from sdpo_core.settings.course import Schedule
from sdpo_core.settings.learning import Objective
from sdpo_core.settings.train import TrainConfig, steps_for_pairs
from sdpo_core.training.dataset import EncodedPairs, PairBatch
from sdpo_core.training.health import Bank, Movement
from sdpo_core.training.processes import Processes
from sdpo_core.training.reference import NoiseBank
from sdpo_core.training.step import PairNumbers, SideGradients, assign, restrain, side_gradients

DRIFT_EVERY_STEPS = 10
_MAX_NORM = 1.0
_GROWTH = 1.1  # q in √D = c·(Σ rate)^q: above 1, because B·A grows with both its factors
_LARGEST_CHANGE = 3.0  # of the peak rate from one look to the next
_TYPICAL_MARGIN = 1.4  # |u| that `beta: auto` keeps: σ(−1.4) = .2
_FIRST_BETA = 2000.0
_BETA_RANGE = (100.0, 20_000.0)
_MEMORY_OF_THE_GAP = 0.9


@dataclass
class Progress:
    """Where the loop stands; with the adapter and the optimiser it is all that a resume needs."""

    step: int = 0
    drift: float = 0.0  # held-out winner error relative to the reference, when last measured
    displacement: float = 0.0  # how far the predictions have moved from the reference's, when last measured
    scaler: dict[str, float] = field(default_factory=dict)  # of fp16's loss scale; empty in other precisions
    peak: float = 0.0  # peak learning rate that holds now; 0 before the first step
    path: float = 0.0  # sum of the learning rates of all steps so far
    gap: float = 2 * _TYPICAL_MARGIN / _FIRST_BETA  # running mean of |Δ|, the pairs' difference of errors: u = −(β/2)·Δ

    def beta(self, objective: Objective) -> float:
        """β of the next step. `auto`: such that a typical |u| = (β/2)·|Δ| is 1.4, within 100 and 20 000."""
        if objective.beta != "auto":
            return objective.beta
        low, high = _BETA_RANGE
        return min(max(2 * _TYPICAL_MARGIN / max(self.gap, 1e-12), low), high)

    def see(self, margins: Tensor, beta: float) -> None:
        """Take a step's margins u, (B,), into the running mean."""
        gap = 2 / beta * float(margins.double().abs().mean())
        self.gap = _MEMORY_OF_THE_GAP * self.gap + (1 - _MEMORY_OF_THE_GAP) * gap


def share_of_peak(step: int, total: int, warmup_steps: int) -> float:
    """Share of the peak rate at `step` (from 0) of `total`: linear warm-up times linear decay to 0.

    The decay averages the last noise.
    """
    warm = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
    return warm * (1 - step / total)


def next_peak(progress: Progress, total: int, schedule: Schedule) -> float:
    """The peak learning rate after `progress.step`.

    With `rate = "auto"` it is the one with which the run would end at the displacement D* that `displacement` asks
    for. What AdamW moves grows with the rates that were spent, S = Σ rate, as √D = c·S^q: the last look gives c, and
    so the S at the end and the peak that spends the rest of it. Never more than `_LARGEST_CHANGE`-fold at a time.
    """
    peak = progress.peak or schedule.learning_rate
    if schedule.rate == "fixed" or progress.displacement <= 0:
        return peak
    left = sum(share_of_peak(step, total, schedule.warmup_steps) for step in range(progress.step, total))
    whole = progress.path * (schedule.displacement / progress.displacement) ** (0.5 / _GROWTH)
    wanted = (whole - progress.path) / left
    return min(max(wanted, peak / _LARGEST_CHANGE), peak * _LARGEST_CHANGE)


def train(
    model: DiffusionModel,
    lora: Lora,
    optimizer: torch.optim.Optimizer,
    pairs: EncodedPairs,
    bank: Bank,
    config: TrainConfig,
    progress: Progress,
    *,
    noise_bank: NoiseBank | None = None,
    processes: Processes | None = None,
) -> Iterator[dict[str, Any]]:
    """Train from `progress.step` and yield a metrics row after every step; `progress` is advanced in place.

    Several `processes` go through this side by side, each with its own slots of a step, and yield the same rows.
    Raises RunError when a loss or gradient is not finite; the adapter then still holds the step before. Where memory
    runs out in one of several processes, all raise AgreedOutOfMemory.
    """
    together = processes or Processes()
    objective, schedule, computing = config.objective, config.schedule, config.computing
    parts = (objective, config.safeguarding, computing)
    total = schedule.steps or steps_for_pairs(len(pairs))
    scaler = _loss_scaler(model, progress)
    for parameter in lora.parameters:
        together.broadcast(parameter.data)
    progress.peak = progress.peak or schedule.learning_rate  # a checkpoint from before it was kept has none
    while progress.step < total:
        began = time.perf_counter()
        if progress.step % DRIFT_EVERY_STEPS == 0:
            with together.all_or_none():
                moved = bank.movement(model) if together.first else Movement(0.0, 0.0)
            progress.drift, progress.displacement = (together.broadcast_number(number) for number in moved)
            progress.peak = next_peak(progress, total, schedule)
        batch = pairs.batch(
            progress.step,
            pairs=schedule.pairs_per_step,
            seed=schedule.seed,
            caption_dropout=objective.caption_dropout,
            noise_bank=computing.noise_bank,
            slots=together.slots(schedule.pairs_per_step),
        )
        beta, loss_scale = progress.beta(objective), scaler.get_scale()
        with together.all_or_none():
            gradients, own = side_gradients(
                model,
                lora,
                batch.split(computing.pairs_per_micro_step or schedule.pairs_per_step),
                *parts,
                beta=beta,
                pairs=schedule.pairs_per_step,
                bank=noise_bank,
                loss_scale=loss_scale,
            )
        for gradient in gradients:
            together.all_reduce(gradient)
        seen, batch = _gather(own, batch, schedule.pairs_per_step, together)
        if noise_bank is not None and batch.kept is not None:
            noise_bank.keep(batch.kept, seen.reference, ~batch.unconditional)
        gradient, factor = restrain(gradients, progress.drift, config.safeguarding)
        _refuse_nonfinite(seen, gradient, batch.pair_ids, progress.step, scaler)
        assign(gradient, lora.parameters)
        rate = progress.peak * share_of_peak(progress.step, total, schedule.warmup_steps)
        norm = _step(optimizer, scaler, lora, rate)
        progress.scaler = scaler.state_dict()
        progress.see(seen.margin, beta)
        progress.path += rate
        progress.step += 1
        numbers = {
            **_summary(seen, gradients, loss_scale),
            "loser_scale": factor if config.safeguarding.safeguard == "lora" else float(seen.scale.mean()),
            "drift": progress.drift,
            "displacement": progress.displacement,
            "beta": beta,
            "gradient_norm": float(norm),
            "learning_rate": rate,
            "seconds": time.perf_counter() - began,
        }
        # Where fp16's loss scale was too large, the step was left out and its gradient has no numbers.
        finite = {name: value for name, value in numbers.items() if math.isfinite(value)}
        yield {"step": progress.step, "kind": "step", **finite}


def _step(optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler, lora: Lora, rate: float) -> Tensor:
    """One step of the optimiser on the gradients laid into the parameters; returns their norm before clipping."""
    scaler.unscale_(optimizer)
    norm = torch.nn.utils.clip_grad_norm_(lora.parameters, _MAX_NORM)
    for group in optimizer.param_groups:
        group["lr"] = rate
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad(set_to_none=True)
    return norm


def _loss_scaler(model: DiffusionModel, progress: Progress) -> torch.amp.GradScaler:
    """As `progress` left it; it does nothing in precisions other than fp16."""
    scaler = torch.amp.GradScaler(model.device.type, enabled=model.dtype == torch.float16)
    scaler.scale(torch.ones(1, device=model.device))  # it allocates its state at first use
    if progress.scaler:
        scaler.load_state_dict(progress.scaler)
    return scaler


def _gather(own: PairNumbers, batch: PairBatch, pairs: int, together: Processes) -> tuple[PairNumbers, PairBatch]:
    """What all processes saw of a step's pairs, with the ids, kept draws and dropped prompts of all."""
    if together.count == 1:
        return own, batch
    ids = torch.tensor(batch.pair_ids, device=own.loss.device)
    kept = torch.stack([ids, ids], dim=1) if batch.kept is None else batch.kept
    seen = (own.loss, own.margin, *own.policy, *own.reference, own.scale, own.past_target)
    mine = torch.stack([x.double() for x in (*seen, ids, batch.unconditional, *kept.unbind(1))], dim=1)
    loss, margin, *rest = together.by_slot(mine, pairs).unbind(1)
    winner, loser, winner_reference, loser_reference, scale, past_target, ids, unconditional, pair, draw = rest
    whole = replace(
        batch,
        pair_ids=ids.long().tolist(),
        unconditional=unconditional.bool(),
        kept=None if batch.kept is None else torch.stack([pair, draw], dim=1).long(),
    )
    reference = Sides(winner_reference, loser_reference)
    return PairNumbers(loss, margin, Sides(winner, loser), reference, scale, past_target.bool()), whole


def _summary(seen: PairNumbers, gradients: SideGradients, loss_scale: float) -> dict[str, float]:
    winner, loser = gradients
    reference = seen.reference
    cosine = torch.nn.functional.cosine_similarity(winner, loser, dim=0)
    return {
        "loss": float(seen.loss.mean()),
        "margin": float(seen.margin.mean()),
        "accuracy": float((seen.margin > 0).float().mean()),
        "winner_error": float((seen.policy.winner - reference.winner).sum() / reference.winner.sum()),
        "loser_error": float((seen.policy.loser - reference.loser).sum() / reference.loser.sum()),
        "winner_gradient_norm": float(winner.norm()) / loss_scale,
        "gradient_cosine": float(cosine),
        "past_target": float(seen.past_target.float().mean()),
    }


def _refuse_nonfinite(
    seen: PairNumbers, gradient: Tensor, pair_ids: list[int], step: int, scaler: torch.amp.GradScaler
) -> None:
    bad = [pair for pair, loss in zip(pair_ids, seen.loss.tolist(), strict=True) if not math.isfinite(loss)]
    if bad:
        names = ", ".join(map(str, sorted(set(bad))))
        raise RunError(
            f"The loss became NaN or infinity at step {step + 1} on pair {names}. Training stopped before it changed "
            "the adapter; the last checkpoint is good. Try a lower learning rate, or check that pair's images."
        )
    if scaler.is_enabled() and scaler.get_scale() >= 1:
        return  # too large a loss scale: the scaler leaves this step out and lowers it
    if not bool(gradient.isfinite().all()):
        raise RunError(
            f"The gradient became NaN or infinity at step {step + 1}. Training stopped before it changed the "
            "adapter; the last checkpoint is good. Try a lower learning rate."
        )

"""One step of Diffusion-SDPO for LoRA: the algorithm box.

Winner and loser are rows of their own in a batch, so their gradients can be told apart where they are summed: at the
adapter's parameters. One backward pass gives both. With J the adapter's Jacobian, over the accumulated batch,

    G_w = J_wᵀ ∂L/∂pred_w        G_l = −J_lᵀ ∂L/∂pred_l
    λ*  = clip((1−μ)·‖G_w‖²/⟨G_w,G_l⟩, 0, 1), 1 where ⟨G_w,G_l⟩ ≤ 0;        gradient = G_w − λ*·G_l

Deviations from arXiv 2511.03317: the condition holds exactly, on the adapter's own parameters, instead of in output
space; a drift budget lets it act only as far as the held-out winner error has risen; and with `hold_unconditional` the
adapter is held to the reference on draws without a prompt instead of trained on the preference (docs/decisions.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.objective import (
    LOSSES,
    Sides,
    Terms,
    Winner,
    exact_scale,
    loss_of_errors,
    margin,
    mean_square,
    output_factor,
    past_target,
    residual,
    widen,
)
from sdpo_core.settings.course import Computing
from sdpo_core.settings.learning import Objective, Safeguarding
from sdpo_core.training.dataset import PairBatch
from sdpo_core.training.reference import NoiseBank, Reference, reference_on

_MU_AT_FULL_FORCE = 0.9


class SideGradients(NamedTuple):
    """G_w and G_l, flat over the adapter's parameters, (P,) each. The plain gradient is G_w − G_l."""

    winner: Tensor
    loser: Tensor


class PairNumbers(NamedTuple):
    """What a step saw of each pair, (B,) each, detached."""

    loss: Tensor
    margin: Tensor  # u
    policy: Sides  # ℓ
    reference: Sides  # ℓ^ref
    scale: Tensor  # the output-space λ that acted, 1 where none does
    past_target: Tensor  # bool


def own_options(objective: Objective) -> dict[str, Any]:
    """The settings that belong to the chosen loss alone."""
    return {name: getattr(objective, name) for name in LOSSES[objective.loss].options}


def noise_sides(model: DiffusionModel, batch: PairBatch) -> tuple[Sides, Sides]:
    """Noised inputs and regression targets of both sides, (B, C, h, w) each: shared t, and shared or own ε."""
    process, t = model.noise_process, batch.timesteps
    sides = list(zip(batch.latents, batch.noise, strict=True))
    noised = Sides(*(process.add_noise(x0, noise, t) for x0, noise in sides))
    targets = Sides(*(process.target(x0, noise, t) for x0, noise in sides))
    return noised, targets


def side_gradients(
    model: DiffusionModel,
    lora: Lora,
    micro_batches: Sequence[PairBatch],
    objective: Objective,
    safeguarding: Safeguarding,
    computing: Computing,
    *,
    beta: float,
    pairs: int | None = None,
    bank: NoiseBank | None = None,
    loss_scale: float = 1.0,
) -> tuple[SideGradients, PairNumbers]:
    """G_w and G_l of the mean loss over all `micro_batches`, each of one size, and what was seen of the pairs.

    `pairs` is the number to divide by, when these are only a part of the step's (several processes). `loss_scale`
    multiplies both gradients, to lift them above the least numbers of half precision.
    """
    weight = loss_scale / (pairs or sum(len(batch.pair_ids) for batch in micro_batches))
    passes = _Passes(model, lora, objective, safeguarding, beta, weight, bank)
    gradients = SideGradients(*(torch.zeros_like(flat(lora.parameters)) for _ in range(2)))
    seen: list[PairNumbers] = []
    for batch in micro_batches:
        if computing.memory == "split":
            seen.extend(passes.split(gradients, one) for one in batch.split(1))
        else:
            seen.append(passes.joint(gradients, batch))
    return gradients, _join(seen)


@dataclass(frozen=True)
class _Passes:
    """What all micro-steps of a step share, and the two ways to go through one. Both add to the given gradients."""

    model: DiffusionModel
    lora: Lora
    objective: Objective
    safeguarding: Safeguarding
    beta: float
    weight: float  # of one pair's loss
    bank: NoiseBank | None

    def joint(self, gradients: SideGradients, batch: PairBatch) -> PairNumbers:
        """Both sides in one batch, and one backward pass that keeps their gradients apart."""
        noised, targets = noise_sides(self.model, batch)
        reference = reference_on(self.model, self.lora, batch, noised, targets, self.bank)
        with self.lora.sides_apart() as parameters:
            prediction = self.model.predict(torch.cat(noised), batch.timesteps.repeat(2), batch.conditioning.both())
            cut = Sides(*(side.requires_grad_() for side in widen(prediction.detach()).chunk(2)))
            e = residual(cut, targets)
            policy = Sides(mean_square(e.winner), mean_square(e.loser))
            shift = cut.winner - reference.winner
            winner, factor = Winner(e.winner, shift, self.beta), self._factor(e)
            loss = self._loss(policy, reference.error, factor, winner)  # (B,)
            objective = loss
            if self.objective.hold_unconditional:
                objective = torch.where(batch.unconditional, self._hold_weight * mean_square(shift), loss)
            cotangents = torch.autograd.grad(
                (objective * batch.weights).sum() * self.weight, cut, materialize_grads=True
            )
            parts = torch.autograd.grad(prediction, parameters, torch.cat(cotangents).to(prediction.dtype))
        for total, side, sign in zip(gradients, (0, 1), (1, -1), strict=True):
            total.add_(flat([part[side] for part in parts]).to(total), alpha=sign)
        return self._numbers(loss, policy, reference, factor, winner)

    def split(self, gradients: SideGradients, one: PairBatch) -> PairNumbers:
        """One pair; the winner's graph is gone before the loser's is built.

        The loss depends on predictions through ℓ_w and ℓ_l alone, so each side's gradient is ∇ℓ times a number that is
        known when both passes are over: ∂L/∂ℓ_w and ∂L/∂ℓ_l.
        """
        noised, targets = noise_sides(self.model, one)
        reference = reference_on(self.model, self.lora, one, noised, targets, self.bank)
        hold = bool(self.objective.hold_unconditional) and bool(one.unconditional)
        residuals: list[Tensor] = []
        parts: list[Tensor] = []  # weight·∇ℓ, (P,); of the winner's distance to the reference where that is held
        for side in (0, 1):
            if hold and side:
                with torch.no_grad():  # the loser is measured, but moves nothing
                    residuals.append(widen(self._predict(one, noised, side)) - widen(targets[side]))
                break
            prediction = self._predict(one, noised, side)
            value = widen(prediction.detach())
            residuals.append(value - widen(targets[side]))
            towards = value - reference.winner if hold else residuals[side]
            cotangent = (2 * self.weight * float(one.weights) / value.numel()) * towards
            parts.append(flat(torch.autograd.grad(prediction, self.lora.parameters, cotangent.to(prediction.dtype))))
            del prediction  # and its graph
        e = Sides(*residuals)
        policy = Sides(*(mean_square(side).requires_grad_() for side in e))
        factor = self._factor(e)
        loss = self._loss(policy, reference.error, factor, None)
        slopes = torch.autograd.grad(loss.sum(), policy, materialize_grads=True)
        weights = (self._hold_weight,) if hold else (float(slopes[0]), -float(slopes[1]))
        for total, part, weight in zip(gradients, parts, weights, strict=False):
            total.add_(part.to(total), alpha=weight)
        return self._numbers(loss, policy, reference, factor, None)

    def _predict(self, batch: PairBatch, noised: Sides, side: int) -> Tensor:
        return self.model.predict(noised[side], batch.timesteps, batch.conditioning[side])

    @property
    def _hold_weight(self) -> float:
        """(β/2)·κ: on draws without their prompt the loss is this times ‖ε_θ − ε_ref‖² of the winner.

        Classifier-free guidance subtracts the empty prompt's prediction. An adapter that moves it like the others
        takes a part of its own effect away, and what is left of the two drifts is noise in the image
        (docs/decisions.md).
        """
        unit = 1.0 if LOSSES[self.objective.loss].fits_winner else self.beta / 2  # of one ℓ in the loss
        return unit * self.objective.hold_unconditional

    def _factor(self, e: Sides) -> Tensor | float:
        """λ on the loser's gradient in output space; the exact safeguard acts on the gradients afterwards."""
        chosen = self.safeguarding
        kind = "none" if chosen.safeguard == "lora" else chosen.safeguard
        return output_factor(kind, e, chosen.mu, chosen.scope, chosen.loser_weight)

    def _loss(self, policy: Sides, reference: Sides, factor: Tensor | float, winner: Winner | None) -> Tensor:
        """(B,). Under a safeguard a pair past its target adds nothing; the official scope "batch" excepted."""
        return loss_of_errors(
            self.objective.loss,
            policy,
            reference,
            beta=self.beta,
            factor=factor,
            anchor=self.objective.anchor,
            hold_past_target=self.safeguarding.safeguard != "none" and self.safeguarding.scope == "pair",
            winner=winner,
            **own_options(self.objective),
        )

    @torch.no_grad()
    def _numbers(
        self, loss: Tensor, policy: Sides, reference: Reference, factor: Tensor | float, winner: Winner | None
    ) -> PairNumbers:
        policy = Sides(*(side.detach() for side in policy))
        u = margin(policy, reference.error, self.beta)
        beyond = past_target(self.objective.loss, Terms(u, policy, winner), **own_options(self.objective))
        return PairNumbers(loss.detach(), u, policy, reference.error, torch.ones_like(u) * factor, beyond)


def restrain(gradients: SideGradients, drift: float, safeguarding: Safeguarding) -> tuple[Tensor, float]:
    """The update's gradient, (P,), and the factor on the loser's part.

    `drift` x is the held-out winner error relative to the reference. With budget δ the safeguard comes in over
    s = clip((x − δ/2)/(δ/4), 0, 1): the loser's factor is (1−s) + s·λ*, and μ rises with s to .9.
    """
    if safeguarding.safeguard != "lora":
        return gradients.winner - gradients.loser, 1.0  # an output-space λ is already folded into G_l
    budget = safeguarding.drift_budget
    fade, mu = 1.0, safeguarding.mu
    if budget:
        fade = min(max((drift - budget / 2) / (budget / 4), 0.0), 1.0)
        mu += fade * (max(mu, _MU_AT_FULL_FORCE) - mu)
    factor = (1 - fade) + fade * float(exact_scale(*gradients, mu))
    return gradients.winner - factor * gradients.loser, factor


def assign(gradient: Tensor, parameters: Sequence[torch.nn.Parameter]) -> None:
    """Lay the flat `gradient`, (P,), into the parameters' `.grad`."""
    start = 0
    for parameter in parameters:
        end = start + parameter.numel()
        parameter.grad = gradient[start:end].view_as(parameter).clone()
        start = end


def flat(parts: Sequence[Tensor]) -> Tensor:
    """The tensors in a row, (P,)."""
    return torch.cat([part.detach().flatten() for part in parts])


def _join(seen: Sequence[PairNumbers]) -> PairNumbers:
    def cat(field: str) -> Tensor:
        return torch.cat([getattr(numbers, field) for numbers in seen])

    def cat_sides(field: str) -> Sides:
        return Sides(*(torch.cat([getattr(numbers, field)[i] for numbers in seen]) for i in range(2)))

    return PairNumbers(
        cat("loss"), cat("margin"), cat_sides("policy"), cat_sides("reference"), cat("scale"), cat("past_target")
    )

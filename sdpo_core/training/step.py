"""One step of Diffusion-SDPO for LoRA: the algorithm box.

Winner and loser are independent forward passes, so sending each side's cotangent back on its own costs what one
backward for both costs, and leaves G_w and G_l apart. With J the adapter's Jacobian, over the accumulated batch,

    G_w = J_wᵀ ∂L/∂pred_w        G_l = −J_lᵀ ∂L/∂pred_l
    λ*  = clip((1−μ)·‖G_w‖²/⟨G_w,G_l⟩, 0, 1), 1 where ⟨G_w,G_l⟩ ≤ 0;        gradient = G_w − λ*·G_l

Deviations from arXiv 2511.03317: the condition holds exactly, on the adapter's own parameters, instead of in output
space; a drift budget lets it act only as far as the held-out winner error has risen; and on draws without a prompt the
adapter is held to the reference instead of trained on the preference (docs/decisions.md).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sdpo_core.config import TrainConfig
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.objective import (
    Sides,
    Terms,
    add_noise,
    error,
    exact_scale,
    loser_scale,
    margin,
    mean_square,
    past_target,
    preference_loss,
    residual,
    target,
)
from sdpo_core.training.dataset import PairBatch

_MU_AT_TWICE_THE_BUDGET = 0.9
_OWN_OPTIONS = {"diffusion-dpo": ("smoothing",), "dmpo": ("alpha",), "ipo": ("tau",), "sft": ()}


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


def own_options(config: TrainConfig) -> dict[str, Any]:
    """The settings that belong to the chosen loss alone."""
    return {name: getattr(config, name) for name in _OWN_OPTIONS[config.loss]}


def loss_options(config: TrainConfig) -> dict[str, Any]:
    """The keyword arguments of `preference_loss` that `config` asks for."""
    return {
        "beta": config.beta,
        "mu": config.mu,
        "scope": config.scope,
        # The exact safeguard acts on the gradients afterwards; here only its rule for pairs past their target applies.
        "safeguard": "none" if config.safeguard == "lora" else config.safeguard,
        "hold_past_target": True if config.safeguard == "lora" else None,
        "loser_weight": config.loser_weight,
        "anchor": config.anchor,
        **own_options(config),
    }


def noise_sides(model: DiffusionModel, batch: PairBatch) -> tuple[Sides, Sides]:
    """Noised inputs and regression targets of both sides, (B, C, h, w) each: shared ε and t, so shared noising."""
    abar = model.alphas_cumprod[batch.timesteps]  # (B,)
    noised = Sides(*(add_noise(x0, batch.noise, abar) for x0 in batch.latents))
    targets = Sides(*(target(x0, batch.noise, abar, model.prediction_type) for x0 in batch.latents))
    return noised, targets


def side_gradients(
    model: DiffusionModel, lora: Lora, micro_batches: Sequence[PairBatch], config: TrainConfig
) -> tuple[SideGradients, PairNumbers]:
    """G_w and G_l of the mean loss over all `micro_batches`, and what was seen of the pairs."""
    pairs = sum(len(batch.pair_ids) for batch in micro_batches)
    size = sum(parameter.numel() for parameter in lora.parameters)
    gradients = SideGradients(*(torch.zeros(size, device=model.device) for _ in range(2)))
    seen: list[PairNumbers] = []
    for batch in micro_batches:
        noised, targets = noise_sides(model, batch)
        with torch.no_grad(), lora.off():
            reference = _predict(model, batch, noised)
        prediction = _predict(model, batch, noised)
        cut = Sides(*(side.detach().float().requires_grad_() for side in prediction))
        loss = preference_loss(config.loss, cut, reference, targets, **loss_options(config))  # (B,)
        objective = hold_unconditional(loss, batch, cut, reference, config)
        cotangents = torch.autograd.grad(objective.sum() / pairs, cut, materialize_grads=True)
        for total, side, cotangent, sign in zip(gradients, prediction, cotangents, (1, -1), strict=True):
            _accumulate(total, torch.autograd.grad(side, lora.parameters, cotangent.to(side.dtype)), sign)
        seen.append(_numbers(loss, cut, reference, targets, config))
    return gradients, _join(seen)


def _predict(model: DiffusionModel, batch: PairBatch, noised: Sides) -> Sides:
    told = zip(noised, batch.conditioning, strict=True)
    return Sides(*(model.predict(x, batch.timesteps, conditioning) for x, conditioning in told))


def hold_unconditional(loss: Tensor, batch: PairBatch, policy: Sides, reference: Sides, config: TrainConfig) -> Tensor:
    """`loss`, (B,), but (β/2)·κ·‖ε_θ − ε_ref‖² on the winner where the prompt was dropped: there nothing is preferred.

    Classifier-free guidance subtracts the empty prompt's prediction. An adapter that moves it like the others takes a
    part of its own effect away, and what is left of the two drifts is noise in the image (docs/decisions.md).
    """
    if not config.hold_unconditional:
        return loss
    unit = 1.0 if config.loss == "sft" else config.beta / 2  # of one ℓ in the loss
    moved = mean_square(policy.winner - reference.winner)  # (B,)
    return torch.where(batch.unconditional, unit * config.hold_unconditional * moved, loss)


def restrain(gradients: SideGradients, drift: float, config: TrainConfig) -> tuple[Tensor, float]:
    """The update's gradient, (P,), and the factor on the loser's part.

    `drift` x is the held-out winner error relative to the reference. With budget δ the safeguard fades in over
    s = clip((x − δ/2)/(δ/2), 0, 1), the loser's factor is (1−s) + s·λ*, and μ rises to .9 between δ and 2δ.
    """
    if config.safeguard != "lora":
        return gradients.winner - gradients.loser, 1.0  # an output-space λ is already folded into G_l
    budget = config.drift_budget
    fade, mu = 1.0, config.mu
    if budget:
        fade = min(max((drift - budget / 2) / (budget / 2), 0.0), 1.0)
        mu += (max(mu, _MU_AT_TWICE_THE_BUDGET) - mu) * min(max((drift - budget) / budget, 0.0), 1.0)
    factor = (1 - fade) + fade * float(exact_scale(*gradients, mu))
    return gradients.winner - factor * gradients.loser, factor


def assign(gradient: Tensor, parameters: Sequence[torch.nn.Parameter]) -> None:
    """Lay the flat `gradient`, (P,), into the parameters' `.grad`."""
    start = 0
    for parameter in parameters:
        end = start + parameter.numel()
        parameter.grad = gradient[start:end].view_as(parameter).clone()
        start = end


def _accumulate(total: Tensor, parts: Sequence[Tensor], sign: int) -> None:
    total.add_(torch.cat([part.flatten() for part in parts]).to(total), alpha=sign)


@torch.no_grad()
def _numbers(loss: Tensor, cut: Sides, reference: Sides, targets: Sides, config: TrainConfig) -> PairNumbers:
    policy_error, reference_error = error(cut, targets), error(reference, targets)
    u = margin(policy_error, reference_error, config.beta)
    scale = torch.ones_like(u)
    if config.safeguard == "output":
        scale = loser_scale(residual(cut, targets), config.mu, config.scope)
    elif config.safeguard == "constant":
        scale = scale * config.loser_weight
    beyond = past_target(config.loss, Terms(u, policy_error), **own_options(config))
    return PairNumbers(loss.detach(), u, policy_error, reference_error, scale, beyond)


def _join(seen: Sequence[PairNumbers]) -> PairNumbers:
    def cat(field: str) -> Tensor:
        return torch.cat([getattr(numbers, field) for numbers in seen])

    def cat_sides(field: str) -> Sides:
        return Sides(*(torch.cat([getattr(numbers, field)[i] for numbers in seen]) for i in range(2)))

    return PairNumbers(
        cat("loss"), cat("margin"), cat_sides("policy"), cat_sides("reference"), cat("scale"), cat("past_target")
    )

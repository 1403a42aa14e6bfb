"""The preference objectives, each a function of what a pair's forward passes gave.

All are per pair, (B,): the mean over the batch is taken after the sigmoid, never before. A loss is a function here or
in a module of its own, and one row in `sdpo_core.methods.losses`.
"""

import math
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from sdpo_core.methods.losses import LOSSES
from sdpo_core.objective.safeguard import Scope, loser_scale, scale_gradient
from sdpo_core.objective.sides import Sides, error, margin, mean_square, residual, widen

OutputSafeguard = Literal["none", "output", "constant"]


class Winner(NamedTuple):
    """What a loss that needs predictions uses in addition to the margin."""

    residual: Tensor  # e_w = ε_θ − target, (B, C, H, W)
    shift: Tensor  # ε_θ − ε_ref, (B, C, H, W)
    beta: float


class Terms(NamedTuple):
    """What a loss may use."""

    margin: Tensor  # u, (B,); the loser's gradient in it is already scaled
    error: Sides  # ℓ_w and ℓ_l, (B,) each
    winner: Winner | None = None  # given where predictions are available


def diffusion_dpo(terms: Terms, *, smoothing: float = 0.0) -> Tensor:
    """−(1−s)·log σ(u) − s·log σ(−u), (B,). Wallace et al. 2023 (arXiv 2311.12908), eq. 14.

    `smoothing` s is the assumed share of mistaken votes (conservative DPO); with s > 0 the best margin is finite.
    """
    u = terms.margin
    return -(1 - smoothing) * logsigmoid(u) - smoothing * logsigmoid(-u)


def dmpo(terms: Terms, *, alpha: float = 0.01) -> Tensor:
    """KL(Bern(σ(u)) ‖ Bern(1−α)), (B,). Li et al. 2025 (arXiv 2507.07510).

    Its target margin is logit(1−α), 4.6 at α = .01; pairs that are badly wrong get almost no gradient.
    """
    u = terms.margin
    p = u.sigmoid()
    return p * (logsigmoid(u) - math.log1p(-alpha)) + (1 - p) * (logsigmoid(-u) - math.log(alpha))


def ipo(terms: Terms, *, tau: float = 1.0) -> Tensor:
    """(u − τ)², (B,): a finite target margin τ. After Azar et al. 2023 (arXiv 2310.12036)."""
    return (terms.margin - tau).square()


def sft(terms: Terms) -> Tensor:
    """ℓ_w, (B,): fine-tuning on the winners alone, the baseline that a preference loss has to beat."""
    return terms.error.winner


def dspo(terms: Terms) -> Tensor:
    """‖e_w − β·σ(−u)·(ε_θ − ε_ref)‖² on the winner, mean over C, H, W, (B,): the official code's branch for SD1.5.

    Direct Score Preference Optimization (Zhu et al. 2024) as in Diffusion-SDPO's repository. At the β used there
    (.001) the second term is a two-thousandth of the shift and u stays 0, so this *is* winner fine-tuning
    (`sft`): the loser's gradient is some 1e-11 of the winner's, and a safeguard has nothing to do (docs/maths.md).

    Raises ValueError without `terms.winner`.
    """
    if terms.winner is None:
        raise ValueError("The loss 'dspo' needs the winner's predictions, but got only errors.")
    residual, shift, beta = terms.winner
    pull = beta * (-terms.margin).sigmoid()  # (B,)
    return mean_square(residual - pull.view(-1, *[1] * (shift.ndim - 1)) * shift)


def dspo_sdxl(terms: Terms) -> Tensor:
    """σ(−u)², (B,): what the official code's "DSPO" for SDXL amounts to, a squared-sigmoid loss of the margin.

    Its other branch, σ(−u)²·‖ε_θ − ε_ref‖², for a shift whose mean square is .1 or more, is left out: a policy that
    far from its reference has long been broken.
    """
    return (-terms.margin).sigmoid().square()


def preference_loss(
    name: str,
    prediction: Sides,
    reference: Sides,
    target: Sides,
    *,
    beta: float,
    mu: float,
    scope: Scope = "pair",
    safeguard: OutputSafeguard = "output",
    loser_weight: float = 0.25,
    anchor: float = 0.0,
    hold_past_target: bool | None = None,
    **own: Any,
) -> Tensor:
    """The loss `name` per pair, (B,), with the loser's gradient held back by `safeguard`.

    `prediction`, `reference` and `target` are (B, C, H, W) per side, computed at a shared timestep and noise. The value
    doesn't depend on the safeguard, only the gradient does. `own` are the loss's own settings (`smoothing`, `alpha`,
    `tau`); `anchor` adds anchor·(β/2)·ℓ_w. A pair past the loss's target margin would turn the safeguard around (its
    gradient raises the winner's error and calls that progress), so `hold_past_target` gives it no gradient; by default
    with a safeguard, except in scope "batch", which keeps the official code's behaviour.

    Raises ValueError for an unknown loss or safeguard. The exact safeguard "lora" needs the gradients of both sides:
    see `sdpo_core.training.step`.
    """
    e = residual(prediction, target)
    shift = widen(prediction.winner) - widen(reference.winner)
    if hold_past_target is None:
        hold_past_target = safeguard != "none" and scope == "pair"
    return loss_of_errors(
        name,
        Sides(mean_square(e.winner), mean_square(e.loser)),
        error(reference, target),
        beta=beta,
        factor=output_factor(safeguard, e, mu, scope, loser_weight),
        anchor=anchor,
        hold_past_target=hold_past_target,
        winner=Winner(e.winner, shift, beta),
        **own,
    )


def loss_of_errors(
    name: str,
    policy: Sides,
    reference: Sides,
    *,
    beta: float,
    factor: Tensor | float = 1.0,
    anchor: float = 0.0,
    hold_past_target: bool = False,
    winner: Winner | None = None,
    **own: Any,
) -> Tensor:
    """The loss `name` per pair, (B,), of the errors ℓ and ℓ^ref, (B,) each; `factor` λ scales the loser's gradient.

    All `LOSSES` but those that need predictions depend on them through the errors alone, which lets the winner's
    pass be finished before the loser's starts (`memory: split`), and lets ℓ^ref be kept (`noise_bank`).

    Raises ValueError for an unknown loss.
    """
    if name not in LOSSES:
        raise ValueError(f"Unknown loss {name!r}; expected one of {', '.join(LOSSES)}.")
    u = margin(Sides(policy.winner, scale_gradient(policy.loser, factor)), reference, beta)
    if hold_past_target:
        u = scale_gradient(u, ~past_target(name, Terms(u, policy, winner), **own))
    loss = LOSSES[name](Terms(u, policy, winner), **own)
    return loss + anchor * (beta / 2) * policy.winner if anchor else loss


def past_target(name: str, terms: Terms, **own: Any) -> Tensor:
    """Which pairs have a margin beyond the loss's target (dL/du > 0), (B,) bool; no pair where L ignores the margin."""
    winner = terms.winner and Winner(terms.winner.residual.detach(), terms.winner.shift.detach(), terms.winner.beta)
    with torch.enable_grad():
        u = terms.margin.detach().requires_grad_()
        loss = LOSSES[name](Terms(u, Sides(*(ell.detach() for ell in terms.error)), winner), **own)
        if not loss.requires_grad:
            return torch.zeros_like(u, dtype=torch.bool)
        (slope,) = torch.autograd.grad(loss.sum(), u)
    return slope > 0


def output_factor(safeguard: str, e: Sides, mu: float, scope: Scope, loser_weight: float) -> Tensor | float:
    """The factor λ on the loser's gradient that an output-space safeguard asks for, from the residuals e.

    Raises ValueError for an unknown safeguard, and for "lora", which needs the gradients of both sides.
    """
    match safeguard:
        case "none":
            return 1.0
        case "output":
            return loser_scale(e, mu, scope)
        case "constant":
            return loser_weight
        case "lora":
            raise ValueError(
                "Safeguard 'lora' acts on the gradients of both sides, which a loss doesn't have; "
                "use sdpo_core.training.step."
            )
        case _:
            raise ValueError(f"Unknown safeguard {safeguard!r}; expected none, output, constant or lora.")

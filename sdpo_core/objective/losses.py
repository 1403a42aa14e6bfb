"""The preference objectives, each a function of what a pair's forward passes yielded.

All are per pair, (B,): the mean over the batch is taken after the sigmoid, never before. Adding a loss is one function
and one line in `LOSSES`.
"""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from sdpo_core.objective.safeguard import Scope, loser_scale, scale_gradient
from sdpo_core.objective.sides import Sides, error, margin, mean_square, residual

OutputSafeguard = Literal["none", "output", "constant"]


class Terms(NamedTuple):
    """What a loss may look at."""

    margin: Tensor  # u, (B,); the loser's gradient in it is already scaled
    error: Sides  # ℓ_w and ℓ_l, (B,) each


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


LOSSES: dict[str, Callable[..., Tensor]] = {
    "diffusion-dpo": diffusion_dpo,
    "dmpo": dmpo,
    "ipo": ipo,
    "sft": sft,
}


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
    if name not in LOSSES:
        raise ValueError(f"Unknown loss {name!r}; expected one of {', '.join(LOSSES)}.")
    e = residual(prediction, target)
    policy = Sides(mean_square(e.winner), mean_square(e.loser))  # ℓ, (B,) each
    u = margin(
        Sides(policy.winner, scale_gradient(policy.loser, _output_scale(safeguard, e, mu, scope, loser_weight))),
        error(reference, target),
        beta,
    )
    if hold_past_target is None:
        hold_past_target = safeguard != "none" and scope == "pair"
    if hold_past_target:
        u = scale_gradient(u, ~past_target(name, Terms(u, policy), **own))
    loss = LOSSES[name](Terms(u, policy), **own)
    return loss + anchor * (beta / 2) * policy.winner if anchor else loss


def past_target(name: str, terms: Terms, **own: Any) -> Tensor:
    """Which pairs have a margin beyond the loss's target (dL/du > 0), (B,) bool; none where L ignores the margin."""
    with torch.enable_grad():
        u = terms.margin.detach().requires_grad_()
        loss = LOSSES[name](Terms(u, Sides(*(ell.detach() for ell in terms.error))), **own)
        if not loss.requires_grad:
            return torch.zeros_like(u, dtype=torch.bool)
        (slope,) = torch.autograd.grad(loss.sum(), u)
    return slope > 0


def _output_scale(safeguard: str, e: Sides, mu: float, scope: Scope, loser_weight: float) -> Tensor | float:
    match safeguard:
        case "none":
            return 1.0
        case "output":
            return loser_scale(e, mu, scope)
        case "constant":
            return loser_weight
        case "lora":
            raise ValueError(
                "Safeguard 'lora' acts on the gradients of both sides, which a loss can't see; "
                "use sdpo_core.training.step."
            )
        case _:
            raise ValueError(f"Unknown safeguard {safeguard!r}; expected none, output, constant or lora.")

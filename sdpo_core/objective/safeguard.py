"""The safeguard of Diffusion-SDPO: how much of the loser's gradient may pass.

Two forms. In *output space* (arXiv 2511.03317, eq. 15-17, algorithm 1) λ comes from the residuals alone, assuming that
the network's Jacobian treats both noised images alike. In *parameter space* λ* is the exact first-order condition; with
LoRA the two gradients are small enough to be kept separate, so the assumption isn't needed.

Deviation from the official code: no 1e-9 in the denominator (it isn't scale-free); we
branch on the sign of the inner product instead. The default scope is the pair, so that a batch can be split freely.
"""

from typing import Literal

import torch
from torch import Tensor

from sdpo_core.objective.sides import Sides, widen

Scope = Literal["pair", "batch"]


def safe_scale(winner_square: Tensor, alignment: Tensor, mu: float) -> Tensor:
    """λ = clip((1−μ)·‖w‖²/⟨w,l⟩, 0, 1), and 1 where ⟨w,l⟩ ≤ 0: the loser then doesn't hurt the winner.

    From ⟨−w + λl, w⟩ ≤ −μ‖w‖². `winner_square` is ‖w‖², `alignment` is ⟨w,l⟩, of any shape they share.
    """
    conflicts = alignment > 0
    scale = (1 - mu) * winner_square / torch.where(conflicts, alignment, torch.ones_like(alignment))
    return torch.where(conflicts, scale.clamp(0, 1), torch.ones_like(scale))


@torch.no_grad()
def loser_scale(residual: Sides, mu: float, scope: Scope = "pair") -> Tensor:
    """Output-space λ, (B,): `safe_scale` of the residuals e = prediction − target, (B, C, H, W) each.

    Scope "pair": one λ per pair. "batch": one λ from the sums over the batch, as in the official code.
    """
    # In half precision the squares underflow, λ becomes 1, and the safeguard silently does nothing.
    w, l = (widen(side).flatten(1) for side in residual)  # (B, CHW)
    winner_square, alignment = w.square().sum(1), (w * l).sum(1)  # (B,)
    if scope == "batch":
        winner_square, alignment = (x.sum().expand_as(x) for x in (winner_square, alignment))
    return safe_scale(winner_square, alignment, mu)


def scale_gradient(value: Tensor, scale: Tensor | float) -> Tensor:
    """ℓ̃ = sg(ℓ) + λ·(ℓ − sg(ℓ)): the value stays, the gradient is multiplied by λ."""
    return value.detach() + scale * (value - value.detach())


@torch.no_grad()
def exact_scale(winner: Tensor, loser: Tensor, mu: float) -> Tensor:
    """Parameter-space λ*, a scalar: `safe_scale` of the flat gradients G_w and G_l, (P,) each.

    First-order condition on this batch's weighted winner error; it binds the gradient, not AdamW's step.
    """
    return safe_scale(winner @ winner, winner @ loser, mu)

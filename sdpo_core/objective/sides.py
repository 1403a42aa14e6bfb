"""The two sides of an oriented pair, and the errors of both."""

from typing import NamedTuple

import torch
from torch import Tensor


class Sides(NamedTuple):
    """Something about the winner and the same about the loser; tensors are (B, ...) each."""

    winner: Tensor
    loser: Tensor


def residual(prediction: Sides, target: Sides) -> Sides:
    """e = prediction − target per side, (B, C, H, W), in float32 or wider.

    Half precision is widened *before* the subtraction: β multiplies rounding errors by thousands.
    """
    return Sides(
        widen(prediction.winner) - widen(target.winner),
        widen(prediction.loser) - widen(target.loser),
    )


def mean_square(e: Tensor) -> Tensor:
    """ℓ = mean over C, H, W of e², (B,)."""
    return e.square().flatten(1).mean(1)


def error(prediction: Sides, target: Sides) -> Sides:
    """ℓ_w and ℓ_l: mean squared denoising error per image, (B,) each, in float32 or wider."""
    e = residual(prediction, target)
    return Sides(mean_square(e.winner), mean_square(e.loser))


def margin(policy: Sides, reference: Sides, beta: float) -> Tensor:
    """u = −(β/2)·[(ℓ_w − ℓ_w^ref) − (ℓ_l − ℓ_l^ref)], (B,); arguments are errors ℓ.

    Positive: compared with the reference, the policy has moved towards the winner more than towards the loser
    (Wallace et al. 2023, eq. 14, with βTω(t) folded into the constant β/2).
    """
    return -(beta / 2) * ((policy.winner - reference.winner) - (policy.loser - reference.loser))


def widen(x: Tensor) -> Tensor:
    """`x` in float32, or unchanged if it is already wider."""
    return x.to(torch.promote_types(x.dtype, torch.float32))

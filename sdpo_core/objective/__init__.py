"""The paper, in torch alone: sides, losses, safeguard.

Diffusion-SDPO: Safeguarded Direct Preference Optimization for Diffusion Models (arXiv 2511.03317).
"""

from sdpo_core.methods.losses import LOSSES
from sdpo_core.objective.beta import paper_beta
from sdpo_core.objective.losses import (
    Terms,
    Winner,
    loss_of_errors,
    output_factor,
    past_target,
    preference_loss,
)
from sdpo_core.objective.safeguard import exact_scale, loser_scale, safe_scale, scale_gradient
from sdpo_core.objective.sides import Sides, error, margin, mean_square, residual, widen

__all__ = [
    "LOSSES",
    "Sides",
    "Terms",
    "Winner",
    "error",
    "exact_scale",
    "loser_scale",
    "loss_of_errors",
    "margin",
    "mean_square",
    "output_factor",
    "paper_beta",
    "past_target",
    "preference_loss",
    "residual",
    "safe_scale",
    "scale_gradient",
    "widen",
]

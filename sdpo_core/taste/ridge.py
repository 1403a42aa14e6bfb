"""Logistic regression with a ridge, for rows that are all of one class: differences winner − loser."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_MOST_STEPS = 50
_TOLERANCE = 1e-4
_HALVINGS = 30


def log_loss(margins: Array) -> Array:
    """−log σ(margin) of each, without overflow."""
    return np.logaddexp(0.0, -margins)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(−x)), without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def fit(rows: Array, weights: Array, ridge: float) -> Array:
    """argmin_β Σ w_i·log(1 + exp(−x_i·β)) + (ridge/2)·|β|², (r,).

    `rows` (N, r) are winner − loser, so that there is no intercept: exchanging the images of a pair changes nothing
    (Bradley & Terry 1952, Biometrika 39:324). `ridge` > 0 makes the minimum unique; 1/ridge is the prior variance of a
    coefficient.
    """
    return fit_many(rows, weights[None], np.array([ridge]))[0]


def fit_many(rows: Array, weights: Array, ridges: Array) -> Array:
    """`fit` for B problems on the same rows (N, r): `weights` (B, N), `ridges` (B,); (B, r). By Newton's method.

    A vote that a problem must not see has weight 0 in it. Together they cost far less than one by one.
    """
    beta = np.zeros((len(weights), rows.shape[1]))
    value = _objectives(rows, weights, ridges, beta)
    for _ in range(_MOST_STEPS):
        missed = weights * sigmoid(-(beta @ rows.T))  # (B, N)
        downhill = missed @ rows - ridges[:, None] * beta
        step = np.linalg.solve(_hessians(rows, weights, ridges, beta), downhill[..., None])[..., 0]
        moved = beta + step
        found = _objectives(rows, weights, ridges, moved)
        for _ in range(_HALVINGS):  # far from the minimum a whole step may go too far
            worse = found > value + 1e-12 * np.abs(value)
            if not worse.any():
                break
            step[worse] /= 2
            moved = beta + step
            found = _objectives(rows, weights, ridges, moved)
        beta, value = moved, found
        if np.abs(step).max(initial=0.0) < _TOLERANCE:
            break
    return beta


def left_out_margins(rows: Array, weights: Array, ridges: Array, groups: Sequence[NDArray[np.intp]]) -> Array:
    """Each vote's margin by the model that did not see its group, for each of B `ridges`; (B, N).

    One fit for each ridge and one Newton step for each group from there, which is close where no group decides alone
    (Rad & Maleki 2020, J. R. Stat. Soc. B 82:965, in blocks). With C the inverse Hessian, a the group's x·C·xᵀ, and d
    its votes' curvature: m − a·(I − d·a)⁻¹·w·σ(−m).
    """
    betas = fit_many(rows, np.tile(weights, (len(ridges), 1)), ridges)
    margins = betas @ rows.T  # (B, N)
    missed = sigmoid(-margins)
    bent = weights * missed * (1 - missed)  # (B, N)
    spread = rows @ np.linalg.solve(_hessians(rows, np.tile(weights, (len(ridges), 1)), ridges, betas), rows.T)
    left_out = np.empty_like(margins)
    for group in groups:
        own = spread[:, group[:, None], group]  # (B, n, n)
        without = np.eye(len(group)) - bent[:, group, None] * own
        pull = np.linalg.solve(without, (weights * missed)[:, group, None])  # (B, n, 1)
        left_out[:, group] = margins[:, group] - (own @ pull)[..., 0]
    return left_out


def hessian(rows: Array, weights: Array, ridge: float, beta: Array) -> Array:
    """Second derivative of what `fit` minimises, at β, (r, r). Its inverse is Laplace's posterior covariance."""
    return _hessians(rows, weights[None], np.array([ridge]), beta[None])[0]


def _hessians(rows: Array, weights: Array, ridges: Array, beta: Array) -> Array:
    chance = sigmoid(beta @ rows.T)  # (B, N)
    bent = (weights * chance * (1 - chance))[:, :, None] * rows  # (B, N, r)
    return rows.T @ bent + ridges[:, None, None] * np.eye(rows.shape[1])


def _objectives(rows: Array, weights: Array, ridges: Array, beta: Array) -> Array:
    return (weights * log_loss(beta @ rows.T)).sum(1) + 0.5 * ridges * np.square(beta).sum(1)

"""Differences of feature vectors in few coordinates: each part standardised, and seen along its main directions.

Made without looking at who won, so that it may be shared by all folds of a cross-validation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdpo_core.taste.layout import Layout, Part, Vector
from sdpo_core.taste.ridge import Array

MOST_DIRECTIONS = 128
"""Of each part. Exact up to so many votes; beyond, what varies least is left out, which a ridge all but ignores."""

_MOST_ROWS = 1000  # that the directions are found on
_NO_SPREAD = 1e-5  # of a feature's own size: below is rounding
_NEGLIGIBLE = 1e-9  # of the largest direction's share


@dataclass(frozen=True)
class PartCoordinates:
    """One part: z = difference · inverse_scale has a mean square length of 1, and y = z · directions."""

    inverse_scale: NDArray[np.float32]  # (D_part,), 0 where the feature never differs
    directions: Array  # (D_part, r), orthonormal columns
    rows: Array  # (N, r): y of every vote


def coordinates(layout: Layout, differences: Vector, size: Vector) -> dict[Part, PartCoordinates]:
    """Coordinates of `differences` (N, D) in each part that has any feature that differs.

    `size` (D,) is how large each feature is, to tell a difference from rounding.
    """
    found: dict[Part, PartCoordinates] = {}
    for part, place in layout.slices.items():
        own = differences[:, place]
        scale = np.sqrt(np.square(own, dtype=np.float64).mean(0))  # (D_part,)
        live = scale > _NO_SPREAD * size[place] + np.finfo(np.float32).tiny
        if not live.any():
            continue
        inverse = np.zeros(len(scale), np.float32)
        inverse[live] = 1 / (scale[live] * np.sqrt(live.sum()))
        z = own * inverse
        directions = _main_directions(z)
        found[part] = PartCoordinates(inverse, directions, z @ directions)
    return found


def together(parts: dict[Part, PartCoordinates], chosen: Sequence[Part]) -> Array:
    """The votes' coordinates in several parts of equal say, (N, Σr), with a mean square length of at most 1."""
    return np.concatenate([parts[part].rows for part in chosen], axis=1) / np.sqrt(len(chosen))


def _main_directions(z: Vector) -> Array:
    """The directions in which `z` (N, D) is largest, (D, r) orthonormal: from the smaller of its two Gram matrices."""
    if len(z) > _MOST_ROWS:
        z = z[np.random.default_rng(0).permutation(len(z))[:_MOST_ROWS]]
    rows = z.astype(np.float64)
    few = len(rows) < rows.shape[1]
    values, vectors = np.linalg.eigh(rows @ rows.T if few else rows.T @ rows)
    kept = np.flatnonzero(values > _NEGLIGIBLE * values[-1])[::-1][:MOST_DIRECTIONS]
    directions = vectors[:, kept]
    if few:
        directions = rows.T @ directions / np.sqrt(values[kept])
    # An eigenvector's sign is arbitrary; fixed, so that every machine writes the same file as far as it can.
    signs = np.sign(directions[np.abs(directions).argmax(0), np.arange(len(kept))])
    return directions * signs

"""Cross-validation in whole groups: which parts and ridge predict held-out votes best, and how well that choice does.

The choice is made again inside each outer fold (nested), because a choice among many looks better than it is on the
votes that chose it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sdpo_core.taste import ridge
from sdpo_core.taste.coordinates import PartCoordinates, together
from sdpo_core.taste.layout import Part
from sdpo_core.taste.ridge import Array

RIDGES = (3.0, 1.0, 0.3, 0.1, 0.03)
"""From the strongest on. A margin has the prior variance 1/ridge."""

_FOLDS, _FEWER_FOLDS = 10, 5
_MANY_VOTES = 100  # above, fewer folds are as good
_MOST_TO_CHOOSE_ON = 300

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Choice:
    """Which parts are used, and how strongly the weights are held back."""

    parts: tuple[Part, ...]
    ridge: float


def folds(groups: Sequence[str], count: int) -> list[Rows]:
    """The rows of up to `count` folds of about equal size; a group is in one fold. The order of votes plays no part."""
    sizes = Counter(groups)
    order = sorted(sizes, key=lambda group: (-sizes[group], hashlib.sha256(group.encode()).digest()))
    filled = [0] * min(count, len(sizes))
    fold_of: dict[str, int] = {}
    for group in order:
        fold_of[group] = filled.index(min(filled))
        filled[fold_of[group]] += sizes[group]
    numbers = np.array([fold_of[group] for group in groups])
    return [np.flatnonzero(numbers == fold) for fold in range(len(filled))]


def choose(parts: dict[Part, PartCoordinates], weights: Array, groups: Sequence[str], rows: Rows) -> Choice:
    """The choice with the smallest log loss on `rows`, each group left out in turn; of equals the simplest."""
    if len(rows) > _MOST_TO_CHOOSE_ON:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:_MOST_TO_CHOOSE_ON])
    own = [groups[int(row)] for row in rows]
    members = [np.flatnonzero(np.array(own) == group) for group in dict.fromkeys(own)]
    best, least = Choice(next(iter(_subsets(parts))), RIDGES[0]), np.inf
    for subset in _subsets(parts):
        x = together(parts, subset)[rows]
        if len(x) < x.shape[1]:  # fewer votes than coordinates: turned so that the rest are 0
            x = np.linalg.qr(x.T).R.T
        margins = ridge.left_out_margins(x, weights[rows], np.array(RIDGES), members)  # (R, N)
        for strength, loss in zip(RIDGES, ridge.log_loss(margins) @ weights[rows], strict=True):
            if loss < least - 1e-9:
                best, least = Choice(subset, strength), loss
    return best


def held_out_margins(parts: dict[Part, PartCoordinates], weights: Array, groups: Sequence[str]) -> Array:
    """Each vote's margin by a model, choice included, that saw nothing of its group: (N,), > 0 where it is right."""
    everything = np.arange(len(weights))
    margins = np.zeros(len(weights))
    for held in folds(groups, _FEWER_FOLDS if len(weights) > _MANY_VOTES else _FOLDS):
        seen = np.setdiff1d(everything, held)
        chosen = choose(parts, weights, groups, seen)
        x = together(parts, chosen.parts)
        margins[held] = x[held] @ ridge.fit(x[seen], weights[seen], chosen.ridge)
    return margins


def _subsets(parts: dict[Part, PartCoordinates]) -> Iterator[tuple[Part, ...]]:
    """Every choice of parts, fewest first."""
    for count in range(1, len(parts) + 1):
        yield from combinations(parts, count)

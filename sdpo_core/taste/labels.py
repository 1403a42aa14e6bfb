"""Pairs that nobody voted on, labelled by the taste model where it is sure.

A label is no vote: it trains, and is never counted, shown or exported as the person's choice.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sdpo_core.errors import DataError
from sdpo_core.taste.layout import Vector
from sdpo_core.taste.model import TasteModel

SURER_HALF = 0.5
"""Share of the drawn pairs that is labelled unless something else is asked for."""

Weighting = Literal["equal", "confidence"]


@dataclass(frozen=True)
class Label:
    """What the taste model says about one pair."""

    row: int  # which of the pairs that were given
    first_wins: bool
    probability: float  # that the person would say so, in (.5, 1]
    weight: float  # how much it counts in training, against a vote's 1


def label_pairs(
    model: TasteModel,
    first: Vector,
    second: Vector,
    *,
    share: float = SURER_HALF,
    threshold: float = 0.5,
    weight: float = 1.0,
    weighting: Weighting = "equal",
) -> list[Label]:
    """Labels of the surest `share` of the pairs that reach the probability `threshold`, in the pairs' order.

    `first` and `second` are (N, D). With `weighting` "confidence" a label counts `weight`·(2p − 1): what is left of its
    gradient on average when it is wrong as often as it says. A model that knows no taste labels nothing. Raises
    `DataError` for a share, threshold or weight out of range.
    """
    if not 0 <= share <= 1 or not 0.5 <= threshold <= 1 or not 0 < weight < np.inf:
        raise DataError(
            "Labels need a share from 0 to 1, a probability from 0.5 to 1 and a weight above 0; got "
            f"{share:g}, {threshold:g} and {weight:g}."
        )
    if not model.knows_taste or not len(first):
        return []
    chances = model.chance(first, second)
    sure = np.maximum(chances, 1 - chances)
    most = round(share * len(chances))
    # Stable, so that of equally sure pairs the first ones are taken on every machine.
    chosen = np.sort(np.argsort(-sure, kind="stable")[:most])
    return [
        Label(int(row), bool(chances[row] > 0.5), float(sure[row]), _weight(weight, float(sure[row]), weighting))
        for row in chosen
        if sure[row] > 0.5 and sure[row] >= threshold
    ]


def _weight(weight: float, probability: float, weighting: Weighting) -> float:
    return weight * (2 * probability - 1) if weighting == "confidence" else weight

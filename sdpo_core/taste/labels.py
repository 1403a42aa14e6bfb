"""Pairs that nobody voted on, labelled by the taste model where it is sure.

A label isn't a vote: it trains, but is never counted, shown or exported as the person's choice.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sdpo_core.errors import DataError
from sdpo_core.settings.course import Schedule
from sdpo_core.settings.learning import Labelling
from sdpo_core.taste.layout import Vector
from sdpo_core.taste.model import TasteModel

LABELS = "labels.json"
"""In a run's folder, written last: what became of its labels, in numbers and a sentence."""

SUREST_QUARTER = 0.25
"""Share of the generated pairs that is labelled unless something else is asked for."""

Weighting = Literal["equal", "confidence"]

_MOST_PER_VOTE = 2  # pairs generated for each vote, at an effort of 1
_MOST_BY_TIME = 20_000  # when only the time is limited
_FORWARD_PASSES_PER_PAIR_STEP = 8  # two images by policy and reference, and backward for two, which costs twice as much
_PASSES_PER_SAMPLER_STEP = 2  # with and without the prompt


@dataclass(frozen=True)
class Label:
    """What the taste model says about one pair."""

    row: int  # which of the pairs that were given
    first_wins: bool
    probability: float  # that the person would say so, in (.5, 1]
    weight: float  # how much it counts in training, against a vote's 1


def pairs_to_draw(labels: Labelling, schedule: Schedule, sampling_steps: int, votes: int) -> int:
    """How many pairs a run with so many training votes generates to label, if it gets to know the taste.

    `auto` takes as many as cost `label_effort` times as much as the training itself, counted in forward passes of the
    network, and at most twice as many for each vote.
    """
    if labels.label_pairs != "auto":
        return labels.label_pairs
    if labels.label_minutes is not None:
        return _MOST_BY_TIME
    assert schedule.steps is not None
    budget = labels.label_effort * schedule.steps * schedule.pairs_per_step * _FORWARD_PASSES_PER_PAIR_STEP
    pair = 2 * sampling_steps * _PASSES_PER_SAMPLER_STEP
    return int(min(_MOST_PER_VOTE * labels.label_effort * votes, budget // pair))


def label_pairs(
    model: TasteModel,
    first: Vector,
    second: Vector,
    *,
    share: float = SUREST_QUARTER,
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

"""Which pair to ask about next: the one whose answer says most, or now and then one by chance.

An answer says most where the taste model is unsure and the images differ in what no vote has covered. Such questions
are harder than others, so the model is only tested on answers to pairs that chance chose (`ChosenBy`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from sdpo_core.errors import DataError
from sdpo_core.taste.layout import Vector
from sdpo_core.taste.model import TasteModel
from sdpo_core.taste.ridge import Array, sigmoid
from sdpo_core.workspace.records import ChosenBy

BY_CHANCE = 0.25
"""Share of the questions that chance chooses."""

_DRAWN_BITS = 64


@dataclass(frozen=True)
class Question:
    """A pair to ask about."""

    first: int  # rows of the vectors that were given
    second: int
    chosen_by: ChosenBy


def information(log_odds: Array, variance: Array) -> Array:
    """What an answer is expected to tell, in nats: ½·log(1 + p(1−p)·Var), of any shape.

    The gain of a linear model with Laplace's posterior from one observation (MacKay 1992, Neural Computation 4:590),
    whose noise precision is p(1−p).
    """
    chance = sigmoid(log_odds)
    return 0.5 * np.log1p(chance * (1 - chance) * variance)


def choose_question(
    model: TasteModel,
    vectors: Vector,
    token: str,
    *,
    by_chance: float = BY_CHANCE,
    asked: Sequence[tuple[int, int]] = (),
) -> Question:
    """The pair to ask about among k candidates of one prompt, given by their `vectors` (k, D).

    `token` names the question (prompt and seeds, say): from it alone follows whether chance decides, and what it
    decides, so the same question is asked again after a crash. A model that knows no taste leaves everything to chance.
    Pairs in `asked` are not chosen. Raises `DataError` when no pair is left.
    """
    taken = {tuple(sorted(pair)) for pair in asked}
    left = [pair for pair in combinations(range(len(vectors)), 2) if pair not in taken]
    if not left:
        raise DataError("No pairs left to ask about. Generate more images of this prompt.")
    if _lottery(token, "who") < by_chance or not model.knows_taste:
        first, second = left[int(_lottery(token, "which") * len(left))]
        return Question(first, second, "chance")
    gain = information(*model.between(vectors))
    rows, columns = np.array(left).T
    best = int(gain[rows, columns].argmax())  # the first of equals
    return Question(int(rows[best]), int(columns[best]), "taste")


def rank_pairs(model: TasteModel, first: Vector, second: Vector) -> list[int]:
    """Rows of pairs, (N, D) each, the most informative first; in the given order for a model that knows no taste."""
    if not model.knows_taste:
        return list(range(len(first)))
    log_odds = model.score(first) - model.score(second)
    gain = information(log_odds, model.variance(first, second))
    return [int(row) for row in np.argsort(-gain, kind="stable")]


def _lottery(token: str, purpose: str) -> float:
    """A number in [0, 1) that looks random, and is always the same for the same token."""
    drawn = hashlib.sha256(f"{purpose} {token}".encode()).digest()[: _DRAWN_BITS // 8]
    return int.from_bytes(drawn, "big") / 2**_DRAWN_BITS

"""Votes as the taste model sees them: two vectors, and which of them was preferred. Ties and skips say nothing."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdpo_core.errors import DataError
from sdpo_core.taste.layout import FEATURES, Layout, Vector
from sdpo_core.workspace.records import VotedPair
from sdpo_core.workspace.store import Store

MUCH_BETTER_WEIGHT = 1.5
"""How much a vote “much better” counts against a plain one: such a choice is less likely a slip."""

_FEWEST_PROMPTS = 4  # below this, folds hold out connected images instead of whole prompts


@dataclass(frozen=True)
class Comparisons:
    """N decided votes on images of one base model, sides as they were shown.

    Raises `DataError` when the arrays don't fit together, or hold NaN or infinity.
    """

    layout: Layout
    left: Vector  # (N, D)
    right: Vector  # (N, D)
    left_won: NDArray[np.bool_]  # (N,)
    prompts: tuple[str, ...]
    weights: NDArray[np.float64]  # (N,) how much each vote counts; > 0
    by_chance: NDArray[np.bool_]  # (N,) False where the taste model itself chose the question: not for its own test

    def __post_init__(self) -> None:
        for side in (self.left, self.right):
            self.layout.require(side, "images of these votes")
        lengths = {len(self.left), len(self.right), len(self.left_won), len(self.prompts), len(self.weights)}
        if lengths != {len(self.by_chance)}:
            raise DataError(
                f"Got different numbers of votes, images and prompts ({sorted(lengths)}). Each vote needs all of them."
            )
        if len(self.weights) and not (np.isfinite(self.weights).all() and self.weights.min() > 0):
            raise DataError("A vote's weight must be a number above 0.")

    @classmethod
    def of(
        cls,
        layout: Layout,
        left: Vector,
        right: Vector,
        left_won: Sequence[bool] | NDArray[np.bool_],
        prompts: Sequence[str],
    ) -> "Comparisons":
        """Votes that all count alike, on pairs that chance chose."""
        count = len(left_won)
        chosen = np.asarray(left_won, np.bool_)
        return cls(layout, left, right, chosen, tuple(prompts), np.ones(count), np.ones(count, np.bool_))

    def __len__(self) -> int:
        return len(self.left_won)

    def differences(self) -> Vector:
        """Winner − loser, (N, D) float32."""
        return np.where(self.left_won[:, None], self.left - self.right, self.right - self.left)

    def contradictions(self) -> int:
        """How many votes are answered by one the other way round on the same two images."""
        said = Counter(self._ordered())
        return sum(min(count, said[(loser, winner)]) for (winner, loser), count in said.items() if winner != loser)

    def groups(self) -> list[str]:
        """What is held out together, one name per vote: the prompt, or with few prompts the images that are connected.

        Two votes that share an image, or a prompt, are not independent; a test on one would know the other.
        """
        if len(set(self.prompts)) >= _FEWEST_PROMPTS:
            return list(self.prompts)
        parent: dict[str, str] = {}

        def find(node: str) -> str:
            while parent.setdefault(node, node) != node:
                node = parent[node]
            return node

        sides = self._ordered()
        for winner, loser in sides:
            low, high = sorted((find(winner), find(loser)))
            parent[high] = low
        return [find(winner) for winner, _ in sides]

    def _ordered(self) -> list[tuple[str, str]]:
        """Winner and loser of each vote, images named by their vectors."""
        names = [[hashlib.sha256(row.tobytes()).hexdigest() for row in side] for side in (self.left, self.right)]
        both = zip(*names, self.left_won, strict=True)
        return [(left, right) if won else (right, left) for left, right, won in both]


def read_votes(store: Store, base_sha256: str, voted: Sequence[VotedPair]) -> tuple[Comparisons, tuple[VotedPair, ...]]:
    """`from_votes` with what the store has of the model `base_sha256`; no votes where it has described nothing yet.

    Which votes are asked about decides the caller: those that train, say, without the health bank's.
    """
    eye = store.features.eye(base_sha256, FEATURES)
    layout = Layout(eye.latent_channels, eye.network_channels) if eye else Layout(1, 0)
    images = {side.image_sha256 for one in voted for side in (one.pair.left, one.pair.right)}
    return from_votes(layout, voted, store.features.get(base_sha256, FEATURES, images))


def from_votes(
    layout: Layout, voted: Sequence[VotedPair], vectors: Mapping[str, Vector]
) -> tuple[Comparisons, tuple[VotedPair, ...]]:
    """The decided ones among `voted` whose images are both described in `vectors` (by SHA-256), and those pairs."""
    used = tuple(
        one
        for one in voted
        if one.vote.choice in ("left", "right")
        and {one.pair.left.image_sha256, one.pair.right.image_sha256} <= vectors.keys()
    )
    told = Comparisons(
        layout,
        layout.require([vectors[one.pair.left.image_sha256] for one in used]),
        layout.require([vectors[one.pair.right.image_sha256] for one in used]),
        np.array([one.vote.choice == "left" for one in used], np.bool_),
        tuple(one.pair.left.prompt for one in used),
        np.array([MUCH_BETTER_WEIGHT if one.vote.strength == 2 else 1.0 for one in used]),
        np.array([one.pair.chosen_by != "taste" for one in used], np.bool_),
    )
    return told, used

"""What the votes on a model say, put together for a page: read from the store, fitted elsewhere, told.

Blind tests stay out of it: none of their images, and no other image of their prompts, is scored, shown or asked about.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from sdpo_core.taste.comparisons import Comparisons, read_votes
from sdpo_core.taste.fit import FEWEST_VOTES, Fitted
from sdpo_core.taste.layout import FEATURES, Vector
from sdpo_core.taste.model import TasteModel
from sdpo_core.taste.questions import rank_pairs
from sdpo_core.taste.words import Agreement, by_prompt, describe, extremes, unsure
from sdpo_core.workspace.asking import Sides
from sdpo_core.workspace.pairs import blind_tests, made_by
from sdpo_core.workspace.records import Candidate, VotedPair
from sdpo_core.workspace.store import Store

MOST_IMAGES = 600
"""So many of the newest images are read: enough to choose from, and ranked in milliseconds."""

_MOST_WAITING = 100  # open pairs, the oldest
_DOUBT = 0.2  # the chance of an unsure choice is this near to .5
_OF_A_PROMPT = 12  # images that further pairs are made of
_FURTHER = 60  # pairs among which the most telling ones are looked for
_FEW_OF_A_PROMPT = 3  # fewer votes say nothing about a prompt

Two = tuple[Candidate, Candidate]
"""A pair as it would be shown, left and right."""


@dataclass(frozen=True)
class Material:
    """What the store has to describe one project and model."""

    votes: Comparisons
    voted: tuple[VotedPair, ...]  # whose votes those are
    decided: int  # votes for a side that it would learn from, had the model described all their images
    elsewhere: int  # further ones, on images that the model did not make
    images: tuple[Candidate, ...]  # that may be shown, newest first; all have a vector
    waiting: tuple[Two, ...]  # open pairs of such images, oldest first
    paired: frozenset[Sides]  # ids of candidates that are a pair already, the smaller first
    vectors: Vector  # (M, D) of all of these images
    rows: dict[str, int]  # of theirs, by the image's SHA-256

    @property
    def key(self) -> str:
        """The same for the same votes on the same images, so that these are fitted once."""
        told = [
            [one.image_sha256 for one in voted.sides]
            + [voted.vote.choice, voted.vote.strength, voted.pair.chosen_by, voted.pair.left.prompt]
            for voted in self.voted
        ]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@dataclass(frozen=True)
class Told:
    """What there is to say. Only the sentences are never empty."""

    sentences: tuple[str, ...]
    most: tuple[Candidate, ...]  # the images that the person likes most, as the model sees it, the first one most
    least: tuple[Candidate, ...]  # and least
    agreements: tuple[Agreement, ...]  # prompts with enough votes, the best predicted first
    unsure: tuple[Two, ...]  # of which the model can hardly say what would be chosen


def read_material(store: Store, base_sha256: str) -> Material:
    """Everything that `tell` needs, of the model `base_sha256`.

    What this model made counts; where no vote is about that, all that it has described.
    """
    decided = [one for one in store.pairs.voted(purpose="train") if one.vote.choice in ("left", "right")]
    own = [one for one in decided if _made_here(one.sides, base_sha256)]
    votes, used = read_votes(store, base_sha256, own or decided)
    blind = _blind(store)
    seen = [one for one in store.candidates.newest(limit=MOST_IMAGES, purpose="train") if not blind(one)]
    pairs = [(one.left, one.right) for one in store.pairs.open(purpose="train", limit=_MOST_WAITING)]
    open_pairs = [two for two in pairs if not any(map(blind, two))]
    names = {one.image_sha256 for one in seen} | {one.image_sha256 for two in open_pairs for one in two}
    vectors = store.features.get(base_sha256, FEATURES, names)
    images = [one for one in seen if one.image_sha256 in vectors and store.images.has(one.image_sha256)]
    waiting = [two for two in open_pairs if all(one.image_sha256 in vectors for one in two)]
    return Material(
        votes=votes,
        voted=used,
        decided=len(own),
        elsewhere=len(decided) - len(own),
        images=tuple(one for one in images if not own or made_by(one, base_sha256)),
        waiting=tuple(two for two in waiting if not own or _made_here(two, base_sha256)),
        paired=frozenset(store.questions.paired()),
        vectors=votes.layout.require([*vectors.values()], "images of this project"),
        rows={sha256: row for row, sha256 in enumerate(vectors)},
    )


def tell(material: Material, fitted: Fitted, images: int, questions: int) -> Told:
    """What the fit says: so many images liked most and least, and so many pairs it is unsure of, or fewer."""
    model, votes = fitted.model, material.votes
    few = len(votes) < FEWEST_VOTES
    sentences = [model.facts.sentence] if few else describe(votes, model)
    if not model.knows_taste:
        return Told(tuple(sentences), (), (), (), ())
    vectors = _stacked(material, material.images)
    most, least = extremes(model, vectors, [one.prompt for one in material.images], images)
    agreements = [one for one in by_prompt(votes, fitted.held_out) if one.votes >= _FEW_OF_A_PROMPT]
    return Told(
        sentences=tuple(sentences),
        most=tuple(material.images[row] for row in most),
        least=tuple(material.images[row] for row in least),
        agreements=tuple(agreements),
        unsure=tuple(_unsure_of(model, material, vectors, questions)),
    )


def _unsure_of(model: TasteModel, material: Material, vectors: Vector, count: int) -> list[Two]:
    """Open pairs first; where they are too few, further ones that were never paired. `vectors` are of the images."""
    first, second = (_stacked(material, side) for side in _sides(material.waiting))
    near = np.abs(model.chance(first, second) - 0.5) <= _DOUBT
    chosen = [material.waiting[row] for row in unsure(model, first, second, count) if near[row]]
    missing = count - len(chosen)
    return [*chosen, *_further(model, material, vectors, missing)] if missing else chosen


def _further(model: TasteModel, material: Material, vectors: Vector, count: int) -> list[Two]:
    """Up to `count` pairs to be made, the one whose answer says most first, no image in two of them.

    Asked for doubt alone, two images that look the same would come first.
    """
    scores = dict(zip((one.id for one in material.images), model.score(vectors), strict=True))
    two = [(one, other) for one, other in _never_paired(material) if one.image_sha256 != other.image_sha256]
    gaps = np.array([abs(scores[one.id] - scores[other.id]) for one, other in two])
    nearest = [int(row) for row in np.argsort(gaps, kind="stable")[:_FURTHER]]
    close = [two[row] for row in nearest if gaps[row] <= np.log((0.5 + _DOUBT) / (0.5 - _DOUBT))]
    first, second = (_stacked(material, side) for side in _sides(close))
    chosen: list[Two] = []
    used: set[int] = set()
    for row in rank_pairs(model, first, second):
        ids = {one.id for one in close[row]}
        if len(chosen) < count and not ids & used:
            chosen.append(close[row])
            used |= ids
    return chosen


def _never_paired(material: Material) -> list[Two]:
    """Pairs that could be made of the images: of one prompt, generated alike, and not paired yet."""
    alike: defaultdict[tuple[object, ...], list[Candidate]] = defaultdict(list)
    for one in material.images:
        made = (one.recipe.base_sha256, one.recipe.adapters) if one.recipe else ()
        alike[one.prompt, one.negative, one.width_px, one.height_px, made].append(one)
    return [
        (one, other)
        for group in alike.values()
        for one, other in combinations(group[:_OF_A_PROMPT], 2)
        if (min(one.id, other.id), max(one.id, other.id)) not in material.paired
    ]


def _blind(store: Store) -> Callable[[Candidate], bool]:
    """Says of an image whether it belongs to blind tests, or has a prompt of theirs that the person did not release."""
    tests = blind_tests(store)
    images = {one.image_sha256 for one in tests.images}
    return lambda one: one.image_sha256 in images or one.prompt in tests.prompts


def _made_here(sides: Iterable[Candidate], base_sha256: str) -> bool:
    return all(made_by(side, base_sha256) for side in sides)


def _sides(pairs: Sequence[Two]) -> tuple[list[Candidate], list[Candidate]]:
    return [one for one, _ in pairs], [other for _, other in pairs]


def _stacked(material: Material, images: Sequence[Candidate]) -> Vector:
    """Their vectors, (N, D)."""
    return material.vectors[[material.rows[one.image_sha256] for one in images]]

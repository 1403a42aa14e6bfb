"""What a person's votes say, as text: from statistics that have names, with the doubt that few votes leave.

Nothing here looks at the taste model's weights: a ridge shares a weight among features that go together, so a single
weight has no meaning. What is reported is how the winners really differ from the losers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sdpo_core.taste.comparisons import Comparisons
from sdpo_core.taste.fit import FEWEST_VOTES
from sdpo_core.taste.layout import PIXEL_FEATURES, Vector
from sdpo_core.taste.model import TasteModel
from sdpo_core.taste.ridge import Array

Surety = Literal["clearly", "probably"]

_CLEAR, _PROBABLE = 4.5, 3.4
"""Winner − loser against 0, in standard errors. With about a hundred features, chance alone passes 3.4 once in some
fifteen people, and 4.5 hardly ever."""

_SAME_THING = 0.5  # correlation of two differences above which the second adds nothing to say

_ALMOST_AS_SURE = 0.85  # as the surest region
_LOCAL = 1.5  # times the mean difference in the whole image: then it is the part that differs

_WORDS: dict[str, tuple[str, str]] = {
    "red mean": ("redder", "less red"),
    "green mean": ("greener", "less green"),
    "blue mean": ("bluer", "less blue"),
    "luminance mean": ("brighter", "darker"),
    "saturation mean": ("more colourful", "less colourful"),
    "warmth mean": ("warmer", "cooler"),
    "red spread": ("more varied in red", "more even in red"),
    "green spread": ("more varied in green", "more even in green"),
    "blue spread": ("more varied in blue", "more even in blue"),
    "luminance spread": ("more varied in brightness", "more even in brightness"),
    "saturation spread": ("more varied in colourfulness", "more even in colourfulness"),
    "warmth spread": ("more varied between warm and cool", "more even between warm and cool"),
    "contrast": ("richer in contrast", "softer in contrast"),
    "detail": ("more detailed", "smoother"),
}
_PLACES = {
    "whole": "",
    "upper": " in the upper third",
    "middle": " in the middle",
    "lower": " in the lower third",
    "left": " on the left",
    "centre": " in the centre",
    "right": " on the right",
}


@dataclass(frozen=True)
class Finding:
    """One thing in which the preferred images differ from the others."""

    region: str
    statistic: str
    more: bool  # whether the winners have more of it
    standard_errors: float  # by how many the mean difference is away from 0
    surety: Surety

    def words(self) -> str:
        """For instance "warmer", "more detailed in the lower third"."""
        return _WORDS[self.statistic][0 if self.more else 1] + _PLACES[self.region]


def findings(votes: Comparisons, most: int = 4) -> list[Finding]:
    """In what the winners differ from the losers, the surest first; each says something that those before it don't."""
    if len(votes) < FEWEST_VOTES:
        return []
    differences = votes.weights[:, None] * votes.differences()[:, votes.layout.slices["pixels"]]  # (N, P)
    surest = _standard_errors(differences)
    lengths = np.sqrt(np.square(differences).sum(0))
    told: list[int] = []
    for column in np.argsort(-np.abs(surest), kind="stable"):
        if len(told) == most or abs(surest[column]) < _PROBABLE:
            break
        known = differences[:, told].T @ differences[:, column] / (lengths[told] * lengths[column])
        if np.abs(known).max(initial=0.0) <= _SAME_THING:
            told.append(_best_region(int(column), surest, differences))
    return [_finding(column, float(surest[column])) for column in told]


def describe(votes: Comparisons, model: TasteModel) -> list[str]:
    """What the votes say, a few sentences for a page."""
    found = findings(votes)
    told = [
        f"The images you prefer are {surety} {_listed([one.words() for one in some])}."
        for surety in ("clearly", "probably")
        if (some := [one for one in found if one.surety == surety])
    ]
    if not told and model.knows_taste:
        told.append("Your taste isn't easy to describe: colours, brightness, contrast and detail don't explain it.")
    elif not told:
        told.append("So far, your votes show no pattern in colours, brightness, contrast or detail.")
    return [*told, model.facts.sentence]


@dataclass(frozen=True)
class Agreement:
    """How well the votes on one prompt fit what the votes on the others say."""

    prompt: str
    votes: int
    predicted: int  # of them, by a model that had not seen this prompt


def by_prompt(votes: Comparisons, held_out: Array) -> list[Agreement]:
    """The prompts from the best predicted on; `held_out` (N,) is `Fitted.held_out`. Few votes a prompt say little."""
    right: dict[str, list[bool]] = {}
    for prompt, chance in zip(votes.prompts, held_out, strict=True):
        right.setdefault(prompt, []).append(bool(chance > 0.5))
    told = [Agreement(prompt, len(one), sum(one)) for prompt, one in right.items()]
    return sorted(told, key=lambda one: (-one.predicted / one.votes, -one.votes))


def extremes(model: TasteModel, vectors: Vector, prompts: Sequence[str], count: int) -> tuple[list[int], list[int]]:
    """Rows of the `count` images that the person likes most, and least, as the model sees it, each extreme first.

    An image is compared with the mean of its prompt, because votes never compare prompts. No row is in both; both are
    empty for a model that knows no taste.
    """
    if not model.knows_taste or not len(vectors):
        return [], []
    scores = model.score(vectors)
    told = np.array(prompts, dtype=object)
    for prompt in dict.fromkeys(prompts):
        scores[told == prompt] -= scores[told == prompt].mean()
    order = [int(row) for row in np.argsort(-scores, kind="stable")]
    count = min(count, len(order) // 2)
    return order[:count], order[::-1][:count]


def unsure(model: TasteModel, first: Vector, second: Vector, count: int) -> list[int]:
    """Rows of the `count` pairs, (N, D) each, whose choice the model can tell least; none if it knows no taste."""
    if not model.knows_taste:
        return []
    doubt = np.abs(model.chance(first, second) - 0.5)
    return [int(row) for row in np.argsort(doubt, kind="stable")[:count]]


def _standard_errors(differences: Array) -> Array:
    """Σd / √Σd², (P,): how far the sum of winner − loser is from 0, in standard errors, if each vote were a coin's.

    The score test of a Bradley-Terry model with this feature alone. That votes share images does not matter to it,
    since the coins are independent; the votes of one ranking are not, and count as if they were.
    """
    spread = np.sqrt(np.square(differences).sum(0))
    return np.divide(differences.sum(0), spread, out=np.zeros(len(spread)), where=spread > 1e-9)


def _best_region(column: int, surest: Array, differences: Array) -> int:
    """Where to say that `column`'s statistic differs: in the whole, unless a part differs much more than that.

    Regions overlap, so what happens in one shows, diluted, in others: there the mean difference is smaller.
    """
    same = [place for place, (_, name) in enumerate(PIXEL_FEATURES) if name == PIXEL_FEATURES[column].statistic]
    sure = [place for place in same if surest[place] * np.sign(surest[column]) >= _ALMOST_AS_SURE * abs(surest[column])]
    moved = np.abs(differences.mean(0))
    strongest = max(sure, key=lambda place: float(moved[place]))
    whole = same[0]
    return whole if whole in sure and moved[strongest] < _LOCAL * moved[whole] else strongest


def _finding(column: int, standard_errors: float) -> Finding:
    region, statistic = PIXEL_FEATURES[column]
    surety: Surety = "clearly" if abs(standard_errors) >= _CLEAR else "probably"
    return Finding(region, statistic, standard_errors > 0, standard_errors, surety)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"

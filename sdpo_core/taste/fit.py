"""A person's taste from their votes: Bradley-Terry logistic regression on differences of features, with a ridge.

Seconds of CPU, no further model. It tests itself on votes that it has not seen, and where these can't be told from
chance it is switched off and says why.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from sdpo_core.intervals import wilson_interval
from sdpo_core.taste import ridge
from sdpo_core.taste.comparisons import Comparisons
from sdpo_core.taste.coordinates import PartCoordinates, coordinates, together
from sdpo_core.taste.crossval import Choice, choose, held_out_margins
from sdpo_core.taste.layout import FEATURES, Part
from sdpo_core.taste.model import Facts, TasteModel
from sdpo_core.taste.ridge import Array
from sdpo_core.wording import percent

FEWEST_VOTES = 12
"""Below this nothing can be learnt that a test could tell from chance."""

_ONE_SIDED = 0.95  # share of votes for one side that says more about the side than about the images
_FEWEST_TO_CALL_ONE_SIDED = 20
_CONTRADICTED = 0.25  # share of votes that another vote on the same images denies
_DEPENDENCE = 2
"""Variance of a cross-validated share against a coin's. Vote j helps to predict vote i by as much as i helps to predict
j, so whenever chance lets one come out right it does the other too: each product of two outcomes is counted twice."""

_MOST_LUCK = 0.05
"""How often votes by chance may switch the model on."""

_TEMPERATURES = np.exp(np.linspace(-3.0, 1.5, 91))
_TEMPERATURE_SPREAD = 1.0  # of the prior on its logarithm: few votes, all predicted, must not make it certain


@dataclass(frozen=True)
class Fitted:
    """A fitted model, and what each vote looked like to a model that had not seen it."""

    model: TasteModel
    held_out: Array  # (N,) calibrated probability of the vote as it was cast; .5 where nothing was fitted


def fit_taste(votes: Comparisons, base_sha256: str) -> Fitted:
    """Fit the taste on `votes`, about images of the model `base_sha256`.

    Never raises for votes that say nothing: `model.facts.sentence` says what is wrong with them. Deterministic.
    """
    reason = _useless(votes)
    if reason:
        return _off(votes, base_sha256, reason)
    both = np.concatenate([votes.left, votes.right])  # (2N, D)
    size = np.sqrt(np.square(both, dtype=np.float64).mean(0)).astype(np.float32)
    parts = coordinates(votes.layout, votes.differences(), size)
    if not parts:
        return _off(votes, base_sha256, "It can't tell the two images of any pair apart, so it can't learn from them.")
    groups = votes.groups()
    if len(set(groups)) < 3:
        return _off(
            votes, base_sha256, "All votes are on the same few images, so it can't be tested. Vote on other prompts."
        )
    margins = held_out_margins(parts, votes.weights, groups)
    tested = votes.by_chance if votes.by_chance.sum() >= FEWEST_VOTES else np.ones(len(votes), np.bool_)
    right = float((margins[tested] > 0).sum() + 0.5 * (margins[tested] == 0).sum())
    count = int(tested.sum())
    low, high = wilson_interval(right / _DEPENDENCE, count / _DEPENDENCE)
    luck = luck_of(margins[tested])
    measured = {"tested": count, "accuracy": right / count, "low": low, "high": high, "luck": luck}
    share = f"It predicts {percent(right / count)} of the votes it hadn't seen"
    if luck > _MOST_LUCK:
        why = (
            f"{share} (likely between {percent(low)} and {percent(high)}). That may be chance, so it isn't "
            "used. More votes may help."
        )
        return _off(votes, base_sha256, why, measured)
    chosen = choose(parts, votes.weights, groups, np.arange(len(votes)))
    temperature = _temperature(margins, votes.weights)
    sentence = f"{share}, likely between {percent(low)} and {percent(high)}."
    if low <= 0.5:  # surer where it is right than where it is wrong, which the share alone does not count
        sentence += f" Chance alone would do this well about once in {round(1 / luck)} times."
    known = {"parts": chosen.parts, "ridge": chosen.ridge, "temperature": temperature}
    facts = _facts(votes, base_sha256, sentence, knows_taste=True).model_copy(update={**measured, **known})
    model = _build(facts, both.mean(0), parts, votes.weights, chosen)
    return Fitted(model, ridge.sigmoid(temperature * margins))


def luck_of(margins: Array) -> float:
    """How often votes by chance would give held-out margins, (N,), that are as right as these: in (0, 1).

    The signed-rank test (Wilcoxon 1945, Biometrics Bulletin 1:80), which counts a vote the more the surer the model was
    of it, with the variance doubled (`_DEPENDENCE`) and a normal distribution.
    """
    ranks = np.abs(margins).argsort(kind="stable").argsort(kind="stable") + 1.0
    deviation = float(np.sqrt(_DEPENDENCE * np.square(ranks).sum()))
    return NormalDist().cdf(-float(np.sign(margins) @ ranks) / deviation)


def _useless(votes: Comparisons) -> str:
    """Why nothing can be learnt from the votes; empty when something may be."""
    count = len(votes)
    if count < FEWEST_VOTES:
        number = "No vote" if not count else "1 vote" if count == 1 else f"{count} votes"
        return f"{number} can be used so far; it needs at least {FEWEST_VOTES}. Ties and skips don't count."
    lefts = int(votes.left_won.sum())
    same = max(lefts, count - lefts)
    if count >= _FEWEST_TO_CALL_ONE_SIDED and same >= _ONE_SIDED * count:
        side = "left" if lefts == same else "right"
        return (
            f"{same} of {count} votes are for the {side} image, which says more about the side than about the images."
        )
    denied = votes.contradictions()
    if denied >= _CONTRADICTED * count:
        return (
            f"{denied} of {count} votes contradict another vote on the same two images, so there's no taste to learn."
        )
    return ""


def _off(votes: Comparisons, base_sha256: str, sentence: str, measured: dict[str, float] | None = None) -> Fitted:
    facts = _facts(votes, base_sha256, sentence, knows_taste=False).model_copy(update=measured or {})
    return Fitted(TasteModel.off(facts), np.full(len(votes), 0.5))


def _facts(votes: Comparisons, base_sha256: str, sentence: str, *, knows_taste: bool) -> Facts:
    return Facts(
        features=FEATURES,
        base_sha256=base_sha256,
        latent_channels=votes.layout.latent_channels,
        network_channels=votes.layout.network_channels,
        votes=len(votes),
        prompts=len(set(votes.prompts)),
        knows_taste=knows_taste,
        sentence=sentence,
    )


def _temperature(margins: Array, weights: Array) -> float:
    """By what held-out margins have to be multiplied so that σ of them is how often they are right.

    The most probable of a grid, under a log-normal prior around 1 (temperature scaling, arXiv 1706.04599, by the
    reciprocal of what is called temperature there).
    """
    losses = ridge.log_loss(_TEMPERATURES[:, None] * margins) @ weights
    prior = np.square(np.log(_TEMPERATURES) / _TEMPERATURE_SPREAD) / 2
    return float(_TEMPERATURES[int((losses + prior).argmin())])


def _build(
    facts: Facts, centre: np.ndarray, parts: dict[Part, PartCoordinates], weights: Array, chosen: Choice
) -> TasteModel:
    """The model fitted on all votes, in the features' own units."""
    x = together(parts, chosen.parts)  # (N, r)
    beta = ridge.fit(x, weights, chosen.ridge)
    slices, share = facts.layout.slices, 1 / np.sqrt(len(chosen.parts))
    scale = np.zeros(facts.layout.size)
    directions = np.zeros((facts.layout.size, x.shape[1]))
    column = 0
    for part in chosen.parts:
        own = parts[part]
        rank = own.directions.shape[1]
        scale[slices[part]] = own.inverse_scale * share
        directions[slices[part], column : column + rank] = own.directions
        column += rank
    return TasteModel(
        facts,
        centre=centre.astype(np.float32),
        weights=(facts.temperature * scale * (directions @ beta)).astype(np.float32),
        inverse_scale=scale.astype(np.float32),
        directions=directions.astype(np.float32),
        covariance=np.linalg.inv(ridge.hessian(x, weights, chosen.ridge, beta)).astype(np.float32),
    )

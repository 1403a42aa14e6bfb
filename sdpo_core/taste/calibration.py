"""The strength at which an adapter is used: the largest that still leaves images as good, and is not more than enough.

Drift grows about with the square of the strength, the effect about linearly. That only proposes where to look next:
what is chosen was measured. Everything is measured by callables, so nothing here knows a model.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from sdpo_core.atomic import write_json
from sdpo_core.errors import DataError
from sdpo_core.taste.layout import Vector
from sdpo_core.taste.model import TasteModel
from sdpo_core.taste.ridge import Array
from sdpo_core.wording import percent, signed_percent

CALIBRATION = "calibration.json"
"""The file's name in a run folder."""

STRONGEST = 2.5
WEAKEST = 0.1
"""Below this an adapter does nothing that anybody would see."""

ENOUGH_SHIFT = 1.2
LEAST_DIVERSITY = 0.95

_STANDARD_ERRORS = 2.0
_MARGIN = 0.97  # of what a law proposes: to fall inside rather than on the limit
_NEAR_ENOUGH = 1.08  # bounds this close are one
_TRIES_INSIDE = 4  # before the weakest strength is asked
_POWER, _LEAST_POWER, _MOST_POWER = 2.0, 0.5, 3.0
_TOLERATED_SHIFT = 1.1  # of the target: it is "about enough", no limit of quality


class Drift(NamedTuple):
    """The winner error on held-out pairs, relative to the reference."""

    error: float
    standard_error: float


class Effect(NamedTuple):
    """What the taste model predicts for an adapter's images."""

    shift: float  # of the mean score, in standard deviations of the scores of images generated without the adapter
    preference: float  # chance that a random image with the adapter is preferred to a random one without


class Measure(Protocol):
    """How strengths are measured; each call may take minutes."""

    def drift(self, strength: float) -> Drift:
        """The winner error at `strength`."""
        ...

    def effect(self, strength: float) -> Effect | None:
        """What the taste model predicts; None where it knows no taste."""
        ...

    def diversity(self, strength: float) -> float | None:
        """Diversity of the adapter's images relative to the base's; None where it is not measured."""
        ...


class Limits(BaseModel):
    """Inside which a strength has to stay."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    budget: float  # winner error + 2 standard errors may reach this
    enough_shift: float = ENOUGH_SHIFT
    least_diversity: float = LEAST_DIVERSITY
    strongest: float = STRONGEST


Broken = Literal["drift", "diversity", "enough"]


class Point(BaseModel):
    """One strength, as measured: a row of the card's curve."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    strength: float
    error: float
    standard_error: float
    shift: float | None = None
    preference: float | None = None
    diversity: float | None = None
    broken: tuple[Broken, ...] = ()  # limits that it breaks

    @property
    def upper(self) -> float:
        """The winner error, plus 2 standard errors."""
        return self.error + _STANDARD_ERRORS * self.standard_error


class Calibration(BaseModel):
    """The chosen strength and everything that was measured."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal[1] = 1
    strength: float | None  # None: even the smallest strength that was measured is outside
    sentence: str
    limits: Limits
    points: tuple[Point, ...]  # by strength

    @property
    def chosen(self) -> Point | None:
        """The point of the chosen strength."""
        return next((point for point in self.points if point.strength == self.strength), None)

    @property
    def effect(self) -> Effect | None:
        """What the taste model predicted at the chosen strength; None if it knew no taste or nothing was chosen."""
        chosen = self.chosen
        if chosen is None or chosen.shift is None or chosen.preference is None:
            return None
        return Effect(chosen.shift, chosen.preference)


def calibrate(measure: Measure, limits: Limits, *, first: float = 1.0, most_points: int = 6) -> Calibration:
    """The largest strength up to `limits.strongest` that was measured inside all limits, from at most `most_points`.

    Begins at strength `first`, then looks where the laws of drift and effect expect the limit, always between the
    largest strength inside and the smallest outside: one above a strength outside is never chosen, however
    lucky its own measurement. Whatever `measure` raises passes through.
    """
    points: list[Point] = []
    strength: float | None = min(first, limits.strongest)
    while strength is not None and len(points) < most_points:
        points.append(_measure(measure, limits, strength))
        strength = _next(points, limits)
    inside, outside = _bounds(points)
    chosen = next((point for point in points if point.strength == inside), None)
    ordered = tuple(sorted(points, key=lambda point: point.strength))
    blocking = next((point for point in points if point.strength == outside), None)
    return Calibration(
        strength=inside or None, sentence=_sentence(chosen, blocking, limits), limits=limits, points=ordered
    )


def _measure(measure: Measure, limits: Limits, strength: float) -> Point:
    drift = measure.drift(strength)
    point = Point(strength=strength, error=drift.error, standard_error=drift.standard_error)
    if point.upper > limits.budget:  # it can't be chosen, so no images are generated for it
        return point.model_copy(update={"broken": ("drift",)})
    effect, diversity = measure.effect(strength), measure.diversity(strength)
    broken: list[Broken] = []
    if diversity is not None and diversity < limits.least_diversity:
        broken.append("diversity")
    if effect and effect.shift > _TOLERATED_SHIFT * limits.enough_shift:
        broken.append("enough")
    seen = {"shift": effect.shift, "preference": effect.preference} if effect else {}
    return point.model_copy(update={**seen, "diversity": diversity, "broken": tuple(broken)})


def _bounds(points: Sequence[Point]) -> tuple[float, float]:
    """The largest strength inside below the smallest outside (0 for none), and that one (infinite for none)."""
    outside = min((point.strength for point in points if point.broken), default=math.inf)
    inside = max((point.strength for point in points if point.strength < outside), default=0.0)
    return inside, outside


def _next(points: Sequence[Point], limits: Limits) -> float | None:
    """Where to measure next; None when the largest strength inside is known well enough."""
    inside, outside = _bounds(points)
    top = min(outside, limits.strongest)
    if inside >= limits.strongest or outside <= WEAKEST or (inside and top <= _NEAR_ENOUGH * inside):
        return None
    nearest = min(points, key=lambda point: (abs(math.log(point.strength / (inside or outside))), point.strength))
    proposed = _MARGIN * min(_reach(nearest, limits, _power(points)), 4 * nearest.strength)
    if nearest.shift and nearest.shift >= limits.enough_shift and not nearest.broken:
        return None  # about enough already
    if not inside:
        return max(WEAKEST, min(proposed, outside / 1.02)) if len(points) < _TRIES_INSIDE else WEAKEST
    if math.isinf(outside) and proposed >= limits.strongest:
        return limits.strongest
    if inside * 1.02 < proposed < top / 1.02:
        return proposed
    # Where nothing has been outside, and the law sees no room, that is the end.
    return None if math.isinf(outside) else math.sqrt(inside * top)


def _power(points: Sequence[Point]) -> float:
    """With which power of the strength the drift grows, by the two weakest that were measured; 2 before that."""
    weakest = sorted(points, key=lambda point: point.strength)[:2]
    if len(weakest) < 2 or weakest[0].upper <= 0 or weakest[1].upper <= 0:
        return _POWER
    low, high = weakest
    found = math.log(high.upper / low.upper) / math.log(high.strength / low.strength)
    return min(max(found, _LEAST_POWER), _MOST_POWER)


def _reach(point: Point, limits: Limits, power: float) -> float:
    """At which strength the laws expect the first limit, seen from `point`; drift grows with this `power`."""
    found = [math.inf]
    if point.upper > 0:
        found.append((limits.budget / point.upper) ** (1 / power))
    if point.diversity is not None and point.diversity < 1:
        found.append(math.sqrt((1 - limits.least_diversity) / (1 - point.diversity)))
    if point.shift is not None and point.shift > 0:
        found.append(limits.enough_shift / point.shift / _MARGIN)
    return point.strength * min(found)


def _sentence(chosen: Point | None, blocking: Point | None, limits: Limits) -> str:
    if chosen is None:
        assert blocking is not None
        return (
            f"Even at strength {blocking.strength:.2f} {_why(blocking, limits)}, so no strength is recommended. Train "
            "with a lower learning rate, fewer steps, or more votes."
        )
    told = (
        f"Strength {chosen.strength:.2f}: winner error {signed_percent(chosen.error)}, at most "
        f"{signed_percent(chosen.upper)}."
    )
    if blocking is None:
        return f"{told} Nothing higher was needed or allowed."
    return f"{told} At {blocking.strength:.2f} {_why(blocking, limits)}."


def _why(point: Point, limits: Limits) -> str:
    match point.broken[0]:
        case "drift":
            return f"the winner error could reach {signed_percent(point.upper)} (budget {100 * limits.budget:.1f} %)"
        case "diversity":
            return f"the images are only {percent(point.diversity or 0.0)} as diverse as the base model's"
        case "enough":
            return f"the predicted gain of {point.shift or 0.0:.1f} σ is more than enough"


# ------------------------------------------------------------------------------------------------------------- effect


def predicted_effect(model: TasteModel, drawn: Vector, before: Vector, after: Vector) -> Effect | None:
    """What the taste model expects of an adapter's images.

    `before` and `after`, (N, D), are images of the same prompts and seeds without the adapter and with it, so a few
    suffice; `drawn`, (M, D), are more images without it, whose scores give σ and what is compared at random. None where
    the model knows no taste, or all generated images look the same to it.
    """
    if not model.knows_taste:
        return None
    scores = model.score(drawn)
    spread = float(scores.std(ddof=1)) if len(scores) > 1 else 0.0
    if spread == 0.0:
        return None
    moved = float((model.score(after) - model.score(before)).mean())
    return Effect(moved / spread, _beats(scores + moved, scores))


def _beats(those: Array, others: Array) -> float:
    """How often one of `those` scores higher than one of `others`; equal scores count half."""
    differences = those[:, None] - others[None, :]
    return float((differences > 0).mean() + (differences == 0).mean() / 2)


# --------------------------------------------------------------------------------------------------------------- file


def write_calibration(calibration: Calibration, path: Path) -> None:
    """Write it as JSON, in one atomic step."""
    write_json(path, calibration.model_dump(mode="json"))


def read_calibration(path: Path) -> Calibration:
    """What `write_calibration` wrote; raises `DataError` for anything else."""
    try:
        return Calibration.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise DataError(f"{path.name} can't be read by this version as a calibration. Calibrate again.") from error

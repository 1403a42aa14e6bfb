"""What an adapter gains at a winner error, over all its strengths; and what a method gains, at its best rate.

An adapter was measured at several strengths. Between two of them its shift is taken as linear in the strength and its
error as quadratic, as measured ones are within noise (`sdpo_core.taste.calibration`). Its gain at an error e is the
largest shift at any strength whose error is at most e: so a run's strength is set after training, at the same error for
all. A method's gain is the mean over seeds, at the rate where that is largest. Intervals are percentiles of a bootstrap
that draws seeds, prompts and fresh pairs, and chooses the rate again each time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from bench.cells import Cell, in_groups
from bench.measures import Estimate, Readings, Weights, interval, shift_by_prompt

ERRORS = np.linspace(0.0, 0.03, 31)
"""Winner errors at which gains are computed, (E,)."""

_PARTS = 16  # steps from one strength to the next
_PAIRS_SEED = 1  # of the draws of fresh pairs; prompts and seeds are drawn by `Weights`
_DIGITS = 5


@dataclass(frozen=True)
class Scan:
    """One trained adapter at K strengths, lowest first."""

    strengths: np.ndarray  # (K,) > 0
    change: np.ndarray  # (K, P) mean change of the person's score on each prompt, in σ of the base's scores
    reference_error: np.ndarray  # (N,) the base's on each fresh pair's winner
    error_rise: np.ndarray  # (K, N) what the adapter adds

    @classmethod
    def of(cls, strengths: Sequence[float], seen: Sequence[Readings]) -> Self:
        """From the readings at each strength."""
        change, rise = [shift_by_prompt(one) for one in seen], [one.error_rise for one in seen]
        return cls(np.array(strengths), np.stack(change), seen[0].reference_error, np.stack(rise))

    def content(self) -> dict[str, Any]:
        """As plain numbers, for JSON."""
        return {name: _rounded(array.tolist()) for name, array in vars(self).items()}

    @classmethod
    def parse(cls, content: dict[str, Any]) -> Self:
        """From `content`."""
        return cls(**{name: np.array(array, dtype=float) for name, array in content.items()})

    def gains(self, prompts: np.ndarray, pairs: np.ndarray) -> np.ndarray:
        """Largest shift with at most each of `ERRORS`, for R draws of prompts (R, P) and pairs (R, N): (R, E)."""
        shift = prompts @ self.change.T / self.change.shape[1]  # (R, K)
        error = pairs @ self.error_rise.T / (pairs @ self.reference_error)[:, None]  # (R, K)
        shift, error = (np.pad(one, ((0, 0), (1, 0))) for one in (shift, error))  # strength 0 is the base
        s = np.concatenate([[0.0], self.strengths])
        way = np.arange(_PARTS + 1) / _PARTS
        between = s[:-1, None] + way * np.diff(s)[:, None]  # (K, parts)
        squared = (between**2 - s[:-1, None] ** 2) / np.diff(s**2)[:, None]
        shifts = shift[:, :-1, None] + way * np.diff(shift)[:, :, None]  # (R, K, parts)
        errors = error[:, :-1, None] + squared * np.diff(error)[:, :, None]
        return _largest_within(shifts.reshape(len(shift), -1), errors.reshape(len(error), -1))


def _largest_within(shifts: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """For each row of (R, M) points, the largest shift at an error of at most each of `ERRORS`: (R, E).

    Between a point and the next one beyond the error it rises linearly.
    """
    order = np.argsort(errors, axis=1, kind="stable")
    errors = np.take_along_axis(errors, order, axis=1)
    best = np.maximum.accumulate(np.take_along_axis(shifts, order, axis=1), axis=1)
    within = (errors[:, :, None] <= ERRORS + 1e-12).sum(axis=1) - 1  # (R, E); ≥ 0, as the base's error is 0
    beyond = np.minimum(within + 1, errors.shape[1] - 1)
    (e0, y0), (e1, y1) = (
        [np.take_along_axis(one, place, axis=1) for one in (errors, best)] for place in (within, beyond)
    )
    way = np.divide(ERRORS - e0, e1 - e0, out=np.zeros_like(e0), where=e1 > e0)
    return y0 + np.clip(way, 0.0, 1.0) * (y1 - y0)


@dataclass(frozen=True)
class Front:
    """A method on one taste: gains by the bootstrap's draws, the first of which is the data itself."""

    gains: np.ndarray  # (R, E)
    rate: str  # the best at `MOST_ERROR` on all the data
    seeds: tuple[int, ...]

    def at(self, error: float) -> Estimate:
        """The gain at a winner error of `ERRORS`."""
        return interval(self.gains[:, column(error)])

    def curve(self) -> list[Estimate]:
        """At each of `ERRORS`."""
        return [interval(gains) for gains in self.gains.T]


def column(error: float) -> int:
    """The index of `error` in `ERRORS`."""
    return int(np.abs(ERRORS - error).argmin())


def whole_seeds(cells: Sequence[Cell]) -> tuple[int, ...]:
    """Seeds for which every rate of a method on one taste was run."""
    by_rate = [{cell["case"]["seed"] for cell in group} for group in in_groups(cells, "rate").values()]
    return tuple(sorted(set.intersection(*by_rate))) if by_rate else ()


def front(cells: Sequence[Cell], seeds: Sequence[int], *, judged_at: float) -> Front:
    """The front of the cells of one method and taste, over `seeds`, which every rate needs.

    The rate is chosen by the gain at a winner error of `judged_at`. Fronts over the same number of seeds share their
    draws, so they may be subtracted from each other.
    """
    by_rate = {
        rate: [Scan.parse(cell["scan"]) for cell in group if cell["case"]["seed"] in seeds]
        for (rate,), group in in_groups(cells, "rate").items()
    }
    first = next(iter(by_rate.values()))[0]
    drawn = Weights.draw(len(seeds), first.change.shape[1])
    pairs = _pairs(len(drawn.prompts), len(first.reference_error))
    means: list[np.ndarray] = []
    for scans in by_rate.values():
        gains = np.stack([one.gains(drawn.prompts, pairs) for one in scans], axis=1)  # (R, S, E)
        means.append(np.einsum("rs,rse->re", drawn.cells, gains) / len(seeds))
    by_draw = np.stack(means)  # (rates, R, E)
    best = by_draw[:, :, column(judged_at)].argmax(axis=0)  # (R,)
    return Front(by_draw[best, np.arange(len(best))], list(by_rate)[best[0]], tuple(seeds))


def differences(ours: Front, theirs: Front) -> list[Estimate]:
    """Our gain minus theirs at each of `ERRORS`; both over the same seeds."""
    assert ours.seeds == theirs.seeds
    return [interval(gap) for gap in (ours.gains - theirs.gains).T]


def _pairs(resamples: int, count: int) -> np.ndarray:
    """How often the bootstrap drew each fresh pair, first each of them once: (R, N)."""
    rng = np.random.default_rng(_PAIRS_SEED)
    return np.vstack([np.ones(count), rng.multinomial(count, np.full(count, 1 / count), resamples - 1)])


def _rounded(value: Any) -> Any:
    """Nested lists of numbers, to `_DIGITS` significant digits."""
    return [_rounded(one) for one in value] if isinstance(value, list) else float(f"{value:.{_DIGITS}g}")

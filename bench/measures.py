"""What a person would notice about an adapter, as numbers with 95 % intervals.

Base and adapter answer the same questions: P prompts at K seeds each. `Readings` is everything that is kept of one such
comparison, small enough for a results file; `measure` takes one of them, or several (cells of other bench seeds)
together.

| measure | what it says |
|---|---|
| `win_rate` | how often the adapter's image beats the base's for the same prompt and seed: is the direction right |
| `shift` | mean change of the person's score in standard deviations of the base's scores: how far it went |
| `cross_seed` | how often a random image of the adapter beats a random one of the base: would anybody see it |
| `diversity` | how different images of one prompt are in a classifier's features, relative to the base |
| `pixel_diversity` | the same in pixels; it counts a shift of colour as lost diversity |
| `following` | share of the prompts' claims that the images show, adapter minus base |
| `winner_error` | relative rise of the denoising error on fresh winners: how much damage |

Tastes are asked without their mistakes: a person who sometimes votes against their taste still has it. Intervals are
percentiles of a bootstrap that draws prompts with all their seeds (images of one prompt are alike) and, where several
bench seeds are combined, bench seeds too; base and adapter always stay together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from bench.questions import Questions
from bench.simulated_user import Oracle
from demo.attributes import Judge, following
from demo.vae import as_images

RESAMPLES = 4_000
_SEED = 0  # of the bootstrap: the same readings always give the same intervals
_TAILS = (0.025, 0.975)
_DIGITS = 9  # significant; enough to tell float64 scores apart that a person would call different


class Estimate(NamedTuple):
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Readings:
    """What was measured of base and adapter on P prompts with K seeds each, and on N fresh pairs."""

    before: np.ndarray  # (P, K) the person's scores of the base's images
    after: np.ndarray  # (P, K) of the adapter's
    spread_before: np.ndarray  # (P,) mean pairwise cosine distance of features
    spread_after: np.ndarray  # (P,)
    pixel_spread_before: np.ndarray  # (P,) mean standard deviation of a pixel
    pixel_spread_after: np.ndarray  # (P,)
    claimed: np.ndarray  # (P,) claims of the prompt, over all seeds
    followed_before: np.ndarray  # (P,) how many of them the images show
    followed_after: np.ndarray  # (P,)
    reference_error: np.ndarray  # (N,) the base's denoising error on each fresh pair's winner, summed over its draws
    error_rise: np.ndarray  # (N,) what the adapter adds to it

    def content(self) -> dict[str, Any]:
        """As plain numbers, for JSON."""
        return {field.name: _plain(getattr(self, field.name).tolist()) for field in fields(self)}

    @classmethod
    def parse(cls, content: dict[str, Any]) -> Self:
        """From `content`."""
        return cls(**{field.name: np.array(content[field.name], dtype=float) for field in fields(cls)})


class Look(NamedTuple):
    """What is measured of one model's answers."""

    scores: np.ndarray  # (P, K)
    spread: np.ndarray  # (P,)
    pixel_spread: np.ndarray  # (P,)
    claimed: np.ndarray  # (P,)
    followed: np.ndarray  # (P,)


def look_at(images: Sequence[Image.Image], questions: Questions, oracle: Oracle, judge: Judge) -> Look:
    """Look at the answers to `questions`, in the same order. Raises ValueError unless there are P·K of them."""
    prompts, seeds = questions.shape
    if len(images) != prompts * seeds:
        raise ValueError(f"expected an image for each of {prompts} x {seeds} questions, got {len(images)}")
    pixels = torch.from_numpy(np.stack([np.asarray(image.convert("RGB")) for image in images]))
    by_prompt = pixels.unflatten(0, (prompts, seeds))  # (P, K, H, W, 3) uint8
    by_attribute = [
        following(judge, [prompt] * seeds, by_prompt[i]).values() for i, prompt in enumerate(questions.prompts)
    ]
    return Look(
        scores=np.array([oracle.score(image) for image in images]).reshape(prompts, seeds),
        spread=feature_spread(torch.stack([features(judge, same) for same in by_prompt])),
        pixel_spread=pixel_spread(by_prompt),
        claimed=np.array([sum(row.claimed for row in rows) for rows in by_attribute], dtype=float),
        followed=np.array([sum(row.followed for row in rows) for rows in by_attribute], dtype=float),
    )


@torch.no_grad()
def features(judge: Judge, pixels: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 1024): what the classifier's last layer decides by."""
    return judge.look(as_images(pixels))


def feature_spread(found: Tensor) -> np.ndarray:
    """Mean pairwise cosine distance between the K images of each prompt, (P, K, D) -> (P,)."""
    seeds = found.shape[1]
    unit = F.normalize(found.double(), dim=2)
    cosines = unit @ unit.mT  # (P, K, K)
    others = cosines.sum(dim=(1, 2)) - cosines.diagonal(dim1=1, dim2=2).sum(dim=1)
    return (1 - others / (seeds * (seeds - 1))).numpy()


def pixel_spread(images: Tensor) -> np.ndarray:
    """Mean standard deviation (n − 1) of a pixel's channel, in [0, 1], over K images: (P, K, H, W, 3) uint8 -> (P,)."""
    return np.array([float(same.float().div(255).std(dim=0).double().mean()) for same in images])


def readings(base: Look, adapter: Look, reference_error: np.ndarray, error_rise: np.ndarray) -> Readings:
    """Two looks at answers to the same questions, and the errors on fresh pairs, (N,) each."""
    return Readings(
        before=base.scores,
        after=adapter.scores,
        spread_before=base.spread,
        spread_after=adapter.spread,
        pixel_spread_before=base.pixel_spread,
        pixel_spread_after=adapter.pixel_spread,
        claimed=base.claimed,
        followed_before=base.followed,
        followed_after=adapter.followed,
        reference_error=reference_error,
        error_rise=error_rise,
    )


def measure(cells: Sequence[Readings]) -> dict[str, Estimate]:
    """All measures of one cell, or of S cells combined: of one taste, on the same questions.

    The winner error of one cell is given ± 2 standard errors, clustered by pair; that of several by the bootstrap, over
    fresh pairs and cells. Raises ValueError if the base's scores are all the same.
    """
    before, after = _stack(cells, "before"), _stack(cells, "after")  # (S, P, K)
    if not np.ptp(before, axis=(1, 2)).all():
        raise ValueError("the base's images all have the same score, so there is no standard deviation to measure in")
    win = ((after > before) + 0.5 * (after == before)).mean(axis=2)  # (S, P)
    change, better = (after - before).mean(axis=2), preferred(after, before)
    names = ("spread_before", "spread_after", "pixel_spread_before", "pixel_spread_after")
    spread_before, spread_after, pixels_before, pixels_after = (_stack(cells, name) for name in names)
    claimed, shown_before, shown_after = (
        _stack(cells, name) for name in ("claimed", "followed_before", "followed_after")
    )
    drawn = Weights.draw(*win.shape)
    statistics: dict[str, Callable[[Weights], np.ndarray]] = {
        "win_rate": lambda w: w.mean(w.by_cell(win)),
        "shift": lambda w: w.mean(w.by_cell(change) / w.deviations(before)),
        "cross_seed": lambda w: w.mean(w.by_pair_of_prompts(better)),
        "diversity": lambda w: w.ratio(spread_after, spread_before),
        "pixel_diversity": lambda w: w.ratio(pixels_after, pixels_before),
        "following": lambda w: w.ratio(shown_after - shown_before, claimed),
        "following_base": lambda w: w.ratio(shown_before, claimed),
        "following_adapter": lambda w: w.ratio(shown_after, claimed),
    }
    found = {name: estimate(statistic, drawn) for name, statistic in statistics.items()}
    return {**found, "winner_error": _winner_error(cells)}


def preferred(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """How often an image of prompt p with the adapter beats one of prompt q without: (S, P, K) each -> (S, P, P)."""
    ours, theirs = after[:, :, None, :, None], before[:, None, :, None, :]
    return ((ours > theirs) + 0.5 * (ours == theirs)).mean(axis=(3, 4))


@dataclass(frozen=True)
class Weights:
    """R resamples: how often each of S cells and each of P prompts was drawn."""

    cells: np.ndarray  # (R, S), rows sum to S
    prompts: np.ndarray  # (R, P), rows sum to P

    @classmethod
    def draw(cls, cells: int, prompts: int) -> Self:
        """First the data itself, then `RESAMPLES` draws with replacement; the same for the same counts."""
        rng = np.random.default_rng(_SEED)
        drawn = (np.vstack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), RESAMPLES)]) for n in (cells, prompts))
        return cls(*drawn)

    def by_cell(self, values: np.ndarray) -> np.ndarray:
        """Means over the drawn prompts, (S, P) -> (R, S)."""
        return self.prompts @ values.T / values.shape[1]

    def by_pair_of_prompts(self, values: np.ndarray) -> np.ndarray:
        """Means over both prompts of (S, P, P) values: (R, S)."""
        sums = [np.einsum("rp,rp->r", self.prompts @ one, self.prompts) for one in values]
        return np.stack(sums, axis=1) / values.shape[1] ** 2

    def deviations(self, values: np.ndarray) -> np.ndarray:
        """Standard deviations (n − 1) of (S, P, K) values: (R, S); NaN where all drawn values are the same."""
        n = values[0].size
        centred = values - values.mean(axis=(1, 2), keepdims=True)  # the difference below then loses no digits
        variance = self.by_cell(np.square(centred).mean(axis=2)) - np.square(self.by_cell(centred.mean(axis=2)))
        least = np.finfo(float).eps * np.square(centred).max()
        return np.sqrt(np.where(variance > least, variance, np.nan) * n / (n - 1))

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Over the drawn cells, (R, S) -> (R,)."""
        return np.einsum("rs,rs->r", self.cells, values) / self.cells.shape[1]

    def ratio(self, above: np.ndarray, below: np.ndarray) -> np.ndarray:
        """Ratio of the means of two (S, P): (R,); NaN where both are 0 in everything drawn."""
        with np.errstate(invalid="ignore"):
            return self.mean(self.by_cell(above)) / self.mean(self.by_cell(below))


def estimate(statistic: Callable[[Weights], np.ndarray], weights: Weights) -> Estimate:
    """The statistic of the data, and the percentiles of its resamples."""
    return interval(statistic(weights))


def interval(values: np.ndarray) -> Estimate:
    """The first of (R,) values, from the data itself, and the percentiles of the others, its resamples."""
    return Estimate(float(values[0]), *map(float, np.nanquantile(values[1:], _TAILS)))


def contrast(ours: Sequence[Readings], theirs: Sequence[Readings]) -> Estimate:
    """By how many σ our adapters shift the scores further than theirs, cell by cell, of one taste and bench seed each.

    The bootstrap draws cells and prompts, both sides of a cell together. Raises ValueError unless both have as many.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"expected as many cells on both sides, got {len(ours)} and {len(theirs)}")
    gap = np.stack([shift_by_prompt(a) - shift_by_prompt(b) for a, b in zip(ours, theirs, strict=True)])  # (S, P)
    return estimate(lambda w: w.mean(w.by_cell(gap)), Weights.draw(*gap.shape))


def shift_by_prompt(cell: Readings) -> np.ndarray:
    """Mean change of the score on each prompt, in σ of the base's scores on all: (P,)."""
    return (cell.after - cell.before).mean(axis=1) / cell.before.std(ddof=1)


def relative_error(reference: np.ndarray, rise: np.ndarray) -> tuple[float, float]:
    """Relative rise of the error and its standard error, of sums per pair, (N,) each (linearised ratio estimator)."""
    n, total = len(reference), reference.sum()
    ratio = rise.sum() / total
    variance = np.square(rise - ratio * reference).sum() * n / (n - 1) if n > 1 else 0.0
    return float(ratio), float(np.sqrt(variance) / total)


def _winner_error(cells: Sequence[Readings]) -> Estimate:
    reference, rise = _stack(cells, "reference_error"), _stack(cells, "error_rise")  # (S, N)
    if len(cells) == 1:
        value, error = relative_error(reference[0], rise[0])
        return Estimate(value, value - 2 * error, value + 2 * error)
    return estimate(lambda w: w.ratio(rise, reference), Weights.draw(*rise.shape))


def _stack(cells: Sequence[Readings], name: str) -> np.ndarray:
    """One reading of all cells, the cells first."""
    return np.stack([getattr(one, name) for one in cells])


def _plain(value: Any) -> Any:
    """Nested lists of numbers, rounded to `_DIGITS` significant digits."""
    return [_plain(one) for one in value] if isinstance(value, list) else float(f"{value:.{_DIGITS}g}")

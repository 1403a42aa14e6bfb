"""Is the run still healthy? The winner's error on a fixed bank of draws that training never sees.

Nothing computed on the loss chooses a checkpoint: held-out loss, margin and accuracy keep improving while images get
worse. The winner error relative to the reference is the sign of damage, so it is the gate (docs/decisions.md).
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.objective import LOSSES, Sides, Terms, margin, mean_square, widen
from sdpo_core.settings.course import Gate
from sdpo_core.settings.learning import Objective
from sdpo_core.training.dataset import EncodedPairs, PairBatch, generator
from sdpo_core.training.step import noise_sides, own_options

MAX_BANK_PAIRS = 48
DRIFT_DRAWS = 48
DEFAULT_BUDGET = 0.02  # the gate when `drift_budget` is 0, that is, when the safeguard always acts
_BANDS = 5
# Images in one pass without gradients: what a card that only just trains has room for, 2 at SDXL's 1024 px.
_MOST_IMAGES = 16
_MOST_POSITIONS = 2 * 128 * 128  # of latents


class Movement(NamedTuple):
    """How far the adapter has moved the network from the reference, on winners that training never sees."""

    drift: float  # x: relative rise of the winner error
    displacement: float  # D: mean ‖ε_θ − ε_ref‖² over the reference's mean error


@dataclass(frozen=True)
class Bank:
    """M = pairs × draws fixed (t, ε) draws, with the reference's errors on them.

    Draws are ordered so that any leading part is spread over timesteps and pairs.
    """

    draws: PairBatch  # M rows
    pair_index: Tensor  # (M,) int64: which pair of the bank a draw belongs to
    reference: Sides  # ℓ^ref, (M,) each
    start: tuple[Tensor, ...]  # what the reference predicts of the first `DRIFT_DRAWS` winners, (C, h, w) each
    timesteps: int  # T

    @classmethod
    def make(
        cls,
        model: DiffusionModel,
        lora: Lora,
        pairs: EncodedPairs,
        *,
        draws_per_pair: int,
        seed: int,
        of: int | None = None,
    ) -> Self:
        """Draw the bank for at most `MAX_BANK_PAIRS` of `pairs` and take the reference's errors.

        With `of`, the choice is made already: `pairs` are those that `bank_pairs` names of so many.
        """
        if of is None:
            of, pairs = len(pairs), pairs.subset(bank_pairs(len(pairs), seed))
        n, k = len(pairs), draws_per_pair
        chosen = _shuffled(of, seed).argsort().argsort()  # their places in `pairs`, in the bank's own order
        # One row of pairs per stratum of t, each shuffled; reading column by column spreads both.
        rows = torch.stack([torch.randperm(n, generator=generator(seed, "bank", "stratum", i)) for i in range(k)])
        index = chosen[rows.T.flatten()]  # (M,)
        stratum = torch.arange(k).repeat(n)  # (M,)
        g = generator(seed, "bank", "draws")
        within = torch.rand(n * k, generator=g)
        timesteps = ((stratum + within) / k * pairs.timesteps).long().clamp_(max=pairs.timesteps - 1)
        device = model.device
        # Fresh and shared whatever the training draws: what is measured does not depend on a setting.
        noises = [torch.randn(pairs.images[i].winner.shape, generator=g).to(device) for i in index.tolist()]
        at = index.to(device)
        draws = PairBatch(
            [pairs.examples[i].pair_id for i in index.tolist()],
            tuple(pairs.images[i] for i in index.tolist()),
            pairs.conditioning.pick(at),
            tuple(Sides(noise, noise) for noise in noises),
            timesteps.to(device),
            torch.zeros(n * k, dtype=torch.bool, device=device),
            torch.ones(n * k, device=device),
        )
        first = draws.pick(slice(DRIFT_DRAWS))
        with lora.reference():
            reference = _errors(model, draws)
            start = {
                int(row): one for rows, seen, _ in _passes(model, first, 0) for row, one in zip(rows, seen, strict=True)
            }
        return cls(draws, index, reference, tuple(start[row] for row in sorted(start)), pairs.timesteps)

    def movement(self, model: DiffusionModel) -> Movement:
        """Where the network is now, on the first `DRIFT_DRAWS` draws."""
        part = self.draws.pick(slice(DRIFT_DRAWS))
        reference = self.reference.winner[: len(part.pair_ids)]
        error, moved = torch.zeros_like(reference), torch.zeros_like(reference)
        for rows, now, e in _passes(model, part, 0):
            error[rows] = mean_square(e)
            moved[rows] = mean_square(now - torch.stack([self.start[row] for row in rows.tolist()]))
        return Movement(_relative(error - reference, reference), _relative(moved, reference))

    def winner_error(self, model: DiffusionModel) -> tuple[float, float]:
        """The winner error relative to the reference's on the whole bank, and its standard error."""
        rise = _side_error(model, self.draws, 0) - self.reference.winner
        return _relative(rise, self.reference.winner), self._standard_error(rise)

    def check(
        self, model: DiffusionModel, objective: Objective, beta: float, *, gate: Gate, drift_budget: float
    ) -> dict[str, Any]:
        """All of the bank as a metrics row: relative errors, ±1 SE, per band of t, and what the gate says.

        `beta` is the β of now. The loss is left out for those that need predictions.
        """
        now, reference = _errors(model, self.draws), self.reference
        rise = Sides(now.winner - reference.winner, now.loser - reference.loser)
        u = margin(now, reference, beta)
        loss: dict[str, float] = {}
        if not LOSSES[objective.loss].needs_predictions:
            loss["loss"] = float(LOSSES[objective.loss](Terms(u, now), **own_options(objective)).mean())
        winner_error, deviation = _relative(rise.winner, reference.winner), self._standard_error(rise.winner)
        judged = winner_error + (2 * deviation if gate == "upper" else 0)
        return {
            "winner_error": winner_error,
            "winner_error_se": deviation,
            "loser_error": _relative(rise.loser, reference.loser),
            "bands": self._bands(rise.winner),
            "margin": float(u.mean()),
            "accuracy": float((u > 0).float().mean()),
            **loss,
            "healthy": judged <= (drift_budget or DEFAULT_BUDGET),
        }

    def _bands(self, rise: Tensor) -> list[dict[str, float]]:
        """The winner error per band of t: the mean is ruled by low t and hides damage at high t."""
        edges = [round(i * self.timesteps / _BANDS) for i in range(_BANDS + 1)]
        rows: list[dict[str, float]] = []
        for low, high in itertools.pairwise(edges):
            inside = (self.draws.timesteps >= low) & (self.draws.timesteps < high)
            if inside.any():
                change = _relative(rise[inside], self.reference.winner[inside])
                rows.append({"from": low, "to": high, "winner_error": change})
        return rows

    def _standard_error(self, rise: Tensor) -> float:
        """SE of the relative winner error, clustered by pair (linearised ratio estimator)."""
        reference = self.reference.winner
        ratio = rise.sum() / reference.sum()
        pairs, cluster = self.pair_index.unique(return_inverse=True)
        n = len(pairs)
        if n < 2:
            return 0.0
        deviations = torch.zeros(n).index_add_(0, cluster, (rise - ratio * reference).cpu().float())
        return float(deviations.square().sum().mul(n / (n - 1)).sqrt() / reference.sum().cpu())


def bank_pairs(count: int, seed: int) -> list[int]:
    """Which of `count` pairs health is measured on: at most `MAX_BANK_PAIRS`, in ascending order."""
    return sorted(_shuffled(count, seed).tolist())


def _shuffled(count: int, seed: int) -> Tensor:
    return torch.randperm(count, generator=generator(seed, "bank"))[:MAX_BANK_PAIRS]


def _relative(rise: Tensor, reference: Tensor) -> float:
    return float(rise.sum() / reference.sum())


def _errors(model: DiffusionModel, draws: PairBatch) -> Sides:
    """ℓ of both sides, (M,) each."""
    return Sides(_side_error(model, draws, 0), _side_error(model, draws, 1))


def _side_error(model: DiffusionModel, draws: PairBatch, side: int) -> Tensor:
    """ℓ of the winners (0) or the losers (1), (M,)."""
    rows, errors = zip(*((rows, mean_square(e)) for rows, _, e in _passes(model, draws, side)), strict=True)
    return torch.cat(errors)[torch.cat(rows).argsort()]


@torch.no_grad()
def _passes(model: DiffusionModel, draws: PairBatch, side: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Over the winners (0) or the losers (1): some rows at a time, their predictions and residuals, (m, C, h, w)."""
    largest = max(noise.winner[0].numel() for noise in draws.noises)
    for rows in draws.rows_by_size(min(_MOST_IMAGES, max(1, _MOST_POSITIONS // largest))):
        batch = draws.pick(rows)
        noised, targets = noise_sides(model, batch)
        prediction = widen(model.predict(noised[side], batch.timesteps, batch.conditioning[side]))
        yield rows, prediction, prediction - widen(targets[side])

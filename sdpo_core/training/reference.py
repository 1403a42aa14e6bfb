"""What a step knows of the reference model, and the memory of it that a noise bank allows.

All losses but DSPO look at the reference through two numbers per draw, ℓ_w^ref and ℓ_l^ref. Where draws come back, they
are computed once: two of a pair-step's four forward passes fall away from the second visit on.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.objective import Sides, error, widen
from sdpo_core.training.dataset import PairBatch


class Reference(NamedTuple):
    """The reference on B draws."""

    error: Sides  # ℓ^ref, (B,) each
    winner: Tensor  # ε_ref of the winners, (B, C, h, w); 0 where only the errors were remembered


class NoiseBank:
    """ℓ^ref of N pairs on K kept draws each, as far as they were met."""

    def __init__(self, pairs: int, draws: int, *, device: torch.device, dtype: torch.dtype) -> None:
        """Nothing is known yet: NaN everywhere."""
        self.errors = torch.full((pairs, draws, 2), torch.nan, device=device, dtype=dtype)

    def look(self, kept: Tensor) -> Tensor:
        """Winner's and loser's ℓ^ref at `kept`, (B, 2) int64 -> (B, 2); NaN where it is not known."""
        return self.errors[kept[:, 0], kept[:, 1]]

    def keep(self, kept: Tensor, reference: Sides, which: Tensor) -> None:
        """Remember what the rows `which`, (B,) bool, saw; what is known stays as it is, so that a resume repeats it."""
        new = which & self.look(kept).isnan().any(1)
        rows = kept[new]
        self.errors[rows[:, 0], rows[:, 1]] = torch.stack(reference, dim=1)[new].to(self.errors)


@torch.no_grad()
def reference_on(
    model: DiffusionModel, lora: Lora, batch: PairBatch, noised: Sides, targets: Sides, bank: NoiseBank | None
) -> Reference:
    """The reference on a micro-batch; only rows that `bank` does not know are computed.

    Draws whose prompt was dropped are computed always: the bank's errors belong to the pair's own prompt, and there
    the whole prediction is wanted (`hold_unconditional`).
    """
    if bank is None or batch.kept is None:
        return _compute(model, lora, batch, noised, targets)
    remembered = bank.look(batch.kept)  # (B, 2)
    unknown = remembered.isnan().any(1) | batch.unconditional
    found = Sides(*remembered.clone().unbind(1))
    winner = torch.zeros_like(noised.winner, dtype=remembered.dtype)
    rows = unknown.nonzero().flatten()
    if len(rows):
        part = _compute(
            model, lora, batch.pick(rows), Sides(*(x[rows] for x in noised)), Sides(*(x[rows] for x in targets))
        )
        for known, new in zip(found, part.error, strict=True):
            known[rows] = new
        winner[rows] = part.winner
    return Reference(found, winner)


def _compute(model: DiffusionModel, lora: Lora, batch: PairBatch, noised: Sides, targets: Sides) -> Reference:
    with lora.reference():
        prediction = widen(model.predict(torch.cat(noised), batch.timesteps.repeat(2), batch.conditioning.both()))
    sides = Sides(*prediction.chunk(2))
    return Reference(error(sides, targets), sides.winner)

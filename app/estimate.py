"""What a training run would take, from what an earlier one with the same shape measured. Nothing is computed here."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdpo_core.config import TrainConfig
from sdpo_core.errors import RunError
from sdpo_core.training.runs import list_runs

PREFLIGHT = "preflight.json"  # as `sdpo_core.training.preflight` writes it, which loads torch

_LOOKED_AT = 40  # runs, the newest
_SHAPE = (
    *("model", "device", "precision", "rank", "targets", "size_px", "loss", "scope", "optimizer", "noise_bank"),
    *("pairs_per_step", "pairs_per_micro_step", "threads"),
)
"""Settings that memory and pace depend on."""


@dataclass(frozen=True)
class Estimate:
    """What a dry step measured."""

    seconds_per_step: float
    peak_gib: float
    total_gib: float


def estimate(root: Path, config: TrainConfig) -> Estimate | None:
    """The newest measurement with settings of the same shape; None when there is none."""
    runs = sorted([*list_runs(root, "train"), *list_runs(root, "measure")], key=lambda run: run.id, reverse=True)
    for run in runs[:_LOOKED_AT]:
        try:
            known, measured = run.config(), json.loads((run.path / PREFLIGHT).read_text(encoding="utf-8"))
            if _same_shape(known, config):
                return Estimate(*(float(measured[name]) for name in ("seconds_per_step", "peak_gib", "total_gib")))
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            RunError,
        ):  # not measured, or damaged; an earlier one may tell
            continue
    return None


def _same_shape(known: dict[str, Any], config: TrainConfig) -> bool:
    # A run writes down the way that it chose; one that left the choice open may have chosen another.
    ways = all(getattr(config, name) in ("auto", known.get(name)) for name in ("memory", "checkpointing"))
    same = all(known.get(name) == getattr(config, name) for name in _SHAPE)
    return ways and same and bool(known.get("continue_from")) == bool(config.continue_from)

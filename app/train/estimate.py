"""What a training run would take, from what earlier jobs measured or took. Nothing is computed here."""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from sdpo_core.errors import RunError
from sdpo_core.runs.folder import RunFolder, list_runs
from sdpo_core.settings.course import Schedule
from sdpo_core.settings.learning import Labelling
from sdpo_core.settings.train import TrainConfig
from sdpo_core.taste.fit import FEWEST_VOTES
from sdpo_core.taste.labels import LABELS, pairs_to_draw
from sdpo_core.workspace.store import Store

PREFLIGHT = "preflight.json"  # as `sdpo_core.training.preflight` writes it, which loads torch

_LOOKED_AT = 40  # runs, the newest
_SHAPE = (
    *("model", "device", "precision", "rank", "targets", "size_px", "loss", "scope", "optimizer", "noise_bank"),
    *("pairs_per_step", "pairs_per_micro_step", "threads"),
)
"""Settings that memory and pace depend on."""

_DRAWN_LOOKED_AT = 40  # images, the newest


class Estimate(BaseModel):
    """What a dry step measured."""

    model_config = ConfigDict(frozen=True)

    seconds_per_step: float
    peak_gib: float
    total_gib: float


def estimate(root: Path, config: TrainConfig) -> Estimate | None:
    """The newest measurement with settings of the same shape; None when there is none."""
    wanted = config.flat()
    runs = sorted([*list_runs(root, "train"), *list_runs(root, "measure")], key=lambda run: run.id, reverse=True)
    for run in runs[:_LOOKED_AT]:
        try:
            known, measured = run.settings(), Estimate.model_validate_json((run.path / PREFLIGHT).read_bytes())
            if _same_shape(known, wanted):
                return measured
        except (OSError, ValidationError, RunError):  # not measured, or damaged; an earlier one may tell
            continue
    return None


def _same_shape(known: dict[str, Any], wanted: dict[str, Any]) -> bool:
    # A run writes down the way that it chose; one that left the choice open may have chosen another.
    ways = all(wanted[name] in ("auto", known.get(name)) for name in ("memory", "checkpointing"))
    same = all(known.get(name) == wanted[name] for name in _SHAPE)
    return ways and same and bool(known.get("continue_from")) == bool(wanted["continue_from"])


def seconds_per_step(runs: list[RunFolder], source: str) -> float | None:
    """The pace of the newest finished run of a model, with its checks and previews; None if there isn't one.

    What the run drew to learn more from its votes is left out: the next one may generate more or less.
    """
    for run in runs:
        if run.status().state == "done" and run.settings().get("model") == source:
            with contextlib.suppress(RunError):  # damaged numbers; an earlier run may give the speed
                rows, _ = run.read_metrics()
                seconds = [float(row["seconds"]) for row in rows if row["kind"] == "step"]
                if seconds:
                    return _elapsed_s(run, sum(seconds)) / len(seconds)
    return None


@dataclass(frozen=True)
class Drawing:
    """What a run would generate before it trains."""

    pairs: int
    seconds: float | None  # None: no image of this model says how long one takes


def drawing(
    store: Store, labels: Labelling, schedule: Schedule, sampling_steps: int, base_sha256: str, votes: int
) -> Drawing:
    """The further pairs that a run with so many training votes would generate, at the pace of the newest images."""
    pairs = pairs_to_draw(labels, schedule, sampling_steps, votes) if votes >= FEWEST_VOTES else 0
    if labels.label_pairs == "auto" and labels.label_minutes is not None:
        return Drawing(pairs, 60 * labels.label_minutes)
    pace = _seconds_per_pair(store, base_sha256, sampling_steps) if pairs else None
    return Drawing(pairs, pace and pace * pairs)


def _seconds_per_pair(store: Store, base_sha256: str, steps: int) -> float | None:
    """How long two images of the model take: the middle one of the newest, so that breaks between jobs don't count."""
    newest = store.candidates.newest(limit=_DRAWN_LOOKED_AT, purpose="train")
    alike = [one for one in newest if one.recipe and (one.recipe.base_sha256, one.recipe.steps) == (base_sha256, steps)]
    made = sorted(one.created_at for one in alike)
    gaps = [(later - earlier).total_seconds() for earlier, later in zip(made, made[2:], strict=False)]
    return median(gaps) if gaps else None


def _elapsed_s(run: RunFolder, stepping_s: float) -> float:
    """How long a finished run took with its previews and checks; `stepping_s` alone if it was interrupted between."""
    started, ended = (run.path / name for name in ("provenance.json", "status.json"))
    if not started.is_file():
        return stepping_s
    elapsed_s = ended.stat().st_mtime - started.stat().st_mtime - _drawing_s(run)
    return elapsed_s if stepping_s <= elapsed_s < 3 * stepping_s + 60 else stepping_s


def _drawing_s(run: RunFolder) -> float:
    try:
        return float(json.loads((run.path / LABELS).read_text(encoding="utf-8"))["drawing_s"])
    except (OSError, ValueError, KeyError, TypeError):  # it drew nothing, or was of a version that didn't tell
        return 0.0

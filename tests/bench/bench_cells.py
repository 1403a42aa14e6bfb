"""Finished cells for tests of tables, made without a run."""

import numpy as np

from bench.cells import Case, Cell
from bench.machine import describe_machine
from bench.measures import Readings, measure

PROMPTS, SEEDS, PAIRS = 6, 4, 5


def made_cell(case: Case, *, change: float = 0.5, error: float = 0.01, diversity: float = 1.0) -> Cell:
    """A cell whose adapter adds `change` to every score, to a base with a standard deviation of 1."""
    scores = np.random.default_rng(0).normal(size=(PROMPTS, SEEDS))
    before, ones = scores / scores.std(ddof=1), np.ones(PROMPTS)
    seen = Readings(
        before=before,
        after=before + change,
        spread_before=ones,
        spread_after=ones * diversity,
        pixel_spread_before=ones,
        pixel_spread_after=ones,
        claimed=ones * 8,
        followed_before=ones * 6,
        followed_after=ones * 6,
        reference_error=np.ones(PAIRS),
        error_rise=np.full(PAIRS, error),
    )
    facts = {"steps": 138, "chosen_step": 100, "train_s": 61.4, "train_cpu_s": 58.2}
    return {
        "case": case.key("m"),
        "measures": {name: list(found) for name, found in measure([seen]).items()},
        "training": facts,
        "readings": seen.content(),
        "machine": describe_machine(),
    }

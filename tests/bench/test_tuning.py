"""Trials of settings: what is asked, and how they are kept."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bench import tuning
from bench.questions import first_training_seed, is_for_judging, judge_questions
from bench.simulated_user import ORACLES, SimulatedUser


def trial(seed: int = 1, flags: tuple[str, ...] = (), win_rate: float = 0.8) -> dict[str, Any]:
    return {
        "flags": list(flags),
        "oracle": "busy",
        "seed": seed,
        "win_rate": win_rate,
        "shift_sigma": 0.5,
        "consistency": 0.6,
        "winner_error": 0.01,
        "chosen_step": 100,
        "steps": 138,
        "code": "c",
        "model": "m",
    }


def test_settings_are_chosen_on_questions_that_are_not_the_judges() -> None:
    questions = tuning.tuning_questions()
    assert len({question.prompt for question in questions}) == 60
    assert not any(is_for_judging(question.prompt) for question in questions)
    seeds = {question.seed for question in questions}
    assert len(seeds) == 60
    assert seeds.isdisjoint(one.seed for one in judge_questions())
    assert min(seeds) > first_training_seed(100)


def test_consistency_by_hand() -> None:
    person = SimulatedUser(ORACLES["bright"])
    base = [Image.new("L", (8, 8), shade) for shade in (10, 20, 30)]
    adapted = [Image.new("L", (8, 8), shade) for shade in (20, 40, 60)]
    # changes 10, 20, 30: mean 20, standard deviation (n − 1) 10
    assert tuning.consistency(person, base, adapted) == pytest.approx(2.0)


def test_a_repeated_trial_replaces_its_earlier_self_and_no_other(tmp_path: Path) -> None:
    results = tmp_path / "tuning.json"
    faster = ("--learning-rate", "1e-2")
    for one in (trial(), trial(seed=4), trial(flags=faster), trial(win_rate=0.9)):
        tuning.keep(one, results)
    rows = [line for line in results.with_suffix(".md").read_text().splitlines() if "| busy |" in line]
    assert [row.split("|")[4].strip() for row in rows] == ["90%", "80%", "80%"]
    assert rows[0].startswith("| `defaults` | busy | 1 |")
    assert rows[2].startswith("| `--learning-rate 1e-2` | busy | 1 |")

"""The outcome bench's arithmetic and bookkeeping; a whole cell is `python -m bench.outcome --quick`."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bench import outcome
from bench.machine import describe_machine, sentence
from bench.questions import first_training_seed, is_for_judging, judge_questions, training_prompts
from bench.simulated_user import ORACLES, SimulatedUser
from sdpo_core.atomic import write_json


def cell(oracle: str = "warm", seed: int = 0, win_rate: float = 0.9) -> dict[str, Any]:
    return {
        "oracle": oracle,
        "seed": seed,
        "win_rate": win_rate,
        "low": 0.8,
        "high": 0.95,
        "shift_sigma": 1.234,
        "winner_error": 0.0123,
        "winner_error_se": 0.002,
        "held_out": True,
        "healthy": True,
        "steps": 150,
        "chosen_step": 100,
        "train_s": 61.4,
        "train_cpu_s": 58.2,
        "code": "c",
        "model": "m",
        "machine": describe_machine(),
    }


def test_judge_questions_are_many_different_and_for_judging() -> None:
    questions = judge_questions()
    assert len(questions) == 100
    assert len({question.prompt for question in questions}) == 100
    assert len({question.seed for question in questions}) == 100
    assert all(is_for_judging(question.prompt) for question in questions)


def test_training_never_meets_a_judge_prompt_or_seed() -> None:
    judged = {question.prompt for question in judge_questions()}
    drawn = [training_prompts(seed, 60) for seed in range(3)]
    assert all(len(set(prompts)) == 60 and judged.isdisjoint(prompts) for prompts in drawn)
    assert drawn[0] != drawn[1]
    assert training_prompts(0, 60) == drawn[0]
    assert first_training_seed(9) + 120 <= first_training_seed(10) < min(one.seed for one in judge_questions())


def test_a_tie_counts_half_and_the_shift_is_in_sigmas_of_the_base() -> None:
    person = SimulatedUser(ORACLES["bright"])
    base = [Image.new("L", (8, 8), shade) for shade in (10, 20, 30, 40)]
    adapted = [Image.new("L", (8, 8), shade) for shade in (15, 25, 30, 30)]
    result = outcome.judge(person, base, adapted)
    assert (result["wins"], result["losses"], result["ties"]) == (2, 1, 1)
    assert result["win_rate"] == 2.5 / 4
    assert result["shift_sigma"] == pytest.approx(0 / 12.9)
    brighter = [Image.new("L", (8, 8), shade) for shade in (30, 40, 50, 60)]
    # base 10, 20, 30, 40: standard deviation (n − 1) is 12.91; the mean change is 20
    assert outcome.judge(person, base, brighter)["shift_sigma"] == pytest.approx(20 / 12.9099, rel=1e-4)


def test_table_names_the_worst_cell_and_the_machine() -> None:
    cells = {"sun-1": cell("sun", 1, 0.61), "warm-0": cell(), "warm-1": cell(seed=1)}
    text = outcome.table(cells, {"pairs": 60, "questions": 100})
    rows = [line for line in text.splitlines() if line.startswith(("| warm", "| sun"))]
    assert (
        rows[0]
        == "| warm | 0 | 90.0% | 80.0% – 95.0% | +1.23 σ | +1.23% ± 0.40% | 150 (100) | yes | 61 s (58 s of CPU) |"
    )
    assert [row[:9] for row in rows] == ["| warm | ", "| warm | ", "| sun | 1"]
    assert "Worst cell: sun, seed 1, with 61.0%." in text
    assert text.count(sentence(describe_machine())) == 1


def test_code_hash_tells_sizes_apart_and_is_stable() -> None:
    assert outcome.code_hash(outcome.FULL) == outcome.code_hash(outcome.FULL) != outcome.code_hash(outcome.QUICK)


def test_code_hash_changes_with_every_file_that_it_is_over(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in outcome.CODE:
        source, copy = repository / name, tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy)
        else:
            shutil.copy(source, copy)
    before = outcome.code_hash(outcome.FULL)
    monkeypatch.setattr(outcome, "repository_root", lambda: tmp_path)
    assert outcome.code_hash(outcome.FULL) == before
    for name in outcome.CODE:
        place = tmp_path / name
        for path in place.rglob("*.py") if place.is_dir() else [place]:
            content = path.read_bytes()
            path.write_bytes(content + b"\n")
            assert outcome.code_hash(outcome.FULL) != before, path
            path.write_bytes(content)
    assert outcome.code_hash(outcome.FULL) == before


def test_only_cells_of_the_same_code_and_model_are_known(tmp_path: Path) -> None:
    results = tmp_path / "outcome.json"
    assert outcome.read_cells(results, code="c", model="m") == {}
    older = {"code": "older", "model": "m"}  # whatever else it had or lacks
    write_json(results, {"cells": {"warm-0": cell(), "warm-1": older}})
    assert outcome.read_cells(results, code="c", model="m") == {"warm-0": cell()}
    assert outcome.read_cells(results, code="c", model="another") == {}


def test_a_failing_job_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(outcome.RunError, match="Unknown setting"):
        outcome.run_verb("train", tmp_path, "--no-such-setting", "1")

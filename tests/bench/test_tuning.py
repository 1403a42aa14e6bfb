"""Trials of settings: what may be asked, and the table."""

from pathlib import Path

import pytest

from bench import command, tuning
from bench.cells import Case, Results
from bench.questions import RESERVED_SEED
from tests.bench.bench_cells import made_cell


def test_trials_are_distinguished_by_their_flags() -> None:
    faster = ("--learning-rate", "1e-2")
    cells = [
        made_cell(Case("busy", 11, flags=faster), change=0.4),
        made_cell(Case("busy", 10), change=0.1),
        made_cell(Case("busy", 10, flags=faster), change=0.2),
    ]
    rows = [line.split("|") for line in tuning.table(cells).splitlines() if "busy" in line]
    assert [[part.strip() for part in row[1:4]] for row in rows] == [
        ["`defaults`, 60 votes, guidance 3", "**busy**", "10"],
        ["`--learning-rate 1e-2`, 60 votes, guidance 3", "**busy**", "10, 11"],
        ["`defaults`, 60 votes, guidance 3", "busy", "10"],
        ["`--learning-rate 1e-2`, 60 votes, guidance 3", "busy", "10"],
        ["`--learning-rate 1e-2`, 60 votes, guidance 3", "busy", "11"],
    ]
    assert rows[1][6].startswith(" +0.30 σ (")


def test_settings_are_compared_at_the_strength_that_costs_the_same() -> None:
    """The error goes with the strength's square between two that were measured, and from 0."""
    errors = [0.001 * strength**2 for strength in tuning.STRENGTHS]
    assert tuning.strength_at(errors, 0.001 * 1.2**2) == pytest.approx(1.2)
    assert tuning.strength_at(errors, 0.001 * 0.3**2) == pytest.approx(0.3)
    assert tuning.strength_at(errors, 1.0) == tuning.STRENGTHS[-1]
    uneven = [0.0, 0.02, 0.0, 0.0, 0.0, 0.0]  # a stronger one that seems to cost less is luck
    assert tuning.strength_at(uneven, 0.01) < 0.7


def test_cells_at_a_winner_error_stand_apart_from_those_of_the_product() -> None:
    cells = [made_cell(Case("busy", 10)), made_cell(tuning.AtError("busy", 10, at_error=0.015))]
    rows = [line.split("|")[1].strip() for line in tuning.table(cells).splitlines() if "**busy**" in line]
    assert rows == ["`defaults`, 60 votes, guidance 3", "`defaults`, 60 votes, guidance 3, at 1.5%"]


@pytest.mark.parametrize("asked", [["--tastes", "cosy"], ["--seeds", str(RESERVED_SEED)], ["--reserved"]])
def test_settings_are_never_chosen_on_what_is_reserved(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        tuning.main(asked)
    assert "eserved" in capsys.readouterr().err


def test_rendering_needs_no_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = Results(tmp_path / "tuning.json")
    monkeypatch.setattr(tuning, "RESULTS", results.path)
    monkeypatch.setattr(command, "tuning_bench", None)
    tuning.main(["--render"])
    assert "no table to write" in capsys.readouterr().out
    results.keep(made_cell(Case("busy", 10)))
    tuning.main(["--render"])
    assert results.path.with_suffix(".md").read_text("utf-8") == tuning.table(results.cells())

"""Trials of settings: what may be asked, and the table."""

from pathlib import Path

import pytest

from bench import command, tuning
from bench.cells import Case, Results
from bench.questions import RESERVED_SEED
from tests.bench.bench_cells import made_cell


def test_trials_are_told_apart_by_their_flags() -> None:
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

"""The outcome bench's tables and arguments; a whole cell is in test_journey."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import outcome
from bench.cells import Case, Results
from bench.journey import sheet_path
from bench.machine import describe_machine, sentence
from bench.measures import Readings
from tests.bench.bench_cells import made_cell


def test_the_table_has_every_cell_each_taste_over_its_seeds_and_names_the_worst() -> None:
    cells = [
        made_cell(Case("sun", 1), change=0.2),
        made_cell(Case("warm", 1), change=0.7),
        made_cell(Case("warm", 0), change=0.3, error=0.025, diversity=0.9),
        made_cell(Case("warm", 0, votes=20, guidance=1.0), change=-0.1),
    ]
    text = outcome.table(cells)
    sixty, twenty = text.split("## 20 votes, guidance 1")
    assert "## 60 votes, guidance 3" in sixty
    assert "6 unseen prompts at 4 seeds each, 5 fresh pairs" in sixty
    rows = [line for line in sixty.splitlines() if line.startswith(("| **", "| warm", "| sun"))]
    assert [row.split("|")[1:3] for row in rows] == [
        [" **warm** ", " 0, 1 "], [" **sun** ", " 1 "], [" warm ", " 0 "], [" warm ", " 1 "], [" sun ", " 1 "],
    ]  # fmt: skip
    assert "| +0.50 σ (" in rows[0]  # the mean of .3 and .7
    assert "| 100% (100% – 100%) |" in rows[2]
    assert "| +2.5% (+2.5% – +2.5%) | 138 (100) | – | 61 s (58 s of CPU) |" in rows[2]
    assert "Worst cell: sun, seed 1, with +0.20 σ and " in sixty
    assert "warm, seed 0 (winner error 2.5%, up to 2.5%, diversity 0.90)." in sixty
    assert "Worst cell: warm, seed 0, with -0.10 σ" in twenty
    assert twenty.count("none.") == 1
    assert text.count(sentence(describe_machine())) == 1


def test_what_is_reserved_is_named_as_such_in_the_table() -> None:
    assert "| **cosy (reserved)** | 0 |" in outcome.table([made_cell(Case("cosy", 0))])


def test_saved_measures_are_those_of_the_saved_readings() -> None:
    cell = made_cell(Case("warm", 0), change=0.3)
    for name, found in outcome.pooled([cell]).items():
        assert list(found) == pytest.approx(cell["measures"][name], rel=1e-6), name
    assert Readings.parse(cell["readings"]).content() == cell["readings"]


def test_rendering_needs_no_model_and_no_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = Results(tmp_path / "outcome.json")
    monkeypatch.setattr(outcome, "RESULTS", results.path)
    monkeypatch.setattr(outcome, "Workbench", None)
    outcome.main(["--render", "--sheets"])
    assert "no table to write" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    results.keep(made_cell(Case("warm", 0)))
    outcome.main(["--render"])
    assert results.path.with_suffix(".md").read_text("utf-8") == outcome.table(results.cells())


def test_reserved_cells_are_refused_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        outcome.main(["--tastes", "muted"])
    assert "Reserved: taste muted." in capsys.readouterr().err


def test_sheets_are_of_the_cell_with_most_votes_and_the_lowest_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [made_cell(case) for case in (Case("warm", 0, votes=20), Case("warm", 1), Case("warm", 0), Case("busy", 0))]
    for shade, cell in enumerate(cells[:3]):
        path = sheet_path(cell["case"], tmp_path / "cache")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 16), (80 * shade, 0, 0)).save(path)
    written = outcome.write_sheets(cells, tmp_path / "cache", tmp_path / "figures")
    assert written == [tmp_path / "figures" / "warm.webp"]
    with Image.open(written[0]) as sheet:
        assert sheet.size == (64, 16)
        assert np.asarray(sheet)[..., 0].mean() == pytest.approx(160, abs=4)
    assert "There are no images of busy" in capsys.readouterr().out

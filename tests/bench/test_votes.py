"""Curves over votes: the arms, table and figure; (slow) asking in lots."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import command, votes
from bench.cells import Case, Cell, Results
from bench.journey import Workbench
from bench.questions import RESERVED_SEED, training_pairs
from bench.votes import Asked, arms, asked_in_lots, equivalent
from sdpo_core.settings.train import TrainConfig
from sdpo_core.workspace.store import Store
from tests.bench.bench_cells import made_cell

SVG = "{http://www.w3.org/2000/svg}"


def curves() -> list[Cell]:
    """Votes alone gain .01 σ each; with labelled pairs .2 σ more."""
    return [
        made_cell(Asked(taste, seed, votes=count, labelled=labelled), change=0.01 * count + 0.2 * labelled)
        for count in (40, 10, 20)
        for taste in ("warm", "busy")
        for seed in (10, 11)
        for labelled in (False, True)
    ]


def test_the_arms_differ_in_labels_and_in_choosing_alone() -> None:
    both = arms([Case("warm", 10, votes=20, flags=("--steps", "9"))], 4)
    assert [(one.candidates, one.labelled) for one in both] == list(votes.ARMS)
    assert [one.flags for one in both[:2]] == [("--label-pairs", "0", "--steps", "9"), ("--steps", "9")]
    assert both[0].flags == both[2].flags
    assert TrainConfig.parse({"label_pairs": "0"}).labels.label_pairs == 0
    assert len({str(one.key("m")) for one in both}) == len({one.title() for one in both}) == 4
    assert arms([Case("warm", 10)], 8)[2].title().endswith("with chosen questions of 8 images")


def test_the_table_says_how_many_votes_an_arm_is_worth() -> None:
    text = votes.table(curves())
    rows = [line for line in text.splitlines() if line.startswith("| 10 |")]
    assert rows[0] == "| 10 | votes alone | warm, busy | +0.10 σ | – | – |"
    assert rows[1] == "| 10 | with labelled pairs | warm, busy | +0.30 σ | +0.20 σ (+0.20 – +0.20) | 30 |"
    assert "| 40 | with labelled pairs | warm, busy | +0.60 σ | +0.20 σ (+0.20 – +0.20) | 40 or more |" in text
    assert "| 20 | with labelled pairs | **busy** | 10, 11 |" in text
    assert text.index("| 10 | votes alone") < text.index("| 20 | votes alone") < text.index("| 40 | votes alone")


def test_an_arm_is_compared_with_votes_of_the_same_people() -> None:
    cells = [*curves(), made_cell(Asked("warm", 12, votes=10, labelled=True), change=9.0)]
    row = next(line for line in votes.table(cells).splitlines() if line.startswith("| 10 | with labelled pairs"))
    assert "| +0.20 σ (+0.20 – +0.20) | – |" in row  # seed 12 has no votes alone, so nothing is as many


@pytest.mark.parametrize(
    ("shift", "said"), [(0.05, "fewer than 10"), (0.1, "10"), (0.25, "25"), (0.4, "40 or more"), (2.0, "40 or more")]
)
def test_votes_between_two_counts_are_interpolated(shift: float, said: str) -> None:
    assert equivalent(shift, {10: 0.1, 20: 0.2, 40: 0.4}) == said


def test_the_figure_has_a_panel_for_each_taste_and_a_line_for_each_arm() -> None:
    drawing = ElementTree.fromstring(votes.figure(curves()))
    lines = list(drawing.iter(f"{SVG}polyline"))
    assert [len(line.attrib["points"].split()) for line in lines] == [3] * 4
    for line in lines:
        across = [float(point.split(",")[0]) for point in line.attrib["points"].split()]
        assert across == sorted(across)
    assert len(list(drawing.iter(f"{SVG}polygon"))) == 4


@pytest.mark.parametrize(
    "asked",
    [["--tastes", "cosy"], ["--seeds", str(RESERVED_SEED)], ["--reserved"], ["--candidates", "2"]],
)
def test_what_can_not_be_asked_is_refused(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        votes.main(asked)
    assert "eserved" in capsys.readouterr().err or "--candidates" in asked


def test_rendering_needs_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = Results(tmp_path / "votes.json")
    monkeypatch.setattr(votes, "RESULTS", results.path)
    monkeypatch.setattr(votes, "FIGURE", tmp_path / "votes.svg")
    monkeypatch.setattr(command, "tuning_bench", None)
    for cell in curves():
        results.keep(cell)
    votes.main(["--render"])
    assert results.path.with_suffix(".md").read_text("utf-8") == votes.table(results.cells())
    assert (tmp_path / "votes.svg").read_text("utf-8") == votes.figure(results.cells())


@pytest.mark.slow
def test_lots_continue_each_other(bench: Workbench) -> None:
    case = Asked("warm", 0, votes=12, candidates=3)
    twelve = asked_in_lots(bench, case, 12)
    stocked = sorted(bench.cache.glob("asked-*"))
    ten = asked_in_lots(bench, case, 10)
    assert sorted(bench.cache.glob("asked-*")) == stocked
    assert {ten, twelve} == set(stocked)
    with Store(ten) as few, Store(twelve) as many:
        first, then = (store.pairs.voted(purpose="train") for store in (few, many))
    assert [len(first), len(then)] == [10, 12]
    assert [one.pair.left.key for one in then[:10]] == [one.pair.left.key for one in first]
    assert [one.pair.left.prompt for one in then] == list(training_pairs(0, 12).prompts)

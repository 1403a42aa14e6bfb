"""Cells: saved one by one, run once, told apart by what decides them."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from bench import cells
from bench.cells import Case, Cell, Results, Session, add_arguments, chosen, in_groups, make_quick, run_missing
from bench.questions import RESERVED_SEED
from sdpo_core.atomic import write_json
from sdpo_core.errors import ConfigError, RunError

WARM, BUSY = Case("warm", 0), Case("busy", 0)


class Runner:
    """Runs a case by counting it."""

    def __init__(self) -> None:
        self.ran: list[Case] = []

    def __call__(self, case: Case) -> Cell:
        self.ran.append(case)
        return {"measures": {"shift": [len(self.ran), 0, 1]}}


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "results" / "bench.json")


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser, tastes=("warm", "busy"), seeds=(0, 1))
    return parser.parse_args(arguments)


def test_finished_cells_are_skipped_and_each_is_saved_immediately(results: Results) -> None:
    class Interrupted(Exception):
        pass

    run = Runner()

    def interrupted(case: Case) -> Cell:
        if case == BUSY:
            raise Interrupted
        return run(case)

    with pytest.raises(Interrupted):
        run_missing([WARM, BUSY], results, "m", interrupted, Session())
    assert [cell["case"]["taste"] for cell in results.cells()] == ["warm"]
    assert run_missing([WARM, BUSY], results, "m", run, Session()) == []
    assert run.ran == [WARM, BUSY]
    assert results.find(BUSY.key("m")) is not None
    run_missing([WARM, BUSY], results, "m", run, Session())
    assert run.ran == [WARM, BUSY]
    assert all(cell["machine"]["python"] for cell in results.cells())


def test_again_takes_the_place_of_the_earlier_cell(results: Results) -> None:
    run = Runner()
    run_missing([WARM, BUSY], results, "m", run, Session())
    run_missing([WARM], results, "m", run, Session(again=True))
    assert [cell["measures"]["shift"][0] for cell in results.cells()] == [2, 3]
    assert [cell["case"]["taste"] for cell in results.cells()] == ["busy", "warm"]


def test_no_cell_begins_once_the_time_is_up(results: Results, capsys: pytest.CaptureFixture[str]) -> None:
    run = Runner()
    run_missing([WARM], results, "m", run, Session())
    assert run_missing([WARM, BUSY], results, "m", run, Session(hours=0)) == [BUSY]
    assert run.ran == [WARM]
    assert "1 cells are left" in capsys.readouterr().out
    assert run_missing([WARM, BUSY], results, "m", run, Session(hours=1)) == []
    earlier = Session(hours=1, began=Session().began - 3601)
    assert run_missing([Case("sun", 0)], results, "m", run, earlier) == [Case("sun", 0)]


@pytest.mark.parametrize(
    "other",
    [
        Case("busy", 0),
        Case("warm", 1),
        Case("warm", 0, votes=20),
        Case("warm", 0, guidance=1.0),
        Case("warm", 0, flags=("--steps", "9")),
    ],
)
def test_whatever_decides_a_cell_tells_it_apart(results: Results, other: Case) -> None:
    run = Runner()
    run_missing([WARM, other], results, "m", run, Session())
    assert run.ran == [WARM, other]
    run_missing([other], results, "another model", run, Session())
    assert len(results.cells()) == 3


def test_cells_of_another_method_or_model_stay_in_the_file_but_not_in_the_table(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Runner()
    run_missing([WARM], results, "m", run, Session())
    monkeypatch.setattr(cells, "METHOD", cells.METHOD + 1)
    run_missing([WARM, BUSY], results, "m", run, Session())
    assert run.ran == [WARM, WARM, BUSY]
    assert len(results.cells()) == 3
    assert [cell["case"]["method"] for cell in results.current()] == [cells.METHOD] * 2
    run_missing([WARM], results, "a new model", run, Session())
    assert [cell["case"]["model"] for cell in results.current()] == ["a new model"]


def test_results_of_earlier_benches_are_ignored(results: Results) -> None:
    assert results.cells() == results.current() == []
    for old in ({"size": {"pairs": 60}, "cells": {"warm-0": {"oracle": "warm"}}}, {"questions": 60, "trials": []}):
        write_json(results.path, old)
        assert results.cells() == results.current() == []
    run_missing([WARM], results, "m", Runner(), Session())
    assert len(results.cells()) == 1


def test_a_damaged_file_is_reported_and_not_overwritten(results: Results) -> None:
    results.path.parent.mkdir()
    results.path.write_text('{"format": 2, "cells": [')
    with pytest.raises(RunError, match=r"bench\.json isn't JSON .* Restore it"):
        run_missing([WARM], results, "m", Runner(), Session())
    assert results.path.read_text() == '{"format": 2, "cells": ['


def test_two_processes_that_add_to_one_file_keep_each_others_cells(results: Results) -> None:
    def run(case: Case) -> Cell:
        Results(results.path).keep({"case": Case("sun", 5).key("m"), "by": "another process"})
        return {}

    run_missing([WARM], results, "m", run, Session())
    assert {cell["case"]["taste"] for cell in results.cells()} == {"sun", "warm"}


def test_the_file_is_json_with_a_line_for_each_field(results: Results) -> None:
    cell: dict[str, Any] = {"case": WARM.key("m"), "numbers": [1, 2.5], "name": "η"}
    results.keep(cell)
    text = results.path.read_text(encoding="utf-8")
    assert json.loads(text)["cells"] == [cell]
    assert '\n  "numbers": [1, 2.5],\n  "name": "η"\n' in text
    with pytest.raises(ValueError, match="JSON compliant"):
        results.keep({"case": BUSY.key("m"), "numbers": [float("nan")]})
    assert json.loads(results.path.read_text(encoding="utf-8"))["cells"] == [cell]


def test_cells_that_share_an_adapter_follow_each_other() -> None:
    asked = chosen(options("--votes", "60", "20", "--guidance", "3", "1", "--seeds", "0"), ("--steps", "9"))
    assert [(one.votes, one.taste, one.guidance) for one in asked] == [
        (60, "warm", 3), (60, "warm", 1), (60, "busy", 3), (60, "busy", 1),
        (20, "warm", 3), (20, "warm", 1), (20, "busy", 3), (20, "busy", 1),
    ]  # fmt: skip
    assert {one.flags for one in asked} == {("--steps", "9")}


def test_quick_is_one_taste_and_seed_unless_they_were_named() -> None:
    asked, named = options(), options("--tastes", "busy", "sun", "--seeds", "1", "7")
    for one in (asked, named):
        make_quick(one, (10, 14))
    assert {(one.taste, one.seed, one.votes) for one in chosen(asked)} == {("warm", 0, 10), ("warm", 0, 14)}
    assert len(chosen(named)) == 8


@pytest.mark.parametrize(
    "asked", [("--tastes", "cosy"), ("--tastes", "warm", "muted"), ("--seeds", str(RESERVED_SEED))]
)
def test_what_is_reserved_is_refused_with_the_reason(asked: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="run once, after the defaults are frozen"):
        chosen(options(*asked))
    assert chosen(options(*asked, "--reserved"))
    with pytest.raises(ConfigError, match="not with --again"):
        chosen(options(*asked, "--reserved", "--again"))


def test_reserved_ones_are_added_when_they_are_allowed() -> None:
    assert {(one.taste, one.seed) for one in chosen(options())} == {(t, s) for t in ("warm", "busy") for s in (0, 1)}
    asked = {(one.taste, one.seed) for one in chosen(options("--reserved"))}
    assert asked == {(t, s) for t in ("warm", "busy", "cosy", "muted") for s in (0, 1, RESERVED_SEED)}


def test_groups_are_of_what_is_named_and_ordered_by_seed() -> None:
    found = [{"case": one.key("m")} for one in (Case("warm", 1), BUSY, WARM, Case("warm", 0, flags=("--a", "1")))]
    groups = in_groups(found, "taste", "flags")
    assert list(groups) == [("warm", ()), ("busy", ()), ("warm", ("--a", "1"))]
    assert [cell["case"]["seed"] for cell in groups["warm", ()]] == [0, 1]

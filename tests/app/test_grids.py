"""Grids as the Judge page sees them: started, watched while they grow, and chosen from. Without a browser."""

from typing import Any

import pytest

from app.judge.grids import Grids
from app.judge.text import say as judge_say
from app.studio import Studio
from sdpo_core.errors import AdapterError, ConfigError, RunError
from sdpo_core.runs.folder import RunFolder
from sdpo_core.settings.judge import GridConfig
from sdpo_core.workspace.records import AdapterRecord
from tests.app.helpers import wait_for
from tests.app.shelves import add_adapter, make_grid

FORM = {"strengths": "0, .5; 1", "checkpoints": ["50", "100"], "prompt": " a lake ", "seed": 7.0}


@pytest.fixture
def grids(studio: Studio) -> Grids:
    return studio.grids


@pytest.fixture
def record(studio: Studio) -> AdapterRecord:
    return add_adapter(studio, model="demo")


def test_a_grid_is_started_as_the_form_says(studio: Studio, grids: Grids, record: AdapterRecord) -> None:
    assert grids.steps("mine") == [50, 100]
    run = grids.start("mine", FORM)
    assert run
    config = GridConfig.parse(run.config())
    assert (config.cells.strengths, config.cells.checkpoints, config.cells.prompt, config.cells.seed) == (
        (0.0, 0.5, 1.0),
        (50, 100),
        "a lake",
        7,
    )
    assert (config.runtime.model, config.cells.adapter) == ("demo", "mine")
    assert grids.find(None) == grids.find(run.id) == run
    assert grids.choices()[0][0].startswith("mine: “a lake”, ")
    assert grids.shown({"run": run.id})["running"]
    studio.desk.jobs.stop(run)
    wait_for(lambda: studio.desk.jobs.current() is None)


def test_a_grid_is_drawn_with_the_adapter_where_the_form_says(
    studio: Studio, grids: Grids, record: AdapterRecord
) -> None:
    run = grids.start("mine", {**FORM, "unconditional_strength": "-0.5"})
    assert run
    assert GridConfig.parse(run.config()).sampling.unconditional_strength == -0.5
    studio.desk.jobs.stop(run)
    wait_for(lambda: studio.desk.jobs.current() is None)


def test_empty_fields_take_the_defaults(studio: Studio, grids: Grids, record: AdapterRecord) -> None:
    run = grids.start("mine", {"strengths": "", "checkpoints": [], "prompt": "", "seed": None})
    assert run
    assert GridConfig.parse(run.config()).cells.strengths == GridConfig.parse({}).cells.strengths
    studio.desk.jobs.stop(run)
    wait_for(lambda: studio.desk.jobs.current() is None)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"strengths": "0 to 1"}, "got 'to'"),
        ({"strengths": "5"}, "strengths"),
        ({"strengths": "nan"}, "strengths"),
        ({"strengths": " ".join(str(i / 20) for i in range(20))}, "strengths"),
        ({"checkpoints": ["fifty"]}, "checkpoints"),
        ({"prompt": "x" * 10_001}, "prompt"),
        ({"seed": -1}, "seed"),
    ],
)
def test_impossible_requests_are_reported(
    grids: Grids, record: AdapterRecord, change: dict[str, Any], why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        grids.start("mine", {**FORM, **change})


def test_an_adapter_has_to_be_chosen(grids: Grids) -> None:
    with pytest.raises(AdapterError, match="No adapters yet"):
        grids.start(None, FORM)
    assert grids.steps("nobody") == []
    assert grids.find("anything") is None


def test_what_is_drawn_shows_and_the_rest_waits(studio: Studio, grids: Grids, record: AdapterRecord) -> None:
    run = make_grid(studio, record, (0, 0), (0, 1))
    reply = grids.shown({"run": run.id})
    assert reply["ok"]
    assert (reply["prompt"], reply["seed"], list(reply["strengths"])) == ("a lake", 7, [0.0, 0.5, 1.0])
    assert [(row["step"], row["drawn"]) for row in reply["rows"]] == [(50, [True, True, False]), (100, [False] * 3)]
    assert grids.image_path(run.id, 0, 1).is_file()
    for cell in ((0, 2), (9, 9), (-1, 0)):
        with pytest.raises(RunError, match="hasn't been generated"):
            grids.image_path(run.id, *cell)


def test_a_choice_is_recommended_from_then_on(studio: Studio, grids: Grids, record: AdapterRecord) -> None:
    run = make_grid(studio, record, (0, 1), (1, 2))
    reply = grids.pick({"run": run.id, "row": 1, "column": 2})
    assert reply["sentence"] == judge_say("picked", name="mine", strength=1.0)
    assert [row["recommended"] for row in reply["rows"]] == [None, 1.0]
    reply = grids.pick({"run": run.id, "row": 0, "column": 1})
    assert reply["sentence"] == judge_say("picked", name="mine-step-50", strength=0.5)
    assert [row["recommended"] for row in reply["rows"]] == [0.5, 1.0]
    assert sorted(one.name for one in studio.desk.store.adapters.all()) == ["mine", "mine-step-50"]


@pytest.mark.parametrize(
    "change", [{"row": 5}, {"column": 9}, {"column": 0}, {"run": "../.."}, {"row": "x"}, {"more": 1}]
)
def test_impossible_choices_are_refused(
    studio: Studio, grids: Grids, record: AdapterRecord, change: dict[str, Any]
) -> None:
    run = make_grid(studio, record, (0, 0))
    reply = grids.pick({"run": run.id, "row": 0, "column": 1, **change})
    assert not reply["ok"]
    assert reply["error"].endswith(".")
    assert [one.strength for one in studio.desk.store.adapters.all()] == [None]


def test_a_grid_goes_to_the_trash_and_comes_back(studio: Studio, grids: Grids, record: AdapterRecord) -> None:
    run = make_grid(studio, record, (0, 0))
    for hostile in ({}, {"run": "../../adapters"}, {"run": record.run_id}):
        assert not grids.remove(hostile)["ok"]
    assert "for good on the Disk page" in grids.remove({"run": run.id})["sentence"]
    assert grids.find(run.id) is None
    assert not grids.shown({"run": run.id})["ok"]
    house = studio.housekeeping
    (entry,) = house.snapshot()["trash"]
    assert entry["name"] == "Grids"
    assert house.restore_entry({"name": entry["id"]})["ok"]
    assert grids.find(run.id) == run
    told = house.preview({"name": "grids"})
    assert told["sentence"].startswith("1 grid, ")
    assert house.clear({"name": "grids"})["ok"]
    assert grids.runs() == []


def test_a_grid_that_failed_says_why(studio: Studio, grids: Grids) -> None:
    run = RunFolder.create(studio.desk.workspace / "runs", "grid", {"adapter": "mine", "prompt": ""})
    run.write_status(run.status().model_copy(update={"state": "failed", "message": "It does not fit."}))
    assert grids.shown({"run": run.id}) == {"ok": False, "error": "It does not fit."}
    for hostile in ("../../etc/passwd", "", 5, None):
        assert not grids.shown({"run": hostile})["ok"]


def test_the_image_nearest_to_a_strength_is_shown_next_to_the_base(
    studio: Studio, grids: Grids, record: AdapterRecord
) -> None:
    assert grids.near(None, 1.0) is grids.near("nobody", 1.0) is None
    assert grids.near("mine", 1.0) == {"adapter": "mine", "cell": None, "waits": False}
    make_grid(studio, record, (0, 0), (0, 1), (0, 2))  # of an earlier checkpoint: another file
    assert grids.near("mine", 1.0) == {"adapter": "mine", "cell": None, "waits": False}
    run = make_grid(studio, record, (1, 0), (1, 1))
    near = grids.near("mine", 2.0)
    assert near == {
        "adapter": "mine",
        "prompt": "a lake",
        "cell": {"address": f"/sdpo/grid/{run.id}/1/1", "strength": "0.5"},
        "base": {"address": f"/sdpo/grid/{run.id}/1/0"},
    }
    make_grid(studio, record)  # a newer one, of which nothing is drawn yet
    assert grids.near("mine", "of an earlier life") == near


def test_strengths_are_drawn_on_request(studio: Studio, grids: Grids, record: AdapterRecord) -> None:
    assert not grids.draw_strengths({"adapter": "nobody"})["ok"]
    assert grids.draw_strengths({"adapter": "mine"}) == {"ok": True, "sentence": judge_say("startedGrid")}
    run = grids.find(None)
    assert run
    near = grids.near("mine", 1.0)
    assert near
    assert "waits" in near
    assert near["waits"]
    assert GridConfig.parse(run.config()).cells.strengths == GridConfig.parse({}).cells.strengths
    studio.desk.jobs.stop(run)
    wait_for(lambda: studio.desk.jobs.current() is None)

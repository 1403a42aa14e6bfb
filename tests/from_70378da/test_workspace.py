"""Workspace, votes, blind test, grid, inbox, projects and exports of 70378da, in the hands of today's code."""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.desk.jobs import Jobs
from app.generate.messages import DEFAULT_URL
from app.studio import Studio
from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.exchange.inbox import import_inbox
from sdpo_core.judging.grid_plan import cell_path, pick, read_plan
from sdpo_core.judging.verdict import verdict
from sdpo_core.projects.folders import Projects
from sdpo_core.projects.transfer import export_project, import_project
from sdpo_core.runs.folder import RunFolder
from sdpo_core.workspace.pairs import training_pairs
from sdpo_core.workspace.store import Store
from tests.app.helpers import FAKE_JOB
from tests.cli.helpers import result, sdpo

_PLACE = re.compile(rb"/(home|root|tmp|work|Users|var|mnt|opt)/|[A-Z]:\\\\Users")


@pytest.fixture
def store(workspace: Path) -> Iterator[Store]:
    with Store(workspace) as opened:
        yield opened


@pytest.fixture
def studio(workspace: Path) -> Iterator[Studio]:
    opened = Studio(workspace, Jobs(workspace, FAKE_JOB))
    yield opened
    opened.close()


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file that was recorded, those inside the project's zip too."""
    for path in (path for path in folder.rglob("*") if path.is_file() and folder / "model" not in path.parents):
        yield path.name, path.read_bytes()
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as packed:
                yield from ((name, packed.read(name)) for name in packed.namelist())


def test_the_recording_reveals_nothing_about_the_machine_it_was_made_on(unpacked: Path) -> None:
    assert {name: place[0] for name, data in contents(unpacked) if (place := _PLACE.search(data))} == {}


def test_the_model_is_the_one_that_was_recorded(folder: Path, expected: dict[str, Any]) -> None:
    assert inspect_model("model").sha256 == expected["base_sha256"]


def test_the_database_opens_with_every_vote(store: Store, expected: dict[str, Any]) -> None:
    assert store.check() == []
    assert vars(store.counts()) == expected["counts"]
    assert store.votes.consistency().model_dump() == expected["consistency"]
    standing = [[one.pair.id, one.vote.choice, one.vote.strength] for one in store.pairs.voted(purpose="train")]
    assert standing == expected["standing"]
    assert {choice for _, choice, _ in standing} == {"left", "right", "tie", "both-bad", "skip"}
    assert {strength for _, _, strength in standing} == {1, 2}
    assert {adapter.name: adapter.sha256 for adapter in store.adapters.all()} == expected["adapters"]
    pairs = training_pairs(store, expected["base_sha256"]).sentence()
    assert re.findall(r"\d+", pairs) == re.findall(r"\d+", expected["pairs"])  # the words may be others by now


def test_every_generated_image_keeps_its_key(store: Store, expected: dict[str, Any]) -> None:
    """A recipe's hash is an image's identity: a different one would make it, and ask about it, again."""
    drawn = [candidate for candidate in store.candidates.newest(1000) if candidate.recipe]
    assert sorted(candidate.key for candidate in drawn) == expected["keys"]
    for candidate in drawn:
        assert candidate.recipe is not None
        assert candidate.recipe.key() == candidate.key


def test_drawing_the_same_again_finds_the_images(workspace: Path, store: Store) -> None:
    before = store.counts().candidates
    again = ("--seed", "5", "--sampling-steps", "2", "--prompts", "a lake", "hills")
    sdpo("generate", "--workspace", workspace, "--model", "model", *again)
    assert store.counts().candidates == before


def test_voting_continues(studio: Studio) -> None:
    assert import_inbox(studio.desk.store).added.pairs == 1
    decided = studio.desk.store.counts().decided
    pair = studio.desk.store.pairs.open(purpose="train", limit=1)[0]
    message = {"pair": pair.id, "images": [pair.left.image_sha256, pair.right.image_sha256], "choice": "left"}
    assert studio.votes.vote({"uuid": "today-one", **message})["ok"]
    assert studio.desk.store.counts().decided == decided + 1
    assert studio.votes.undo({"uuid": "today-two", "vote": "today-one"})["ok"]
    assert studio.rankings.sets({})["last"] is not None
    assert studio.review.page({})["ok"]


def test_the_blind_test_keeps_its_verdict(
    workspace: Path, store: Store, runs: dict[str, RunFolder], expected: dict[str, Any]
) -> None:
    found = verdict(store, runs["judged"])
    assert found is not None
    told = result("judge", "--workspace", workspace, "--verdict", runs["judged"].id)
    assert {name: told[name] for name in expected["verdict"]} == expected["verdict"]
    assert found.sentence == expected["verdict"]["sentence"]
    sdpo("judge", "--workspace", workspace, "--let-train", runs["judged"].id)
    assert training_pairs(store, expected["base_sha256"]).judged == 2, "the third was a tie"


def test_the_grid_is_there_and_a_cell_of_it_can_be_chosen(store: Store, runs: dict[str, RunFolder]) -> None:
    plan = read_plan(runs["grid"])
    assert plan is not None
    cells = [cell_path(runs["grid"], row, column) for row in range(len(plan.rows)) for column in range(2)]
    assert all(cell.is_file() for cell in cells)
    record = pick(store, runs["grid"], 0, 1)
    assert (record.name, record.strength) == ("first-step-3", 1.0)


def test_what_comfyui_sent_is_imported(workspace: Path, store: Store) -> None:
    report = import_inbox(store)
    assert (report.sendings, report.added.pairs, report.troubles) == (1, 1, [])
    assert not [*(workspace / "inbox").glob("*.jsonl")]


def test_the_studio_remembers_what_was_chosen(studio: Studio) -> None:
    assert studio.desk.models.source() == "model"
    assert [project.name for project in studio.desk.projects.all()][1:] == ["Another taste"]
    settings = studio.comfy.settings()
    assert settings is not None
    assert (settings["comfy"], settings["prompt_slot"]) == (DEFAULT_URL, ["2.text"])
    state = studio.comfy.state()
    assert (state["name"], state["problems"]) == ("plain.json", [])
    assert state["found"]


def test_adapters_show_what_they_were_trained_with(studio: Studio, workspace: Path) -> None:
    cards = {card["name"]: card for card in studio.adapters.snapshot()["cards"]}
    assert cards["first"]["problem"] == ""
    assert cards["first"]["verdict"] is not None
    assert "round 2" in cards["second"]["chips"]
    info = read_adapter_info(workspace / "adapters" / "first.safetensors")
    assert info.sdpo is not None
    assert (info.family, info.rank, info.modules) == ("sd15", 1, 32)
    assert info.sdpo["settings"]["hold_unconditional"] == 4.0
    name, card = studio.adapters.model_card(cards["first"]["id"], prompts=False)
    assert name
    assert "hold\\_unconditional" in card


def test_an_adapter_is_exported_as_it_was(folder: Path, workspace: Path) -> None:
    sdpo("export", "--workspace", workspace, "first", "--to", "again.safetensors", "--base", "model")
    assert (folder / "again.safetensors").read_bytes() == (folder / "exports/first.safetensors").read_bytes()


def test_the_project_comes_in_from_its_zip_and_goes_out_again(folder: Path, expected: dict[str, Any]) -> None:
    (folder / "elsewhere").mkdir()
    projects = Projects(folder / "elsewhere")
    for path in (folder / "exports/project.zip", folder / "again.zip"):
        made = import_project(projects, path)
        with Store(made.project.path) as store:
            assert store.check() == []
            assert vars(store.counts()) == expected["counts"]
            choices = [one.vote.choice for one in store.pairs.voted(purpose="train")]
            assert sorted(choices) == sorted(choice for _, choice, _ in expected["standing"])
            recipes = [candidate for candidate in store.candidates.newest(1000) if candidate.recipe]
            assert sorted(candidate.key for candidate in recipes) == expected["keys"]
        assert made.model is not None
        assert made.model.sha256 == expected["base_sha256"]
        export_project(made.project, folder / "again.zip", made.model)


@pytest.mark.parametrize("layout", ["pairs", "onetrainer"])
def test_exported_pairs_come_in_again(folder: Path, expected: dict[str, Any], layout: str) -> None:
    sdpo("import", "--workspace", folder / "other", folder / "exports" / layout)
    with Store(folder / "other") as store:
        decided = [one for one in store.pairs.voted(purpose="train") if one.vote.choice in ("left", "right")]
        assert len(decided) == sum(choice in ("left", "right") for _, choice, _ in expected["standing"])
        usable = training_pairs(store, expected["base_sha256"]).usable
        assert usable, "the recipes came with them, so they train as the person's own"


def test_the_zip_of_a_project_holds_no_settings(folder: Path) -> None:
    """So nothing of it has to be brought up to date but its rows, which name their schema."""
    with zipfile.ZipFile(folder / "exports/project.zip") as packed:
        lines = [json.loads(line) for line in packed.read("project.jsonl").splitlines()]
    assert lines[0]["project"]["schema"] == 4
    assert {line.get("table", "heading") for line in lines} == {
        *("heading", "prompts", "candidates", "pairs", "votes", "adapters")
    }

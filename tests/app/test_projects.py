"""Projects in the studio: going over from one to another, with nothing lost and nothing mixed."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from app.desk.jobs import Jobs
from app.desk.lock import StudioLock, StudioRunning
from app.studio import Studio
from sdpo_core.errors import ProjectError, RunError, StoreTooNew
from sdpo_core.projects.contents import Model
from sdpo_core.projects.folders import FIRST
from sdpo_core.workspace.records import Pair
from sdpo_core.workspace.store import Store
from tests.app.helpers import BASE, add_pair, answer, make_blind_test, wait_for


def message(pair: Pair, run: str = "") -> dict[str, Any]:
    images = [pair.left.image_sha256, pair.right.image_sha256]
    return {"uuid": str(uuid.uuid4()), "pair": pair.id, "images": images, "choice": "left", "run": run, "ms": 500}


def test_a_project_has_its_own_pairs_votes_model_and_jobs(studio: Studio) -> None:
    first = add_pair(studio.desk.store, 1)
    assert studio.votes.vote(message(first))["ok"]
    overview = studio.overview
    assert overview.snapshot()["project"] == FIRST
    made = studio.desk.projects.make("Second")
    studio.desk.open_project(made.id)
    assert studio.desk.store.counts().candidates == 0
    assert overview.counts().votes == 0
    assert overview.snapshot()["project"] == made.id
    assert studio.desk.jobs.root == made.path / "runs"
    (studio.desk.workspace / "studio.json").write_text(json.dumps({"model": "elsewhere"}), encoding="utf-8")
    assert studio.desk.models.source() == "elsewhere"
    studio.desk.open_project(made.id)  # it is open already
    studio.desk.open_project(FIRST)
    assert studio.desk.models.source() == "demo"
    assert studio.desk.store.counts().votes == 1


def test_the_next_start_opens_the_project_that_was_open(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    made = studio.desk.projects.make("Second")
    studio.desk.open_project(made.id)
    studio.close()
    again = Studio(tmp_path)
    assert again.desk.workspace == made.path
    assert again.desk.projects.rename(made.id, "Third").name == again.desk.projects.current.name == "Third"
    again.close()


def test_a_vote_that_waited_in_a_browser_reaches_its_own_project(studio: Studio) -> None:
    for number in range(3):
        add_pair(studio.desk.store, number)
    pair = studio.desk.store.pairs.open(purpose="train")[1]
    run = make_blind_test(studio.desk.workspace, 2)
    judged = studio.desk.store.pairs.open(purpose="judge", run_id=run.id)[0]
    second = studio.desk.projects.make("Second")
    studio.desk.open_project(second.id)
    for number in range(10, 13):
        add_pair(studio.desk.store, number)  # with the same ids as those of the first project
    cast = message(pair)
    assert studio.votes.vote(cast)["ok"]
    assert studio.votes.vote(cast)["ok"]
    assert studio.judge_votes.vote(message(judged, run.id))["ok"]
    assert studio.desk.store.counts().votes == 0
    taken_back = message(pair)
    assert studio.votes.vote(taken_back)["ok"]
    assert studio.votes.undo({"uuid": str(uuid.uuid4()), "vote": taken_back["uuid"]})["ok"]
    foreign = {**message(pair), "images": ["0" * 64, "1" * 64]}
    assert not studio.votes.vote(foreign)["ok"]
    studio.desk.open_project(FIRST)
    assert studio.desk.store.pairs.voted(purpose="train") == []
    assert len(studio.desk.store.pairs.voted(purpose="judge", run_id=run.id)) == 1


def test_an_answer_about_several_images_reaches_its_own_project_too(studio: Studio) -> None:
    for number in range(2):
        add_pair(studio.desk.store, number)
    first = studio.rankings.sets({"size": 4})["sets"][0]
    second = studio.desk.projects.make("Second")
    studio.desk.open_project(second.id)
    for number in range(10, 12):
        add_pair(studio.desk.store, number)  # with the same ids as those of the first project
    sent = answer(first)
    for _ in range(2):  # a retry
        assert studio.rankings.rank(sent)["ok"]
    assert studio.rankings.undo({"uuid": str(uuid.uuid4()), "vote": sent["uuid"]})["ok"]
    assert studio.rankings.rank(answer(first, worst=None))["ok"]
    assert not studio.rankings.rank({**answer(first), "images": ["0" * 64] * 4})["ok"]
    assert studio.desk.store.counts().votes == 0
    studio.desk.open_project(FIRST)
    assert studio.desk.store.counts().votes == 3


def test_a_running_job_keeps_its_project_open(studio: Studio) -> None:
    made = studio.desk.projects.make("Second")
    pair = add_pair(studio.desk.store, 1, base_sha256=studio.desk.models.chosen().sha256)
    studio.desk.store.votes.cast("a vote of mine", pair.id, "left")
    run = studio.training.start({})
    wait_for(lambda: studio.desk.jobs.status(run).state == "running")
    with pytest.raises(RunError, match="one job runs at a time"):
        studio.desk.open_project(made.id)
    assert studio.desk.projects.current.id == FIRST
    assert studio.desk.workspace == studio.desk.projects.root
    studio.desk.stop(run.id)
    wait_for(lambda: studio.desk.jobs.current() is None)
    studio.desk.open_project(made.id)
    assert studio.desk.jobs.current() is None


def test_a_project_that_cant_be_opened_leaves_the_other_one_open(studio: Studio) -> None:
    add_pair(studio.desk.store, 1)
    made = studio.desk.projects.make("Newer")
    with Store(made.path) as store, store._database.writing() as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(StoreTooNew, match="newer version of the studio"):
        studio.desk.open_project(made.id)
    assert studio.desk.workspace == studio.desk.projects.root == studio.desk.store.workspace
    assert studio.desk.jobs.root == studio.desk.projects.root / "runs"
    assert studio.desk.store.counts().pairs == 1
    assert not (made.path / "studio.lock").exists()
    with pytest.raises(ProjectError):
        studio.desk.open_project("../..")


def test_two_studios_dont_open_one_project(studio: Studio, tmp_path: Path) -> None:
    made = studio.desk.projects.make("Second")
    studio.desk.open_project(made.id)
    with pytest.raises(StudioRunning):
        StudioLock.acquire(made.path, "http://127.0.0.1:1/")
    studio.desk.open_project(FIRST)
    StudioLock.acquire(made.path, "http://127.0.0.1:1/").release()
    assert not (tmp_path / "studio.lock").exists()  # that one belongs to whoever started the studio


def test_a_project_is_exported_and_imported(studio: Studio, jobs: Jobs) -> None:
    with pytest.raises(ProjectError, match="is empty"):
        studio.desk.projects.export(studio.desk.projects.make("Empty").id, None)
    assert studio.votes.vote(message(add_pair(studio.desk.store, 1)))["ok"]
    report = studio.desk.projects.export(FIRST, Model("demo", BASE, "demo"))
    assert studio.desk.projects.export_path(report.file.name) == report.file
    for hostile in ("../studio.db", "/etc/passwd", "nowhere.zip", "..\\x.zip", ""):
        with pytest.raises(ProjectError, match="export no longer exists"):
            studio.desk.projects.export_path(hostile)
    made = studio.desk.projects.import_zip(report.file)
    assert studio.desk.projects.facts(made.project) == "2 images · 1 vote · 0 adapters"
    studio.desk.open_project(made.project.id)
    assert studio.desk.store.counts().votes == 1
    assert jobs.root == made.project.path / "runs"

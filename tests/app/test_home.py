"""The Home page without a browser: its numbers, requests about projects, zips over HTTP."""

import io
import json
import os
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from app.desk.models import chosen_in
from app.home import project_routes as routes
from app.home.project_actions import ProjectActions
from app.home.service import Home
from app.home.text import say as home_say
from app.server.security import LocalGuard
from app.studio import Studio
from sdpo_core.errors import DiskError
from sdpo_core.projects.folders import FIRST
from sdpo_core.settings.generate import GenerateConfig
from tests.app.helpers import add_pair, wait_for

ADDRESS = "http://127.0.0.1:7860"


@pytest.fixture
def home(studio: Studio) -> Home:
    return studio.home


@pytest.fixture
def actions(studio: Studio) -> ProjectActions:
    return studio.project_actions


@pytest.fixture
def client(studio: Studio) -> TestClient:
    app = Starlette(
        routes=routes.project_routes(studio.desk, studio.project_actions), middleware=[Middleware(LocalGuard)]
    )
    return TestClient(app, base_url=ADDRESS)


def stages(home: Home) -> dict[str, Any]:
    return {stage["key"]: stage for stage in home.snapshot()["stages"]}


def test_the_loop_tells_where_the_person_stands(studio: Studio, home: Home) -> None:
    empty = stages(home)
    assert list(empty) == list(home_say.rows("stage"))
    assert [stage["done"] for stage in empty.values()] == [True, False, False, False, False]
    assert empty["model"]["hint"] == "tiny, for trying things out, 96 px"
    for number in range(31):
        pair = add_pair(studio.desk.store, number, base_sha256=studio.desk.models.chosen().sha256)
        if number:
            studio.desk.store.votes.cast(str(uuid.uuid4()), pair.id, "left")
    wait_for(lambda: stages(home)["votes"]["value"] == "30")
    assert stages(home)["votes"]["hint"] == home_say("enoughVotes")
    assert stages(home)["candidates"]["hint"] == "1 pair waiting"
    run = studio.training.start({})
    wait_for(lambda: stages(home)["runs"]["hint"].startswith("running: step"))
    studio.desk.stop(run.id)
    wait_for(lambda: stages(home)["runs"]["hint"] == "latest: stopped")


def test_a_missing_model_is_reported(studio: Studio, home: Home) -> None:
    (studio.desk.workspace / "studio.json").write_text(json.dumps({"model": "/nowhere"}), encoding="utf-8")
    assert stages(home)["model"] == {
        **stages(home)["model"],
        "value": "/nowhere",
        "hint": home_say("modelTrouble"),
        "done": False,
    }


def test_wishes_about_projects(studio: Studio, home: Home, actions: ProjectActions) -> None:
    made = actions.act({"action": "make", "name": "<img src=x> ${1+1}"})
    assert made["ok"]
    assert actions.act({"action": "rename", "id": made["id"], "name": "Warm"})["ok"]
    assert not actions.act({"action": "rename", "id": made["id"], "name": " "})["ok"]
    assert actions.act({"action": "archive", "id": made["id"]})["ok"]
    assert not actions.act({"action": "archive", "id": FIRST})["ok"]
    told = home.snapshot()["projects"]
    assert [(project["name"], project["open"], project["archived"]) for project in told] == [
        ("My first project", True, False),
        ("Warm", False, True),
    ]
    assert actions.act({"action": "unarchive", "id": made["id"]})["ok"]
    assert actions.act({"action": "open", "id": made["id"]})["ok"]
    assert studio.desk.projects.current.name == "Warm"
    assert json.dumps(home.snapshot())


@pytest.mark.parametrize(
    "message",
    [None, [], {}, {"action": "delete"}, {"action": "open", "id": "../.."}, {"action": "make", "name": "x" * 2000}, 7],
)
def test_nonsense_is_refused_with_a_message(actions: ProjectActions, message: Any) -> None:
    reply = actions.act(message)
    assert not reply["ok"]
    assert reply["error"]


def test_a_project_that_cant_be_read_hides_no_other(studio: Studio, home: Home) -> None:
    made = studio.desk.projects.make("Broken")
    (made.path / "studio.db").write_bytes(b"no database at all, but long enough to be looked at" * 20)
    facts = {project["name"]: project["facts"] for project in home.snapshot()["projects"]}
    assert "can't be read" in facts["Broken"]
    assert facts["My first project"] == "0 images · 0 votes · 0 adapters"


def test_a_zip_goes_out_and_comes_in_over_http(studio: Studio, actions: ProjectActions, client: TestClient) -> None:
    add_pair(studio.desk.store, 1)
    reply = actions.act({"action": "export", "id": FIRST})
    assert reply["ok"]
    answer = client.get(reply["download"])
    assert answer.headers["content-type"] == "application/zip"
    assert "attachment" in answer.headers["content-disposition"]
    assert zipfile.ZipFile(io.BytesIO(answer.content)).testzip() is None
    made = client.post("/sdpo/project", content=answer.content, headers={"origin": ADDRESS}).json()
    assert made["ok"], made
    assert home_say("modelKnown", name="demo") in made["sentence"]
    assert chosen_in(studio.desk.projects.find(made["id"]).path) == "demo"
    assert len(studio.desk.projects.all()) == 2
    assert not list((studio.desk.projects.root / "projects").glob(".importing*"))


def test_an_upload_other_than_a_project_leaves_nothing(studio: Studio, client: TestClient) -> None:
    reply = client.post("/sdpo/project", content=b"SQLite format 3\x00" + bytes(5000)).json()
    assert not reply["ok"]
    assert "database" in reply["error"]
    assert len(studio.desk.projects.all()) == 1
    assert not list((studio.desk.projects.root / "projects").iterdir())


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("my%20b%C3%A4r.zip", "my bär.zip isn't a zip"),
        ("%E2%80%AE%0Ax", "��x isn't a zip"),
        ("", "The file isn't a zip"),
    ],
)
def test_a_refused_zip_is_called_as_the_person_calls_it(client: TestClient, named: str, told: str) -> None:
    reply = client.post("/sdpo/project", content=b"not a zip", headers={"x-file-name": named}).json()
    assert reply["error"].startswith(told), reply


def test_an_upload_ends_where_the_disk_does(
    studio: Studio, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "_RESERVE_BYTES", 2**60)
    reply = client.post("/sdpo/project", content=b"x" * 1000).json()
    assert reply == {"ok": False, "error": home_say("tooLarge")}
    assert not list((studio.desk.projects.root / "projects").iterdir())


def test_a_foreign_page_can_send_no_zip(studio: Studio, client: TestClient) -> None:
    assert client.post("/sdpo/project", content=b"x", headers={"origin": "https://evil.example"}).status_code == 403
    assert client.get("/sdpo/export/..%2Fstudio.db").status_code == 404
    assert client.get("/sdpo/export/x.zip").status_code == 404
    assert Path(studio.desk.workspace, "studio.db").is_file()


@pytest.mark.skipif(os.name == "nt", reason="an open database holds its folder")
def test_a_workspace_whose_drive_was_removed_is_reported_and_made_nowhere_else(
    studio: Studio, home: Home, tmp_path: Path
) -> None:
    workspace = studio.desk.workspace
    away = tmp_path.with_name(f"{tmp_path.name}-away")
    workspace.rename(away)
    try:
        strip = home.snapshot(None)["machine"]
        assert "its drive was disconnected" in strip[-1]["hint"]
        assert "its drive was disconnected" in studio.housekeeping.snapshot()["error"]
        (warning,) = studio.overview.warnings()
        assert warning.startswith(f"The folder {workspace} can't be reached")
        with pytest.raises(DiskError, match="Everything works again once it's back"):
            studio.desk.jobs.start("generate", GenerateConfig.of(prompts=("a lake",)))
        assert not workspace.exists(), "nothing was written where the drive was"
    finally:
        away.rename(workspace)
    assert "free of" in home.snapshot(None)["machine"][-1]["hint"]

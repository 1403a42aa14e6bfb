"""Drawing with a ComfyUI from the studio: what the page sends is checked, kept by project, and becomes settings."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.generate.comfyui import SETTINGS
from app.studio import Studio
from sdpo_core.errors import ComfyUIError, ConfigError
from tests.app.helpers import wait_for
from tests.comfyui.server import running
from tests.comfyui.test_job import small
from tests.exchange.comfy_graphs import concatenated, simple


def sent(graph: Any, name: str = "mine.json") -> dict[str, Any]:
    content = graph if isinstance(graph, bytes) else json.dumps(graph).encode()
    return {"name": name, "content": base64.b64encode(content).decode()}


def wish(**changed: Any) -> dict[str, Any]:
    return {"on": True, "url": "http://127.0.0.1:1", **changed}


FORM = {"prompts": "a lake", "pairs": 2, "model": "demo"}


def test_a_workflow_is_kept_and_shown(studio: Studio, tmp_path: Path) -> None:
    assert studio.comfy.state()["found"] == []
    reply = studio.comfy.take(sent(simple()))
    assert (reply["ok"], reply["name"], reply["problems"]) == (True, "mine.json", [])
    assert {"what": "Prompt", "where": "6.text", "value": "“a glass bottle”"} in reply["found"]
    assert studio.comfy.settings() is None, "it is not switched on"
    reply = studio.comfy.choose(wish(seed_slot=" 3.seed , 3.seed"))
    settings = studio.comfy.settings()
    assert settings
    assert (settings["comfy"], settings["seed_slot"]) == ("http://127.0.0.1:1", ["3.seed", "3.seed"])
    assert Path(settings["workflow"]).is_relative_to(tmp_path)
    (tmp_path / SETTINGS).write_text('{"on": true, "workflow": "../../etc/passwd"}')
    assert studio.comfy.settings() is None, "a damaged choice doesn't count"


def test_what_comfyui_says_is_asked_for_on_a_button(studio: Studio) -> None:
    with running() as comfy:
        studio.comfy.take(sent(small()))
        told = studio.comfy.look(wish(url=comfy.url))
        assert told["problems"] == []
        assert "the chosen model is demo" in told["notes"][0]
        comfy.occupy(2)
        assert "2 jobs are before ours" in studio.comfy.look(wish(url=comfy.url))["notes"][1]
        comfy.nodes.discard("VAEDecode")
        assert "lacks nodes of this workflow: VAEDecode" in studio.comfy.look(wish(url=comfy.url))["problems"][0]
    assert "No ComfyUI is answering" in studio.comfy.look(wish(url=comfy.url))["problems"][0]
    assert "isn't the address" in studio.comfy.look(wish(url="file:///etc/passwd"))["problems"][0]


@pytest.mark.parametrize("url", ["", "http://[::1", "ftp://x"])
def test_an_invalid_address_is_reported_immediately(studio: Studio, url: str) -> None:
    studio.comfy.take(sent(small()))
    words = f"“{url}” isn't the address of a ComfyUI"
    assert words in studio.comfy.choose(wish(url=url))["problems"][0]
    with pytest.raises(ComfyUIError, match=re.escape(words)):
        studio.drawing.start_as_chosen(FORM)


def test_what_is_not_clear_is_pointed_at(studio: Studio) -> None:
    assert "Point at one: 31.string_b" in studio.comfy.take(sent(concatenated()))["problems"][0]
    studio.comfy.choose(wish())
    with pytest.raises(ComfyUIError, match="Point at one"):
        studio.drawing.start_as_chosen(FORM)
    assert studio.comfy.choose(wish(prompt_slot="30.value"))["problems"] == []
    assert "has no 77.value" in studio.comfy.choose(wish(prompt_slot="77.value"))["problems"][0]
    reply = studio.comfy.take(sent(simple(), "other.json"))
    assert (reply["prompt_slot"], reply["name"], reply["on"]) == ("", "other.json", True)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (sent(b"{"), "can't be read as JSON"),
        (sent({"nodes": [], "links": []}), "Workflow > Export (API)"),
        (sent(b"\x89PNG\r\n\x1a\n"), "holds no ComfyUI workflow"),
        ({"name": "x", "content": "no base64"}, "was incomplete"),
    ],
)
def test_anything_but_a_workflow_is_reported_and_the_earlier_one_stays(
    studio: Studio, message: dict[str, Any], words: str
) -> None:
    studio.comfy.take(sent(simple()))
    reply = studio.comfy.take(message)
    assert (reply["ok"], words in reply["error"]) == (False, True)
    assert studio.comfy.state()["name"] == "mine.json"


@pytest.mark.parametrize(
    "message", [None, 5, [], {"on": "yes"}, {"url": "x" * 501}, {"workflow": "a" * 16}, {"on": True, "path": "/etc"}]
)
def test_a_message_that_no_page_sends_changes_nothing(studio: Studio, message: Any) -> None:
    before = studio.comfy.state()
    assert not studio.comfy.choose(message)["ok"]
    assert not studio.comfy.look(message)["ok"]
    assert not studio.comfy.take(message)["ok"]
    assert studio.comfy.state() == before


def test_drawing_starts_a_job_with_the_workflow(studio: Studio) -> None:
    studio.comfy.choose(wish())
    with pytest.raises(ConfigError, match="there's no workflow yet"):
        studio.drawing.start_as_chosen(FORM)
    studio.comfy.take(sent(simple()))
    studio.comfy.choose(wish(url="ftp://x"))
    with pytest.raises(ComfyUIError, match="isn't the address"):
        studio.drawing.start_as_chosen(FORM)
    studio.comfy.choose(wish())
    with pytest.raises(ConfigError, match="guidance is the workflow's own"):
        studio.drawing.start_as_chosen({**FORM, "guidance": "5"})
    run = studio.drawing.start_as_chosen({**FORM, "negative": "fog", "seed": "3"})
    config = run.settings()
    assert (config["comfy"], config["prompts"], config["seed"]) == ("http://127.0.0.1:1", ["a lake"] * 2, 3)
    studio.desk.jobs.stop(run)
    wait_for(lambda: studio.desk.jobs.current() is None)
    studio.comfy.choose(wish(on=False))
    run = studio.drawing.start_as_chosen(FORM)
    assert run.settings()["comfy"] is None
    studio.desk.jobs.stop(run)
    wait_for(lambda: studio.desk.jobs.current() is None)


def test_a_drawing_that_was_stopped_is_not_gone_on_with(studio: Studio) -> None:
    studio.comfy.take(sent(simple()))
    studio.comfy.choose(wish())
    stopped = studio.drawing.start_as_chosen(FORM)
    studio.desk.jobs.stop(stopped)
    wait_for(lambda: studio.desk.jobs.current() is None)
    other = studio.drawing.start_as_chosen(FORM)
    assert other.id != stopped.id
    studio.desk.jobs.stop(other)
    wait_for(lambda: studio.desk.jobs.current() is None)


def test_the_same_again_after_a_failure_is_the_same_run(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    studio.comfy.take(sent(simple()))
    studio.comfy.choose(wish())
    monkeypatch.setenv("SDPO_FAKE_JOB", "die")
    failed = studio.drawing.start_as_chosen(FORM)
    wait_for(lambda: studio.desk.jobs.status(failed).state == "failed")
    monkeypatch.setenv("SDPO_FAKE_JOB", "quick")
    assert studio.drawing.start_as_chosen(FORM).id == failed.id
    wait_for(lambda: studio.desk.jobs.status(failed).state == "done")


def test_each_project_has_its_own_choice(studio: Studio) -> None:
    studio.comfy.take(sent(simple()))
    studio.comfy.choose(wish())
    other = studio.desk.projects.make("Other")
    studio.desk.open_project(other.id)
    assert (studio.comfy.state()["workflow"], studio.comfy.settings()) == ("", None)


@pytest.mark.parametrize("field", ["comfy", "workflow"])
def test_a_program_gives_no_address_and_no_path(studio: Studio, field: str) -> None:
    with pytest.raises(ConfigError, match="set on the Generate page"):
        studio.drawing.start({**FORM, field: "http://127.0.0.1:9"})

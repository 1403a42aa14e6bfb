"""Finding, reading and choosing models as the page does it, with real child processes."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from safetensors.torch import save_file

from app.desk import models
from app.desk.model_reader import ModelReader, ModelUnread
from app.desk.models import Models
from app.desk.text import say as desk_say
from app.models.finder import FOLDERS, ModelFinder
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.errors import ConfigError, ModelError
from tests.app.helpers import wait_for
from tests.original_layout import essentials


@pytest.fixture(autouse=True)
def nothing_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Children find what a test puts there, and no more."""
    (tmp_path / "home").mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name, place in {"SDPO_CACHE": "cache", "HF_HUB_CACHE": "hub", "HF_HOME": "hf"}.items():
        monkeypatch.setenv(name, str(tmp_path / place))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("COMFYUI_PATH", "SDPO_MODELS", "COMMANDLINE_ARGS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def choice(tmp_path: Path) -> Models:
    (tmp_path / "workspace").mkdir()
    return Models(tmp_path / "workspace")


@pytest.fixture
def finder(tmp_path: Path, choice: Models) -> Iterator[ModelFinder]:
    finder = ModelFinder(tmp_path / "workspace", choice)
    yield finder
    finder.close()


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    save_file(essentials("sd15"), folder / "lakes.safetensors")
    (folder / "old.ckpt").touch()
    return folder


def found(finder: ModelFinder) -> dict[str, Any]:
    wait_for(lambda: not finder.state()["looking"], 60)
    return finder.state({"version": -1})


def test_nothing_is_said_of_what_was_not_looked_for(finder: ModelFinder) -> None:
    """Reading a chosen model asks for the state, too; the list must not say then that there is no model."""
    assert not finder.state()["looked"]
    finder.find()
    assert finder.state()["looking"]
    assert not finder.state()["looked"]
    assert found(finder)["looked"]


def test_a_folder_is_added_looked_through_and_forgotten(finder: ModelFinder, checkpoints: Path, tmp_path: Path) -> None:
    assert finder.add_folder({"path": f'"{checkpoints}"'}) == {"ok": True}  # as Windows copies a path
    told = found(finder)
    (model,) = told["models"]
    assert (model["name"], model["facts"][0], model["hash"]) == ("lakes.safetensors", "Stable Diffusion 1.x", "")
    assert "fp16" in model["facts"]
    assert finder.source_of(model["id"]) == str(checkpoints / "lakes.safetensors")
    (unusable,) = told["unusable"]
    assert "is a pickle file" in unusable["why"]
    assert json.loads((tmp_path / "workspace" / FOLDERS).read_text()) == {"folders": [str(checkpoints)]}
    assert "models" not in finder.state({"version": told["version"]}), "what the page knows is not sent again"
    finder._models.choose(finder.source_of(model["id"]))
    (model,) = finder.state({"version": told["version"]})["models"]
    assert model["hash"] == sha256_file(checkpoints / "lakes.safetensors")[:10]
    finder.forget_folder({"id": told["folders"][0]["id"]})
    assert found(finder)["models"] == []


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"path": "/no/such/folder"}, "Can't open the folder /no/such/folder"),
        ({"path": "\0"}, "Can't open the folder"),
        ({"path": "~no-such-user/x"}, "Can't open the folder"),
        ({"path": "x" * 5000}, "unexpected"),
        ({}, "unexpected"),
        ("x", "unexpected"),
    ],
)
def test_anything_but_a_folder_is_refused_with_a_message(finder: ModelFinder, message: Any, words: str) -> None:
    reply = finder.add_folder(message)
    assert not reply["ok"]
    assert words in reply["error"]
    assert finder.state({"version": -1})["folders"] == []


def test_from_the_page_come_ids_only(finder: ModelFinder) -> None:
    for hostile in ("/etc/passwd", "", None, "../x", 3):
        with pytest.raises(ConfigError, match="no longer in the list"):
            finder.source_of(hostile)
    assert not finder.forget_folder({"id": "x" * 99})["ok"]


def test_a_broken_list_of_folders_is_empty(finder: ModelFinder, tmp_path: Path) -> None:
    for content in ("[1", '{"folders": 3}', "[]", '{"folders": [1, null]}'):
        (tmp_path / "workspace" / FOLDERS).write_text(content)
        assert finder.state({"version": -1})["folders"] == []


def test_a_search_stops_immediately_and_keeps_what_it_found(choice: Models, tmp_path: Path) -> None:
    endless = (
        "import json, time\nprint(json.dumps({'kind': 'seen', 'names': 7, 'folder': 'x'}), flush=True)\ntime.sleep(99)"
    )
    finder = ModelFinder(tmp_path / "workspace", choice, (sys.executable, "-c", endless))
    finder.find()
    wait_for(lambda: "7 files" in finder.state()["looking"])
    began = time.monotonic()
    finder.halt()
    assert time.monotonic() - began < 2
    assert finder.state()["looking"] == ""


# --- reading a model for its hash ------------------------------------------------------------------------------------


def test_a_large_model_is_read_in_a_process_of_its_own_and_then_chosen(
    choice: Models, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "QUICK_BYTES", 1000)
    path = checkpoints / "lakes.safetensors"
    with pytest.raises(ModelUnread, match="Reading lakes: 0%"):
        choice.choose(str(path))
    assert choice.source() == "demo", "the earlier one stays until then"
    wait_for(lambda: choice.source() == str(path), 60)
    assert choice.inspect(str(path)).sha256 == sha256_file(path)
    assert choice.reader.source() == ""


def test_who_chooses_another_meanwhile_keeps_that(
    choice: Models, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice.inspect("demo")
    monkeypatch.setattr(models, "QUICK_BYTES", 1000)
    with pytest.raises(ModelUnread):
        choice.choose(str(checkpoints / "lakes.safetensors"))
    choice.choose("demo")
    wait_for(lambda: choice.reader.source() == "", 60)
    assert choice.source() == "demo"


def test_what_can_not_be_used_is_refused_before_it_is_read(choice: Models, checkpoints: Path) -> None:
    with pytest.raises(ModelError, match="is a pickle file"):
        choice.choose(str(checkpoints / "old.ckpt"))
    assert choice.reader.source() == ""


def test_a_drive_that_disappears_midway_is_reported_and_retried_on_request(
    tmp_path: Path, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "QUICK_BYTES", 1000)
    fails = "import json, sys\nprint(json.dumps({'error': 'It can not be read (Input/output error).'}))\nsys.exit(1)"
    choice = Models(tmp_path, ModelReader((sys.executable, "-c", fails)))
    source = str(checkpoints / "lakes.safetensors")
    with pytest.raises(ModelUnread):
        choice.choose(source)
    wait_for(lambda: choice.reader.source() == "")
    for _ in range(2):  # the bar asks every second, and does not start it again
        with pytest.raises(ModelError, match="Input/output error"):
            choice.inspect(source)
    with pytest.raises(ModelUnread):
        choice.choose(source)
    silent = ModelReader((sys.executable, "-c", "raise SystemExit(3)"))
    silent.start("x", 1, lambda: None)
    wait_for(lambda: silent.source() == "")
    assert silent.trouble("x") == desk_say("readingFailed")


def test_reading_is_stopped_and_begun_again(
    choice: Models, finder: ModelFinder, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "QUICK_BYTES", 1000)
    source = str(checkpoints / "lakes.safetensors")
    with pytest.raises(ModelUnread):
        choice.choose(source)
    assert finder.stop_reading() == {"ok": True}
    assert choice.reader.source() == ""
    with pytest.raises(ModelError, match="was stopped"):
        choice.inspect(source)
    with pytest.raises(ModelUnread):
        choice.choose(source)
    wait_for(lambda: choice.source() == source, 60)

"""The page's panel for the nodes in ComfyUI: what is found, what is typed, and what a hostile page sends."""

from pathlib import Path
from typing import Any

import pytest

from app.adapters.comfy_pack import ComfyPack
from app.adapters.text import say as adapters_say
from app.ui.text import say as ui_say
from sdpo_core.comfyui import install as comfyui


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ComfyUI that is found, and a separate pack that may be written to."""
    place = tmp_path / "ComfyUI"
    (place / "custom_nodes").mkdir(parents=True)
    for name in ("main.py", "nodes.py", "folder_paths.py"):
        (place / name).touch()
    pack = tmp_path / "pack"
    pack.mkdir()
    for name in ("__init__.py", "pyproject.toml"):
        (pack / name).write_bytes((comfyui.PACK / name).read_bytes())
    monkeypatch.setattr(comfyui, "PACK", pack)
    monkeypatch.setenv("COMFYUI_PATH", str(place))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return place


def test_in_and_out_again(place: Path, tmp_path: Path) -> None:
    pack = ComfyPack(tmp_path / "workspace")
    (found,) = [one for one in pack.look()["found"] if one["folder"] == str(place)]
    assert (found["installed"], found["problem"]) == (False, "")
    reply = pack.act({"action": "install", "id": found["id"]})
    assert reply["ok"], reply
    assert "Restart ComfyUI" in reply["sentence"]
    assert [one["installed"] for one in reply["found"] if one["id"] == found["id"]] == [True]
    assert (place / "custom_nodes" / comfyui.NAME / "__init__.py").is_file()
    reply = pack.act({"action": "remove", "id": found["id"]})
    assert [one["installed"] for one in reply["found"] if one["id"] == found["id"]] == [False]
    assert not (place / "custom_nodes" / comfyui.NAME).exists()


def test_a_typed_folder_is_known_from_then_on(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMFYUI_PATH")
    hidden = place.rename(tmp_path / "somewhere else")
    pack = ComfyPack(tmp_path / "workspace")
    assert str(hidden) not in [one["folder"] for one in pack.look()["found"]]
    reply = pack.act({"action": "install", "folder": f'  "{hidden}" '})
    assert reply["ok"], reply
    assert (str(hidden), True) in [(one["folder"], one["installed"]) for one in reply["found"]]


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ({"action": "install", "id": "0" * 16}, adapters_say("comfyGone")),
        ({"action": "remove", "folder": ""}, adapters_say("comfyEmpty")),
        ({"action": "install", "folder": "ComfyUI"}, "isn't a full path"),
        ({"action": "install", "folder": "/"}, "ComfyUI"),
        ({"action": "install", "folder": "/nowhere/at/all"}, "/nowhere/at/all"),
        ({"action": "delete", "id": "x"}, ui_say("unexpectedMessage")),
        ({"action": "install", "folder": "x" * 10_000}, ui_say("unexpectedMessage")),
        (None, ui_say("unexpectedMessage")),
    ],
)
def test_what_cannot_be_done_is_a_sentence(place: Path, tmp_path: Path, message: Any, sentence: str) -> None:
    reply = ComfyPack(tmp_path / "workspace").act(message)
    assert not reply["ok"]
    assert sentence in reply["error"]
    assert not list((place / "custom_nodes").iterdir())

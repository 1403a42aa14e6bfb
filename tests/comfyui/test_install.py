"""Putting the node pack into ComfyUI, with trees that look like its four kinds."""

import json
import os
import sys
from pathlib import Path

import pytest

from sdpo_core.cli.main import main
from sdpo_core.comfyui import install as comfyui
from sdpo_core.comfyui.install import NAME, PACK, SETTINGS, find_comfyui, install, installed, remove, the_only
from sdpo_core.errors import ComfyUIError, DiskError

links = pytest.mark.skipif(sys.platform == "win32", reason="links need special rights there")


def git_clone(folder: Path) -> Path:
    (folder / "custom_nodes").mkdir(parents=True)
    (folder / "main.py").write_text("", encoding="utf-8")
    return folder


def desktop(folder: Path) -> Path:
    """The desktop program's base folder: models and nodes, no code."""
    (folder / "custom_nodes").mkdir(parents=True)
    (folder / "models").mkdir()
    return folder


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pack of one's own, because installing may write its settings."""
    pack = tmp_path / "repository" / "comfy_nodes"
    pack.mkdir(parents=True)
    for name in ("__init__.py", "nodes.py", "pyproject.toml"):
        (pack / name).write_bytes((PACK / name).read_bytes())
    (pack / "__pycache__").mkdir()
    monkeypatch.setattr(comfyui, "PACK", pack)
    return pack


# ------------------------------------------------------------------------------------------------------------ finding


def test_all_kinds_are_found_once(tmp_path: Path) -> None:
    home, near = tmp_path / "home", tmp_path / "near"
    clone = git_clone(home / "ComfyUI")
    portable = git_clone(near / "ComfyUI_windows_portable" / "ComfyUI")
    base = desktop(tmp_path / "elsewhere")
    settings = home / ".config" / "ComfyUI"
    settings.mkdir(parents=True)
    (settings / "config.json").write_text(json.dumps({"basePath": str(base)}), encoding="utf-8")
    roaming = tmp_path / "roaming" / "ComfyUI"
    roaming.mkdir(parents=True)
    (roaming / "config.json").write_text("[]", encoding="utf-8")
    (near / "comfyui").mkdir()
    found = find_comfyui(home, {"APPDATA": str(tmp_path / "roaming"), "COMFYUI_PATH": str(clone)}, near)
    assert found == [clone, base, portable]
    with pytest.raises(ComfyUIError, match="Found 3 ComfyUIs"):
        the_only(found)
    with pytest.raises(ComfyUIError, match="No ComfyUI was found"):
        the_only(find_comfyui(tmp_path / "none", {}, tmp_path / "none"))
    assert the_only([clone]) == clone


def test_under_wsl_windows_paths_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comfyui, "_is_wsl", lambda: True)
    assert comfyui._from_windows("C:\\Users\\me\\ComfyUI") == "/mnt/c/Users/me/ComfyUI"
    assert comfyui._from_windows("/home/me") == "/home/me"
    assert not comfyui._can_link(Path("/mnt/c/ComfyUI/custom_nodes/sdpo-studio"))
    assert comfyui._can_link(tmp_path / "custom_nodes" / "sdpo-studio")
    monkeypatch.setattr(comfyui, "_is_wsl", lambda: False)
    assert comfyui._from_windows("C:\\ComfyUI") == "C:\\ComfyUI"


@pytest.mark.parametrize("inside", ["", "custom_nodes", ".."])
def test_the_folder_may_be_named_in_several_ways(tmp_path: Path, pack: Path, inside: str) -> None:
    clone = git_clone(tmp_path / "ComfyUI_windows_portable" / "ComfyUI")
    install(clone / inside, pack.parent / "workspace")
    assert installed(clone)


def test_anything_but_a_comfyui_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(ComfyUIError, match="isn't a ComfyUI: expected a folder with custom_nodes"):
            install(folder, tmp_path)


# ------------------------------------------------------------------------------------------ linking, copying, removing


@links
def test_a_link_and_a_second_time_nothing(tmp_path: Path, pack: Path) -> None:
    clone = git_clone(tmp_path / "ComfyUI")
    done = install(clone, pack.parent / "workspace")
    assert done.changed
    assert done.folder.resolve() == pack
    assert not (pack / SETTINGS).exists()  # a linked pack finds the workspace next to itself
    assert not install(clone, pack.parent / "workspace").changed
    assert remove(clone).changed
    assert not os.path.lexists(done.folder)
    assert (pack / "nodes.py").is_file()
    assert not remove(clone).changed
    assert not installed(clone)


@links
def test_a_workspace_elsewhere_is_told_to_the_pack(tmp_path: Path, pack: Path) -> None:
    clone = git_clone(tmp_path / "ComfyUI")
    install(clone, tmp_path / "data")
    assert json.loads((pack / SETTINGS).read_text(encoding="utf-8")) == {"workspace": str(tmp_path / "data")}
    assert not install(clone, tmp_path / "data").changed
    assert install(clone, pack.parent / "workspace").changed
    assert json.loads((pack / SETTINGS).read_text(encoding="utf-8")) == {"workspace": str(pack.parent / "workspace")}


def test_a_copy_knows_its_workspace_and_is_brought_up_to_date(tmp_path: Path, pack: Path) -> None:
    clone = git_clone(tmp_path / "ComfyUI")
    target = install(clone, tmp_path / "data", copy=True).folder
    assert not target.is_symlink()
    assert sorted(path.name for path in target.iterdir()) == ["__init__.py", "nodes.py", "pyproject.toml", SETTINGS]
    assert json.loads((target / SETTINGS).read_text(encoding="utf-8")) == {"workspace": str(tmp_path / "data")}
    (target / "nodes.py").write_text("old", encoding="utf-8")
    install(clone, tmp_path / "data", copy=True)
    assert (target / "nodes.py").read_bytes() == (pack / "nodes.py").read_bytes()
    assert [path.name for path in target.parent.iterdir()] == [NAME]
    assert remove(clone).changed
    assert not target.exists()


@links
def test_a_link_takes_the_place_of_a_copy_and_of_a_link_that_leads_nowhere(tmp_path: Path, pack: Path) -> None:
    clone = git_clone(tmp_path / "ComfyUI")
    target = install(clone, tmp_path / "data", copy=True).folder
    assert install(clone, tmp_path / "data").folder.is_symlink()
    target.unlink()
    target.symlink_to(tmp_path / "moved away" / "comfy_nodes")
    assert install(clone, tmp_path / "data").changed
    assert target.resolve() == pack


def test_where_no_link_works_a_copy_is_made(tmp_path: Path, pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comfyui, "_link", lambda _: False)
    target = install(git_clone(tmp_path / "ComfyUI"), tmp_path / "data").folder
    assert (target / SETTINGS).is_file()


@pytest.mark.parametrize("copy", [True, False])
def test_what_somebody_else_put_there_is_left_alone(tmp_path: Path, pack: Path, copy: bool) -> None:
    clone = git_clone(tmp_path / "ComfyUI")
    other = clone / "custom_nodes" / NAME
    other.mkdir()
    (other / "mine.py").write_text("", encoding="utf-8")
    with pytest.raises(ComfyUIError, match="isn't this pack"):
        install(clone, tmp_path, copy=copy)
    with pytest.raises(ComfyUIError, match="left alone"):
        remove(clone)
    assert (other / "mine.py").is_file()


def test_a_full_disk_leaves_the_old_copy(tmp_path: Path, pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = git_clone(tmp_path / "ComfyUI")
    target = install(clone, tmp_path, copy=True).folder

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(comfyui.shutil, "copytree", full)
    with pytest.raises(DiskError, match="No space left"):
        install(clone, tmp_path, copy=True)
    assert (target / "nodes.py").is_file()
    assert [path.name for path in target.parent.iterdir()] == [NAME]


def test_the_command_line(tmp_path: Path, pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clone = git_clone(tmp_path / "ComfyUI")
    words = ["install-comfy", str(clone), "--workspace", str(tmp_path / "data")]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] is True
    assert main([*words, "--remove"]) == 0
    assert "Removed" in capsys.readouterr().out
    assert main(["install-comfy", str(tmp_path / "none")]) == 1
    assert "isn't a ComfyUI" in capsys.readouterr().err

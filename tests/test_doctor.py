"""`doctor` on whole and on broken installations: every trouble is a finding, and nothing is changed."""

import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from sdpo_core import doctor
from sdpo_core.cli import main
from sdpo_core.doctor import examine
from sdpo_core.preferences.store import Store
from tests.preferences.helpers import add_pair, cut_short, vote_on


def troubles(workspace: Path) -> list[str]:
    return [finding.sentence for finding in examine(workspace) if not finding.ok]


def snapshot(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")
    }


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    with Store(folder) as store:
        vote_on(store, add_pair(store, 0))
    return folder


def test_the_workspace_is_left_as_it_is(workspace: Path) -> None:
    for folder in ("backups", "adapters"):
        shutil.rmtree(workspace / folder)
    before = snapshot(workspace)
    assert troubles(workspace) == []
    assert snapshot(workspace) == before


def test_damaged_images_and_databases_are_findings(workspace: Path) -> None:
    with Store(workspace) as store:
        cut_short(store.image_path(store.candidates()[0]))
    assert "changed after being saved" in " ".join(troubles(workspace))
    (workspace / "studio.db").write_bytes(b"no database at all " * 100)
    assert "is damaged" in " ".join(troubles(workspace))


def test_a_workspace_that_is_none(tmp_path: Path) -> None:
    assert troubles(tmp_path / "none") == []
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").touch()
    assert "is a file" in " ".join(troubles(tmp_path / "file"))


@pytest.mark.parametrize(
    ("torch", "reason"),
    [(None, "ModuleNotFoundError"), (ModuleType("torch"), "AttributeError")],  # not there; an __init__.py cut short
)
def test_a_broken_torch_is_a_finding_and_the_others_are_told(
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    torch: ModuleType | None,
    reason: str,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert main(["doctor", "--workspace", str(workspace)]) == 1
    told = capsys.readouterr().out
    assert f"NO  PyTorch can't be used ({reason}" in told
    assert "2 images, 1 pairs, 1 votes" in told


@pytest.mark.parametrize("note", ['{"torch_variant_ins', "[]", "{}", "\0"])
def test_a_broken_note_of_the_set_up_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, note: str) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "sdpo-setup.json").write_text(note)
    monkeypatch.setattr(doctor, "repository_root", lambda: tmp_path)
    (told,) = troubles(tmp_path / "none")
    assert "sdpo-setup.json" in told
    assert "launch.py setup" in told

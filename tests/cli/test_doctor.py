"""`doctor` on whole and on broken installations: every trouble is a finding, and nothing is changed."""

import contextlib
import json
import shutil
import sqlite3
import sys
from pathlib import Path
from types import ModuleType

import pytest
from packaging.specifiers import SpecifierSet

from sdpo_core.cli import doctor
from sdpo_core.cli.doctor import examine
from sdpo_core.cli.main import main
from sdpo_core.runs.folder import RunFolder
from sdpo_core.settings import presets
from sdpo_core.workspace.store import Store
from tests.workspace.helpers import add_pair, cut_short, vote_on


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
        cut_short(store.images.path(store.candidates.newest()[0].image_sha256))
    assert "changed after being saved" in " ".join(troubles(workspace))
    (workspace / "studio.db").write_bytes(b"no database at all " * 100)
    assert "is damaged" in " ".join(troubles(workspace))


def test_anything_but_a_workspace(tmp_path: Path) -> None:
    assert troubles(tmp_path / "none") == []
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").touch()
    assert "is a file" in " ".join(troubles(tmp_path / "file"))


@pytest.mark.parametrize(
    ("torch", "reason"),
    [(None, "ModuleNotFoundError"), (ModuleType("torch"), "AttributeError")],  # not there; an __init__.py cut short
)
def test_a_broken_torch_is_a_finding_and_the_others_are_reported(
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


@pytest.mark.parametrize(
    ("number", "bounds", "fits"),
    [
        ("2.13.0", "==2.13.0", True),
        ("2.13.0+cu130", "==2.13.0", True),
        ("2.13.1", "==2.13.0", False),
        ("0.42.1", ">=0.42.1,<0.43", True),
        ("0.43", ">=0.42.1,<0.43", False),
        ("0.43.0rc1", ">=0.42.1,<0.43", False),
        ("5", ">=5.0,<6", True),
        ("10.1", ">=9.2,<11", True),
        ("0.9", ">=0.21,<0.22", False),
    ],
)
def test_versions_are_compared_as_pip_does(number: str, bounds: str, fits: bool) -> None:
    assert doctor._within(number, bounds) is fits
    if "rc" not in number:  # a pre-release of an excluded version is as wrong to us; to pip it is older
        assert SpecifierSet(bounds).contains(number) is fits


def test_every_requirement_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [line.split("=")[0].rstrip("<>") for line in (doctor.repository_root() / "requirements.txt").read_text(
        encoding="utf-8").splitlines() if line and not line.startswith("#")]  # fmt: skip
    assert list(doctor._requirements()) == names
    (tmp_path / "requirements.txt").write_text("torch==0.1  # too old\nnot-there-at-all>=1,<2  # x\n", encoding="utf-8")
    shutil.copytree(doctor.repository_root() / "assets" / "presets", tmp_path / "assets" / "presets")
    monkeypatch.setattr(doctor, "repository_root", lambda: tmp_path)
    missing, wrong = troubles(tmp_path / "none")
    assert missing == "Not installed: not-there-at-all. Run `python launch.py setup` to repair the installation."
    assert wrong.startswith("Installed, but not in the tested version: torch ")
    assert "(required: ==0.1)" in wrong


def test_a_broken_preset_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "assets" / "presets").mkdir(parents=True)
    (tmp_path / "assets" / "presets" / "mine.toml").write_text("stepz = 1", encoding="utf-8")
    monkeypatch.setattr(presets, "repository_root", lambda: tmp_path)
    (told,) = troubles(tmp_path / "none")
    assert told.startswith(
        "A preset can't be used: preset mine: Unknown setting stepz. Did you mean steps (in [schedule])?"
    )


def test_rows_that_name_nothing_are_a_finding(workspace: Path) -> None:
    """A foreign key that dangles, as a tool without them leaves it."""
    with contextlib.closing(sqlite3.connect(workspace / "studio.db")) as connection:
        connection.execute("UPDATE pairs SET left_id = 999")
        connection.commit()
    assert "rows that refer to missing rows" in " ".join(troubles(workspace))


def test_findings_are_told_to_a_program_line_by_line(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--workspace", str(workspace), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(row["ok"] for row in rows)
    assert any(row["sentence"].startswith("Presets: balanced, ") for row in rows)


def test_a_damaged_run_is_a_finding(workspace: Path) -> None:
    run = RunFolder.create(workspace / "runs", "train", {})
    assert troubles(workspace) == []
    (run.path / "config.json").write_text("[", encoding="utf-8")
    (told,) = troubles(workspace)
    assert f"config.json of run {run.id} isn't readable JSON" in told
    assert f"move {run.path} away, or delete it" in told

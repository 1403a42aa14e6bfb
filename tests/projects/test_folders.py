"""Projects under one root: made, renamed, archived, opened."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sdpo_core.errors import ProjectError
from sdpo_core.projects.folders import FIRST, MAX_NAME, Projects
from sdpo_core.workspace.store import Store


def test_a_workspace_of_old_is_the_first_project(tmp_path: Path) -> None:
    with Store(tmp_path):
        pass
    projects = Projects(tmp_path)
    (only,) = projects.all()
    assert (only.id, only.path, only.archived) == (FIRST, tmp_path, False)
    assert projects.current() == only


def test_a_project_is_made_renamed_archived_and_remembered(tmp_path: Path) -> None:
    projects = Projects(tmp_path)
    made = projects.make("Warm  light\n🌅")
    assert made.name == "Warm light 🌅"
    assert made.path.parent == tmp_path / "projects"
    projects.remember(made.id)
    assert Projects(tmp_path).current() == made
    renamed = projects.rename(made.id, "Evening")
    assert (renamed.path, renamed.name, renamed.made_at) == (made.path, "Evening", made.made_at)
    with pytest.raises(ProjectError, match="is open"):
        projects.archive(made.id)
    projects.remember(FIRST)
    assert projects.archive(made.id).archived
    assert not projects.archive(made.id, archived=False).archived
    assert [project.id for project in projects.all()] == [FIRST, made.id]


def test_the_first_project_can_be_renamed_and_archived_too(tmp_path: Path) -> None:
    projects = Projects(tmp_path)
    projects.remember(projects.make("Second").id)
    assert projects.rename(FIRST, "Where it began").name == "Where it began"
    assert projects.archive(FIRST).archived


@pytest.mark.parametrize("name", ["", "  \n ", "x" * (MAX_NAME + 1), "\ud800"])
def test_a_name_has_a_length(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProjectError, match="1 to 80 characters"):
        Projects(tmp_path).make(name)


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    projects = Projects(tmp_path)
    made = projects.make("Light")
    with pytest.raises(ProjectError, match="named light already exists"):
        projects.make("light")
    assert projects.rename(made.id, "LIGHT").name == "LIGHT"


@pytest.mark.parametrize("hostile", ["..", "../..", "/etc", "C:\\x", "", "projects", "nowhere-12345678"])
def test_an_unknown_id_is_refused(tmp_path: Path, hostile: str) -> None:
    projects = Projects(tmp_path)
    for act in (projects.find, projects.remember, projects.archive, lambda one: projects.rename(one, "x")):
        with pytest.raises(ProjectError, match="No project"):
            act(hostile)


def test_a_damaged_note_hides_no_project(tmp_path: Path) -> None:
    projects = Projects(tmp_path)
    made = projects.make("Light")
    (made.path / "project.json").write_text("{", encoding="utf-8")
    (tmp_path / "projects" / "current.json").write_text("[]", encoding="utf-8")
    (tmp_path / "projects" / "not a project").mkdir()
    assert [project.name for project in projects.all()] == ["My first project", made.id]
    assert projects.current().id == FIRST
    (made.path / "project.json").write_text(json.dumps({"name": "Light", "made_at": "soon"}), encoding="utf-8")
    assert projects.find(made.id).made_at is None


def test_what_fails_on_the_way_in_leaves_nothing(tmp_path: Path) -> None:
    projects = Projects(tmp_path)
    with pytest.raises(ZeroDivisionError), projects.adding("Light") as (_, folder):
        (folder / "half").write_text("of it", encoding="utf-8")
        _ = 1 / 0
    assert [path.name for path in (tmp_path / "projects").iterdir()] == []
    with projects.adding("Light"):
        pass
    with projects.adding("Light"):
        pass
    assert [project.name for project in projects.all()] == ["My first project", "Light", "Light (2)"]


def test_a_killed_import_is_swept_away_and_a_running_one_is_not(tmp_path: Path) -> None:
    projects = Projects(tmp_path)
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    left = [tmp_path / "projects" / f".importing-{owner}-0123abcd" for owner in (gone.pid, "x", os.getpid())]
    for folder in left:
        (folder / "images").mkdir(parents=True)
    upload = projects.draft(".zip")
    upload.write_bytes(b"half of it")
    running = tmp_path / "projects" / f".importing-{os.getppid()}-0123abcd"
    running.mkdir()
    assert [project.id for project in projects.all()] == [FIRST]
    projects.sweep()
    assert list((tmp_path / "projects").iterdir()) == [running]

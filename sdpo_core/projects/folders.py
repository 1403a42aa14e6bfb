"""The projects under one root. A project is a workspace: its base model, prompts, votes and adapters are in one folder.

    <root>/                          the first project; its contents are here, as in any workspace
    <root>/project.json              {"name": …, "made_at": …, "archived": …}; one in every project
    <root>/projects/<id>/            every further project, a whole workspace
    <root>/projects/current.json     {"id": …}: the one that the studio opens

Nothing of one project can reach another, and every verb takes a project as its `--workspace`. A folder keeps the name
that it was made under, because runs name files in it; what a person calls the project is in project.json.
Each value of it has its own fallback, so that a damaged note hides no project.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import psutil

from sdpo_core.atomic import disk_errors, patiently, write_json
from sdpo_core.errors import ProjectError

FIRST = "first"
"""Id of the project that is in the root itself."""

MAX_NAME = 80
"""Longest name of a project, in characters."""

_FIRST_NAME = "My first project"
_FACTS = "project.json"
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_BUILDING = ".importing-"
_SLUG_LENGTH = 32


@dataclass(frozen=True)
class Project:
    """One project."""

    id: str
    path: Path  # its workspace
    name: str
    made_at: datetime | None  # None: the first project, which was there before there were several
    archived: bool


class Projects:
    """The projects of one root folder. Methods take ids, which may be hostile, and raise `ProjectError`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folder = root / "projects"

    def all(self) -> list[Project]:
        """All projects, archived ones too: the first one, then by name."""
        found = [self._read(FIRST)]
        if self._folder.is_dir():
            ids = [path.name for path in self._folder.iterdir() if _ID.fullmatch(path.name)]
            found += [self._read(one) for one in ids if (self._folder / one / _FACTS).is_file()]
        return sorted(found, key=lambda project: (project.id != FIRST, project.name.casefold(), project.id))

    def find(self, project_id: str) -> Project:
        """The project with this id; raises `ProjectError` for an unknown one."""
        project = next((project for project in self.all() if project.id == project_id), None)
        if project is None:
            raise ProjectError(f"No project {project_id[:80]!r} in this workspace. It may have been deleted.")
        return project

    def current(self) -> Project:
        """The project that was opened last; the first one when that is gone."""
        wanted = _object(self._folder / "current.json").get("id")
        return next((project for project in self.all() if project.id == wanted), self._read(FIRST))

    def remember(self, project_id: str) -> None:
        """Say which project the studio opens from now on."""
        write_json(self._folder / "current.json", {"id": self.find(project_id).id})

    def make(self, name: str) -> Project:
        """Make an empty project."""
        name = self._free(_checked(name))
        project_id = self._new_id(name)
        self._write(project_id, name, datetime.now(UTC), archived=False)
        return self.find(project_id)

    def rename(self, project_id: str, name: str) -> Project:
        """Give a project another name; its folder stays."""
        project = self.find(project_id)
        name = self._free(_checked(name), but=project_id)
        self._write(project.id, name, project.made_at, archived=project.archived)
        return self.find(project_id)

    def archive(self, project_id: str, *, archived: bool = True) -> Project:
        """Put a project out of sight, or bring it back; nothing of it is moved or lost.

        Raises `ProjectError` for an unknown project, and when the one to put away is open.
        """
        project = self.find(project_id)
        if archived and project.id == self.current().id:
            raise ProjectError(f"{project.name} is open. Open another project, then archive this one.")
        self._write(project.id, project.name, project.made_at, archived=archived)
        return self.find(project_id)

    @contextlib.contextmanager
    def adding(self, wanted_name: str) -> Iterator[tuple[str, Path]]:
        """Yield an id and a folder to fill; after a clean exit it is a project called `wanted_name`, numbered if need
        be. If the block raises, nothing of it stays."""
        building = self.draft()
        project_id = self._new_id(wanted_name)
        with disk_errors(building):
            try:
                building.mkdir(parents=True)
                yield project_id, building
                name = self._numbered(wanted_name)
                write_json(building / _FACTS, _facts(name, datetime.now(UTC), archived=False))
                patiently(lambda: building.replace(self._folder / project_id))
            except BaseException:
                shutil.rmtree(building, ignore_errors=True)
                raise

    def draft(self, suffix: str = "") -> Path:
        """A free path next to the projects for something that is on its way in."""
        return self._folder / f"{_BUILDING}{os.getpid()}-{secrets.token_hex(4)}{suffix}"

    def sweep(self) -> None:
        """Remove drafts whose process is gone. For the start of a studio, when this process has none."""
        for left in self._folder.glob(f"{_BUILDING}*"):
            owner = left.name.removeprefix(_BUILDING).split("-")[0]
            if owner.isdigit() and int(owner) != os.getpid() and psutil.pid_exists(int(owner)):
                continue
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)

    def _read(self, project_id: str) -> Project:
        path = self.root if project_id == FIRST else self._folder / project_id
        facts = _object(path / _FACTS)
        name, made_at = facts.get("name"), facts.get("made_at")
        moment = None
        if isinstance(made_at, str):
            with contextlib.suppress(ValueError):  # somebody edited the file; its age matters to nobody else
                moment = datetime.fromisoformat(made_at)
        fallback = _FIRST_NAME if project_id == FIRST else project_id
        known = name if isinstance(name, str) and name.strip() else fallback
        return Project(project_id, path, known[:MAX_NAME], moment, facts.get("archived") is True)

    def _write(self, project_id: str, name: str, made_at: datetime | None, *, archived: bool) -> None:
        path = self.root if project_id == FIRST else self._folder / project_id
        write_json(path / _FACTS, _facts(name, made_at, archived=archived))

    def _new_id(self, name: str) -> str:
        ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        slug = re.sub("[^a-z0-9]+", "-", ascii_name)[:_SLUG_LENGTH].strip("-") or "project"
        return f"{slug}-{secrets.token_hex(4)}"

    def _free(self, name: str, but: str = "") -> str:
        taken = {project.name.casefold(): project.id for project in self.all()}
        if taken.get(name.casefold(), but) != but:
            raise ProjectError(f"A project named {name} already exists. Choose another name.")
        return name

    def _numbered(self, wanted: str) -> str:
        name = _printable(wanted)[: MAX_NAME - 8] or "Imported project"
        taken = {project.name.casefold() for project in self.all()}
        found, number = name, 1
        while found.casefold() in taken:
            number += 1
            found = f"{name} ({number})"
        return found


def _facts(name: str, made_at: datetime | None, *, archived: bool) -> dict[str, Any]:
    return {"name": name, "made_at": made_at.isoformat() if made_at else None, "archived": archived}


def _checked(name: str) -> str:
    name = _printable(name)
    if not 0 < len(name) <= MAX_NAME:
        raise ProjectError(
            f"A project name must have 1 to {MAX_NAME} characters; got {len(name)}. Choose another name."
        )
    return name


def _printable(name: str) -> str:
    """The name on one line, without what a screen can't show and a file can't hold (half of an emoji)."""
    kept = "".join(" " if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") else sign for sign in name)
    return " ".join(kept.split())


def _object(path: Path) -> dict[str, Any]:
    """A JSON object, or an empty one: a damaged note must not hide a project."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}

"""The projects of a studio: which one is open, and what a person does with them. Errors are `SdpoError`s."""

import contextlib
import re
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from app.desk.lock import StudioLock
from app.desk.models import SETTINGS
from app.desk.text import project_facts, say
from sdpo_core.atomic import write_json
from sdpo_core.errors import ProjectError, SdpoError
from sdpo_core.images.files import ImageFolder
from sdpo_core.projects.contents import Model
from sdpo_core.projects.folders import Project, Projects
from sdpo_core.projects.transfer import Exported, Imported, export_project, import_project
from sdpo_core.workspace.checkup import count
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.migrations import require_current

_EXPORT = re.compile(r"[a-z0-9-]+\.zip")


class StudioProjects:
    """The projects under one root, of which one is open. The root's own lock is held by whoever started the studio."""

    def __init__(self, root: Path) -> None:
        """Open the project that was open last; raises `StudioRunning` when another studio has it."""
        self.root = root
        self.exports = root / "exports"
        self._projects = Projects(root)
        self._projects.sweep()
        self.moving = threading.RLock()  # held while another project is opened, and while a vote is cast
        self._importing = threading.Lock()
        self._facts: dict[str, tuple[int, str]] = {}  # of a project: its database's time of change, and the sentence
        self.current = self._projects.current()
        self._lock = self._locked(self.current)

    def close(self) -> None:
        """Give the open project back."""
        if self._lock:
            self._lock.release()
            self._lock = None

    def all(self) -> list[Project]:
        """All projects, archived ones too."""
        return self._projects.all()

    def find(self, project_id: str) -> Project:
        """The project with this id; raises `ProjectError` for an unknown one."""
        return self._projects.find(project_id)

    def others(self) -> list[Path]:
        """Workspaces of the projects that are not open and hold anything."""
        known = [project.path for project in self._projects.all() if project.id != self.current.id]
        return [path for path in known if (path / "studio.db").is_file()]

    @contextlib.contextmanager
    def entering(self, project: Project) -> Iterator[None]:
        """Take `project` while the block goes over to it; what was open stays open when the block raises."""
        with self.moving:
            lock = self._locked(project)
            try:
                yield
            except BaseException:
                if lock:
                    lock.release()
                raise
            self.close()
            self._lock, self.current = lock, project
            self._projects.remember(project.id)

    def draft(self) -> Path:
        """Where an upload is kept until it is checked."""
        return self._projects.draft(".zip")

    # ------------------------------------------------------------------------------------------------------ actions

    def make(self, name: str) -> Project:
        """Make an empty project."""
        return self._projects.make(name)

    def rename(self, project_id: str, name: str) -> Project:
        """Give a project another name."""
        renamed = self._projects.rename(project_id, name)
        if project_id == self.current.id:
            self.current = renamed
        return renamed

    def archive(self, project_id: str, *, archived: bool) -> Project:
        """Put a project out of sight, or bring it back."""
        return self._projects.archive(project_id, archived=archived)

    def export(self, project_id: str, model: Model | None) -> Exported:
        """Write a project to a zip in the root's `exports`; raises `ProjectError` for an unknown or empty one."""
        project = self._projects.find(project_id)
        if not (project.path / "studio.db").is_file():
            raise ProjectError(say("nothingToExport", name=project.name))
        slug = re.sub("[^a-z0-9]+", "-", project.name.casefold())[:40].strip("-") or "project"
        return export_project(project, self.exports / f"{slug}-{datetime.now():%Y%m%d-%H%M%S}.zip", model)

    def export_path(self, name: str) -> Path:
        """An exported zip by its name, which may be hostile; raises `ProjectError` when there is none."""
        path = self.exports / name
        if not _EXPORT.fullmatch(name) or not path.is_file():
            raise ProjectError(say("noSuchExport"))
        return path

    def import_zip(self, path: Path, name: str = "") -> Imported:
        """Make a project from an untrusted zip that the person calls `name`; one at a time.

        Raises `ProjectError` while another one is being imported, and for a zip that is refused.
        """
        if not self._importing.acquire(blocking=False):
            raise ProjectError(say("importingAlready"))
        try:
            return import_project(self._projects, path, name=name)
        finally:
            self._importing.release()

    def choose_model(self, project: Project, source: str) -> None:
        """Remember a base model for a project that is not open."""
        write_json(project.path / SETTINGS, {"model": source})

    def facts(self, project: Project) -> str:
        """How much a project holds that is not open, for a person; counted again when its database has changed."""
        file = project.path / "studio.db"
        if not file.is_file():
            return say("emptyProject")
        stamp = file.stat().st_mtime_ns
        known = self._facts.get(project.id)
        if known and known[0] == stamp:
            return known[1]
        try:
            with contextlib.closing(Database(file, read_only=True)) as database:
                require_current(database)
                counts = count(database, ImageFolder(project.path / "images"), "train")
            told = project_facts(counts.candidates, counts.votes, counts.adapters)
        except SdpoError as error:
            told = say("unreadableProject", why=error)
        self._facts[project.id] = (stamp, told)
        return told

    def _locked(self, project: Project) -> StudioLock | None:
        if project.path == self.root:
            return None
        return StudioLock.acquire(project.path, StudioLock.url_of(self.root))

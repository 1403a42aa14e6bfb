"""What all pages work with: the open project with its store, its jobs and their queue, the chosen model."""

from pathlib import Path

from app.desk.adapters import KnownAdapters
from app.desk.jobs import Jobs
from app.desk.models import Models
from app.desk.projects import StudioProjects
from app.desk.queue import RunQueue
from app.desk.standing import Standing, standing
from sdpo_core.errors import RunError, SdpoError
from sdpo_core.runs.folder import RunFolder, Status, list_runs
from sdpo_core.settings.jobs import Verb
from sdpo_core.workspace.store import Store


class Desk:
    """The projects of one root, of which one is open. Every method may be called from any thread."""

    def __init__(self, root: Path, jobs: Jobs | None = None) -> None:
        self.projects = StudioProjects(root)
        self.store = Store(self.projects.current.path)
        self.jobs = jobs or Jobs(self.workspace)
        self.queue = RunQueue(self.jobs)
        self.models = Models(self.workspace)
        self.adapters = KnownAdapters(self.store, self.jobs, self.models)

    @property
    def workspace(self) -> Path:
        """The folder of the open project."""
        return self.store.workspace

    def close(self) -> None:
        """Close the store. Running jobs continue."""
        self.queue.close()
        self.store.close()
        self.projects.close()

    def open_project(self, project_id: str) -> None:
        """Go over to another project, all pages with it; raises `SdpoError`s, and then nothing has changed."""
        if (project := self.projects.find(project_id)).id == self.projects.current.id:
            return
        with self.projects.entering(project):
            before = self.workspace
            self.jobs.move_to(project.path)
            try:
                self.store.move_to(project.path)
            except SdpoError:
                self.jobs.move_to(before)
                raise
            self.models.move_to(project.path)

    def standing(self) -> Standing:
        """How far the person is, counted now."""
        return standing(self.store, self.models, self.adapters)

    def readable_runs(self, verb: Verb) -> list[RunFolder]:
        """Runs whose folder can be read, newest first; `doctor` names the others."""

        def readable(run: RunFolder) -> bool:
            try:
                return bool(run.status()) and bool(run.config())
            except RunError:
                return False

        return [run for run in list_runs(self.jobs.root, verb) if readable(run)]

    def stop(self, run_id: str) -> Status:
        """Ask a job to stop at its next safe point; returns what it says now. Raises `RunError` for an unknown one."""
        run = self.jobs.find(run_id)
        self.jobs.stop(run)
        return self.jobs.status(run)

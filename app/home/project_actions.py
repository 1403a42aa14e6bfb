"""What a person does with projects on the Home page. Messages may be anything; replies are plain JSON."""

import contextlib
from pathlib import Path

from app.desk.desk import Desk
from app.desk.models import chosen_in
from app.desk.text import project_facts
from app.home.messages import ProjectDone, ProjectMessage
from app.home.text import say
from app.ui.replies import Reply, Sent, answered, answered_to
from app.ui.words import size
from sdpo_core.checkpoints.earlier_demos import is_earlier_demo
from sdpo_core.errors import SdpoError
from sdpo_core.projects.contents import Model
from sdpo_core.projects.folders import Project
from sdpo_core.projects.transfer import Imported
from sdpo_core.settings.base import leaves
from sdpo_core.settings.train import TrainConfig


class ProjectActions:
    """Answers a browser's wishes about projects."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def act(self, message: Sent[ProjectMessage]) -> Reply[ProjectDone]:
        """Do something with a project; the reply holds `ok` and a sentence, and for an export its address."""
        return answered_to(ProjectMessage, message, self._do)

    def import_zip(self, path: Path, name: str = "") -> Reply[ProjectDone]:
        """Make a project of an uploaded zip; `name` is what the person calls it."""
        return answered(lambda: self._import(path, name))

    def _import(self, path: Path, name: str) -> ProjectDone:
        made = self._desk.projects.import_zip(path, name)
        told = say("imported", name=made.project.name, facts=project_facts(made.images, made.votes, made.adapters))
        return {"id": made.project.id, "sentence": f"{told} {self._adopt_model(made)}".strip()}

    def _do(self, wish: ProjectMessage) -> ProjectDone:
        projects = self._desk.projects
        match wish.action:
            case "make":
                return {"id": projects.make(wish.name).id}
            case "rename":
                projects.rename(wish.id, wish.name)
            case "archive" | "unarchive":
                projects.archive(wish.id, archived=wish.action == "archive")
            case "open":
                self._desk.open_project(wish.id)
            case "export":
                report = projects.export(wish.id, self._portable_model(projects.find(wish.id)))
                told = say("exported", file=report.file.name, size=size(report.size_bytes))
                if report.left_out:
                    told = f"{told} {say('leftOut', n=report.left_out)}"
                return {"sentence": told, "download": f"/sdpo/export/{report.file.name}"}
        return {}

    def _portable_model(self, project: Project) -> Model | None:
        """What may be told of a project's base model; None when it can no longer be found."""
        try:
            info = self._desk.models.inspect(chosen_in(project.path))
        except SdpoError:
            return None
        on_the_hub = info.source.count("/") == 1 and not Path(info.source).exists()
        return Model(info.name, info.sha256, info.source if info.is_demo or on_the_hub else None)

    def _adopt_model(self, made: Imported) -> str:
        """Choose the base model that an imported project was made with, where it is this very one."""
        if made.model is None:
            return ""
        if made.model.source:
            with contextlib.suppress(SdpoError):  # not on this machine
                if self._desk.models.inspect(made.model.source).sha256 == made.model.sha256:
                    self._desk.projects.choose_model(made.project, made.model.source)
                    return say("modelKnown", name=made.model.name)
        if is_earlier_demo(made.model.sha256):
            return say("modelEarlierDemo", field=leaves(TrainConfig)["pairs_from"].shown.label)
        return say("modelUnknown", name=made.model.name)

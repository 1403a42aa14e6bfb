"""Generating with ComfyUI: what the person chose, project by project, and what was found in their workflow.

    comfyui.json            {"on": …, "url": …, "workflow": <id>, "name": …, and the slots that the person points at}
    workflows/<id>.json     workflows that were given, by the hash of their content

From the page come texts and the content of a file, never a path; replies are plain JSON.
"""

import base64
import binascii
import hashlib
import json
import re
import threading
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from app.desk.jobs import Jobs
from app.desk.models import Models
from app.generate.messages import ComfyLine, ComfyState, ComfyWish, WorkflowMessage
from app.generate.text import say
from app.ui.replies import Reply, Sent, answered, answered_to
from sdpo_core.atomic import write_json
from sdpo_core.comfyui.client import Client
from sdpo_core.comfyui.job import look, workflow_of
from sdpo_core.comfyui.workflow import Workflow, read_graph
from sdpo_core.errors import ComfyUIError, ConfigError, SdpoError
from sdpo_core.settings.generate import GenerateConfig

SETTINGS, WORKFLOWS = "comfyui.json", "workflows"

_ANSWER_S = 5.0  # a page waits for this
_SLOTS = ("prompt_slot", "negative_slot", "seed_slot")


class Choice(ComfyWish):
    """What was on the page with the workflow that was given; as it is kept."""

    workflow: str = Field(default="", pattern="^([0-9a-f]{16})?$")
    name: str = Field(default="", max_length=200)


class ComfyDraw:
    """The choice of the open project. Every method may be called from any thread."""

    def __init__(self, jobs: Jobs, models: Models) -> None:
        self._jobs, self._models = jobs, models
        self._lock = threading.Lock()

    def settings(self) -> dict[str, Any] | None:
        """Settings of `GenerateConfig` that make ComfyUI generate; None where this machine does.

        Raises `ConfigError` without a workflow and `ComfyUIError` without an address.
        """
        choice = self._choice()
        if not choice.on:
            return None
        if not choice.workflow:
            raise ConfigError(say("noWorkflow"))
        Client(choice.url)  # an empty address would be left out of the settings as one that was not given
        return self._settings_of(choice)

    # ------------------------------------------------------------------------------------------------------ the page

    def state(self, _: Any = None) -> Reply[ComfyState]:
        """What was chosen, and what is found in the workflow. No request is sent."""
        return answered(self._known)

    def choose(self, message: Sent[ComfyWish]) -> Reply[ComfyState]:
        """Keep what is on the page."""
        return answered_to(ComfyWish, message, self._chosen)

    def look(self, message: Sent[ComfyWish]) -> Reply[ComfyState]:
        """Keep what is on the page, and ask ComfyUI to check the workflow."""
        return answered_to(ComfyWish, message, self._looked)

    def take(self, message: Sent[WorkflowMessage]) -> Reply[ComfyState]:
        """Import a workflow; the earlier one stays until this one is understood."""
        return answered_to(WorkflowMessage, message, self._taken)

    def _known(self) -> ComfyState:
        return self._told(self._choice(), ask=False)

    def _chosen(self, wish: ComfyWish) -> ComfyState:
        return self._told(self._keep(wish.model_dump()), ask=False)

    def _looked(self, wish: ComfyWish) -> ComfyState:
        return self._told(self._keep(wish.model_dump()), ask=True)

    def _taken(self, given: WorkflowMessage) -> ComfyState:
        try:
            data = base64.b64decode(given.content, validate=True)
        except binascii.Error as error:
            raise ComfyUIError(say("notArrived")) from error
        graph = read_graph(data)
        known = hashlib.sha256(json.dumps(graph, sort_keys=True).encode()).hexdigest()[:16]
        write_json(self._file(known), graph)
        forgotten = dict.fromkeys((*_SLOTS, "image_node"), "")  # they pointed into another workflow
        changed = {} if known == self._choice().workflow else forgotten
        return self._told(self._keep({**changed, "workflow": known, "name": given.name}), ask=False)

    # ------------------------------------------------------------------------------------------------------- helpers

    def _told(self, choice: Choice, *, ask: bool) -> ComfyState:
        told: ComfyState = {
            "on": choice.on,
            "url": choice.url,
            "prompt_slot": choice.prompt_slot,
            "negative_slot": choice.negative_slot,
            "seed_slot": choice.seed_slot,
            "image_node": choice.image_node,
            "workflow": choice.workflow,
            "name": choice.name,
            "found": [],
            "notes": [],
            "problems": [],
        }
        if not choice.workflow:
            return told
        try:
            settings = self._settings_of(choice)
            client = Client(choice.url, _ANSWER_S)
            config = GenerateConfig.parse({"prompts": ("x",), "model": self._models.source(), **settings})
            workflow = workflow_of(config.comfyui, config.sampling.size_px)
        except SdpoError as error:
            return {**told, "problems": [str(error)]}
        notes, problems = list[str](), list(workflow.problems)
        if ask:
            there = look(client, workflow, config.runtime.model, config.pairs.negative)
            notes, problems = list(there.notes), [*problems, *there.problems]
        return {**told, "found": _rows(workflow), "notes": notes, "problems": problems}

    def _settings_of(self, choice: Choice) -> dict[str, Any]:
        """The settings with this choice, switched on or not."""
        written = {name: re.findall(r"[^\s,]+", getattr(choice, name)) for name in _SLOTS}
        slots = {name: there for name, there in written.items() if there}
        node = {"image_node": choice.image_node.strip()} if choice.image_node.strip() else {}
        return {"comfy": choice.url.strip(), "workflow": str(self._file(choice.workflow)), **slots, **node}

    def _choice(self) -> Choice:
        """What was chosen; a file that is damaged, or of another version, doesn't count."""
        try:
            return Choice.model_validate_json((self._root / SETTINGS).read_text(encoding="utf-8"))
        except (OSError, ValueError, ValidationError):
            return Choice()

    def _keep(self, changed: dict[str, Any]) -> Choice:
        with self._lock:
            choice = Choice.model_validate({**self._choice().model_dump(), **changed})
            write_json(self._root / SETTINGS, choice.model_dump())
        return choice

    def _file(self, known: str) -> Path:
        return self._root / WORKFLOWS / f"{known}.json"

    @property
    def _root(self) -> Path:
        return self._jobs.root.parent


def _rows(workflow: Workflow) -> list[ComfyLine]:
    return [
        {"what": say(f"comfyFound.{line.what}"), "where": line.where, "value": line.value} for line in workflow.found()
    ]

"""Generating pairs: from what a form holds to a job, and the newest images."""

from collections.abc import Mapping
from typing import Any

from app.desk.desk import Desk
from app.desk.machine import threads_for
from app.generate.comfyui import ComfyDraw
from app.generate.made import made
from app.generate.messages import NewestImage
from app.generate.prompts import checked_prompts, generate_config, starter_prompts
from app.generate.text import say
from sdpo_core.comfyui.job import require_usable
from sdpo_core.errors import ConfigError
from sdpo_core.runs.folder import RunFolder


class Drawing:
    """What the Generate page does. Forms may hold anything; every method may be called from any thread."""

    def __init__(self, desk: Desk, comfy: ComfyDraw) -> None:
        self._desk, self._comfy = desk, comfy

    def starter_prompts(self, name: str = "") -> list[str]:
        """A set of prompts to begin with; without a name the one that suits the chosen model.

        Raises `ConfigError` for an unknown set.
        """
        return starter_prompts(name or ("starter-demo" if self._desk.models.chosen().is_demo else "starter-general"))

    def start(self, form: Mapping[str, Any]) -> RunFolder:
        """Generate pairs with a model. The form holds the model's name and what `generate_config` reads.

        Raises `ConfigError` and `ModelError`.
        """
        if "comfy" in form or "workflow" in form:  # an address and a path, which nobody gives from outside
            raise ConfigError(say("comfyOnThePage"))
        return self._start(form)

    def start_as_chosen(self, form: Mapping[str, Any]) -> RunFolder:
        """The same, or with a ComfyUI, as was chosen on the page; its images count for the model."""
        return self._start({**form, **(self._comfy.settings() or {})})

    def _start(self, form: Mapping[str, Any]) -> RunFolder:
        checked_prompts(form.get("prompts", ""))  # an unbalanced brace is reported before a model is inspected
        info = self._desk.models.choose(str(form.get("model", "")))
        settings = {name: value for name, value in form.items() if name != "model"}
        config = generate_config(settings, info, threads_for(info))
        if config.comfyui.comfy:
            require_usable(config.comfyui, config.sampling.size_px, config.pairs.negative)
        return self._desk.jobs.generate(config)

    def newest_images(self, limit: int = 60) -> list[NewestImage]:
        """The newest images to vote on. Images of blind tests are not among them: they would give the sides away."""
        store = self._desk.store
        newest = store.candidates.newest(limit=limit, purpose="train")
        there = [candidate for candidate in newest if store.images.has(candidate.image_sha256)]
        adapters = {record.sha256: record.name for record in store.adapters.all()}
        return [{"sha256": one.image_sha256, "prompt": one.prompt, "facts": made(one, adapters)} for one in there]

"""Which base model the person chose, and what choosing one may need first: a download, or an answer."""

import json
import threading
import time
from pathlib import Path
from typing import Literal

from app import text_model as text
from sdpo_core.atomic import write_json
from sdpo_core.errors import ModelNotHere, PredictionUnknown
from sdpo_core.files.answers import known_prediction_type
from sdpo_core.files.model_info import DEMO, ModelInfo, inspect_model
from sdpo_core.hub.plan import DownloadPlan, plan_download

Answer = Literal["epsilon", "v_prediction"]
SETTINGS = "studio.json"
"""In every project: {"model": …}, the base model that was chosen."""

_OFFER_AGE_S = 300.0


class Models:
    """The model choice of one workspace. Every method may be called from any thread."""

    def __init__(self, workspace: Path) -> None:
        self._settings_path = workspace / SETTINGS
        self._known: dict[str, ModelInfo] = {}
        self._offers: dict[str, tuple[float, DownloadPlan]] = {}
        self._lock = threading.Lock()

    def move_to(self, workspace: Path) -> None:
        """Go over to the choice of another workspace."""
        self._settings_path = workspace / SETTINGS

    def source(self) -> str:
        """The chosen model: `demo` until another is chosen."""
        return chosen_in(self._settings_path.parent)

    def choose(self, source: str, answer: Answer | None = None) -> ModelInfo:
        """Check a model and remember it; raises `ModelError` in words and keeps the earlier one, as does no name.

        `answer` says what the model predicts, for a file that does not say it itself; it is remembered with the file.
        """
        source = source.strip() or self.source()
        if answer:
            inspect_model(source, answer)
        info = self.inspect(source, fresh=True)
        if source != self.source():
            write_json(self._settings_path, {"model": info.source})
        return info

    def inspect(self, source: str, *, fresh: bool = False) -> ModelInfo:
        """What a model is. Remembered, because the status bar asks every second; `fresh` looks at the files again."""
        with self._lock:
            if fresh or source not in self._known:
                self._known.pop(source, None)
                try:
                    self._known[source] = inspect_model(source)
                except ModelNotHere as error:  # the library's words are for the command line
                    raise ModelNotHere(text.not_here(source)) from error
                except PredictionUnknown as error:
                    raise PredictionUnknown(text.PREDICTION_UNKNOWN) from error
            return self._known[source]

    def was_asked(self, info: ModelInfo) -> bool:
        """Whether what this model predicts was answered by a person, who may want to correct it."""
        return info.path.is_file() and known_prediction_type(info.sha256) is not None

    def offer(self, source: str) -> DownloadPlan:
        """What downloading a model of the hub takes. Asks the hub, and remembers its answer for some minutes.

        Raises `SdpoError` in words when the hub can't be asked, or has no such model.
        """
        asked_at, plan = self._offers.get(source, (0.0, None))
        if plan is None or time.monotonic() - asked_at > _OFFER_AGE_S:
            plan = plan_download(source)
            self._offers[source] = (time.monotonic(), plan)
        return plan

    def forget_offer(self, source: str) -> None:
        """What is here of a model is about to change."""
        self._offers.pop(source, None)


def chosen_in(workspace: Path) -> str:
    """The model that was chosen in a workspace, open or not: `demo` until another is chosen."""
    try:
        settings = json.loads((workspace / SETTINGS).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return DEMO
    return str(settings.get("model", DEMO)) if isinstance(settings, dict) else DEMO

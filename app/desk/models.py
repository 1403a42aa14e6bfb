"""Which base model the person chose, and what choosing one may need first: a download, or an answer."""

import contextlib
import json
import threading
import time
from pathlib import Path

from app.desk.model_reader import ModelReader, ModelUnread
from app.desk.text import say
from sdpo_core.atomic import write_json
from sdpo_core.checkpoints.answers import known_prediction_type
from sdpo_core.checkpoints.look import look_at_model
from sdpo_core.checkpoints.model_info import DEMO, ModelInfo, inspect_model
from sdpo_core.errors import ModelError, ModelNotHere, PredictionUnknown, SdpoError
from sdpo_core.families.family import Predicts
from sdpo_core.hub.plan import DownloadPlan, plan_download

SETTINGS = "studio.json"
"""In every project: {"model": …}, the base model that was chosen."""

QUICK_BYTES = 128 * 2**20
"""What is read for a model's hash without a process of its own: a fraction of a second."""

_OFFER_AGE_S = 300.0


class Models:
    """The model choice of one workspace. Every method may be called from any thread."""

    def __init__(self, workspace: Path, reader: ModelReader | None = None) -> None:
        self._settings_path = workspace / SETTINGS
        self.reader = reader or ModelReader()
        self._wanted = ""  # was chosen, and is read now
        self._known: dict[str, ModelInfo] = {}
        self._offers: dict[str, tuple[float, DownloadPlan]] = {}
        self._lock = threading.Lock()

    def move_to(self, workspace: Path) -> None:
        """Go over to the choice of another workspace."""
        self._wanted = ""
        self._settings_path = workspace / SETTINGS

    def source(self) -> str:
        """The chosen model: `demo` until another is chosen."""
        return chosen_in(self._settings_path.parent)

    def chosen(self) -> ModelInfo:
        """The chosen model, inspected; raises `ModelError` when it can no longer be used."""
        return self.inspect(self.source())

    def choose(self, source: str, answer: Predicts | None = None) -> ModelInfo:
        """Check a model and remember it; raises `ModelError` and keeps the earlier one, as does no name.

        `answer` says what the model predicts, for a file that does not say it itself; it is remembered with the file.
        A large model that was never read is read first (`ModelUnread`), and chosen when that is done.
        """
        source = written_source(source) or self.source()
        self._wanted = source
        if answer:
            self._require_read(source, again=True)
            inspect_model(source, answer)
        info = self.inspect(source, fresh=True)
        if source != self.source():
            write_json(self._settings_path, {"model": info.source})
        return info

    def inspect(self, source: str, *, fresh: bool = False) -> ModelInfo:
        """What a model is. Remembered, because the status bar asks every second; `fresh` looks at the files again.

        Raises `ModelError`: `ModelUnread` until its hash is known, `PredictionUnknown` until a person answers.
        """
        with self._lock:
            if fresh or source not in self._known:
                self._known.pop(source, None)
                try:
                    self._require_read(source, again=fresh)
                    self._known[source] = inspect_model(source)
                except ModelNotHere as error:  # the library's words are for the command line
                    raise ModelNotHere(say("notHere", source=source)) from error
                except PredictionUnknown as error:
                    raise PredictionUnknown(say("predictionUnknown")) from error
            return self._known[source]

    def known(self, source: str) -> ModelInfo | None:
        """What is remembered about a model, without checking its files."""
        return self._known.get(source)

    def _require_read(self, source: str, *, again: bool) -> None:
        """Look at a model's headers, and have it read if its hash is not known; raises `ModelUnread` until it is.

        Raises `ModelError` immediately for what can't be used. When reading failed, `again` tries once more.
        """
        look = look_at_model(source)
        if look.unread_bytes <= QUICK_BYTES:
            return
        trouble = self.reader.trouble(source)
        if trouble and not again:
            raise ModelError(trouble)
        self.reader.start(source, look.unread_bytes, lambda: self._choose_if_wanted(source))
        raise ModelUnread(say("reading", name=look.name, share=self.reader.share(source) or 0.0))

    def _choose_if_wanted(self, source: str) -> None:
        """What was waited for is read: choose it, unless the person chose another meanwhile."""
        if source == self._wanted:
            with contextlib.suppress(SdpoError):  # the page asks again, and then says what is wrong
                self.choose(source)

    def was_asked(self, info: ModelInfo) -> bool:
        """Whether what this model predicts was answered by a person, who may want to correct it."""
        return info.path.is_file() and known_prediction_type(info.sha256) is not None

    def offer(self, source: str) -> DownloadPlan:
        """What downloading a model of the hub takes. Asks the hub, and remembers its answer for some minutes.

        Raises `SdpoError` when the hub can't be asked, or has no such model.
        """
        asked_at, plan = self._offers.get(source, (0.0, None))
        if plan is None or time.monotonic() - asked_at > _OFFER_AGE_S:
            plan = plan_download(source)
            self._offers[source] = (time.monotonic(), plan)
        return plan

    def forget_offer(self, source: str) -> None:
        """What is here of a model is about to change."""
        self._offers.pop(source, None)


def written_source(written: str) -> str:
    """A model's name as a person means it: Windows copies a path with quotes around it."""
    return written.strip().strip("\"'").strip()


def chosen_in(workspace: Path) -> str:
    """The model that was chosen in a workspace, open or not: `demo` until another is chosen."""
    try:
        settings = json.loads((workspace / SETTINGS).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return DEMO
    return str(settings.get("model", DEMO)) if isinstance(settings, dict) else DEMO

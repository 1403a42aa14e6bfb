"""The models on this machine, as the page shows them: found in a process of its own, chosen by id, never by path."""

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from app.desk.children import COMMAND, Child, Line
from app.desk.models import Models, written_source
from app.desk.text import say as desk_say
from app.models.messages import FinderState, FolderWish, FoundModel, IdWish, StateWish
from app.models.text import say
from app.ui.replies import Nothing, Reply, Sent, answered, answered_to
from app.ui.words import size
from sdpo_core.atomic import write_json
from sdpo_core.errors import ConfigError
from sdpo_core.families.table import FAMILIES

FOLDERS = "model-folders.json"
"""In the studio's root: {"folders": [...]}, where the person keeps checkpoints besides."""

_MOST_FOLDERS = 50
_MOST_SHOWN = 1000
_MOST_UNUSABLE = 200


class _Kept(BaseModel):
    """What `FOLDERS` holds."""

    folders: list[str]


class ModelFinder:
    """Answers a browser's questions about the models on this machine. Every method may be called from any thread."""

    def __init__(self, root: Path, models: Models, command: Sequence[str] = COMMAND) -> None:
        self._file = root / FOLDERS
        self._models = models
        self._command = command
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._version = 0
        self._looked = False  # to the end, or until it was stopped
        self._names, self._place = 0, ""
        self._found: dict[str, Line] = {}
        self._unusable: dict[str, Line] = {}
        self._more = 0  # that are not shown
        self._unseen: list[str] = []

    def close(self) -> None:
        """End what is running."""
        self._end()
        self._models.reader.stop()

    # ------------------------------------------------------------------------------------------------------ reading

    def state(self, message: Sent[StateWish] = None) -> Reply[FinderState]:
        """How far the search is; the lists too when they changed since `version`."""
        return answered_to(StateWish, message or {}, self._state)

    def _state(self, wish: StateWish) -> FinderState:
        reading, chosen = self._models.reader.source(), self._models.source()
        with self._lock:
            self._note_hash(chosen)
            told: FinderState = {
                "version": self._version,
                "looking": say("looking", n=self._names, folder=self._place) if self._child else "",
                "looked": self._looked,
                "reading": desk_say("reading", name=Path(reading).stem, share=self._models.reader.share(reading) or 0)
                if reading
                else "",
                "chosen": _id(chosen),
            }
            if wish.version != self._version:
                found = sorted(self._found.values(), key=lambda line: str(line["name"]).casefold())
                told["models"] = [_row(line) for line in found]
                told["unusable"] = [
                    {"name": line["name"], "why": line["problem"]} for line in [*self._unusable.values()]
                ]
                told["unseen"] = [*self._unseen, *([say("moreFound", n=self._more)] if self._more else [])]
                told["folders"] = [{"id": _id(folder), "path": folder} for folder in self._folders()]
            return told

    def source_of(self, model_id: Any) -> str:
        """What the model of this id is chosen by; raises `ConfigError` for an unknown one."""
        with self._lock:
            line = self._found.get(str(model_id))
        if line is None:
            raise ConfigError(say("noSuchModel"))
        return str(line["source"])

    # ------------------------------------------------------------------------------------------------------ actions

    def find(self, _: Any = None) -> Reply[Nothing]:
        """Look for models, from the start."""
        return answered(self._find)

    def _find(self) -> Nothing:
        self._end()
        folders = self._folders()
        with self._lock:
            self._found, self._unusable, self._unseen, self._more = {}, {}, [], 0
            self._names, self._place = 0, ""
            self._version += 1
            arguments = ["models", *(part for folder in folders for part in ("--folder", folder))]
            child: Child | None = None

            def mine() -> bool:
                return child is not None and child is self._child

            def heard(line: Line) -> None:
                with self._lock:
                    if mine():
                        self._take(line)

            def ended(_: int) -> None:
                with self._lock:
                    if mine():
                        self._child, self._looked = None, True
                        self._version += 1

            self._child = child = Child(arguments, heard, ended, self._command)
        return {}

    def halt(self, _: Any = None) -> Reply[Nothing]:
        """Stop looking; what was found stays."""
        return answered(self._halt)

    def _halt(self) -> Nothing:
        self._end()
        self._looked = True
        return {}

    def stop_reading(self, _: Any = None) -> Reply[Nothing]:
        """Give up reading a model."""
        return answered(self._stop_reading)

    def _stop_reading(self) -> Nothing:
        self._models.reader.stop()
        return {}

    def add_folder(self, message: Sent[FolderWish]) -> Reply[Nothing]:
        """Look in one more folder from now on."""
        return answered_to(FolderWish, message, self._add_folder)

    def _add_folder(self, wish: FolderWish) -> Nothing:
        folder = _resolved(wish.path)
        known = self._folders()
        if len(known) >= _MOST_FOLDERS:
            raise ConfigError(say("tooManyFolders"))
        self._keep([*known, folder])
        return self._find()

    def forget_folder(self, message: Sent[IdWish]) -> Reply[Nothing]:
        """Look in a folder no more."""
        return answered_to(IdWish, message, self._forget_folder)

    def _forget_folder(self, wish: IdWish) -> Nothing:
        self._keep([folder for folder in self._folders() if _id(folder) != wish.id])
        return self._find()

    # ------------------------------------------------------------------------------------------------------ helpers

    def _take(self, line: Line) -> None:
        match line.get("kind"):
            case "seen":
                self._names, self._place = int(line["names"]), str(line["folder"])
                return
            case "unseen":
                self._unseen.append(str(line["problem"]))
            case "model":
                kept, most = (self._unusable, _MOST_UNUSABLE) if line["problem"] else (self._found, _MOST_SHOWN)
                if len(kept) >= most:
                    self._more += 1
                else:
                    kept[_id(str(line["source"]))] = line
            case _:
                return
        self._version += 1

    def _note_hash(self, source: str) -> None:
        """The chosen model was read since it was found."""
        line, info = self._found.get(_id(source)), self._models.known(source)
        if line and info and not line["sha256"]:
            line["sha256"] = info.sha256
            self._version += 1

    def _end(self) -> None:
        with self._lock:
            child, self._child = self._child, None
            self._version += 1
        if child:
            child.end()

    def _folders(self) -> list[str]:
        try:
            return _Kept.model_validate_json(self._file.read_bytes()).folders[:_MOST_FOLDERS]
        except (OSError, ValidationError):  # what can't be read doesn't count
            return []

    def _keep(self, folders: list[str]) -> None:
        write_json(self._file, _Kept(folders=list(dict.fromkeys(folders))).model_dump())


def _row(line: Line) -> FoundModel:
    return {
        "id": _id(str(line["source"])),
        "name": line["name"],
        "facts": [FAMILIES[line["family"]].title, size(int(line["size_bytes"])), line["precision"]],
        "hash": str(line["sha256"] or "")[:10],
        "tool": line["tool"],
        "place": line["place"],
    }


def _resolved(written: str) -> str:
    """The folder that a person typed; raises `ConfigError` when it isn't one."""
    try:
        path = Path(written_source(written)).expanduser()
        if path.is_dir():
            return str(path.resolve())
    except (OSError, ValueError, RuntimeError) as error:  # no right to look, or no path at all
        raise ConfigError(say("noSuchFolder", path=str(error)[:200])) from error
    raise ConfigError(say("noSuchFolder", path=str(path)[:200]))


def _id(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()[:20]

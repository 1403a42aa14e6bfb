"""The studio's nodes in the ComfyUIs of this machine: found, installed and removed from the page."""

import hashlib
import os
from pathlib import Path
from typing import Any

from app.adapters.messages import FoundComfy, FoundComfys, PackDone, PackMessage
from app.adapters.text import say
from app.ui.replies import Reply, Sent, answered, answered_to
from sdpo_core.comfyui.install import find_comfyui, install, installed, remove
from sdpo_core.errors import ComfyUIError, SdpoError


class ComfyPack:
    """Finds ComfyUIs and puts the pack in and out. `root` is where the studio keeps its data."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._typed: list[Path] = []  # folders that a person named since the studio started

    def look(self, _: Any = None) -> Reply[FoundComfys]:
        """The ComfyUIs of this machine, and which of them has the nodes."""
        return answered(self._look)

    def act(self, message: Sent[PackMessage]) -> Reply[PackDone]:
        """Install or remove; the reply holds a sentence and the new state."""
        return answered_to(PackMessage, message, self._act)

    def _look(self) -> FoundComfys:
        return {"found": [self._shown(place) for place in self._places()]}

    def _act(self, wish: PackMessage) -> PackDone:
        place = self._place(wish)
        done = install(place, self._root) if wish.action == "install" else remove(place)
        if wish.folder and place not in self._places():
            self._typed.append(place)
        return {**self._look(), "sentence": done.sentence}

    def _places(self) -> list[Path]:
        return list(dict.fromkeys([*find_comfyui(Path.home(), os.environ), *self._typed]))

    def _place(self, wish: PackMessage) -> Path:
        if wish.id:
            place = next((place for place in self._places() if _id(place) == wish.id), None)
            if place is None:
                raise ComfyUIError(say("comfyGone"))
            return place
        typed = wish.folder.strip().strip('"')
        if not typed:
            raise ComfyUIError(say("comfyEmpty"))
        place = Path(typed).expanduser()
        if not place.is_absolute():
            raise ComfyUIError(say("comfyRelative", given=typed[:200]))
        return place

    def _shown(self, place: Path) -> FoundComfy:
        try:
            return {"id": _id(place), "folder": str(place), "installed": installed(place), "problem": ""}
        except SdpoError as error:
            return {"id": _id(place), "folder": str(place), "installed": False, "problem": str(error)}


def _id(place: Path) -> str:
    return hashlib.sha256(str(place).encode("utf-8", "surrogateescape")).hexdigest()[:16]

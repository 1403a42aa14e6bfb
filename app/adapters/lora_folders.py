"""The folders in which ComfyUI and A1111 look for LoRA files: chosen once, kept on this machine, and put into.

    <root>/lora-folders.json     {"folders": {"comfyui": "/…/models/loras"}, "placed": [{"tool", "sha256", "file"}, …]}

A folder is typed by a person once and checked; afterwards the browser names a tool and an adapter, never a path.
"""

import contextlib
import os
import shutil
import threading
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from app.adapters import text
from sdpo_core.atomic import disk_errors, replacing, write_json
from sdpo_core.checkpoints.hashing import sha256_file, sha256_remembered
from sdpo_core.errors import AdapterError, ConfigError, DiskError
from sdpo_core.workspace.adapters import file_stem
from sdpo_core.workspace.records import AdapterRecord

How = Literal["copy", "link"]

_FILE = "lora-folders.json"
_INSIDE = {"comfyui": Path("models", "loras"), "a1111": Path("models", "Lora")}
_USUAL_NAMES = {
    "comfyui": ("ComfyUI", "comfy/ComfyUI", "ComfyUI_windows_portable/ComfyUI"),
    "a1111": ("stable-diffusion-webui", "stable-diffusion-webui-forge", "stable-diffusion-webui-reForge"),
}
_MODE = 0o644  # another user's tool reads it


class Placed(BaseModel):
    """An adapter in another tool's folder."""

    model_config = ConfigDict(frozen=True)

    tool: str
    sha256: str
    file: Path


class _Kept(BaseModel):
    """What the file holds."""

    folders: dict[str, str] = {}
    placed: list[Placed] = []


class LoraFolders:
    """The folders of other tools, for all projects of a studio. Every method may be called from any thread."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / _FILE
        self._lock = threading.Lock()

    def folder(self, tool: str) -> Path | None:
        """The chosen folder of a tool; None before it is chosen."""
        chosen = self._read().folders.get(tool)
        return Path(chosen) if chosen else None

    def suggestions(self, tool: str) -> list[str]:
        """Folders of a tool that lie where people mostly put it."""
        places = [Path.home(), Path.home() / "Documents", self._root.parent, self._root.parent.parent]
        found = [place / name / _INSIDE[_require(tool)] for place in places for name in _USUAL_NAMES[tool]]
        return list(dict.fromkeys(str(folder) for folder in found if _is_folder(folder)))

    def choose(self, tool: str, written: str) -> Path:
        """Keep the folder of a tool; raises `ConfigError` in words for what can't be one.

        The tool's own folder will do: the one for LoRA files in it is taken then.
        """
        folder = self._checked(_require(tool), written.strip().strip('"'))
        with self._lock:
            content = self._read()
            content.folders[tool] = str(folder)
            self._write(content)
        return folder

    def forget(self, tool: str) -> None:
        """Forget the folder of a tool; what lies in it stays."""
        with self._lock:
            content = self._read()
            content.folders.pop(_require(tool), None)
            self._write(content)

    def is_placed(self, tool: str, record: AdapterRecord) -> bool:
        """Whether an adapter lies in the tool's folder, unchanged since it was put there."""
        return any(_is_it(one) for one in self._placed(tool, record.sha256))

    def place(self, tool: str, record: AdapterRecord, source: Path, how: How) -> Path:
        """Copy or link an adapter's file, with the picture beside it, to where a tool finds it; returns the new file.

        The caller knows that it fits its base. Raises `AdapterError` when the file is not the one that was trained, or
        another one has its name; `DiskError` when the disk refuses.
        """
        folder = self.folder(_require(tool))
        if folder is None:
            raise ConfigError(text.NO_FOLDER.format(tool=text.TOOLS[tool]))
        folder = self._checked(tool, str(folder))  # it may be gone since it was chosen
        if sha256_file(source) != record.sha256:
            raise AdapterError(text.DAMAGED.format(name=record.name))
        target = folder / f"{file_stem(record.name)}.safetensors"
        if target.exists():
            if sha256_file(target) != record.sha256:
                raise AdapterError(text.OTHER_FILE.format(file=target))
        elif how == "link":
            _link(source, target)
        else:
            _copy(source, target)
            if sha256_file(target) != record.sha256:
                target.unlink()
                raise DiskError(text.COPY_DAMAGED.format(folder=folder))
        self._put_beside(tool, record, source, target)
        self._remember(Placed(tool=tool, sha256=record.sha256, file=target))
        return target

    # ------------------------------------------------------------------------------------------------------ helpers

    def _checked(self, tool: str, written: str) -> Path:
        name = text.TOOLS[tool]
        if not written:
            raise ConfigError(text.FOLDER_EMPTY.format(tool=name))
        if not Path(written).is_absolute():
            raise ConfigError(text.FOLDER_RELATIVE.format(given=written[:200]))
        try:
            folder = Path(written).resolve(strict=True)
        except (OSError, RuntimeError, ValueError) as error:  # ValueError: a character that no path can hold
            raise ConfigError(text.FOLDER_MISSING.format(folder=written[:200])) from error
        if not folder.is_dir():
            raise ConfigError(text.FOLDER_FILE.format(folder=folder))
        if _is_folder(folder / _INSIDE[tool]):
            folder = (folder / _INSIDE[tool]).resolve()
        if folder.is_relative_to(self._root.resolve()):
            raise ConfigError(text.FOLDER_OURS.format(folder=folder, tool=name))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(text.FOLDER_LOCKED.format(folder=folder))
        return folder

    def _put_beside(self, tool: str, record: AdapterRecord, source: Path, target: Path) -> None:
        """The picture, which both tools show; for A1111 the strength that it sets when the adapter is clicked."""
        picture = target.with_suffix(".png")
        if source.with_suffix(".png").is_file() and not picture.exists():
            _copy(source.with_suffix(".png"), picture)
        about = target.with_suffix(".json")
        if tool == "a1111" and not about.exists() and (record.strength is not None or record.note):
            strength = {} if record.strength is None else {"preferred weight": record.strength}
            write_json(about, {**strength, **({"notes": record.note} if record.note else {})})

    def _placed(self, tool: str, sha256: str) -> list[Placed]:
        return [one for one in self._read().placed if (one.tool, one.sha256) == (tool, sha256)]

    def _remember(self, placed: Placed) -> None:
        with self._lock:
            content = self._read()
            content.placed = [*(one for one in content.placed if one != placed and one.file.is_file()), placed]
            self._write(content)

    def _read(self) -> _Kept:
        """What is kept; a file that can't be read is as good as none, as it holds nothing that can't be chosen anew."""
        try:
            return _Kept.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return _Kept()

    def _write(self, content: _Kept) -> None:
        write_json(self._path, content.model_dump(mode="json"))


def _require(tool: str) -> str:
    if tool not in _INSIDE:
        raise ConfigError(text.NO_TOOL)
    return tool


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a place that may not be looked into
        return False


def _is_it(placed: Placed) -> bool:
    try:
        return sha256_remembered(placed.file) == placed.sha256
    except OSError:  # gone, or its drive is
        return False


def _link(source: Path, target: Path) -> None:
    """One file under both names; nothing that the studio does with its own changes what the other shows."""
    try:
        target.hardlink_to(source.resolve())
    except OSError as error:
        raise DiskError(text.OTHER_DISK.format(folder=target.parent, why=error.strerror or error)) from error


def _copy(source: Path, target: Path) -> None:
    with disk_errors(target), replacing(target) as temporary:
        shutil.copyfile(source, temporary)
        with contextlib.suppress(OSError):  # some file systems know no modes
            temporary.chmod(_MODE)

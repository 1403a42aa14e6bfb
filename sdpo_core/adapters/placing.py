"""Putting an adapter's file where ComfyUI and A1111 look for LoRAs: one service for the studio and the command line.

    <root>/lora-folders.json     {"folders": {"comfyui": "/…/models/loras"}, "placed": [{"tool", "sha256", "file"}, …]}

A folder is chosen once and checked; afterwards a tool and an adapter are enough. Errors are messages for a person;
results are returned as facts. No torch: the caller, who can load the model, supplies the proof (`Prove`).
"""

import contextlib
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sdpo_core.atomic import disk_errors, replacing, write_json
from sdpo_core.checkpoints.hashing import sha256_file, sha256_remembered
from sdpo_core.errors import AdapterError, ConfigError, DiskError
from sdpo_core.workspace.adapters import file_stem
from sdpo_core.workspace.records import AdapterRecord, Fit

How = Literal["copy", "link"]

TOOLS = {"comfyui": "ComfyUI", "a1111": "A1111 or Forge"}
"""The tools that have a folder for LoRAs, and what they are called."""

_FILE = "lora-folders.json"
_INSIDE = {"comfyui": Path("models", "loras"), "a1111": Path("models", "Lora")}
_USUAL_NAMES = {
    "comfyui": ("ComfyUI", "comfy/ComfyUI", "ComfyUI_windows_portable/ComfyUI"),
    "a1111": ("stable-diffusion-webui", "stable-diffusion-webui-forge", "stable-diffusion-webui-reForge"),
}
_MODE = 0o644  # another user's tool reads it, whatever this process's umask is


@dataclass(frozen=True)
class Proof:
    """How an adapter fits its base model, and how that is known."""

    fit: Fit
    recorded: bool  # True: recorded when exactly this file was loaded; False: the model was loaded now
    sentence: str


@dataclass(frozen=True)
class Placed:
    """An adapter's file in another tool's folder, or wherever the person wanted it."""

    file: Path
    proof: Proof


Prove = Callable[[Path], Proof]
"""Loads the model and checks every module of the file; raises `AdapterError` when it can't be loaded."""


class _Entry(BaseModel):
    """An adapter that was put into a tool's folder."""

    model_config = ConfigDict(frozen=True)

    tool: str
    sha256: str
    file: Path


class _Kept(BaseModel):
    """The contents of this service's file."""

    folders: dict[str, str] = {}
    placed: list[_Entry] = []


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
        """A tool's folders that exist in the usual places."""
        places = [Path.home(), Path.home() / "Documents", self._root.parent, self._root.parent.parent]
        found = [place / name / _INSIDE[_require(tool)] for place in places for name in _USUAL_NAMES[tool]]
        return list(dict.fromkeys(str(folder) for folder in found if _is_folder(folder)))

    def choose(self, tool: str, written: str) -> Path:
        """Keep the folder of a tool; raises `ConfigError` when it can't be one.

        The tool's own folder will do: its folder for LoRA files is used then.
        """
        folder = self._checked(_require(tool), written.strip().strip('"'))
        with self._lock:
            content = self._read()
            content.folders[tool] = str(folder)
            self._write(content)
        return folder

    def forget(self, tool: str) -> None:
        """Forget the folder of a tool; its files stay."""
        with self._lock:
            content = self._read()
            content.folders.pop(_require(tool), None)
            self._write(content)

    def is_placed(self, tool: str, record: AdapterRecord) -> bool:
        """Whether an adapter is in the tool's folder, unchanged since it was put there."""
        known = (one for one in self._read().placed if (one.tool, one.sha256) == (tool, record.sha256))
        return any(_has_sha256(one.file, record.sha256) for one in known)

    def place(self, tool: str, record: AdapterRecord, source: Path, how: How, prove: Prove | None = None) -> Placed:
        """Put an adapter's file into the chosen folder of a tool; raises what `put` raises, and `ConfigError`."""
        folder = self.folder(_require(tool))
        if folder is None:
            raise ConfigError(f"The folder of {TOOLS[tool]} isn't set yet. Set it first.")
        folder = self._checked(tool, str(folder))  # it may no longer exist
        return self.put(folder / f"{file_stem(record.name)}.safetensors", record, source, how, prove, tool=tool)

    def place_at(self, target: Path, record: AdapterRecord | None, source: Path, prove: Prove | None) -> Placed:
        """Copy an adapter's file to a place that a person names: a folder, a tool's own folder, or a file's name.

        A place in a tool's folder for LoRAs is treated as that tool's. Raises what `put` raises.
        """
        if target.suffix == ".safetensors" and not _is_folder(target):
            folder, name = target.parent, target.name
        else:
            inside = [target / part for part in _INSIDE.values() if _is_folder(target / part)]
            stem = file_stem(record.name) if record else source.stem
            folder, name = (inside or [target])[0], f"{stem}.safetensors"
        return self.put(folder / name, record, source, "copy", prove, tool=self._tool_of(folder))

    def put(
        self, target: Path, record: AdapterRecord | None, source: Path, how: How, prove: Prove | None, *,
        tool: str | None,
    ) -> Placed:  # fmt: skip
        """Copy or link an adapter's file to `target`, with its preview picture and what the tool wants to know.

        Raises `AdapterError` when the file isn't the one that was trained, doesn't fit, isn't proven to fit, or when
        another file has its name; `DiskError` when it can't be written. Nothing is written before all that is checked.
        """
        sha256 = sha256_file(source)
        if record is not None and sha256 != record.sha256:
            raise AdapterError(
                f"The file of {record.name} has changed since training, or is damaged. Restore it from a copy."
            )
        with disk_errors(target):
            there = target.exists()
            if there and sha256_file(target) != sha256:
                raise AdapterError(
                    f"{target} already exists and is a different file. Choose another name, or remove that file first."
                )
        proof = _proven(record, source, prove)
        if not there:
            (_link if how == "link" else _copy)(source, target)
        if not there and how == "copy" and sha256_file(target) != sha256:
            target.unlink()
            raise DiskError(
                f"The copy in {target.parent} failed verification and was removed. Check that disk for errors."
            )
        self._add_extras(tool, record, source, target)
        if tool is not None:
            self._remember(tool, sha256, target)
        return Placed(target, proof)

    # ------------------------------------------------------------------------------------------------------ helpers

    def _checked(self, tool: str, written: str) -> Path:
        name = TOOLS[tool]
        if not written:
            raise ConfigError(f"Enter the folder of {name}, or its LoRA folder.")
        if not Path(written).is_absolute():
            raise ConfigError(
                f"Enter the full path of the folder, including the root or drive; {written[:200]} isn't a full path."
            )
        try:
            folder = Path(written).resolve(strict=True)
        except (OSError, RuntimeError, ValueError) as error:  # ValueError: a character that no path may contain
            raise ConfigError(
                f"The folder {written[:200]} doesn't exist. Check the path, and that its drive is mounted."
            ) from error
        if not folder.is_dir():
            raise ConfigError(f"{folder} is a file, not a folder.")
        if _is_folder(folder / _INSIDE[tool]):
            folder = (folder / _INSIDE[tool]).resolve()
        if folder.is_relative_to(self._root.resolve()):
            raise ConfigError(f"{folder} is the studio's own folder. Choose the folder of {name}.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(f"The studio can't write to {folder}. Change its permissions, or choose another folder.")
        return folder

    def _tool_of(self, folder: Path) -> str | None:
        """The tool whose folder for LoRAs this is: the chosen one, or one with the usual name."""
        place = folder.resolve()
        chosen = (tool for tool in TOOLS if (known := self.folder(tool)) and known.resolve() == place)
        called = (tool for tool, inside in _INSIDE.items() if place.parts[-2:] == inside.parts)
        return next(chosen, None) or next(called, None)

    def _add_extras(self, tool: str | None, record: AdapterRecord | None, source: Path, target: Path) -> None:
        """Copy the preview, which both tools show; for A1111 also the strength that a click on the adapter sets."""
        copy_preview(source, target)
        about = target.with_suffix(".json")
        if tool != "a1111" or record is None or about.exists() or (record.strength is None and not record.note):
            return
        strength = {} if record.strength is None else {"preferred weight": record.strength}
        write_json(about, {**strength, **({"notes": record.note} if record.note else {})})

    def _remember(self, tool: str, sha256: str, file: Path) -> None:
        with self._lock:
            content = self._read()
            entry = _Entry(tool=tool, sha256=sha256, file=file.absolute())
            content.placed = [*(one for one in content.placed if one != entry and one.file.is_file()), entry]
            self._write(content)

    def _read(self) -> _Kept:
        """What is kept; a file that can't be read counts as empty, because everything in it can be chosen again."""
        try:
            return _Kept.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return _Kept()

    def _write(self, content: _Kept) -> None:
        write_json(self._path, content.model_dump(mode="json"))


def copy_preview(source: Path, target: Path) -> None:
    """Copy the preview picture that tools show next to an adapter; an existing one stays."""
    preview, copy = source.with_suffix(".png"), target.with_suffix(".png")
    if preview.is_file() and not copy.exists():
        _copy(preview, copy)


def _proven(record: AdapterRecord | None, source: Path, prove: Prove | None) -> Proof:
    """The proof by loading if `prove` is given, else the one that was recorded for exactly this file."""
    if prove is not None:
        proof = prove(source)
    elif record is not None and record.fit is not None:
        fits = f"{record.fit.matched} of {record.fit.modules} modules fit its base model"
        proof = Proof(record.fit, True, f"{fits}, as recorded when this file was loaded onto it.")
    else:
        raise AdapterError(
            f"Loading {record.name if record else source.name} hasn't been verified yet. Run a blind test or generate "
            "a grid with it first, which loads it on its base model."
        )
    if proof.fit.matched < proof.fit.modules:
        raise AdapterError(
            f"{record.name if record else source.name} wasn't copied: only {proof.fit.matched} of "
            f"{proof.fit.modules} modules match its base model."
        )
    return proof


def _require(tool: str) -> str:
    if tool not in TOOLS:
        raise ConfigError(f"Unknown tool: {tool[:40]}. Choose {' or '.join(TOOLS)}.")
    return tool


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # no permission to read it
        return False


def _has_sha256(file: Path, sha256: str) -> bool:
    try:
        return sha256_remembered(file) == sha256
    except OSError:  # it or its drive is gone
        return False


def _link(source: Path, target: Path) -> None:
    """One file under both names; nothing that the studio does with its own name changes the other."""
    try:
        target.hardlink_to(source.resolve())
    except OSError as error:
        raise DiskError(
            f"{target.parent} is on another disk or doesn't support links ({error.strerror or error}). Copy the "
            "adapter instead."
        ) from error


def _copy(source: Path, target: Path) -> None:
    with disk_errors(target), replacing(target) as temporary:
        shutil.copyfile(source, temporary)
        with contextlib.suppress(OSError):  # some file systems have no modes
            temporary.chmod(_MODE)

"""Where the studio keeps its adapters, which there are, and which of its projects is open.

The workspace is, in this order: the environment variable SDPO_WORKSPACE; `"workspace"` in sdpo-studio.json next to this
file; the folder `workspace` of the repository, when the pack is linked from there.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .problem import PackProblem

LATEST = "latest"
VARIABLE = "SDPO_WORKSPACE"
SETTINGS = "sdpo-studio.json"

_PROJECT = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_LOCAL = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}/?")


def pack_folder() -> Path:
    """The real folder of this pack, whatever link ComfyUI found it by."""
    return Path(__file__).resolve().parent


def find_workspace(pack: Path, environment: Mapping[str, str]) -> Path:
    """The studio's workspace; raises `PackProblem` when it is not known or the settings file is broken."""
    told = environment.get(VARIABLE)
    if told:
        return _expanded(told, VARIABLE)
    settings = pack / SETTINGS
    if settings.is_file():
        return _from_settings(settings)
    if (pack.parent / "sdpo_core").is_dir():
        return pack.parent / "workspace"
    raise PackProblem(
        f'The studio\'s workspace isn\'t set. Write {{"workspace": "/path/to/workspace"}} into {settings}, '
        f"or set the environment variable {VARIABLE}, and restart ComfyUI."
    )


def _from_settings(settings: Path) -> Path:
    wanted = f'{settings} should contain {{"workspace": "/path/to/workspace"}}'
    try:
        told = json.loads(settings.read_text(encoding="utf-8"))["workspace"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PackProblem(f"{wanted}, but can't be read that way. Fix it and restart ComfyUI.") from error
    if not isinstance(told, str) or not told:
        raise PackProblem(f"{wanted}; the value there is {told!r}. Fix it and restart ComfyUI.")
    return settings.parent / _expanded(told, str(settings))  # an absolute path stays as it is


def _expanded(told: str, where: str) -> Path:
    try:
        return Path(told).expanduser()
    except RuntimeError as error:
        raise PackProblem(
            f"The studio's workspace can't be found: {where} says {told!r}, but the home folder (~) isn't "
            "known here. Use the full path and restart ComfyUI."
        ) from error


def open_project(workspace: Path) -> Path:
    """The folder of the project that the studio has open: the workspace itself, or one of `projects/` in it."""
    try:
        told = json.loads((workspace / "projects" / "current.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return workspace  # there is only one
    name = told.get("id") if isinstance(told, dict) else None
    if (
        isinstance(name, str)
        and _PROJECT.fullmatch(name)
        and (workspace / "projects" / name / "project.json").is_file()
    ):
        return workspace / "projects" / name
    return workspace


def here() -> Path:
    """The open project of this machine's studio; raises `PackProblem` when the workspace is not known."""
    return open_project(find_workspace(pack_folder(), os.environ))


def adapter_folders() -> list[Path]:
    """Where adapters lie, of all projects, for ComfyUI's own lists; raises `PackProblem`."""
    workspace = find_workspace(pack_folder(), os.environ)
    others = sorted(path.parent for path in workspace.glob("projects/*/project.json"))
    return [path / "adapters" for path in (workspace, *others)]


def studio_address(workspace: Path) -> str:
    """Where a studio that is running answers, on this machine; empty when none is."""
    try:
        told = json.loads((workspace / "studio.lock").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    url = told.get("url") if isinstance(told, dict) else None
    return url if isinstance(url, str) and _LOCAL.fullmatch(url) else ""


@dataclass(frozen=True)
class Shelf:
    """The adapters of a project, checked again at every call: the studio may be training right now."""

    project: Path

    @classmethod
    def find(cls) -> "Shelf":
        """The shelf of this machine's studio; raises `PackProblem` when its place is not known."""
        return cls(here())

    @property
    def folder(self) -> Path:
        """Where finished adapters lie."""
        return self.project / "adapters"

    def names(self) -> list[str]:
        """Names of the adapters, newest first, and then checkpoints of runs as `run/step-50`."""
        return [*self._finished(), *self._checkpoints()]

    def path(self, name: str) -> Path:
        """The file of an adapter or checkpoint, or of the newest adapter for `latest`; raises `PackProblem`."""
        if name in self._checkpoints():
            run, _, step = name.partition("/step-")
            return self.project / "runs" / run / "checkpoints" / f"step-{int(step):06d}" / "adapter.safetensors"
        names = self._finished()
        if not names:
            raise PackProblem(f"No adapters in {self.folder} yet. Train one in SDPO Studio, then press R.")
        if name == LATEST:
            return self.folder / f"{names[0]}.safetensors"
        if name not in names:
            raise PackProblem(f"Adapter {name!r} is no longer in {self.folder}. Choose another, or press R.")
        return self.folder / f"{name}.safetensors"

    def _finished(self) -> list[str]:
        """Hidden files are ones that are being written."""
        found: list[tuple[int, str]] = []
        for path in self.folder.glob("*.safetensors"):
            try:
                changed_ns = path.stat().st_mtime_ns
            except FileNotFoundError:  # taken away since the folder was listed
                continue
            if path.is_file() and not path.name.startswith("."):
                found.append((changed_ns, path.stem))
        return [name for _, name in sorted(found, reverse=True)]

    def _checkpoints(self) -> list[str]:
        """Newest run first (names begin with its time), last step first."""
        found = sorted(self.project.glob("runs/*/checkpoints/step-*/adapter.safetensors"), reverse=True)
        names = ((path.parts[-4], path.parts[-2].removeprefix("step-")) for path in found)
        return [f"{run}/step-{int(step)}" for run, step in names if re.fullmatch("[0-9]{6}", step)]


def fingerprint(path: Path) -> str:
    """Changes whenever the file does, so that ComfyUI runs the node again."""
    stat = path.stat()
    return f"{path}|{stat.st_mtime_ns}|{stat.st_size}"

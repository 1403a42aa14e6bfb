"""Where the studio keeps its adapters, and which there are.

The workspace is, in this order: the environment variable SDPO_WORKSPACE; `"workspace"` in sdpo-studio.json beside this
file; the folder `workspace` of the repository, when the pack is linked from there.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .header import AdapterProblem

LATEST = "latest"
VARIABLE = "SDPO_WORKSPACE"
SETTINGS = "sdpo-studio.json"


def pack_folder() -> Path:
    """The real folder of this pack, whatever link ComfyUI found it by."""
    return Path(__file__).resolve().parent


def find_workspace(pack: Path, environment: Mapping[str, str]) -> Path:
    """The studio's workspace; raises `AdapterProblem` when it is not known or the settings file is broken."""
    told = environment.get(VARIABLE)
    if told:
        return _expanded(told, VARIABLE)
    settings = pack / SETTINGS
    if settings.is_file():
        return _from_settings(settings)
    if (pack.parent / "sdpo_core").is_dir():
        return pack.parent / "workspace"
    raise AdapterProblem(
        f'The studio\'s workspace is not known. Write {{"workspace": "/path/to/workspace"}} into {settings}, '
        f"or set the environment variable {VARIABLE}, and restart ComfyUI."
    )


def _from_settings(settings: Path) -> Path:
    wanted = f'{settings} should hold {{"workspace": "/path/to/workspace"}}'
    try:
        told = json.loads(settings.read_text(encoding="utf-8"))["workspace"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AdapterProblem(f"{wanted}, and can't be read so. Correct it and restart ComfyUI.") from error
    if not isinstance(told, str) or not told:
        raise AdapterProblem(f"{wanted}; the value there is {told!r}. Correct it and restart ComfyUI.")
    return settings.parent / _expanded(told, str(settings))  # an absolute path stays as it is


def _expanded(told: str, where: str) -> Path:
    try:
        return Path(told).expanduser()
    except RuntimeError as error:
        raise AdapterProblem(
            f"The studio's workspace is not known: {where} says {told!r}, and the home folder that ~ stands for is not "
            "known here. Write the whole path and restart ComfyUI."
        ) from error


@dataclass(frozen=True)
class Shelf:
    """The folder of the studio's adapters, looked at anew at every call: the studio may be training right now."""

    folder: Path

    @classmethod
    def find(cls) -> "Shelf":
        """The shelf of this machine's studio; raises `AdapterProblem` when its place is not known."""
        return cls(find_workspace(pack_folder(), os.environ) / "adapters")

    def names(self) -> list[str]:
        """Names of the adapters, newest first. Hidden files are ones that are being written."""
        found: list[tuple[int, str]] = []
        for path in self.folder.glob("*.safetensors"):
            try:
                changed_ns = path.stat().st_mtime_ns
            except FileNotFoundError:  # taken away since the folder was listed
                continue
            if path.is_file() and not path.name.startswith("."):
                found.append((changed_ns, path.stem))
        return [name for _, name in sorted(found, reverse=True)]

    def path(self, name: str) -> Path:
        """The file of an adapter, or of the newest for `latest`; raises `AdapterProblem` when there is none."""
        names = self.names()
        if not names:
            raise AdapterProblem(f"There is no adapter in {self.folder} yet. Train one in SDPO Studio, then press R.")
        if name == LATEST:
            return self.folder / f"{names[0]}.safetensors"
        if name not in names:
            raise AdapterProblem(f"There is no adapter {name!r} in {self.folder} any more. Choose another, or press R.")
        return self.folder / f"{name}.safetensors"


def fingerprint(path: Path) -> str:
    """Changes whenever the file does, so that ComfyUI runs the node again."""
    stat = path.stat()
    return f"{path}|{stat.st_mtime_ns}|{stat.st_size}"

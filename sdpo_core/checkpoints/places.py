"""Where other tools keep their checkpoints on this machine: ComfyUI, A1111, Forge, Stability Matrix.

Guessed from environment variables and from the places where people unpack these tools; ComfyUI's own
`extra_model_paths.yaml` is followed. Nothing is searched here; it only checks a few names.
"""

import itertools
import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import yaml

from sdpo_core.paths import repository_root

COMFYUI, A1111, MATRIX, YOURS = "ComfyUI", "A1111/Forge", "Stability Matrix", "your folder"
CHECKPOINTS = {
    COMFYUI: "models/checkpoints",
    A1111: "models/Stable-diffusion",
    MATRIX: "Models/StableDiffusion",
}
"""Where each tool keeps them, below its own folder."""

_EXTRA_PATHS = ("extra_model_paths.yaml", "extra_models_config.yaml")  # the second is the desktop app's
_MAX_YAML_BYTES = 256 * 2**10
_VARIABLES = {
    "COMFYUI_PATH": COMFYUI,
    "COMFYUI_HOME": COMFYUI,
    "SD_WEBUI_PATH": A1111,
    "FORGE_PATH": A1111,
    "STABILITY_MATRIX": MATRIX,
}
_OWN_VARIABLE = "SDPO_MODELS"
_WEBUI_FLAGS = ("--ckpt-dir", "--ckpt-dirs", "--data-dir", "--models-dir")
_NAMES = {
    COMFYUI: ("ComfyUI", "comfyui", "ComfyUI_windows_portable/ComfyUI", "comfy/ComfyUI"),
    A1111: (
        *("stable-diffusion-webui", "stable-diffusion-webui-forge", "stable-diffusion-webui-reForge", "sd.webui/webui"),
        *("webui", "webui_forge/webui", "automatic"),
    ),
    MATRIX: ("StabilityMatrix/Data", "StabilityMatrix"),
}


class Place(NamedTuple):
    """A folder that holds checkpoints."""

    folder: Path
    tool: str


def model_places(added: Iterable[Path] = ()) -> list[Place]:
    """Existing folders that may hold checkpoints, each once; `added` are the person's own and come first."""
    found: dict[str, Place] = {}
    for place in _guesses(added):
        try:
            if place.folder.is_dir():
                found.setdefault(str(place.folder.resolve()), place)
        except OSError:  # a missing drive, or a folder without permission
            continue
    return list(found.values())


def _guesses(added: Iterable[Path]) -> Iterator[Place]:
    for folder in added:
        inside = [place for tool in CHECKPOINTS for place in _of_tool(folder, tool) if _is_dir(place.folder)]
        yield from inside or [Place(folder, YOURS)]
    for name, tool in _VARIABLES.items():
        if os.environ.get(name):
            yield from _of_tool(Path(os.environ[name]), tool)
    for part in filter(None, os.environ.get(_OWN_VARIABLE, "").split(os.pathsep)):
        yield Place(Path(part).expanduser(), YOURS)
    yield from _of_webui_flags(os.environ.get("COMMANDLINE_ARGS", ""))
    for base in _bases():
        for tool, names in _NAMES.items():
            for name in names:
                yield from _of_tool(base / name, tool)
    for folder in _settings_of_the_desktop_app():
        for name in _EXTRA_PATHS:
            yield from _extra_paths(folder / name)


def _of_tool(folder: Path, tool: str) -> Iterator[Place]:
    yield Place(folder / CHECKPOINTS[tool], tool)
    if tool == COMFYUI:
        for name in _EXTRA_PATHS:
            yield from _extra_paths(folder / name)


def _of_webui_flags(arguments: str) -> Iterator[Place]:
    """The folders in the COMMANDLINE_ARGS of A1111 and Forge."""
    try:
        words = shlex.split(arguments, posix=sys.platform != "win32")
    except ValueError:  # a quote that is never closed
        return
    pairs = list(itertools.pairwise(words)) + [(a, b) for a, _, b in (word.partition("=") for word in words)]
    for flag, value in pairs:
        if flag in _WEBUI_FLAGS and value:
            folder = Path(value.strip("\"'")).expanduser()
            below = {"--data-dir": CHECKPOINTS[A1111], "--models-dir": "Stable-diffusion"}.get(flag, "")
            yield Place(folder / below, A1111)


def _bases() -> Iterator[Path]:
    """Where people put such tools."""
    home = Path.home()
    yield from (repository_root().parent, home)
    for name in ("Documents", "Desktop", "Downloads", "AI", "ai", "apps", "git", "src", "projects"):
        yield home / name
    if sys.platform == "win32":
        for letter in "CDEFG":
            yield from (Path(f"{letter}:/"), Path(f"{letter}:/AI"))
        if os.environ.get("APPDATA"):
            yield Path(os.environ["APPDATA"])
    else:
        yield from (Path("/opt"), Path("/workspace"))


def _settings_of_the_desktop_app() -> Iterator[Path]:
    home = Path.home()
    if sys.platform == "win32":
        yield Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming") / "ComfyUI"
    elif sys.platform == "darwin":
        yield home / "Library" / "Application Support" / "ComfyUI"
    else:
        yield Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "ComfyUI"


def _extra_paths(file: Path) -> Iterator[Place]:
    """The checkpoint folders in a file like ComfyUI's `extra_model_paths.yaml`."""
    for section in _sections(file):
        base = section.get("base_path")
        root = file.parent / Path(os.path.expandvars(base)).expanduser() if isinstance(base, str) else file.parent
        named = section.get("checkpoints")
        for line in named.splitlines() if isinstance(named, str) else []:
            if line.strip():
                yield Place(root / Path(os.path.expandvars(line.strip())).expanduser(), COMFYUI)


def _sections(file: Path) -> list[dict[str, Any]]:
    """The sections of a YAML file; none if it isn't YAML, or not a file of this kind."""
    try:
        with file.open("rb") as opened:
            text = opened.read(_MAX_YAML_BYTES + 1)
        content: Any = yaml.safe_load(text) if len(text) <= _MAX_YAML_BYTES else None
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return []
    if not isinstance(content, dict):
        return []
    sections = cast("dict[str, Any]", content).values()
    return [cast("dict[str, Any]", section) for section in sections if isinstance(section, dict)]


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False

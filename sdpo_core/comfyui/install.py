"""The node pack in a ComfyUI on this machine: finding the ComfyUI, linking or copying the pack, removing it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sdpo_core.atomic import disk_errors, write_json
from sdpo_core.errors import ComfyUIError
from sdpo_core.paths import repository_root

PACK = repository_root() / "comfy_nodes"
NAME = "sdpo-studio"
"""The pack's folder in ComfyUI, which shows this name on each node."""

SETTINGS = "sdpo-studio.json"


class Done(NamedTuple):
    """What was done."""

    folder: Path  # the pack, as ComfyUI sees it
    changed: bool
    sentence: str


def install(comfyui: Path, workspace: Path, *, copy: bool = False) -> Done:
    """Link the pack into ComfyUI's custom_nodes, or copy it where links are impossible or not wanted.

    Doing it again changes nothing, except that a copy is updated. `workspace` is where the studio keeps its data.
    Raises `ComfyUIError` for a folder that isn't a ComfyUI or has something else in the pack's place, and `DiskError`
    when it can't be written.
    """
    target, data = _custom_nodes(comfyui) / NAME, f"It uses the studio's data in {workspace}."
    ours = _is_ours(target)
    if os.path.lexists(target) and not ours:
        raise ComfyUIError(f"{target} exists and isn't this pack. Move it elsewhere, then try again.")
    if ours and not copy and _is_link(target) and _same(target, PACK):
        changed = _set_workspace(PACK, workspace)
        return Done(target, changed, f"The pack is already linked in {target.parent}. {data}")
    if not copy and _can_link(target):
        if ours:
            _take_away(target)
        if _link(target):
            _set_workspace(PACK, workspace)
            return Done(target, True, f"Linked {target} to {PACK}. {data} Restart ComfyUI.")
    _copy(target, workspace)
    return Done(target, True, f"Copied the pack to {target}. {data} Restart ComfyUI; after an update, do this again.")


def remove(comfyui: Path) -> Done:
    """Remove the pack from ComfyUI; what it sent to the studio stays. Raises `ComfyUIError` for other folders."""
    target = _custom_nodes(comfyui) / NAME
    if not os.path.lexists(target):
        return Done(target, False, f"The pack isn't in {target.parent}.")
    if not _is_ours(target):
        raise ComfyUIError(f"{target} isn't this pack, so it was left alone.")
    _take_away(target)
    return Done(target, True, f"Removed {target}. Restart ComfyUI.")


def installed(comfyui: Path) -> bool:
    """Whether the pack is in this ComfyUI. Raises `ComfyUIError` when the folder isn't a ComfyUI."""
    return _is_ours(_custom_nodes(comfyui) / NAME)


# ------------------------------------------------------------------------------------------------------------ finding


def find_comfyui(home: Path, environment: Mapping[str, str], near: Path = PACK.parent.parent) -> list[Path]:
    """The ComfyUIs on this machine: named by COMFYUI_PATH, set up by the desktop app, or in the usual places."""
    candidates = [Path(environment["COMFYUI_PATH"])] if environment.get("COMFYUI_PATH") else []
    candidates += _desktop_folders(home, environment)
    starts = [near, home, *(home / name for name in ("Documents", "Desktop", "Downloads", "AI", "ai", "src", "git"))]
    starts += [Path(drive) for drive in ("C:/", "D:/", "E:/")] if sys.platform == "win32" else [Path("/opt")]
    if _is_wsl():  # the person's ComfyUI may well be on the Windows side
        starts += [*sorted(Path("/mnt/c/Users").glob("*/Documents")), Path("/mnt/c"), Path("/mnt/d")]
    names = ("ComfyUI", "comfyui", "ComfyUI_windows_portable", "ComfyUI_windows_portable/ComfyUI")
    candidates += [start / name for start in starts for name in names]
    found: list[Path] = []
    for candidate in candidates:
        place = comfyui_in(candidate)
        if place and not any(_same(place, other) for other in found):
            found.append(place)
    return found


def _desktop_folders(home: Path, environment: Mapping[str, str]) -> list[Path]:
    """The base folders in the settings of ComfyUI's desktop app."""
    settings = [home / "Library/Application Support/ComfyUI", home / ".config/ComfyUI"]
    if environment.get("APPDATA"):
        settings.append(Path(environment["APPDATA"]) / "ComfyUI")
    if _is_wsl():
        settings += sorted(Path("/mnt/c/Users").glob("*/AppData/Roaming/ComfyUI"))
    found: list[Path] = []
    for folder in settings:
        try:
            config: Any = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        base: Any = config.get("basePath") if isinstance(config, dict) else None
        if isinstance(base, str) and base:
            found.append(Path(_from_windows(base)))
    return found


def comfyui_in(folder: Path) -> Path | None:
    """The ComfyUI in this folder: itself, or the one inside a portable package."""
    try:
        for place in (folder, folder / "ComfyUI"):
            whole = (place / "custom_nodes").is_dir()  # the desktop app's base folder has no main.py
            if whole and ((place / "main.py").is_file() or (place / "models").is_dir()):
                return place.resolve()
    except OSError:  # a drive that isn't ready
        return None
    return None


def _custom_nodes(comfyui: Path) -> Path:
    """Its folder of node packs; raises `ComfyUIError` when this isn't a ComfyUI."""
    place = comfyui_in(Path(_from_windows(str(comfyui))).expanduser())
    if place is None and comfyui.name == "custom_nodes":
        place = comfyui_in(comfyui.parent)
    if place is None:
        raise ComfyUIError(
            f"{comfyui} isn't a ComfyUI: expected a folder with custom_nodes and main.py (or models) in it. Name the "
            "folder that ComfyUI was installed or unpacked to."
        )
    return place / "custom_nodes"


def _is_wsl() -> bool:
    """Whether this is Linux inside Windows."""
    return sys.platform.startswith("linux") and "microsoft" in os.uname().release.lower()


def _from_windows(path: str) -> str:
    """`C:\\ComfyUI` as `/mnt/c/ComfyUI` under WSL; everything else unchanged."""
    drive = re.match(r"([A-Za-z]):[\\/]", path)
    return f"/mnt/{drive.group(1).lower()}/" + path[3:].replace("\\", "/") if drive and _is_wsl() else path


# ------------------------------------------------------------------------------------------------- linking and copying


def _is_ours(target: Path) -> bool:
    """Whether the folder, or what it links to, is this pack, in any version; the link may be broken by now."""
    try:
        if _is_link(target) and not target.exists():
            return target.resolve().name == PACK.name
        return f'name = "{NAME}"' in (target / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def _is_link(target: Path) -> bool:
    """Whether the folder is a link, or a Windows junction, which Python before 3.12 doesn't count as one."""
    if target.is_symlink():
        return True
    junction = getattr(os.path, "isjunction", None)
    if junction is not None:
        return bool(junction(target))
    return sys.platform == "win32" and target.exists() and not _same(target, target.parent.resolve() / target.name)


def _same(one: Path, other: Path) -> bool:
    """Whether both lead to the same place."""
    return os.path.normcase(one.resolve()) == os.path.normcase(other.resolve())


def _can_link(target: Path) -> bool:
    """Windows programs can't follow a Linux link."""
    return not (_is_wsl() and str(target.parent.resolve()).startswith("/mnt/"))


def _link(target: Path) -> bool:
    """Link the pack to `target`; False where that is impossible: no permission, or a file system without links."""
    try:
        if sys.platform == "win32":
            command = ["cmd", "/c", "mklink", "/J", str(target), str(PACK)]  # needs no special rights, unlike a link
            done = subprocess.run(command, capture_output=True, check=False)
            return done.returncode == 0 and _same(target, PACK)
        target.symlink_to(PACK, target_is_directory=True)
    except OSError:
        return False
    return True


def _copy(target: Path, workspace: Path) -> None:
    """Copy the pack, without what only Python or this machine needs, and record where the studio's data is.

    The earlier copy stays until the new one is complete.
    """
    building = target.with_name(f".{NAME}.tmp")
    shutil.rmtree(building, ignore_errors=True)
    with disk_errors(target):
        try:
            shutil.copytree(PACK, building, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", SETTINGS))
            _set_workspace(building, workspace)
            if os.path.lexists(target):
                _take_away(target)
            building.replace(target)
        except shutil.Error as error:  # several files together; the first says enough
            raise ComfyUIError(f"The pack couldn't be copied to {target}: {error.args[0][0][2]}.") from error
        finally:
            shutil.rmtree(building, ignore_errors=True)


def _take_away(target: Path) -> None:
    """Remove a link (not what it leads to) or a copy."""
    try:
        if target.is_symlink():
            target.unlink()
        elif _is_link(target):
            target.rmdir()
        else:
            shutil.rmtree(target)
    except OSError as error:
        raise ComfyUIError(f"{target} couldn't be removed: {error.strerror or error}. Close ComfyUI first.") from error


def _set_workspace(pack: Path, workspace: Path) -> bool:
    """Record in the pack where the studio keeps its data, unless it knows; returns whether anything was written."""
    wanted = {"workspace": _to_windows(workspace.resolve())}
    settings = pack / SETTINGS
    try:
        known: Any = json.loads(settings.read_text(encoding="utf-8"))
    except FileNotFoundError:  # a linked pack finds the data next to itself
        known = wanted if pack == PACK and _same(workspace, PACK.parent / "workspace") else None
    except (OSError, ValueError):
        known = None
    if known == wanted:
        return False
    write_json(settings, wanted)
    return True


def _to_windows(path: Path) -> str:
    """A path as the ComfyUI that reads it knows it: Windows sees WSL's Linux files under another name."""
    if not _is_wsl():
        return str(path)
    try:
        done = subprocess.run(["wslpath", "-w", str(path)], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return str(path)
    return done.stdout.strip() or str(path)


def the_only(found: list[Path]) -> Path:
    """The ComfyUI, when it is clear which one is meant; raises a `ComfyUIError` that lists them otherwise."""
    if not found:
        raise ComfyUIError("No ComfyUI was found. Name its folder: install-comfy /path/to/ComfyUI")
    if len(found) > 1:
        listed = ", ".join(str(path) for path in found)
        raise ComfyUIError(f"Found {len(found)} ComfyUIs: {listed}. Say which one: install-comfy FOLDER")
    return found[0]

"""`doctor`: is everything in order, and if not, what to do."""

import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sdpo_core.config import repository_root
from sdpo_core.errors import SdpoError
from sdpo_core.files.model_info import DEMO, inspect_model
from sdpo_core.preferences.health import look

_LIBRARIES = ("torch", "diffusers", "transformers", "peft", "accelerate", "safetensors", "gradio")
_MIN_FREE_GIB = 2.0
_REPAIR = "Run `python launch.py setup` to repair the set-up."
_PACKAGE_TROUBLE = (
    *(ImportError, OSError, RuntimeError, AttributeError),
    *(NameError, SyntaxError, TypeError, ValueError),
)
"""What a package raises on import or first use when its files are missing, cut short, or made for another machine."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    ok: bool
    sentence: str


def examine(workspace: Path) -> Iterator[Finding]:
    """Look at the environment, the demo model, the workspace and the device; findings come as they are made.

    Changes nothing in the workspace.
    """
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _environment,
        _setup,
        _demo,
        lambda: _workspace(workspace),
        _device,  # last: a broken torch can take the whole process down
    )
    return (finding for look in looks for finding in look())


def _environment() -> Iterator[Finding]:
    found: list[str] = []
    missing: list[str] = []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    here = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding(sys.version_info >= (3, 11), f"{here}; {', '.join(found)}.")
    if missing:
        yield Finding(False, f"Not installed: {', '.join(missing)}. {_REPAIR}")


def _setup() -> Iterator[Finding]:
    """What launch.py noted when it set the environment up; silent when it was set up by hand."""
    note = repository_root() / ".venv" / "sdpo-setup.json"
    if not note.is_file():
        return
    try:
        match json.loads(note.read_text(encoding="utf-8")):
            case {"gpu_lost": lost, "message": message} if lost:
                yield Finding(False, str(message))
            case {"torch_variant_installed": variant}:
                yield Finding(True, f"Set up with PyTorch's {variant} build.")
            case _:
                yield Finding(False, f"{note} does not tell which PyTorch was installed. {_REPAIR}")
    except (OSError, ValueError) as error:
        yield Finding(False, f"{note} can't be read ({error}). {_REPAIR}")


def _device() -> Iterator[Finding]:
    try:
        yield Finding(True, _device_sentence())
    except _PACKAGE_TROUBLE as error:
        yield Finding(False, f"PyTorch can't be used ({type(error).__name__}: {error}). {_REPAIR}")


def _device_sentence() -> str:
    import torch

    if torch.cuda.is_available():
        free, total = (amount / 2**30 for amount in torch.cuda.mem_get_info())
        return f"GPU: {torch.cuda.get_device_name()}, {free:.1f} of {total:.1f} GiB free."
    if torch.backends.mps.is_available():
        return "GPU: Apple's, through MPS."
    return f"No GPU in use: jobs run on the CPU ({os.cpu_count()} cores). The demo model is made for that."


def _demo() -> Iterator[Finding]:
    try:
        info = inspect_model(DEMO)
    except SdpoError as error:
        yield Finding(False, f"The demo model is not usable: {error}")
    else:
        yield Finding(True, f"Demo model: {info.name}, {info.native_size_px} px, {info.sha256[:12]}.")


def _workspace(workspace: Path) -> Iterator[Finding]:
    try:
        if workspace.is_file():
            yield Finding(False, f"Workspace {workspace} is a file. Choose a folder with --workspace.")
        elif not (workspace / "studio.db").is_file():
            yield Finding(True, f"Workspace {workspace}: none yet; the first start makes it.")
        else:
            yield from _store(workspace)
            yield _space(workspace)
    except OSError as error:
        yield Finding(False, f"Workspace {workspace} can't be looked at ({error}). Check its permissions and the disk.")


def _store(workspace: Path) -> Iterator[Finding]:
    try:
        troubles, counts = look(workspace)
    except SdpoError as error:
        yield Finding(False, str(error))
        return
    yield from (Finding(False, trouble) for trouble in troubles)
    yield Finding(True, f"Workspace: {counts.candidates} images, {counts.pairs} pairs, {counts.votes} votes.")


def _space(workspace: Path) -> Finding:
    free_gib = shutil.disk_usage(workspace).free / 2**30
    space = f"{free_gib:.1f} GiB free on the workspace's disk"
    if free_gib < _MIN_FREE_GIB:
        return Finding(False, f"Only {space}: clear some, a run with checkpoints needs {_MIN_FREE_GIB:.0f} GiB.")
    return Finding(True, f"{space}.")

"""`doctor`: is everything in order, and if not, what to do."""

import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sdpo_core.checkpoints.model_info import DEMO, inspect_model
from sdpo_core.cli.command import Command, Options
from sdpo_core.cli.output import DONE, FAILED, Output
from sdpo_core.errors import RunError, SdpoError
from sdpo_core.paths import repository_root
from sdpo_core.runs.folder import list_runs
from sdpo_core.settings.presets import preset_names, resolve
from sdpo_core.settings.train import TrainConfig
from sdpo_core.workspace.checkup import look

_LIBRARIES = ("torch", "diffusers", "transformers", "peft", "accelerate", "safetensors", "gradio")
_MIN_FREE_GIB = 2.0
_MIN_FREE_GPU_GIB = 2.0  # the demo model needs less, any full-size model more
_REPAIR = "Run `python launch.py setup` to repair the installation."
_PACKAGE_TROUBLE = (
    *(ImportError, OSError, RuntimeError, AttributeError),
    *(NameError, SyntaxError, TypeError, ValueError),
)
"""What a package raises on import or first use when its files are missing, cut short, or made for another machine."""


@dataclass(frozen=True)
class Finding:
    """One thing that was checked."""

    ok: bool
    sentence: str


def examine(workspace: Path) -> Iterator[Finding]:
    """Look at the environment, demo model, presets, workspace and device; findings come as they are made.

    Changes nothing in the workspace.
    """
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _environment,
        _setup,
        _demo,
        _presets,
        lambda: _workspace(workspace),
        _device,  # last: a broken torch can take the whole process down
    )
    return (finding for look in looks for finding in look())


def _environment() -> Iterator[Finding]:
    here = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    found = [f"{name} {number}" for name in _LIBRARIES if (number := _installed(name))]
    yield Finding(sys.version_info >= (3, 11), f"{here}; {', '.join(found)}.")
    needed = _requirements()
    missing = [name for name in needed if _installed(name) is None]
    if missing:
        yield Finding(False, f"Not installed: {', '.join(missing)}. {_REPAIR}")
    wrong = [
        f"{name} {number} (required: {bounds})"
        for name, bounds in needed.items()
        if (number := _installed(name)) and not _within(number, bounds)
    ]
    if wrong:
        yield Finding(False, f"Installed, but not in the tested version: {', '.join(wrong)}. {_REPAIR}")
    elif needed and not missing:
        yield Finding(
            True, f"All {len(needed)} required packages are installed in the versions requirements.txt asks for."
        )


def _requirements() -> dict[str, str]:
    """Bounds by package, as requirements.txt says; empty where the library is used without its repository."""
    path = repository_root() / "requirements.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    found = (re.match(r"([A-Za-z0-9_.-]+)([=<>!~][^#\s]*)", line) for line in lines)
    return {match.group(1): match.group(2) for match in found if match}


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _within(number: str, bounds: str) -> bool:
    """Whether a version is in bounds such as `>=1.2,<2`; ==, >= and < are all that requirements.txt uses."""
    have = _release(number)
    for operator, bound in re.findall(r"(==|>=|<)([\d.]+)", bounds):
        wanted = _release(bound)
        size = max(len(have), len(wanted))
        ours, theirs = (part + (0,) * (size - len(part)) for part in (have, wanted))
        if not {"==": ours == theirs, ">=": ours >= theirs, "<": ours < theirs}[operator]:
            return False
    return True


def _release(number: str) -> tuple[int, ...]:
    """1.2.3 of 1.2.3+cu130 or 1.2.3rc1."""
    found = re.match(r"\d+(\.\d+)*", number)
    return tuple(int(part) for part in found.group().split(".")) if found else ()


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
                yield Finding(False, f"{note} doesn't say which PyTorch was installed. {_REPAIR}")
    except (OSError, ValueError) as error:
        yield Finding(False, f"{note} can't be read ({error}). {_REPAIR}")


def _device() -> Iterator[Finding]:
    try:
        yield from _cards()
    except _PACKAGE_TROUBLE as error:
        yield Finding(False, f"PyTorch can't be used ({type(error).__name__}: {error}). {_REPAIR}")


def _cards() -> Iterator[Finding]:
    import torch

    for number in range(torch.cuda.device_count()):
        card = torch.device("cuda", number)
        torch.ones(2, device=card).sum().item()  # a build without code for this card fails here, and is reported
        free, total = (amount / 2**30 for amount in torch.cuda.mem_get_info(card))
        sentence = f"GPU: {torch.cuda.get_device_name(card)}, {free:.1f} of {total:.1f} GiB free"
        if free < _MIN_FREE_GPU_GIB:
            yield Finding(False, f"{sentence}. Close other programs that use it (ComfyUI, games, a second studio).")
        else:
            half = "bf16" if torch.cuda.get_device_capability(card) >= (8, 0) else "no bf16, so fp16"
            yield Finding(True, f"{sentence}; {half}.")
    if torch.cuda.is_available():
        return
    if torch.backends.mps.is_available():
        yield Finding(True, "GPU: Apple, through MPS.")
        return
    cores = f"{os.cpu_count()} cores"
    yield Finding(True, f"No GPU in use: jobs run on the CPU ({cores}). That's fine for the demo model.")


def _presets() -> Iterator[Finding]:
    try:
        names = preset_names()
        for name in names:
            resolve(TrainConfig, {}, preset=name)
    except SdpoError as error:
        yield Finding(False, f"A preset can't be used: {error} Download the studio again, or fix the file.")
    else:
        yield Finding(bool(names), f"Presets: {', '.join(names) or 'none; download the studio again'}.")


def _demo() -> Iterator[Finding]:
    try:
        info = inspect_model(DEMO)
    except SdpoError as error:
        yield Finding(False, f"The demo model can't be used: {error}")
    else:
        yield Finding(True, f"Demo model: {info.name}, {info.native_size_px} px, {info.sha256[:12]}.")


def _workspace(workspace: Path) -> Iterator[Finding]:
    try:
        if workspace.is_file():
            yield Finding(False, f"Workspace {workspace} is a file. Choose a folder with --workspace.")
        elif not (workspace / "studio.db").is_file():
            yield Finding(True, f"Workspace {workspace}: none yet; the first start creates it.")
        else:
            yield from _store(workspace)
            yield from _runs(workspace)
            yield _space(workspace)
    except OSError as error:
        yield Finding(False, f"Workspace {workspace} can't be read ({error}). Check its permissions and the disk.")


def _store(workspace: Path) -> Iterator[Finding]:
    try:
        troubles, counts = look(workspace)
    except SdpoError as error:
        yield Finding(False, str(error))
        return
    yield from (Finding(False, trouble) for trouble in troubles)
    yield Finding(True, f"Workspace: {counts.candidates} images, {counts.pairs} pairs, {counts.votes} votes.")


def _runs(workspace: Path) -> Iterator[Finding]:
    for run in list_runs(workspace / "runs"):
        try:
            run.status()
            run.config()
        except RunError as error:
            yield Finding(False, f"{error} Nothing else uses this folder: move {run.path} away, or delete it.")


def _space(workspace: Path) -> Finding:
    free_gib = shutil.disk_usage(workspace).free / 2**30
    space = f"{free_gib:.1f} GiB free on the workspace's disk"
    if free_gib < _MIN_FREE_GIB:
        return Finding(False, f"Only {space}. Free some: a run with checkpoints needs {_MIN_FREE_GIB:.0f} GiB.")
    return Finding(True, f"{space}.")


def _call(options: Options, out: Output) -> int:
    well = True
    for finding in examine(options["workspace"]):
        out.result(vars(finding), f"{'ok ' if finding.ok else 'NO '} {finding.sentence}")
        well = well and finding.ok
    return DONE if well else FAILED


COMMAND = Command("doctor", "check the environment, the device, the demo model and the workspace", _call)

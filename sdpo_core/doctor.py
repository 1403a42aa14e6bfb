"""`doctor`: is everything in order, and if not, what to do."""

import json
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sdpo_core.config import repository_root
from sdpo_core.errors import SdpoError
from sdpo_core.files.model_info import DEMO, inspect_model
from sdpo_core.preferences.store import Store

_LIBRARIES = ("torch", "diffusers", "transformers", "peft", "accelerate", "safetensors", "gradio")
_MIN_FREE_GIB = 2.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    ok: bool
    sentence: str


def examine(workspace: Path) -> list[Finding]:
    """Look at the environment, the device, the demo model and the workspace. Changes nothing."""
    looks: tuple[Callable[[], list[Finding]], ...] = (
        _environment,
        _setup,
        _device,
        lambda: [_demo()],
        lambda: _workspace(workspace),
    )
    return [finding for look in looks for finding in look()]


def _environment() -> list[Finding]:
    found: list[str] = []
    missing: list[str] = []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    here = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    findings = [Finding(sys.version_info >= (3, 11), f"{here}; {', '.join(found)}.")]
    if missing:
        names = ", ".join(missing)
        findings.append(Finding(False, f"Not installed: {names}. Run `python launch.py setup` to repair the set-up."))
    return findings


def _setup() -> list[Finding]:
    """What launch.py noted when it set the environment up; silent when it was set up by hand."""
    note = repository_root() / ".venv" / "sdpo-setup.json"
    if not note.is_file():
        return []
    record = json.loads(note.read_text(encoding="utf-8"))
    if record.get("gpu_lost"):
        return [Finding(False, str(record.get("message")))]
    return [Finding(True, f"Set up with PyTorch's {record.get('torch_variant_installed')} build.")]


def _device() -> list[Finding]:
    import torch

    if torch.cuda.is_available():
        free, total = (amount / 2**30 for amount in torch.cuda.mem_get_info())
        name = torch.cuda.get_device_name()
        return [Finding(True, f"GPU: {name}, {free:.1f} of {total:.1f} GiB free.")]
    if torch.backends.mps.is_available():
        return [Finding(True, "GPU: Apple's, through MPS.")]
    cores = os.cpu_count()
    return [Finding(True, f"No GPU in use: jobs run on the CPU ({cores} cores). The demo model is made for that.")]


def _demo() -> Finding:
    try:
        info = inspect_model(DEMO)
    except SdpoError as error:
        return Finding(False, f"The demo model is not usable: {error}")
    return Finding(True, f"Demo model: {info.name}, {info.native_size_px} px, {info.sha256[:12]}.")


def _workspace(workspace: Path) -> list[Finding]:
    if not (workspace / "studio.db").is_file():
        return [Finding(True, f"Workspace {workspace}: none yet; the first start makes it.")]
    try:
        with Store(workspace) as store:
            troubles, counts = store.check(), store.counts()
    except SdpoError as error:
        return [Finding(False, str(error))]
    free_gib = shutil.disk_usage(workspace).free / 2**30
    findings = [Finding(False, trouble) for trouble in troubles]
    findings.append(
        Finding(True, f"Workspace: {counts.candidates} images, {counts.pairs} pairs, {counts.votes} votes.")
    )
    space = f"{free_gib:.1f} GiB free on the workspace's disk"
    if free_gib < _MIN_FREE_GIB:
        findings.append(
            Finding(False, f"Only {space}: clear some, a run with checkpoints needs {_MIN_FREE_GIB:.0f} GiB.")
        )
    else:
        findings.append(Finding(True, f"{space}."))
    return findings

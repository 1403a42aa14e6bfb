"""Names the machine a result was measured on."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch


def describe_machine() -> dict[str, Any]:
    """Processor, cores, GPU, versions and date."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "cores_usable": _usable_cores(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "diffusers": version("diffusers"),
        "date": datetime.now(UTC).date().isoformat(),
    }


def sentence(machine: dict[str, Any]) -> str:
    """One line about a machine, for tables."""
    gpu = f", {machine['gpu']}" if machine["gpu"] else ""
    return (
        f"{machine['cpu']} ({machine['cores_usable']} of {machine['cores']} cores usable){gpu}, {machine['system']}, "
        f"Python {machine['python']}, torch {machine['torch']}, diffusers {machine['diffusers']}; {machine['date']}"
    )


def _cpu_name() -> str:
    """The processor's own name on Linux; elsewhere what Python calls it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _usable_cores() -> int:
    """Cores this process may use; in containers fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""What the machine has left: graphics memory and disk. No model library is asked, only the driver's own tool."""

import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.desk import text
from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.errors import DiskError

_QUERY = ("--query-gpu=name,memory.used,memory.total,utilization.gpu", "--format=csv,noheader,nounits")
_PATIENCE_S = 5.0
_AGE_S = 4.0
_TOOLS = ("nvidia-smi", "/usr/lib/wsl/lib/nvidia-smi")


@dataclass(frozen=True)
class Gpu:
    """A graphics card as its driver tells of it."""

    name: str
    used_mib: int
    total_mib: int
    busy_percent: int | None  # None where the driver doesn't say


@dataclass(frozen=True)
class Disk:
    """The disk that a folder lies on."""

    free_bytes: int
    total_bytes: int


class Machine:
    """Asks at most every few seconds, however many pages look."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gpus: list[Gpu] = []
        self._asked_at: float | None = None

    def gpus(self) -> list[Gpu]:
        """NVIDIA's cards; empty where there is none, or its driver does not answer."""
        with self._lock:
            now = time.monotonic()
            if self._asked_at is None or now - self._asked_at > _AGE_S:
                self._gpus = parse_gpus(_ask_driver())
                self._asked_at = now
            return self._gpus


def disk(folder: Path) -> Disk:
    """The disk of a folder; raises `DiskError` when it can't be looked at, as on a drive that was taken out."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        raise DiskError(text.folder_gone(folder)) from error
    return Disk(usage.free, usage.total)


def parse_gpus(answer: str) -> list[Gpu]:
    """The cards in an answer of nvidia-smi; a line that is none is passed over."""
    found: list[Gpu] = []
    for line in answer.splitlines():
        cells = [cell.strip() for cell in line.rsplit(",", 3)]
        if len(cells) == 4 and cells[1].isdigit() and cells[2].isdigit() and int(cells[2]) > 0:
            busy = int(cells[3]) if cells[3].isdigit() else None
            found.append(Gpu(cells[0], int(cells[1]), int(cells[2]), busy))
    return found


def _ask_driver() -> str:
    tool = next((tool for tool in map(shutil.which, _TOOLS) if tool), None)
    if tool is None:
        return ""
    try:
        answer = subprocess.run(
            [tool, *_QUERY], capture_output=True, text=True, timeout=_PATIENCE_S, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):  # a driver in trouble; jobs say more
        return ""
    return answer.stdout if answer.returncode == 0 else ""


def threads_for(info: ModelInfo) -> int:
    """Tiny images gain nothing from more threads; large ones use the whole processor where there is no GPU."""
    return 1 if info.is_demo else psutil.cpu_count(logical=False) or 1

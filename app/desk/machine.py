"""What the machine has left: graphics memory and disk. No model library is asked, only the driver's own."""

import contextlib
import ctypes
import shutil
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pynvml

from app.desk.text import say
from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.errors import DiskError

_PATIENCE_S = 5.0
_AGE_S = 4.0
_IN_WSL = Path("/usr/lib/wsl/lib/libnvidia-ml.so.1")


@dataclass(frozen=True)
class Gpu:
    """A GPU as its driver describes it."""

    name: str
    used_mib: int
    total_mib: int
    busy_percent: int | None  # None where the driver doesn't say


@dataclass(frozen=True)
class Disk:
    """The disk that a folder is on."""

    free_bytes: int
    total_bytes: int


class Machine:
    """Asks at most every few seconds, however many pages look."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gpus: list[Gpu] = []
        self._asking: threading.Thread | None = None
        self._asked_at = 0.0

    def gpus(self) -> list[Gpu]:
        """The NVIDIA GPUs; empty without one, or if the driver doesn't answer."""
        with self._lock:
            fresh = self._asking is not None and time.monotonic() - self._asked_at <= _AGE_S
            if self._asking is None or not (fresh or self._asking.is_alive()):
                self._asking = threading.Thread(target=self._ask, daemon=True)
                self._asked_at = time.monotonic()
                self._asking.start()
            # A broken driver may never answer, and its library can't be interrupted, so it gets one thread only.
            self._asking.join(max(0.0, self._asked_at + _PATIENCE_S - time.monotonic()))
            return [] if self._asking.is_alive() else self._gpus

    def _ask(self) -> None:
        self._gpus = []
        self._gpus = read_gpus()


def disk(folder: Path) -> Disk:
    """The disk of a folder; raises `DiskError` when it can't be checked, as on a drive that was taken out."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        raise DiskError(say("folderGone", folder=folder)) from error
    return Disk(usage.free, usage.total)


def read_gpus() -> list[Gpu]:
    """The GPUs the driver's library lists, without those that don't answer or have no memory."""
    if sys.platform == "linux" and _IN_WSL.is_file():  # WSL doesn't always put it on the loader's path
        with contextlib.suppress(OSError):
            ctypes.CDLL(str(_IN_WSL))
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no card, no driver, or one in trouble; jobs say more
        return []
    found: list[Gpu] = []
    try:
        for number in range(pynvml.nvmlDeviceGetCount()):
            with contextlib.suppress(pynvml.NVMLError, UnicodeDecodeError):
                card = _read_gpu(pynvml.nvmlDeviceGetHandleByIndex(number))
                found += [card] if card.total_mib > 0 else []
    except pynvml.NVMLError:
        return []
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()  # kept open, it would keep a laptop's card awake and hold the driver at an update
    return found


def _read_gpu(card: Any) -> Gpu:
    name, busy = pynvml.nvmlDeviceGetName(card), None
    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(card, pynvml.nvmlMemory_v2)  # without what the driver keeps for itself
    except pynvml.NVMLError:  # drivers before 510 have the first version only
        memory = pynvml.nvmlDeviceGetMemoryInfo(card)
    with contextlib.suppress(pynvml.NVMLError):
        busy = int(pynvml.nvmlDeviceGetUtilizationRates(card).gpu)
    return Gpu(str(name), int(memory.used) >> 20, int(memory.total) >> 20, busy)


def threads_for(info: ModelInfo) -> int:
    """Tiny images gain nothing from more threads; large ones use the whole processor where there is no GPU."""
    return 1 if info.is_demo else psutil.cpu_count(logical=False) or 1

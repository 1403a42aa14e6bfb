"""The GPUs: without a driver for real, with one compared with nvidia-smi, else the values from a stand-in."""

import ctypes
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pynvml
import pytest

from app.desk import machine
from app.desk.machine import Gpu, Machine, read_gpus

GIB = 2**30


def has_driver() -> bool:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return False
    pynvml.nvmlShutdown()
    return True


@pytest.mark.skipif(has_driver(), reason="a driver is here")
def test_without_a_driver_there_is_no_card_and_no_delay() -> None:
    asked = Machine()
    assert asked.gpus() == []
    asked._asked_at -= 60
    began = time.perf_counter()
    assert asked.gpus() == []
    assert time.perf_counter() - began < 0.5  # a few ms; the machine may be busy


@pytest.mark.skipif(not has_driver() or shutil.which("nvidia-smi") is None, reason="no card, or no nvidia-smi")
def test_the_cards_are_those_that_nvidia_smi_names() -> None:
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [f"{card.name}, {card.total_mib}" for card in read_gpus()] == told
    assert all(card.used_mib <= card.total_mib for card in read_gpus())


class Driver:
    """Replaces NVIDIA's library, with its C functions: they fill in what they are passed and return a number."""

    def __init__(self) -> None:
        self.init = 0
        self.cards: list[dict[str, Any]] = []
        self.open = 0
        self.slow_s = 0.0

    def __getattr__(self, name: str) -> Callable[..., int]:
        functions = {
            "nvmlInitWithFlags": self._begin,
            "nvmlShutdown": self._end,
            "nvmlDeviceGetCount_v2": lambda count: self._fill(count, len(self.cards)),
            "nvmlDeviceGetHandleByIndex_v2": self._handle,
            "nvmlDeviceGetName": self._name,
            "nvmlDeviceGetMemoryInfo_v2": lambda card, to: self._memory(card, to, "used"),
            "nvmlDeviceGetMemoryInfo": lambda card, to: self._memory(card, to, "used_v1"),
            "nvmlDeviceGetUtilizationRates": self._busy,
        }
        if name not in functions:
            raise AttributeError(name)
        return functions[name]

    def _begin(self, _flags: int) -> int:
        time.sleep(self.slow_s)
        self.open += self.init == 0
        return self.init

    def _end(self) -> int:
        self.open -= 1
        return 0

    @staticmethod
    def _fill(to: Any, value: int) -> int:
        to._obj.value = value
        return 0

    def _handle(self, number: ctypes.c_uint, to: Any) -> int:
        to._obj.contents = pynvml.struct_c_nvmlDevice_t()
        ctypes.memmove(ctypes.byref(to._obj), ctypes.byref(ctypes.c_size_t(number.value + 1)), 8)
        return int(self.cards[number.value].get("trouble", 0))

    def _card(self, handle: Any) -> dict[str, Any]:
        return self.cards[(ctypes.cast(handle, ctypes.c_void_p).value or 0) - 1]

    def _name(self, card: Any, to: Any, _length: int) -> int:
        to.value = self._card(card)["name"]
        return 0

    def _memory(self, card: Any, to: Any, used: str) -> int:
        told = self._card(card)
        if used not in told:
            return int(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
        to._obj.used, to._obj.total = told[used], told["total"]
        return 0

    def _busy(self, card: Any, to: Any) -> int:
        told = self._card(card)["busy"]
        to._obj.gpu = told or 0
        return 0 if told is not None else int(pynvml.NVML_ERROR_NOT_SUPPORTED)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    driver = Driver()
    monkeypatch.setattr(pynvml, "nvmlLib", driver)
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
    yield driver
    assert driver.open == 0  # what was started is ended


def test_the_driver_is_understood(driver: Driver) -> None:
    driver.cards = [
        {"name": b"NVIDIA H200", "used": GIB, "used_v1": 2 * GIB, "total": 143771 << 20, "busy": 37},
        {"name": b"Old, Card", "used_v1": 10 << 20, "total": 8 * GIB, "busy": None},
        {"name": b"Fell off the bus", "trouble": pynvml.NVML_ERROR_GPU_IS_LOST},
        {"name": b"Shares the main memory", "total": GIB, "busy": 0},
        {"name": b"Has none", "used": 0, "total": 0, "busy": 0},
        {"name": b"\xff\xfe", "used": 0, "total": GIB, "busy": 0},
        {"name": b"Last", "used": 0, "total": GIB, "busy": 0},
    ]
    assert read_gpus() == [
        Gpu("NVIDIA H200", 1024, 143771, 37),
        Gpu("Old, Card", 10, 8192, None),
        Gpu("Last", 0, 1024, 0),
    ]


@pytest.mark.parametrize(
    "trouble",
    [
        pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
        pynvml.NVML_ERROR_NO_PERMISSION,
        pynvml.NVML_ERROR_OPERATING_SYSTEM,  # what WSL says
        pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,  # the driver was updated a moment ago
        pynvml.NVML_ERROR_UNKNOWN,
        4711,
    ],
)
def test_a_driver_in_trouble_means_no_cards(driver: Driver, trouble: int) -> None:
    driver.init = trouble
    assert read_gpus() == []


def test_a_library_that_lacks_a_function_means_no_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pynvml, "nvmlLib", object())
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
    assert read_gpus() == []


def test_a_driver_that_does_not_come_back_holds_nobody_up(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_PATIENCE_S", 0.1)
    driver.slow_s, asked = 2.0, Machine()
    driver.cards = [{"name": b"Late", "used": 0, "total": GIB, "busy": 0}]
    began = time.monotonic()
    assert asked.gpus() == []
    asking = asked._asking
    asked._asked_at -= 60
    assert asked.gpus() == []
    assert time.monotonic() - began < 1.5
    assert asking is not None
    assert asked._asking is asking  # it is not asked again before it has answered
    asking.join()
    driver.slow_s = 0.0
    assert [card.name for card in asked.gpus()] == ["Late"]

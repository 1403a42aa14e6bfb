"""Which PyTorch build for which machine, and how the command line is read."""

import ast
import socket
import sys
import time
from pathlib import Path

import pytest

import launch
import launch_env
from launch import Gpu, Plan, find_linux_card, plan_torch, read_arguments
from launch_env import SetupError, version_tuple


def nvidia(driver: str, *capabilities: str) -> Gpu:
    return Gpu("nvidia", "NVIDIA Test", version_tuple(driver), tuple(version_tuple(c) for c in capabilities))


@pytest.mark.parametrize(
    ("gpu", "system", "variant"),
    [
        (nvidia("580.65.06", "8.9"), "linux", "cu130"),  # RTX 40, current driver
        (nvidia("595.10", "12.0"), "linux", "cu130"),  # RTX 50
        (nvidia("581.15", "12.0"), "win32", "cu130"),
        (nvidia("580.65.06", "7.5"), "linux", "cu130"),  # RTX 20: the oldest that CUDA 13 knows
        (nvidia("580.65.06", "6.1"), "linux", "cu126"),  # GTX 10: only CUDA 12 has code for it
        (nvidia("580.65.06", "7.0"), "linux", "cu126"),  # V100
        (nvidia("580.65.06", "6.1", "8.6"), "linux", "cu126"),  # an old GPU and a newer one: both work
        (nvidia("580.65.06", "6.1", "12.0"), "linux", "cu130"),  # ... but RTX 50 has no other choice
        (nvidia("575.51.03", "8.6"), "linux", "cu126"),
        (nvidia("535.183.01", "9.0"), "linux", "cu126"),  # H100 with the long-lived driver
        (nvidia("525.60.13", "8.0"), "linux", "cu126"),
        (nvidia("528.33", "8.6"), "win32", "cu126"),
        (nvidia("531.14"), "linux", "cu126"),  # a tool that can't say the capability
        (Gpu("amd", "AMD gfx1100", (1,), (), ("gfx1100",)), "linux", "rocm7.2"),
        (Gpu("amd", "AMD gfx1036, gfx1201", (1,), (), ("gfx1036", "gfx1201")), "linux", "rocm7.2"),
        (Gpu("apple", "Apple GPU", (1,)), "darwin", "default"),
    ],
)
def test_a_supported_card_gets_the_build_that_has_code_for_it(gpu: Gpu, system: str, variant: str) -> None:
    assert plan_torch(gpu, system) == Plan(variant, wants_gpu=True)


@pytest.mark.parametrize(
    ("gpu", "system", "part_of_message"),
    [
        (nvidia("525.60.12", "8.0"), "linux", "needs NVIDIA driver 525 or newer; yours is 525.60.12"),
        (nvidia("527.41", "8.6"), "win32", "525"),
        (nvidia("470.82.01", "6.1"), "linux", "Update the driver"),
        (nvidia("572.16", "12.0"), "win32", "needs NVIDIA driver 580"),  # RTX 50: CUDA 12.6 has no code for it
        (Gpu("nvidia", "an NVIDIA card"), "linux", "Install NVIDIA's driver"),
    ],
)
def test_a_card_that_a_driver_would_bring_back_counts_as_lost(gpu: Gpu, system: str, part_of_message: str) -> None:
    plan = plan_torch(gpu, system)
    assert (plan.variant, plan.wants_gpu) == ("cpu", True)
    assert part_of_message in plan.obstacle


@pytest.mark.parametrize(
    ("gpu", "system"),
    [
        (nvidia("470.82.01", "3.5"), "linux"),  # Kepler
        (Gpu("amd", "AMD gfx1036", (1,), (), ("gfx1036",)), "linux"),  # the graphics inside a desktop Ryzen
        (Gpu("amd", "AMD gfx1100", (1,), (), ("gfx1100",)), "win32"),
    ],
)
def test_a_card_without_any_build_is_named_but_not_lost(gpu: Gpu, system: str) -> None:
    plan = plan_torch(gpu, system)
    assert (plan.variant, plan.wants_gpu) == ("cpu", False)
    assert gpu.name in plan.obstacle


def test_no_card_means_the_cpu_build() -> None:
    assert plan_torch(None, "linux") == plan_torch(None, "win32") == Plan("cpu")


def test_every_build_in_the_rules_is_in_the_table_of_indexes() -> None:
    assert {build[0] for build in launch.CUDA_BUILDS} <= set(launch.TORCH_INDEXES)
    assert [
        url for name, url in launch.TORCH_INDEXES.items() if name != "default" and not url.endswith("/" + name)
    ] == []


def fake_system(root: Path, *, chips: tuple[int, ...] = (), cards: tuple[tuple[str, str], ...] = ()) -> Path:
    for number, chip in enumerate(chips):
        node = root / f"sys/class/kfd/kfd/topology/nodes/{number}"
        node.mkdir(parents=True)
        (node / "properties").write_text(f"cpu_cores_count 0\ngfx_target_version {chip}\nvendor_id 4098\n")
    for number, (kind, vendor) in enumerate(cards):
        device = root / f"sys/bus/pci/devices/0000:0{number}:00.0"
        device.mkdir(parents=True)
        (device / "class").write_text(kind + "\n")
        (device / "vendor").write_text(vendor + "\n")
    return root


def test_amd_chips_are_read_from_the_kernels_list(tmp_path: Path) -> None:
    found = find_linux_card(fake_system(tmp_path, chips=(0, 90010, 110000, 120001, 100300)))
    assert found is not None
    assert found.targets == ("gfx90a", "gfx1100", "gfx1201", "gfx1030")


def test_a_card_on_the_bus_without_its_driver_is_seen(tmp_path: Path) -> None:
    network, display = ("0x020000", "0x10de"), ("0x030000", "0x10de")
    assert find_linux_card(fake_system(tmp_path / "a", cards=(network,))) is None
    assert find_linux_card(fake_system(tmp_path / "b", cards=(network, display))) == Gpu("nvidia", "an NVIDIA card")
    # The processor's own graphics must not hide the real card.
    both = find_linux_card(fake_system(tmp_path / "c", chips=(100306,), cards=(display,)))
    assert both is not None
    assert both.vendor == "nvidia"


def test_nothing_there_means_nothing_found(tmp_path: Path) -> None:
    assert find_linux_card(tmp_path) is None


def test_an_index_that_accepts_and_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launch.PROBE_S <= 10
    monkeypatch.setattr(launch, "PROBE_S", 0.4)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        assert not launch.index_answers(f"http://127.0.0.1:{silent.getsockname()[1]}/whl/cpu")
        assert time.monotonic() - started < 2


def test_a_missing_index_is_given_up_immediately() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = time.monotonic()
    assert not launch.index_answers(f"http://127.0.0.1:{port}/whl/cpu")
    assert not launch.index_answers("not an address")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("arguments", "verb", "rest", "torch", "repair"),
    [
        ([], "", [], "", False),
        (["--port", "7861", "--no-browser"], "", ["--port", "7861", "--no-browser"], "", False),
        (["--no-browser", "--torch", "cpu"], "", ["--no-browser"], "cpu", False),
        (["setup", "--torch=cu126", "--repair"], "setup", [], "cu126", True),
        (["--repair", "train", "--repair", "--torch", "x"], "train", ["--repair", "--torch", "x"], "", True),
        (["train", "--help"], "train", ["--help"], "", False),
        (["test", "--", "-k", "x"], "test", ["--", "-k", "x"], "", False),
        (["--help"], "help", [], "", False),
    ],
)
def test_arguments(arguments: list[str], verb: str, rest: list[str], torch: str, repair: bool) -> None:
    assert read_arguments(arguments) == launch.Options(verb, rest, torch, repair)


def test_the_environment_variable_chooses_and_the_flag_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDPO_TORCH_INDEX", "cu126")
    assert read_arguments(["setup"]).torch == "cu126"
    assert read_arguments(["--torch", "https://example.org/whl", "setup"]).torch == "https://example.org/whl"


@pytest.mark.parametrize("arguments", [["--torch", "cu999"], ["--torch"], ["setup", "everything"]])
def test_a_wrong_word_is_refused_with_a_message(arguments: list[str]) -> None:
    with pytest.raises(SetupError, match="takes"):
        read_arguments(arguments)


def test_old_pythons_can_read_the_files_and_hear_what_they_miss(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("launch.py", "launch_env.py"):
        ast.parse((repository / name).read_text(encoding="utf-8"), feature_version=(3, 8))
    for version in ((3, 8, 18), (3, 10, 13), (3, 15, 0)):
        monkeypatch.setattr(sys, "version_info", version)
        with pytest.raises(SetupError, match=r"needs 64-bit CPython 3\.11 to 3\.14"):
            launch_env.check_python()

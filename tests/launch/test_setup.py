"""launch.py as a person starts it: real processes, a real .venv, packages from a folder instead of the network."""

import json
import os
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.launch.house import House, said, serve, write_torch, write_wheel

posix_only = pytest.mark.skipif(os.name == "nt", reason="uses a shell script or POSIX signals")


@pytest.fixture
def bare(tmp_path: Path) -> House:
    """A house that was never set up."""
    return House(tmp_path)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house that is set up; tests that only start something share it."""
    made = House(tmp_path_factory.mktemp("ready"))
    assert made.run("setup")[0] == 0
    return made


@pytest.fixture
def house(bare: House, ready: House) -> House:
    """A house with an environment, but nothing in it yet: making a new one for each test takes seconds."""
    shutil.copytree(ready.root / ".venv", bare.root / ".venv", symlinks=True)
    (bare.root / ".venv" / "sdpo-stamp.json").unlink()
    return bare


def test_a_verb_and_its_arguments_reach_the_library_unchanged(ready: House) -> None:
    code, output = ready.run("train", "--name", "a b", "--torch", "ü", EXIT_CODE="3")
    assert code == 3
    heard = said(output)
    assert heard["module"] == "sdpo_core"
    assert heard["arguments"] == ["train", "--name", "a b", "--torch", "ü"]
    assert heard["cwd"] == str(ready.elsewhere)  # so that a relative path means what the person thinks


def test_no_verb_is_the_studio_and_a_strangers_app_is_not(ready: House) -> None:
    code, output = ready.run("--port", "7861", "--no-browser")
    assert code == 0
    assert said(output)["module"] == "app"
    assert said(output)["arguments"] == ["--port", "7861", "--no-browser"]


def test_a_ready_environment_starts_fast_and_says_nothing(ready: House) -> None:
    overheads: list[float] = []
    for _ in range(3):
        before = time.time()
        _, output = ready.run("doctor")
        overheads.append(float(str(said(output)["started"])) - before)
        assert len(output.strip().splitlines()) == 1
    assert min(overheads) < 1.0  # 0.1 to 0.2 s measured; a busy machine is not a defect


def test_help_needs_no_environment(bare: House) -> None:
    code, output = bare.run("--help")
    assert code == 0
    assert "python launch.py test" in output
    assert not (bare.root / ".venv").exists()


def test_output_without_a_terminal_has_no_colours(ready: House) -> None:
    assert "\x1b" not in ready.run("setup", "--repair")[1]


@posix_only
def test_ctrl_c_reaches_the_program_and_its_exit_code_comes_back(ready: House) -> None:
    program = ready.root / "sdpo_core" / "__main__.py"
    before = program.read_text(encoding="utf-8")
    program.write_text(
        "import sys, time\ntry:\n    print('going', flush=True)\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    sys.exit(7)\n",
        encoding="utf-8",
    )
    try:
        child = ready.start("train")
        assert child.stdout is not None
        assert child.stdout.readline() == "going\n"
        os.killpg(child.pid, signal.SIGINT)
        child.communicate(timeout=30)
        assert child.returncode == 7
    finally:
        program.write_text(before, encoding="utf-8")


def test_requirements_are_installed_once_and_again_when_they_change(house: House) -> None:
    write_wheel(house.index, "alpha", "1.0")
    write_wheel(house.index, "beta", "2.0")
    house.require("alpha==1.0  # first\n")
    assert house.run("setup")[0] == 0
    assert "alpha-1.0" in house.packages()
    stamp = house.read("sdpo-stamp.json")

    house.require("# reworded\nalpha==1.0  # for another reason\n")
    assert "Setting up" not in house.run("doctor")[1]
    assert house.read("sdpo-stamp.json") == stamp

    house.require("alpha==1.0\nbeta==2.0\n")
    code, output = house.run("doctor")
    assert code == 0
    assert "Setting up" in output
    assert "beta-2.0" in house.packages()


def test_test_installs_its_own_requirements_and_starts_the_checks(house: House) -> None:
    write_wheel(house.index, "gamma", "3.0")
    (house.root / "requirements-test.txt").write_text("gamma==3.0\n", encoding="utf-8")
    assert house.run("setup")[0] == 0
    assert "gamma-3.0" not in house.packages()
    _, output = house.run("test", "--all")
    assert "gamma-3.0" in house.packages()
    assert said(output)["module"] == "checks"
    assert said(output)["arguments"] == ["--all"]
    assert "Setting up" not in house.run("test")[1]


def test_a_failing_pip_is_explained_and_repaired_by_the_next_start(house: House) -> None:
    house.require("absent==1.0\n")
    code, output = house.run("doctor")
    assert code == 1
    assert "Installing the requirements failed" in output
    assert "has no build of it" in output
    assert "No matching distribution" in output  # pip's own last words
    assert str(house.root / ".venv" / "sdpo-setup.log") in output
    assert house.read("sdpo-stamp.json") == {}

    write_wheel(house.index, "absent", "1.0")
    code, output = house.run("doctor")
    assert code == 0
    assert "absent-1.0" in house.packages()


@posix_only
def test_a_setup_that_was_killed_continues_at_the_next_start(bare: House) -> None:
    bare.require("alpha==1.0\n")
    write_wheel(bare.index, "alpha", "1.0")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        child = bare.start("setup", PIP_INDEX_URL=f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        log = bare.root / ".venv" / "sdpo-setup.log"
        deadline = time.monotonic() + 60
        while not (log.exists() and "requirements.txt" in log.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
    assert bare.read("sdpo-stamp.json") == {}
    assert bare.run("doctor")[0] == 0
    assert "alpha-1.0" in bare.packages()


def test_a_package_that_was_half_copied_is_copied_again(house: House) -> None:
    """What a kill in the middle of pip's copying leaves: files missing, and no RECORD yet, which pip writes last."""
    write_wheel(house.index, "alpha", "1.0", "whole = True\n")
    house.require("alpha==1.0\n")
    assert house.run("setup")[0] == 0
    module = next((house.root / ".venv").rglob("alpha/__init__.py"))
    module.unlink()
    next((house.root / ".venv").rglob("alpha-1.0.dist-info/RECORD")).unlink()
    (house.root / ".venv" / "sdpo-stamp.json").unlink()
    assert house.run("setup")[0] == 0
    assert module.read_text() == "whole = True\n"


def test_an_environment_without_its_python_is_made_again(house: House) -> None:
    assert house.run("setup")[0] == 0
    scripts = house.root / ".venv" / ("Scripts" if os.name == "nt" else "bin")
    for name in ("python", "python3", "python.exe", f"python3.{sys.version_info[1]}"):
        (scripts / name).unlink(missing_ok=True)
    code, output = house.run("doctor")
    assert code == 0
    assert "has no working Python" in output
    assert house.read("sdpo-stamp.json")


@posix_only
@pytest.mark.slow
def test_an_environment_from_elsewhere_is_made_again(house: House) -> None:
    """A .venv copied from another machine: its python links to something else here."""
    assert house.run("setup")[0] == 0
    python = house.root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/bin/true")
    code, output = house.run("doctor")
    assert code == 0
    assert "has no working Python" in output


def test_two_starts_at_the_same_time_set_up_once(bare: House) -> None:
    write_wheel(bare.index, "alpha", "1.0")
    bare.require("alpha==1.0\n")
    children = [bare.start("doctor") for _ in range(3)]
    outputs = [child.communicate(timeout=300)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0, 0]
    assert sum("Setting up SDPO Studio" in output for output in outputs) == 1
    assert sum("waiting for it" in output for output in outputs) == 2


def test_a_python_without_ensurepip_says_what_to_install(bare: House) -> None:
    """As Debian and Ubuntu ship it without python3-venv."""
    hidden = bare.elsewhere / "site"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['ensurepip'] = None\n", encoding="utf-8")
    code, output = bare.run("setup", PYTHONPATH=str(hidden))
    assert code == 1
    assert f"sudo apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv" in output
    assert "Traceback" not in output
    assert bare.run("setup")[0] == 0


def test_an_unsupported_python_lists_the_supported_ones(bare: House) -> None:
    pretending = bare.elsewhere / "site"
    pretending.mkdir()
    (pretending / "sitecustomize.py").write_text(
        "import sys\nsys.version_info = (3, 10, 13, 'final', 0)\n", encoding="utf-8"
    )
    code, output = bare.run("setup", PYTHONPATH=str(pretending))
    assert code == 1
    assert "SDPO Studio needs 64-bit CPython 3.11 to 3.14" in output
    assert not (bare.root / ".venv").exists()


def test_without_a_network_the_sentence_says_so(house: House) -> None:
    house.require("alpha==1.0\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code, output = house.run("setup", PIP_INDEX_URL=f"http://127.0.0.1:{port}/simple", PIP_RETRIES="1")
    assert code == 1
    assert "The package index can't be reached" in output


def test_torch_comes_from_the_index_that_was_named(house: House, tmp_path: Path) -> None:
    house.require("torch==2.13.0  # pinned here\n")
    write_torch(house.index, "2.13.0")
    write_torch(tmp_path / "special", "2.13.0+special")
    with serve(tmp_path / "special") as url:
        assert house.run("setup", "--torch", url)[0] == 0
        record = house.read("sdpo-setup.json")
        assert record["torch_variant_wanted"] == url
        assert record["torch_variant_installed"] == "special"
        assert "Setting up" not in house.run("doctor")[1]  # the choice stays without being said again
    code, output = house.run("setup", "--torch", "default")
    assert code == 0
    assert "torch-2.13.0" in house.packages(), output


@pytest.mark.slow
def test_a_silent_index_costs_ten_seconds_at_most(house: House) -> None:
    house.require("torch==2.13.0\n")
    write_torch(house.index, "2.13.0")
    assert house.run("setup", "--torch", "default")[0] == 0  # so that only the probe is left to time
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        code, output = house.run("setup", SDPO_TORCH_INDEX=f"http://127.0.0.1:{silent.getsockname()[1]}/whl/cpu")
        elapsed = time.monotonic() - started
    assert code == 0
    assert "can't be reached (within 10 s)" in output
    assert 10 <= elapsed < 25


def pretend_nvidia(folder: Path, driver: str, capability: str) -> str:
    """An nvidia-smi on PATH that lists one card."""
    folder.mkdir()
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\necho '{driver}, NVIDIA Pretend 4090, {capability}'\n", encoding="utf-8")
    tool.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def make_a_day_pass(house: House) -> None:
    stamp_file = house.root / ".venv" / "sdpo-stamp.json"
    stamp = json.loads(stamp_file.read_text())
    stamp_file.write_text(json.dumps({**stamp, "checked_at": time.time() - 25 * 3600}))


@posix_only
def test_a_lost_gpu_is_said_at_every_start_until_it_is_found(house: House, tmp_path: Path) -> None:
    house.require("torch==2.13.0\n")
    write_torch(house.index, "2.13.0+cpu")
    path = pretend_nvidia(tmp_path / "bin", "550.54.14", "8.9")
    code, output = house.run("doctor", PATH=path)
    assert code == 0
    assert "cu126 can't be reached" in output
    record = house.read("sdpo-setup.json")
    assert record["torch_variant_wanted"] == "cu126"
    assert record["torch_variant_installed"] == "cpu"
    assert record["gpu_found"] == "NVIDIA Pretend 4090"
    assert record["gpu_lost"] is True
    assert "The GPU isn't being used. Found NVIDIA Pretend 4090" in output

    _, output = house.run("doctor", PATH=path)
    assert "The GPU isn't being used" in output
    assert "Setting up" not in output  # not tried again on the same day

    make_a_day_pass(house)
    code, output = house.run("doctor", PATH=path)
    assert code == 0
    assert "Checking for the GPU again" in output
    assert "Checking for the GPU again" not in house.run("doctor", PATH=path)[1]

    # A try that fails must not stop what worked until now.
    make_a_day_pass(house)
    code, output = house.run("doctor", PATH=path, PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert code == 0
    assert "Repairing the GPU build failed" in output
    assert "Checking for the GPU again" not in house.run("doctor", PATH=path)[1]

    write_torch(tmp_path / "good", "2.13.0+cu126", sees_gpu=True)
    with serve(tmp_path / "good") as url:
        _, output = house.run("--torch", url, "doctor", PATH=path)
    assert "The GPU isn't being used" not in output
    assert house.read("sdpo-setup.json")["gpu_lost"] is False

"""Starting the studio: ports, hosts, and one studio per workspace. No page is opened here."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from app.__main__ import FIRST_PORT, main
from app.desk.lock import StudioLock, StudioRunning

URL = "http://127.0.0.1:7860/"


def test_a_port_in_use_is_said_and_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--port", str(port), "--workspace", str(tmp_path), "--no-browser"]) == 2
    error = capsys.readouterr().err
    assert f"Port {port} is in use" in error
    assert "Traceback" not in error


@pytest.mark.parametrize("host", ["0.0.0.0", "203.0.113.5", "::", "my-computer", ""])
def test_an_address_that_is_not_one_of_this_machine_is_refused(
    tmp_path: Path, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--host", host, "--workspace", str(tmp_path / "w"), "--no-browser"]) == 2
    said = capsys.readouterr().err
    assert f"{host!r} isn't an address of this computer" in said or f"Can't listen on {host}" in said
    assert not (tmp_path / "w").exists()


def test_a_second_studio_names_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = StudioLock.acquire(tmp_path, URL)
    assert main(["--workspace", str(tmp_path), "--no-browser"]) == 2
    assert URL in capsys.readouterr().err
    lock.release()
    StudioLock.acquire(tmp_path, URL).release()


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"pid": 2**22 + 5, "created": 1.0, "url": URL}),  # nobody
        json.dumps({"pid": os.getppid(), "created": 1.0, "url": URL}),  # the number was given to somebody else
        json.dumps({"pid": None, "created": 1.0, "url": URL}),
        json.dumps({"pid": 10**30, "created": 1.0, "url": URL}),
        "{",
        "[]",
    ],
)
def test_a_stale_lock_is_taken_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "studio.lock").write_text(content, encoding="utf-8")
    lock = StudioLock.acquire(tmp_path, URL)
    assert json.loads(lock.path.read_text(encoding="utf-8"))["pid"] == os.getpid()


def test_a_living_studio_of_an_earlier_version_is_respected(tmp_path: Path) -> None:
    parent = psutil.Process(os.getppid())
    content = {"pid": parent.pid, "created": parent.create_time(), "url": "http://127.0.0.1:7999/"}
    (tmp_path / "studio.lock").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(StudioRunning, match="7999"):
        StudioLock.acquire(tmp_path, URL)


def test_a_workspace_that_is_a_file_is_refused_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file"
    path.write_text("x", encoding="utf-8")
    assert main(["--workspace", str(path), "--no-browser", "--port", str(_free_port())]) in (1, 2)
    assert str(path) in capsys.readouterr().err


def test_help_needs_no_gradio() -> None:
    code = "import app.__main__ as m, sys\ntry:\n m.main(['--help'])\nfinally:\n print('gradio' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "False", done.stderr
    assert str(FIRST_PORT) in done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

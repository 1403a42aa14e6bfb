"""One studio per workspace, with real processes: killed ones, their children, and several at the same moment."""

import contextlib
import errno
import json
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock

from app.__main__ import main
from app.desk import lock
from app.desk.lock import StudioLock, StudioRunning
from sdpo_core.errors import StoreError
from tests.app.helpers import FAKE_JOB

ROOT = Path(__file__).resolve().parents[2]
URL = "http://127.0.0.1:7860/"
# What a studio does to a workspace: take it, and start a job in it.
STUDIO = """
import sys, time
from pathlib import Path
from app.desk.jobs import Jobs
from app.desk.lock import StudioLock
from sdpo_core.settings.generate import GenerateConfig

workspace = Path(sys.argv[1])
lock = StudioLock.acquire(workspace, sys.argv[2])
run = Jobs(workspace, command=sys.argv[3:]).start("generate", GenerateConfig.of(prompts=("a lake",)))
print((run.path / "process.json").read_text().replace("\\n", ""), flush=True)
time.sleep(600)
"""
OPEN = """
import sys
from pathlib import Path
from app.desk.lock import StudioLock

lock = StudioLock.acquire(Path(sys.argv[1]), "http://127.0.0.1:7862/")
"""


def test_a_killed_studio_leaves_a_workspace_that_opens_while_its_job_continues(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STUDIO, str(tmp_path), URL, *FAKE_JOB]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as studio:
        assert studio.stdout is not None
        job = psutil.Process(json.loads(studio.stdout.readline())["pid"])
        try:
            with pytest.raises(StudioRunning) as refused:
                StudioLock.acquire(tmp_path, "http://127.0.0.1:7861/")
            assert refused.value.url == URL
            studio.kill()
            assert studio.wait(10) == (1 if sys.platform == "win32" else -signal.SIGKILL)
            assert (tmp_path / "studio.lock").exists()
            assert job.is_running()
            third = [sys.executable, "-c", OPEN, str(tmp_path)]
            done = subprocess.run(third, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert job.is_running()
            assert job.status() != psutil.STATUS_ZOMBIE
        finally:
            job.kill()
            studio.kill()


def test_of_two_studios_one_takes_over_what_a_killed_one_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both check whether the owner is alive, both see that it isn't, and the second waits for the first."""
    (tmp_path / "studio.lock").write_text(json.dumps({"pid": 2**22 + 5, "created": 1.0, "url": URL}), encoding="utf-8")
    both, alive, seen = threading.Barrier(2), lock._alive, set[int]()

    def slow(owner: Any) -> bool:
        if not alive(owner) and threading.get_ident() not in seen:
            seen.add(threading.get_ident())
            with contextlib.suppress(threading.BrokenBarrierError):
                time.sleep(0.5 * both.wait(0.5))
        return alive(owner)

    def take(number: int) -> StudioLock | None:
        try:
            return StudioLock.acquire(tmp_path, f"http://127.0.0.1:{7860 + number}/")
        except StudioRunning:
            return None

    monkeypatch.setattr(lock, "_alive", slow)
    with ThreadPoolExecutor(2) as threads:
        taken = [one for one in threads.map(take, range(2)) if one]
    assert len(taken) == 1
    taken[0].release()  # in another thread than that which took it, as when a project is closed


def test_a_studio_that_has_not_said_yet_where_it_answers_is_respected_too(tmp_path: Path) -> None:
    with FileLock(tmp_path / "open.lock"), pytest.raises(StudioRunning) as refused:
        StudioLock.acquire(tmp_path, URL)
    assert refused.value.url == ""
    assert str(refused.value).startswith(f"{tmp_path} is already open in another studio. Use that one")


def test_a_released_workspace_says_nothing_and_opens_again(tmp_path: Path) -> None:
    taken = StudioLock.acquire(tmp_path, URL)
    assert StudioLock.url_of(tmp_path) == URL
    taken.release()
    assert StudioLock.url_of(tmp_path) == ""
    StudioLock.acquire(tmp_path, URL).release()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows locks through another call")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_drive_without_locks_is_refused_with_a_message(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(number, "as such a drive says")

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        with pytest.raises(StoreError, match="as such a drive says"):
            StudioLock.acquire(tmp_path, URL)
        assert main(["--workspace", str(tmp_path), "--no-browser"]) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path} can't be locked against a second studio (as such a drive says). Some network drives" in said
    assert not (tmp_path / "studio.lock").exists()
    StudioLock.acquire(tmp_path, URL).release()

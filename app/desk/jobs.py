"""Starts, watches and stops the jobs of the CLI. One heavy job at a time; each outlives the studio that started it.

The run folder is the only link: after a restart the studio finds a running job by its folder. `process.json` in it
covers the seconds in which the child exists but has not written its first status.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from app.desk.text import say
from sdpo_core.atomic import disk_errors, write_json
from sdpo_core.errors import ConfigError, DiskError, RunError
from sdpo_core.paths import repository_root
from sdpo_core.runs.folder import FINISHED, RunFolder, Status, Verb, list_runs
from sdpo_core.settings.base import Settings, flat
from sdpo_core.settings.generate import GenerateConfig

STOP_WAIT_S = 30.0
"""How long a job may take to stop by itself before its process is ended."""

_KILL_WAIT_S = 5.0
_POLL_S = 0.05
_REQUEST_WAIT_S = 1.5
_CLOCK_SLACK_S = 2.0
_SETTLE_S = 5.0  # a queued folder this young may just be getting its process
_WARM_FIELDS = ("model", "device", "threads", "keep_warm_s")  # what a warm generation job can't change


class Jobs:
    """The jobs of one workspace. Every method may be called from any thread."""

    def __init__(self, workspace: Path, command: Sequence[str] = (sys.executable, "-m", "sdpo_core")) -> None:
        self._command = command
        self.root = workspace / "runs"
        self._workspace = workspace
        self._lock = threading.Lock()  # held while a job is being started, so that two clicks start one
        self._children: dict[str, subprocess.Popen[Any]] = {}
        self._finished: dict[str, int] = {}  # run id -> mtime of the status.json that said so

    def move_to(self, workspace: Path) -> None:
        """Go over to another workspace. A warm generation job leaves; raises `RunError` while any other job runs."""
        with self._lock:
            current = self.current()
            if current and not self.is_idle(*current):
                raise RunError(_in_the_way(current[1]))
            self._make_room()
            self.root, self._workspace = workspace / "runs", workspace
            self._finished.clear()

    # ---------------------------------------------------------------------------------------------------- watching

    def current(self) -> tuple[RunFolder, Status] | None:
        """The job that is queued or running, or None."""
        for run in list_runs(self.root):
            mtime = self._status_mtime(run)
            if mtime is None or self._finished.get(run.id) == mtime:
                continue
            with contextlib.suppress(RunError):  # a broken folder isn't a job; `doctor` reports it
                status = self.status(run)
                if status.state not in FINISHED:
                    return run, status
            self._finished[run.id] = mtime
        return None

    def status(self, run: RunFolder) -> Status:
        """What the job says, corrected when its process died before it could say anything."""
        child = self._children.get(run.id)
        if child is not None and (code := child.poll()) is not None:  # poll() also takes the zombie away
            self._children.pop(run.id, None)
            self._end_killed(run, code)
        status = run.status()
        if status.state != "queued" or self._process_alive(run):
            return status
        if run.status().state != "queued":  # it spoke up between the two looks
            return run.status()
        last = next((line for line in reversed(run.log_tail().splitlines()) if line.strip()), say("logEmpty"))
        failed = Status(state="failed", verb=status.verb, message=say("diedImmediately", last_line=last))
        run.write_status(failed)
        return failed

    def _end_killed(self, run: RunFolder, code: int) -> None:
        """Write down that a job's process was ended by a signal, unless it had its say before."""
        if code >= 0 or run.written_status().state in FINISHED or (status := run.status()).state != "failed":
            return
        name = signal.Signals(-code).name
        told = [say("killed", signal=name, step=status.step, total=status.total)]
        told += [say("killedForMemory")] if name == "SIGKILL" else []
        message = " ".join([*told, run.resume_note()]).strip()
        run.write_status(status.model_copy(update={"message": message}))

    def open(self, run_id: str, verb: Verb) -> RunFolder:
        """The run of this id; raises `RunError` for another verb's or an unknown one. `run_id` may be hostile."""
        run = next((run for run in list_runs(self.root, verb) if run.id == run_id), None)
        if run is None:
            raise RunError(say("unknownRun", id=run_id[:80]))
        return run

    def find(self, run_id: str) -> RunFolder:
        """The run of this id, whatever it does; raises `RunError`. `run_id` may be hostile."""
        run = next((run for run in list_runs(self.root) if run.id == run_id), None)
        if run is None:
            raise RunError(say("unknownRun", id=run_id[:80]))
        return run

    def is_idle(self, run: RunFolder, status: Status) -> bool:
        """Whether a generation job only stays warm, with nothing left to do."""
        warm = status.verb == "generate" and status.state == "running"
        return warm and 0 < status.total <= status.step and next(run.requests(), None) is None

    def require_free(self) -> None:
        """Raise `RunError` while a job runs that no other may push aside."""
        current = self.current()
        if current and current[1].verb != "generate":
            raise RunError(_in_the_way(current[1]))

    # ---------------------------------------------------------------------------------------------------- starting

    def start(self, verb: Verb, config: Settings) -> RunFolder:
        """Start a job; a generating job in its way is told to stop first. Raises `RunError` when another job runs."""
        with self._lock:
            return self._start(verb, config)

    def generate(self, config: GenerateConfig) -> RunFolder:
        """Generate in the job that is still warm when it holds what `config` needs, else in a new one.

        Raises `RunError` while another job runs, or is still drawing; `DiskError` when the workspace's folder is gone.
        """
        with self._lock:
            current = self.current()
            if current and self.is_idle(*current):
                content = flat(GenerateConfig, config.model_dump(mode="json"))
                if _fits(current[0], config) and self._request(*current, content):
                    return current[0]
            elif current and current[1].verb == "generate":
                raise RunError(say("alreadyDrawing"))
            broken_off = self._broken_off(config)
            if broken_off is None:
                return self._start("generate", config)
            self._continue(broken_off, "generate", say("goingOn"))
            return broken_off

    def _broken_off(self, config: GenerateConfig) -> RunFolder | None:
        """The newest generating run, if its ComfyUI failed and the same is requested: only the rest is missing."""
        run = next(iter(list_runs(self.root, "generate")), None)
        if run is None or config.comfyui.comfy is None:
            return None
        with contextlib.suppress(RunError, ConfigError):  # a broken folder; a new one is made
            if self.status(run).state == "failed" and GenerateConfig.parse(run.config()) == config:
                return run
        return None

    def _start(self, verb: Verb, config: Settings) -> RunFolder:
        self._make_room()
        if not self.root.parent.is_dir():  # else the folder of a disconnected drive would be recreated elsewhere
            raise DiskError(say("folderGone", folder=self.root.parent))
        run = RunFolder.create(self.root, verb, config.model_dump(mode="json"))
        self._spawn(run, verb)
        return run

    def _request(self, run: RunFolder, before: Status, content: dict[str, Any]) -> bool:
        """Ask a warm job for more; False when it ended at that very moment without taking the request."""
        name = run.request(content)
        deadline = time.monotonic() + _REQUEST_WAIT_S
        while time.monotonic() < deadline:
            status = self.status(run)
            if status.state in FINISHED:
                return name not in dict(run.requests())
            if status.total > before.total:
                return True
            time.sleep(_POLL_S)
        return True

    def resume(self, run: RunFolder) -> None:
        """Resume a training run from its last checkpoint; raises `RunError` when it can't be resumed now."""
        with self._lock:
            state = self.status(run).state
            if state not in ("stopped", "failed"):
                raise RunError(say("notResumable", state=say(f"state.{state}")))
            self._continue(run, "train", say("resuming"))

    def _continue(self, run: RunFolder, verb: Verb, message: str) -> None:
        self._make_room()
        run.answer("stop")
        (run.path / "process.json").unlink(missing_ok=True)  # it names the earlier process, which is gone
        run.write_status(Status(state="queued", verb=verb, message=message))
        self._spawn(run, verb)

    def _make_room(self) -> None:
        self.require_free()
        current = self.current()
        if current:
            self._stop_now(current[0])
        for run_id, child in list(self._children.items()):  # said its last word, and is still giving memory back
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_KILL_WAIT_S)
                self._children.pop(run_id, None)

    def _spawn(self, run: RunFolder, verb: Verb) -> None:
        command = [*self._command, verb, "--workspace", str(self._workspace), "--run", str(run.path)]
        with disk_errors(run.log_path), run.log_path.open("ab") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=repository_root(),
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                **_detached(),
            )
        # Before anybody can poll() the child away, its start time is known even if it has died already.
        started = psutil.Process(child.pid).create_time()
        write_json(run.path / "process.json", {"pid": child.pid, "pid_started": started})
        self._children[run.id] = child

    # ---------------------------------------------------------------------------------------------------- stopping

    def stop(self, run: RunFolder) -> None:
        """Ask a job to stop at its next safe point; what it has finished is kept."""
        if self.status(run).state not in FINISHED:
            run.signal("stop")

    def _stop_now(self, run: RunFolder) -> None:
        """Stop a job and wait until its process is gone, so that its memory is free."""
        self.stop(run)
        processes = [process for process in (self._process(run), self._speaker(run)) if process]
        deadline = time.monotonic() + STOP_WAIT_S
        while time.monotonic() < deadline:
            if self.status(run).state in FINISHED and not any(_is_running(process) for process in processes):
                return
            time.sleep(_POLL_S)
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=_KILL_WAIT_S)

    # ------------------------------------------------------------------------------------------------------ helpers

    def _status_mtime(self, run: RunFolder) -> int | None:
        try:
            return (run.path / "status.json").stat().st_mtime_ns
        except FileNotFoundError:  # removed since it was listed
            return None

    def _process(self, run: RunFolder) -> psutil.Process | None:
        """The process that `process.json` names, if it lives."""
        try:
            started: dict[str, Any] = json.loads((run.path / "process.json").read_text(encoding="utf-8"))
            return _find(int(started["pid"]), float(started["pid_started"]))
        except (FileNotFoundError, ValueError, KeyError):
            return None

    def _speaker(self, run: RunFolder) -> psutil.Process | None:
        """The process that wrote the status, if it lives (a person may have started it from a terminal)."""
        status = run.status()
        return _find(status.pid, status.pid_started) if status.pid and status.pid_started else None

    def _process_alive(self, run: RunFolder) -> bool:
        if (run.path / "process.json").is_file():
            return self._process(run) is not None
        mtime = self._status_mtime(run)
        return mtime is not None and time.time() - mtime / 1e9 < _SETTLE_S


def _in_the_way(status: Status) -> str:
    unit = {"download": "megabytes", "import": "images"}.get(status.verb, "steps")
    where = say(f"inTheWay.{unit}", step=status.step, total=status.total) if status.total else ""
    return say("inTheWay", job=say(f"job.{status.verb}"), where=where)


def _fits(run: RunFolder, config: GenerateConfig) -> bool:
    held = GenerateConfig.parse(run.config())
    if held.comfyui.comfy or config.comfyui.comfy:  # a ComfyUI generates; nothing stays warm for it
        return False
    values, wanted = held.flat(), config.flat()
    return all(values[name] == wanted[name] for name in _WARM_FIELDS)


def _find(pid: int, started: float) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < _CLOCK_SLACK_S
        return process if same and _is_running(process) else None
    except psutil.Error:  # gone, or somebody else's
        return None


def _is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def hidden_window() -> dict[str, Any]:
    """Popen arguments that keep Windows from opening a console for a child."""
    return {"creationflags": subprocess.CREATE_NO_WINDOW} if sys.platform == "win32" else {}


def _detached() -> dict[str, Any]:
    """Popen arguments that let a job outlive the studio and its terminal."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}

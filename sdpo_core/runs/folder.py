"""The run folder: the only interface between a job and whoever watches it.

    runs/<id>/config.json    status.json    metrics.jsonl    log.txt    previews/    checkpoints/    control/

`status.json` and `config.json` are written atomically; `metrics.jsonl` and `log.txt` append, and a last line without
its newline is missing. A viewer talks to the job by dropping files into `control/` (`stop`, `save-now`,
`sample-now`, `request-*.json`); the job answers next to them. No torch here: the studio reads what training writes.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, cast

import psutil
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from sdpo_core.atomic import disk_errors, patiently, write_bytes, write_json
from sdpo_core.errors import ConfigError, RunError
from sdpo_core.settings.base import Settings, flat, nested
from sdpo_core.settings.jobs import JOBS, Verb
from sdpo_core.settings.migrations import numbered, upgraded

State = Literal["queued", "running", "stopping", "done", "stopped", "failed"]
Signal = Literal["stop", "save-now", "sample-now"]
FINISHED: frozenset[State] = frozenset({"done", "stopped", "failed"})

PUBLISHED_HEALTH = "published.json"
"""In a checkpoint's folder: the strength that was calibrated for it, and the health there."""
METRICS_DAMAGED = (
    "A line of this run's metrics.jsonl is damaged, so its curves can't be shown. Its adapter isn't affected."
)
_CLOCK_SLACK_S = 2.0  # a process's start time is known to about a clock tick; boot time may be adjusted by a little


class Status(BaseModel):
    """What a job is doing, for a person who watches."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    state: State
    verb: Verb
    pid: int | None = None
    pid_started: float | None = None  # seconds since the epoch; tells a reused pid from the job
    step: int = 0
    total: int = 0
    eta_s: float | None = None
    message: str = ""


class Position(NamedTuple):
    """How far metrics.jsonl was read."""

    file: str  # its inode: cutting the file back replaces it, appending does not
    offset: int  # bytes


@dataclass(frozen=True)
class RunFolder:
    """One job's folder. Methods that write belong to the job; a viewer only reads and signals."""

    path: Path

    @classmethod
    def create(cls, root: Path, verb: Verb, config: dict[str, Any]) -> Self:
        """Make a new folder `<date>-<verb>-<part of the second>` under `root` in state queued.

        Raises `RunError` when `root` or a folder above it is a file, `DiskError` when the disk refuses.
        """
        now = datetime.now(UTC)
        name = f"{now:%Y%m%d-%H%M%S}-{verb}-{now.microsecond * 2**16 // 10**6:04x}"
        run = cls(root / name)
        try:
            with disk_errors(run.path):
                for folder in ("control", "previews", "checkpoints"):
                    (run.path / folder).mkdir(parents=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise RunError(
                f"{root} can't be created: it or a folder above it is a file. Choose another folder as the workspace."
            ) from error
        write_json(run.path / "config.json", numbered(nested(JOBS[verb], config)))
        run.write_status(Status(state="queued", verb=verb, message="Starting…"))
        return run

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open an existing folder; raises `RunError` when it isn't one."""
        if not (path / "status.json").is_file():
            raise RunError(f"{path} isn't a run folder: it has no status.json. Choose a folder under runs/.")
        return cls(path)

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def began_at(self) -> datetime:
        """When it was made, by its name; where a person gave the folder another one, when it was last heard of."""
        try:
            return datetime.strptime(f"{self.id[:15]}+0000", "%Y%m%d-%H%M%S%z")
        except ValueError:
            return datetime.fromtimestamp((self.path / "status.json").stat().st_mtime, UTC)

    @property
    def log_path(self) -> Path:
        """Standard output and error of the job."""
        return self.path / "log.txt"

    @property
    def adapter_path(self) -> Path:
        """Where a training run puts the adapter it proposes."""
        return self.path / "adapter.safetensors"

    def settings(self) -> dict[str, Any]:
        """What `config` gives, flat: each setting by its name. Raises `RunError` as that does."""
        return flat(self._kind(), self.config())

    def config(self) -> dict[str, Any]:
        """The resolved settings, in today's tables and fields whatever version began the run.

        Raises `RunError` when they can't be read, or a newer version wrote them.
        """
        written = self._read_json("config.json")
        try:
            return upgraded(written, self._kind(), resolved=True, source=f"config.json of run {self.id}")
        except ConfigError as error:
            raise RunError(str(error)) from error

    def write_config(self, config: dict[str, Any]) -> None:
        """Replace the settings, given flat or in tables."""
        write_json(self.path / "config.json", numbered(nested(self._kind(), config)))

    def status(self) -> Status:
        """What the job last said, corrected when its process is gone: then the state is failed.

        Raises `RunError` when status.json is missing or can't be read.
        """
        status = self.written_status()
        if status.state in ("running", "stopping") and not _alive(status):
            return status.model_copy(update={"state": "failed", "message": self._lost(status), "eta_s": None})
        return status

    def written_status(self) -> Status:
        """What the job last said, whatever became of it since; raises `RunError` as `status` does."""
        try:
            return Status.model_validate(self._read_json("status.json"))
        except ValidationError as error:
            raise RunError(f"status.json of run {self.id} can't be read by this version: {error}") from error

    def _lost(self, status: Status) -> str:
        """What became of a job that couldn't say it itself, and where it would continue."""
        told = f"The job was killed or crashed at step {status.step} of {status.total}. Its log may say why."
        return f"{told} {self.resume_note()}".strip()

    def resume_note(self) -> str:
        """From which step a training would continue; empty before its first checkpoint."""
        checkpoints = self.checkpoints()
        return f"Resume continues from step {int(checkpoints[-1].name.removeprefix('step-'))}." if checkpoints else ""

    def never_started(self) -> bool:
        """Whether this run is queued and the process that a viewer started for it (`process.json`) is gone.

        Raises `RunError` when a file of it can't be read.
        """
        if self.status().state != "queued" or not (self.path / "process.json").is_file():
            return False
        started = self._read_json("process.json")
        try:
            return not _alive(Status.model_validate({"state": "queued", "verb": "train", **started}))
        except ValidationError as error:
            raise RunError(f"process.json of run {self.id} doesn't name a process: {error}") from error

    def write_status(self, status: Status) -> None:
        """Replace the status."""
        write_json(self.path / "status.json", status.model_dump())

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Append one line to metrics.jsonl. NaN and infinities are refused (ValueError): they are not JSON."""
        line = json.dumps(row, allow_nan=False) + "\n"
        with disk_errors(self.path / "metrics.jsonl"), (self.path / "metrics.jsonl").open("a", encoding="utf-8") as f:
            f.write(line)

    def read_metrics(self, since: Position | None = None) -> tuple[list[dict[str, Any]], Position]:
        """Rows written after `since`, and the position to continue from; all rows when a resume has cut the file back.

        Raises `RunError` when a line can't be read, or `since` points into the middle of one.
        """
        path = self.path / "metrics.jsonl"
        if not path.is_file():
            return [], Position("", 0)
        with patiently(lambda: path.open("rb")) as file:
            number = str(os.fstat(file.fileno()).st_ino)
            offset = since.offset if since and since.file == number else 0
            file.seek(offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        try:
            return [json.loads(line) for line in whole.splitlines()], Position(number, offset + len(whole))
        except ValueError as error:
            raise RunError(METRICS_DAMAGED) from error

    def truncate_metrics(self, step: int) -> None:
        """Drop rows later than `step` (a resume continues from its checkpoint) and any unfinished last line."""
        path = self.path / "metrics.jsonl"
        if not path.is_file():
            return
        rows, _ = self.read_metrics()
        kept = "".join(json.dumps(row) + "\n" for row in rows if row["step"] <= step)
        write_bytes(path, kept.encode())

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of the log."""
        if not self.log_path.is_file():
            return ""
        with self.log_path.open("rb") as file:
            file.seek(max(0, self.log_path.stat().st_size - 65_536))
            text = file.read().decode("utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def checkpoints(self) -> list[Path]:
        """Complete checkpoints, oldest first. A checkpoint is complete once its folder has its final name."""
        return sorted(p for p in (self.path / "checkpoints").glob("step-*") if p.is_dir())

    def checkpoint_path(self, step: int) -> Path:
        """The folder of the checkpoint after `step`."""
        return self.path / "checkpoints" / f"step-{step:06d}"

    def checkpoint_adapters(self) -> dict[int, Path]:
        """Adapter files of the complete checkpoints, by step."""
        files = {path.name.removeprefix("step-"): path / "adapter.safetensors" for path in self.checkpoints()}
        return {int(step): file for step, file in files.items() if step.isdecimal() and file.is_file()}

    def health_at(self, step: int, strength: float = 1.0) -> dict[str, Any] | None:
        """The health check of the checkpoint after `step`, at its calibrated `strength` where that is not 1.

        None when it is gone or can't be read.
        """
        name = "state.json" if strength == 1 else PUBLISHED_HEALTH
        try:
            health = self._read_json(f"checkpoints/{self.checkpoint_path(step).name}/{name}").get("health")
        except RunError:
            return None
        return cast("dict[str, Any]", health) if isinstance(health, dict) else None

    def previews(self) -> dict[int, list[Path]]:
        """Preview images by step; step 0 is the base model."""
        found: dict[int, list[Path]] = {}
        for folder in sorted((self.path / "previews").glob("step-*")):
            step = re.fullmatch(r"step-(\d+)", folder.name)
            if step:
                found[int(step.group(1))] = sorted(folder.glob("*.png"))
        return found

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Within it no other process can run the job; the system lets go at any end. Raises `RunError` if one does."""
        lock = FileLock(self.path / "running.lock", blocking=False)
        try:
            with disk_errors(self.path):
                lock.acquire()
        except Timeout as error:
            raise RunError(f"Run {self.id} is already running or starting. Wait for it, or stop it first.") from error
        try:
            for half in (self.path / "checkpoints").glob(".step-*.tmp"):  # being written when the job was killed
                shutil.rmtree(half, ignore_errors=True)
            yield
        finally:
            lock.release()

    def signal(self, signal: Signal) -> None:
        """Ask the job for something; it answers when it next looks."""
        write_json(self.path / "control" / signal, {"asked_at": datetime.now(UTC).isoformat()})

    def signalled(self, signal: Signal) -> bool:
        """Whether `signal` was asked for and is not answered yet."""
        return (self.path / "control" / signal).is_file()

    def answer(self, signal: Signal) -> None:
        """Take a signal away, because it was done."""
        (self.path / "control" / signal).unlink(missing_ok=True)

    def request(self, content: dict[str, Any]) -> str:
        """Drop a request for a warm generation job; returns its name."""
        name = f"request-{datetime.now(UTC):%Y%m%d%H%M%S%f}-{secrets.token_hex(2)}.json"
        write_json(self.path / "control" / name, content)
        return name

    def requests(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Unanswered requests, oldest first."""
        for path in sorted((self.path / "control").glob("request-*.json")):
            if not path.with_name(path.name.replace("request-", "answer-")).exists():
                yield path.name, self._read_json(f"control/{path.name}")

    def answer_request(self, name: str, content: dict[str, Any]) -> None:
        """Write the answer to a request next to it."""
        write_json(self.path / "control" / name.replace("request-", "answer-"), content)

    def _kind(self) -> type[Settings]:
        """The class of its settings; raises `RunError` when status.json names no job."""
        verb = self._read_json("status.json").get("verb")
        if verb not in JOBS:
            raise RunError(f"status.json of run {self.id} names an unknown job: {verb!r}.")
        return JOBS[verb]

    def _read_json(self, name: str) -> dict[str, Any]:
        try:
            content = json.loads(patiently(lambda: (self.path / name).read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise RunError(f"Run {self.id} has no {name}.") from error
        except ValueError as error:
            raise RunError(f"{name} of run {self.id} isn't readable JSON: {error}") from error
        if not isinstance(content, dict):
            raise RunError(f"{name} of run {self.id} isn't a JSON object. Start a new run.")
        return cast("dict[str, Any]", content)


def list_runs(root: Path, verb: Verb | None = None) -> list[RunFolder]:
    """Run folders under `root`, newest first."""
    runs = [RunFolder(path.parent) for path in root.glob("*/status.json")]
    wanted = [run for run in runs if verb is None or f"-{verb}-" in run.id]
    return sorted(wanted, key=lambda run: (run.id[:15], run.id[-4:]), reverse=True)  # the second, and its part


def this_process() -> dict[str, Any]:
    """The `pid` and `pid_started` fields of a `Status` for the running process."""
    return {"pid": os.getpid(), "pid_started": psutil.Process().create_time()}


def _alive(status: Status) -> bool:
    if status.pid is None or status.pid_started is None:
        return False
    try:
        process = psutil.Process(status.pid)
        same = abs(process.create_time() - status.pid_started) < _CLOCK_SLACK_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

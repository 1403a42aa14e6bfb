"""The verbs that make a run: its folder, its process or processes, and how it ends whatever happens.

A run folder can be watched from anywhere; `--run FOLDER` starts a queued one, or resumes a training run from its last
checkpoint.
"""

import argparse
import contextlib
import os
import signal
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdpo_core.cli.command import Command, Options
from sdpo_core.cli.early import refuse_early
from sdpo_core.cli.flags import add_settings, any_given, settings_from
from sdpo_core.cli.output import DONE, STOPPED, Output, progress
from sdpo_core.collector import gc_paused
from sdpo_core.errors import ConfigError, RunError, SdpoError
from sdpo_core.methods.named import named
from sdpo_core.runs.folder import FINISHED, RunFolder, Status, Verb
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.jobs import JOBS
from sdpo_core.settings.train import TrainConfig


def job_command(
    verb: Verb,
    about: str,
    *,
    function: Callable[[Any], str],
    add_arguments: Callable[[argparse.ArgumentParser], None] | None = None,
    instead: Callable[[Options, Output], int | None] = lambda _options, _out: None,
    epilogue: str = "",
) -> Command:
    """A verb that makes a run. Its arguments are its settings, unless `add_arguments` says what they are."""

    def arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--run", type=Path, help="a queued run folder to start, or a training run to resume")
        add = add_arguments or (lambda given: add_settings(given, JOBS[verb]))
        add(parser)

    return Command(verb, about, Job(verb, function, instead), arguments, epilogue)


@dataclass(frozen=True)
class Job:
    """A verb that makes a run: what to call for it, and what it can do without one."""

    verb: Verb
    function: Callable[[Any], str]  # for the job's settings: `module:function`, imported when the job starts
    instead: Callable[[Options, Output], int | None]  # does what a flag asks for in place of a run; None: nothing did

    def __call__(self, options: Options, out: Output) -> int:
        """Run the job that the settings describe, or the one in the folder that --run names."""
        code = self.instead(options, out)
        if code is not None:
            return code
        workspace: Path = options["workspace"].resolve()
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            with self._folder(options, workspace) as run:
                return self._run(run, workspace, out)
        return self._run_together(options, workspace, out)

    def _run_together(self, options: Options, workspace: Path, out: Output) -> int:
        """One of several processes; the first one has the folder for all of them."""
        if self.verb != "train":
            raise ConfigError(
                f"Only train runs on several processes. Start {self.verb} as `python -m sdpo_core {self.verb} …`."
            )
        from sdpo_core.training.processes import Processes  # loads torch

        together = Processes.join(configured_device(options))
        with contextlib.ExitStack() as held:
            folder = str(held.enter_context(self._folder(options, workspace)).path) if together.first else ""
            run = RunFolder(Path(together.broadcast_text(folder)))
            code = self._run(run, workspace, out, speaks=together.first)
            together.leave()
        return code

    @contextlib.contextmanager
    def _folder(self, options: Options, workspace: Path) -> Iterator[RunFolder]:
        """The run folder to start, the one that --run names or a new one; within it nobody else can start it."""
        if not options["run"]:
            settings = settings_from(options, JOBS[self.verb])
            refuse_early(settings, workspace)
            run = RunFolder.create(workspace / "runs", self.verb, settings.model_dump(mode="json"))
            print(f"Run folder: {run.path}", file=sys.stderr)
            with run.held():
                yield run
            return
        if any_given(options):
            raise ConfigError("--run takes its settings from the run folder. Leave out the others, or start a new run.")
        run = RunFolder.open(options["run"].resolve())
        with run.held():
            _refuse_running(run, self.verb)
            if run.status().state in FINISHED:
                run.answer("stop")  # an earlier stop is over; one that comes from now on counts
            yield run

    def _run(self, run: RunFolder, workspace: Path, out: Output, *, speaks: bool = True) -> int:
        """Run a job to its end. The one place that catches everything: whatever happens, the folder says so.

        Of several processes the first `speaks` for all; any of them may fail.
        """
        with _terminal() as echo, _stopping_gently(run):
            reporter = Reporter(run, self.verb, 0, echo, silent=not speaks)
            reporter.say(0, "Starting…", force=True)
            try:
                config = JOBS[self.verb].parse(run.config())
                with gc_paused():  # they load torch
                    job = named(self.function(config))
                job(config, run, workspace, reporter)
            except SdpoError as error:
                _fail(run, self.verb, str(error))
                return out.error(error, run=str(run.path))
            except KeyboardInterrupt:  # the second one; the first asked to stop
                _fail(run, self.verb, "You quit immediately. Everything up to its last checkpoint is saved.")
                raise
            except BaseException as error:  # noqa: BLE001 - the boundary: a viewer must learn of any end
                traceback.print_exc()
                _fail(run, self.verb, _explained(error))
                return out.error(RunError(run.status().message), run=str(run.path))
        status = run.status()
        if speaks:
            out.result({"run": str(run.path), **status.model_dump()}, f"{status.message}\n{run.path}")
        return STOPPED if status.state == "stopped" and reporter.stop_was_requested else DONE


def refuse_settings(options: Options, flag: str) -> None:
    """Raise `ConfigError` when settings or --run are given next to a flag that makes no run."""
    if options["run"] or any_given(options):
        raise ConfigError(f"--{flag.replace('_', '-')} generates nothing, so it takes no settings and no --run.")


def configured_device(options: Options) -> str:
    """The device that a training is set to, in a run folder or by the flags."""
    if options["run"]:
        return str(RunFolder.open(options["run"].resolve()).settings().get("device", "auto"))
    return settings_from(options, TrainConfig).runtime.device


def _refuse_running(run: RunFolder, verb: Verb) -> None:
    status = run.status()
    if status.verb != verb:
        raise RunError(f"Run {run.id} is a {status.verb} run; start it with `{status.verb}`.")
    if status.state in ("running", "stopping"):
        raise RunError(f"Run {run.id} is already running (process {status.pid}). Wait for it, or stop it first.")
    goes_on = verb == "train" or run.settings().get("comfy")  # with what a ComfyUI has not generated yet
    if status.state == "done" or (not goes_on and status.state in FINISHED):
        raise RunError(f"Run {run.id} is already {status.state}. Start a new run.")


@contextlib.contextmanager
def _stopping_gently(run: RunFolder) -> Iterator[None]:
    """Asked once (Ctrl-C, SIGTERM), a job saves its state and stops; asked again, it obeys immediately."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _frame: types.FrameType | None) -> None:
        run.signal("stop")
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _explained(error: BaseException) -> str:
    # OutOfMemoryError is torch's, which this module does not load.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return (
            "Out of memory. Close other programs that use the GPU or a lot of memory, or set a smaller size_px. "
            "The log has the details."
        )
    return f"{type(error).__name__}: {error}. The log has the details."


def _fail(run: RunFolder, verb: Verb, message: str) -> None:
    said = run.status()
    if said.state == "failed":
        return  # another process of this run was first, and knows the cause; this one only lost its company
    run.write_status(Status(state="failed", verb=verb, step=said.step, total=said.total, message=message))


@contextlib.contextmanager
def _terminal() -> Iterator[Callable[[Status], None]]:
    """A progress bar where a person looks on; plain lines where a log is written."""
    if not sys.stderr.isatty():
        yield _log_line
        return
    with progress() as show:
        yield lambda status: show(status.step, status.total or None, status.message)


def _log_line(status: Status) -> None:
    print(f"[{status.state}] {status.step}/{status.total} {status.message}", file=sys.stderr, flush=True)

"""The command line: every verb the studio's jobs run, for people and scripts too.

Jobs (download, generate, import, measure, train, judge, grid) write a run folder and can be watched from
anywhere; `--run FOLDER` starts a queued folder, or resumes a training run from its last checkpoint. Exit codes are in
`commands.output`, docs in docs/cli.md.
"""

import argparse
import contextlib
import difflib
import os
import re
import signal
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from sdpo_core import __version__
from sdpo_core.cli import adapter, download, exports, generating, imports, install_comfy, judging, models, runs, vote
from sdpo_core.cli.doctor import examine
from sdpo_core.cli.early import refuse_early
from sdpo_core.cli.flags import add_settings, any_given, settings_from
from sdpo_core.cli.output import DONE, EXIT_CODES, FAILED, STOPPED, Output, progress
from sdpo_core.collector import gc_paused
from sdpo_core.errors import ConfigError, RunError, SdpoError
from sdpo_core.paths import repository_root
from sdpo_core.runs.folder import FINISHED, Reporter, RunFolder, Status, Verb
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.settings.jobs import JOBS
from sdpo_core.settings.train import TrainConfig
from sdpo_core.settings.transfer import DownloadConfig

_ABOUT = {
    "download": download.ABOUT,
    "generate": generating.ABOUT,
    "import": imports.ABOUT,
    "measure": "show the memory and time a training run would need; trains nothing",
    "train": "train an adapter on the votes, or resume a run",
    "judge": judging.ABOUT,
    "grid": judging.GRID_ABOUT,
}
_EPILOGUES = {
    "download": download.EPILOGUE,
    "generate": generating.EPILOGUE,
    "import": imports.EPILOGUE,
    "measure": """examples:
  measure                                   one test step with the current votes and the defaults
  measure --rank 64 --size-px 768           the same with other settings""",
    "train": """the workflow: generate, vote, train, judge, export. About 60 votes are a good start.

examples:
  train                                     all votes for this model, default settings
  train --preset quick                      check that everything works
  train --preset balanced --rank 16         a preset with one change
  train --config mine.toml                  settings from a file (rank = 16, one per line)
  train --run workspace/runs/ID             resume exactly after a crash or a stop
  runs                                      past and current runs, and their results

Ctrl-C saves a checkpoint and stops; a second Ctrl-C quits immediately. The run's config.json has
every setting that was used.""",
    "judge": judging.EPILOGUE,
    "grid": judging.GRID_EPILOGUE,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code. Results go to standard output, words about them to standard error."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    out = Output(as_json="--json" in words)
    try:
        options = _parse(words)
        verb: Callable[[dict[str, Any], Output], int] = options.pop("call")
        return verb(options, out)
    except SdpoError as error:
        return out.error(error)
    except KeyboardInterrupt:
        print("sdpo: Stopped. Finished work is saved.", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # `runs | head -1`: whoever read has enough
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for Python's own last flush
        return DONE


class _Parser(argparse.ArgumentParser):
    """Refuses as everything else does: with a `ConfigError`, which `main` tells."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message[:1].upper()}{message[1:]}. `{self.prog} --help` lists what it takes.")


def _parse(words: list[str]) -> dict[str, Any]:
    parser = _parser()
    verbs: dict[str, argparse.ArgumentParser] = parser.get_default("verbs")
    after_flag = {i + 1 for i, word in enumerate(words) if word == "--workspace"}  # the one flag that may stand first
    place = next((i for i, word in enumerate(words) if not word.startswith("-") and i not in after_flag), None)
    if place is None:
        parser.parse_args(words)  # --help and --version end here; anything else lacks its verb
        raise ConfigError("No verb given.")
    verb = words[place]
    if verb not in verbs:
        near = difflib.get_close_matches(verb, verbs, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Choose one of: {', '.join(verbs)}."
        raise ConfigError(f"Unknown verb: {verb}. {hint}")
    # Intermixed, so that `runs show --json ID` means what it says.
    found, extra = verbs[verb].parse_known_intermixed_args([*words[:place], *words[place + 1 :]])
    if extra:
        raise ConfigError(_unknown_arguments(verbs[verb], extra))
    options = vars(found)
    del options["json"]
    return options


def _unknown_arguments(parser: argparse.ArgumentParser, extra: list[str]) -> str:
    flags = [word.partition("=")[0] for word in extra if word.startswith("--")]
    if not flags:
        return f"{parser.prog} doesn't take {' '.join(extra)}. `{parser.prog} --help` lists what it takes."
    near = difflib.get_close_matches(flags[0], re.findall(r"--[a-z-]+", parser.format_help()), n=1)
    hint = f"Did you mean {near[0]}?" if near else f"`{parser.prog} --help` lists what it takes."
    return f"Unknown setting: {flags[0]}. {hint}"


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="sdpo_core",
        description="Diffusion-SDPO (safeguarded DPO) for LoRA: from votes on your own images to an adapter.",
        epilog=f"The workflow: generate, vote, train, judge, export. `VERB --help` explains a verb.\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    parser.set_defaults(verbs=verbs.choices)
    for name, config in JOBS.items():
        verb = _verb(
            verbs, name, _ABOUT[name], lambda options, out, name=name: _job(name, options, out), _EPILOGUES[name]
        )
        verb.add_argument("--run", type=Path, help="a queued run folder to start, or a training run to resume")
        if name == "generate":
            generating.add_arguments(verb)
        if name == "judge":
            judging.add_arguments(verb)
        if name == "grid":
            judging.add_grid_arguments(verb)
        if name == "import":
            imports.add_arguments(verb)
        elif name == "download":
            download.add_arguments(verb)
        else:
            add_settings(verb, config)
    models.add_arguments(_verb(verbs, "models", models.ABOUT, models.call, models.EPILOGUE))
    vote.add_arguments(_verb(verbs, "vote", vote.ABOUT, vote.call))
    exports.add_arguments(_verb(verbs, "export", exports.ABOUT, exports.call, exports.EPILOGUE))
    adapter.add_arguments(_verb(verbs, "adapter", adapter.ABOUT, adapter.call, adapter.EPILOGUE))
    runs.add_arguments(_verb(verbs, "runs", runs.ABOUT, runs.call, runs.EPILOGUE))
    install_comfy.add_arguments(
        _verb(verbs, "install-comfy", install_comfy.ABOUT, install_comfy.call, install_comfy.EPILOGUE)
    )
    _verb(verbs, "doctor", "check the environment, the device, the demo model and the workspace", _doctor)
    return parser


def _verb(
    verbs: Any, name: str, about: str, call: Callable[[dict[str, Any], Output], int], epilogue: str = ""
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        epilog="\n\n".join(part for part in (epilogue, EXIT_CODES) if part),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    default = Path(os.environ.get("SDPO_WORKSPACE") or repository_root() / "workspace")
    parser.add_argument("--workspace", type=Path, default=default, help=f"the studio's data folder ({default.name}/)")
    parser.add_argument("--json", action="store_true", help="print results and errors as JSON, one object per line")
    parser.set_defaults(call=call)
    return parser


def _job(verb: Verb, options: dict[str, Any], out: Output) -> int:
    workspace: Path = options["workspace"].resolve()
    if verb == "import" and not options["run"]:
        return imports.call(options, out)  # a person at a terminal needs no run folder for this
    told = judging.other_than_making(options, workspace, out)
    if told is not None:
        return told
    if options.get("plan") and verb == "generate":
        return generating.tell_plan(settings_from(options, GenerateConfig), out)
    if options.get("plan"):
        return download.tell_plan(settings_from(options, DownloadConfig), out)
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        with _job_folder(verb, options, workspace) as run:
            return _run_job(verb, run, workspace, out)
    if verb != "train":
        raise ConfigError(f"Only train runs on several processes. Start {verb} as `python -m sdpo_core {verb} …`.")
    from sdpo_core.training.processes import Processes  # loads torch

    together = Processes.join(_device(options))
    # The first process has the folder for all of them.
    with contextlib.ExitStack() as held:
        folder = str(held.enter_context(_job_folder(verb, options, workspace)).path) if together.first else ""
        run = RunFolder(Path(together.broadcast_text(folder)))
        code = _run_job(verb, run, workspace, out, speaks=together.first)
        together.leave()
    return code


def _device(options: dict[str, Any]) -> str:
    """The device that a training is set to, wherever that stands."""
    if options["run"]:
        return str(RunFolder.open(options["run"].resolve()).settings().get("device", "auto"))
    return settings_from(options, TrainConfig).runtime.device


@contextlib.contextmanager
def _job_folder(verb: Verb, options: dict[str, Any], workspace: Path) -> Iterator[RunFolder]:
    """The run folder to start, the one that --run names or a new one; within it nobody else can start it."""
    if not options["run"]:
        settings = settings_from(options, JOBS[verb])
        refuse_early(settings, workspace)
        run = RunFolder.create(workspace / "runs", verb, settings.model_dump(mode="json"))
        print(f"Run folder: {run.path}", file=sys.stderr)
        with run.held():
            yield run
        return
    if any_given(options):
        raise ConfigError("--run takes its settings from the run folder. Leave out the others, or start a new run.")
    run = RunFolder.open(options["run"].resolve())
    with run.held():
        _refuse_running(run, verb)
        if run.status().state in FINISHED:
            run.answer("stop")  # an earlier stop is over; one that comes from now on counts
        yield run


def _refuse_running(run: RunFolder, verb: Verb) -> None:
    status = run.status()
    if status.verb != verb:
        raise RunError(f"Run {run.id} is a {status.verb} run; start it with `{status.verb}`.")
    if status.state in ("running", "stopping"):
        raise RunError(f"Run {run.id} is already running (process {status.pid}). Wait for it, or stop it first.")
    goes_on = verb == "train" or run.settings().get("comfy")  # with what a ComfyUI has not generated yet
    if status.state == "done" or (not goes_on and status.state in FINISHED):
        raise RunError(f"Run {run.id} is already {status.state}. Start a new run.")


def _run_job(verb: Verb, run: RunFolder, workspace: Path, out: Output, *, speaks: bool = True) -> int:
    """Run a job to its end. The one place that catches everything: whatever happens, the folder says so.

    Of several processes the first `speaks` for all; any of them may fail.
    """
    with _terminal() as echo, _stopping_gently(run):
        reporter = Reporter(run, verb, 0, echo, silent=not speaks)
        reporter.say(0, "Starting…", force=True)
        try:
            config = JOBS[verb].parse(run.config())
            elsewhere = isinstance(config, GenerateConfig) and config.comfyui.comfy is not None
            with gc_paused():
                job = _entry(verb, draws_elsewhere=elsewhere)
            job(config, run, workspace, reporter)
        except SdpoError as error:
            _fail(run, verb, str(error))
            return out.error(error, run=str(run.path))
        except KeyboardInterrupt:  # the second one; the first asked to stop
            _fail(run, verb, "You quit immediately. Everything up to its last checkpoint is saved.")
            raise
        except BaseException as error:  # noqa: BLE001 - the boundary: a viewer must learn of any end
            traceback.print_exc()
            _fail(run, verb, _explained(error))
            return out.error(RunError(run.status().message), run=str(run.path))
    status = run.status()
    if speaks:
        out.result({"run": str(run.path), **status.model_dump()}, f"{status.message}\n{run.path}")
    return STOPPED if status.state == "stopped" and reporter.stop_was_requested else DONE


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


def _entry(verb: Verb, *, draws_elsewhere: bool) -> Callable[..., None]:
    """The job's function. Imported late: these modules load torch, and a typing error should not take seconds."""
    match verb:
        case "generate" if draws_elsewhere:
            from sdpo_core.comfyui.job import run_comfy

            return run_comfy
        case "download":
            from sdpo_core.hub.fetch import run_download

            return run_download
        case "generate":
            from sdpo_core.generation.job import run_generate

            return run_generate
        case "judge":
            from sdpo_core.judging.comparison import run_judge

            return run_judge
        case "import":
            from sdpo_core.exchange.job import run_import

            return run_import
        case "measure":
            from sdpo_core.training.measure import run_measure

            return run_measure
        case "grid":
            from sdpo_core.judging.grid import run_grid

            return run_grid
        case "train":
            from sdpo_core.training.job import run_train

            return run_train


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


def _doctor(options: dict[str, Any], out: Output) -> int:
    well = True
    for finding in examine(options["workspace"]):
        out.result(vars(finding), f"{'ok ' if finding.ok else 'NO '} {finding.sentence}")
        well = well and finding.ok
    return DONE if well else FAILED

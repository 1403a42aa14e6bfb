"""The command line: every verb the studio's jobs run, for people and scripts too.

Jobs (generate, train, judge) write a run folder and can be watched from anywhere; `--run FOLDER` starts a queued
folder, or resumes a training run from its last checkpoint. Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import traceback
import types
import typing
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sdpo_core import __version__
from sdpo_core.config import GenerateConfig, JudgeConfig, Settings, TrainConfig, repository_root
from sdpo_core.doctor import examine
from sdpo_core.errors import ConfigError, RunError, SdpoError
from sdpo_core.evaluation.judge import verdict
from sdpo_core.export import export_adapter
from sdpo_core.preferences.records import CHOICES
from sdpo_core.preferences.store import Store
from sdpo_core.training.runs import FINISHED, Reporter, RunFolder, Status, Verb

JOBS: dict[Verb, type[Settings]] = {"generate": GenerateConfig, "train": TrainConfig, "judge": JudgeConfig}
_ABOUT = {
    "generate": "make images from prompts and pair them up",
    "train": "train an adapter from the votes, or resume a run",
    "judge": "make blind same-seed pairs, base against adapter, or tell the verdict on them",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code. Messages for the person go to standard error, results to standard output."""
    options = vars(_parser().parse_args(arguments))
    verb: Callable[[dict[str, Any]], int] = options.pop("call")
    try:
        return verb(options)
    except ConfigError as error:
        print(f"sdpo: {error}", file=sys.stderr)
        return 2
    except SdpoError as error:
        print(f"sdpo: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sdpo_core",
        description="Diffusion-SDPO (safeguarded DPO) for LoRA: from votes on your own images to an adapter.",
        epilog="The path: generate, vote, train, judge, export. `VERB --help` explains a verb's settings.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, config in JOBS.items():
        verb = _verb(verbs, name, _ABOUT[name], lambda options, name=name: _job(name, options))
        verb.add_argument("--run", type=Path, help="a queued run folder to start, or a training run to resume")
        if name == "judge":
            verb.add_argument("--verdict", metavar="RUN", help="tell the verdict of a judge run instead")
        _add_settings(verb, config)
    vote = _verb(verbs, "vote", "record a vote, or print the next open pairs as JSON lines", _vote)
    vote.add_argument("pair", nargs="?", type=int, help="the pair's id; without it the next open pairs are printed")
    vote.add_argument("choice", nargs="?", choices=["left", "right", "tie", "both-bad", "skip"])
    vote.add_argument("--judge", metavar="RUN", help="pairs of this judge run instead of training pairs")
    vote.add_argument("--limit", type=int, default=10, help="how many pairs to print (10)")
    export = _verb(verbs, "export", "copy an adapter to where other tools find it, and prove that it fits", _export)
    export.add_argument("adapter", help="an adapter's name in the workspace, `latest`, or a file")
    export.add_argument("--to", type=Path, required=True, help="a folder (ComfyUI's models/loras) or a file name")
    export.add_argument("--base", default=None, help="model to prove the adapter against (default: as trained)")
    _verb(verbs, "doctor", "check the environment, the device, the demo model and the workspace", _doctor)
    return parser


def _verb(verbs: Any, name: str, about: str, call: Callable[[dict[str, Any]], int]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
    default = Path(os.environ.get("SDPO_WORKSPACE") or repository_root() / "workspace")
    parser.add_argument("--workspace", type=Path, default=default, help=f"the studio's data folder ({default.name}/)")
    parser.set_defaults(call=call)
    return parser


def _add_settings(parser: argparse.ArgumentParser, config: type[Settings]) -> None:
    """One flag per field; the help is the field's docstring. Unset flags stay out of the namespace."""
    group = parser.add_argument_group("settings")
    for name, field in config.model_fields.items():
        default = "" if field.default in (None, (), "") else f" ({field.default})"
        text = (field.description or "").replace("\n", " ").replace("%", "%%")
        many = typing.get_origin(field.annotation) is tuple
        group.add_argument(
            f"--{name.replace('_', '-')}",
            dest=f"setting_{name}",
            default=argparse.SUPPRESS,
            nargs="+" if many else None,
            metavar=_metavar(field),
            help=text + default,
        )


def _metavar(field: FieldInfo) -> str:
    kind = field.annotation
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind = next(arm for arm in typing.get_args(kind) if arm is not type(None))
    if typing.get_origin(kind) is typing.Literal:
        return "{" + ",".join(typing.get_args(kind)) + "}"
    if typing.get_origin(kind) is tuple:
        return "TEXT"
    return {int: "N", float: "X", str: "TEXT"}.get(typing.cast("type", kind), "VALUE")


def _job(verb: Verb, options: dict[str, Any]) -> int:
    workspace: Path = options["workspace"].resolve()
    if options.get("verdict"):
        return _verdict(workspace, options["verdict"])
    values = {name.removeprefix("setting_"): v for name, v in options.items() if name.startswith("setting_")}
    if options["run"]:
        if values:
            raise ConfigError("--run takes the settings from the run folder; give no others, or start a new run.")
        run = RunFolder.open(options["run"].resolve())
        _refuse_running(run, verb)
        if run.status().state in FINISHED:
            run.answer("stop")  # an earlier stop is over; one that comes from now on counts
    else:
        run = RunFolder.create(workspace / "runs", verb, JOBS[verb].parse(values).model_dump(mode="json"))
        print(f"Run folder: {run.path}", file=sys.stderr)
    return _run_job(verb, run, workspace)


def _refuse_running(run: RunFolder, verb: Verb) -> None:
    status = run.status()
    if status.verb != verb:
        raise RunError(f"Run {run.id} is a {status.verb} run; start it with the verb {status.verb}.")
    if status.state in ("running", "stopping"):
        raise RunError(f"Run {run.id} is running already (process {status.pid}). Wait for it, or stop it first.")
    if status.state == "done" or (verb != "train" and status.state in FINISHED):
        raise RunError(f"Run {run.id} is {status.state} already. Start a new run.")


def _run_job(verb: Verb, run: RunFolder, workspace: Path) -> int:
    """Run a job to its end. The one place that catches everything: whatever happens, the folder says so."""
    with _terminal() as echo, _stopping_gently(run):
        reporter = Reporter(run, verb, 0, echo)
        reporter.say(0, "Starting…", force=True)
        try:
            config = JOBS[verb].parse(run.config())
            _entry(verb)(config, run, workspace, reporter)
        except SdpoError as error:
            _fail(run, verb, str(error))
            raise
        except BaseException as error:  # noqa: BLE001 - the boundary: a viewer must learn of any end
            traceback.print_exc()
            _fail(run, verb, f"{type(error).__name__}: {error}. The log has the details.")
            return 1
    status = run.status()
    print(json.dumps({"run": str(run.path), **status.model_dump()}))
    return 0


@contextlib.contextmanager
def _stopping_gently(run: RunFolder) -> Iterator[None]:
    """Asked once (Ctrl-C, SIGTERM), a job saves its state and stops; asked again, it obeys at once."""
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


def _entry(verb: Verb) -> Callable[..., None]:
    """The job's function. Imported late: these modules load torch, and a typing error should not take seconds."""
    match verb:
        case "generate":
            from sdpo_core.generation import run_generate

            return run_generate
        case "judge":
            from sdpo_core.evaluation.compare import run_judge

            return run_judge
        case "train":
            from sdpo_core.training.job import run_train

            return run_train


def _fail(run: RunFolder, verb: Verb, message: str) -> None:
    said = run.status()
    run.write_status(Status(state="failed", verb=verb, step=said.step, total=said.total, message=message))


@contextlib.contextmanager
def _terminal() -> Iterator[Callable[[Status], None]]:
    """A progress bar where a person looks on; plain lines where a log is written."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _log_line
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=None)
        yield lambda status: bar.update(
            task, completed=status.step, total=status.total or None, description=status.message
        )


def _log_line(status: Status) -> None:
    print(f"[{status.state}] {status.step}/{status.total} {status.message}", file=sys.stderr, flush=True)


def _verdict(workspace: Path, run_id: str) -> int:
    run = RunFolder.open(workspace / "runs" / run_id)
    with Store(workspace) as store:
        found = verdict(store, run)
    print(found.sentence if found else "Not all comparisons are voted on yet; the verdict shows at the end.")
    return 0


def _vote(options: dict[str, Any]) -> int:
    with Store(options["workspace"]) as store:
        if options["pair"] is not None:
            if options["choice"] is None:
                raise ConfigError("A vote needs a choice: left, right, tie, both-bad or skip.")
            if options["choice"] not in CHOICES[store.pair(options["pair"]).purpose]:
                raise ConfigError(f"A blind comparison is left, right or a tie, not {options['choice']}.")
            print(store.vote(str(uuid.uuid4()), options["pair"], options["choice"]).model_dump_json())
            return 0
        purpose = "judge" if options["judge"] else "train"
        for pair in store.open_pairs(purpose=purpose, run_id=options["judge"], limit=options["limit"]):
            images = {side: str(store.image_path(getattr(pair, side))) for side in ("left", "right")}
            print(json.dumps({"pair": pair.id, "prompt": pair.left.prompt, **images}, ensure_ascii=False))
        return 0


def _export(options: dict[str, Any]) -> int:
    target, proof = export_adapter(options["adapter"], options["to"], options["workspace"], options["base"])
    print(f"{target}\n{proof}")
    return 0


def _doctor(options: dict[str, Any]) -> int:
    well = True
    for finding in examine(options["workspace"]):
        print(f"{'ok ' if finding.ok else 'NO '} {finding.sentence}", flush=True)
        well = well and finding.ok
    return 0 if well else 1

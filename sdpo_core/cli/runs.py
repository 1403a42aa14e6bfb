"""`runs`: what ran, what runs, and asking a running job for something. Reads run folders only, as every viewer does."""

import argparse
import contextlib
import difflib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.cli.command import Command
from sdpo_core.cli.output import DONE, Output
from sdpo_core.errors import AdapterError, ConfigError, RunError
from sdpo_core.runs.folder import FINISHED, RunFolder, Signal, Status, list_runs
from sdpo_core.wording import change, signed_percent
from sdpo_core.workspace.store import Store

_ABOUT = "list runs, show one, or ask a running one to stop, save or generate previews"
_EPILOGUE = """examples:
  runs                      the newest runs: state, step, winner error, adapter
  runs show latest          one run with its settings, its checks and the end of its log
  runs stop ID              save what was learned and stop; `train --run FOLDER` resumes it later
  runs save-now ID          a checkpoint after the next step; sample-now: previews"""

_COLUMNS = ("run", "state", "step", "winner error", "last update", "adapter")
_NONE = "No runs yet. Start one with generate, train or judge."
_NAMES_IN_A_MESSAGE = 5
_ASKED: dict[Signal, str] = {
    "stop": "It will save its work and stop at the next safe point.",
    "save-now": "It will save a checkpoint after the next step.",
    "sample-now": "It will generate previews after the next step.",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument("action", nargs="?", default="list", choices=["list", "show", *get_args(Signal)])
    parser.add_argument("run", nargs="?", help="the run's id, or `latest`")
    parser.add_argument("--limit", type=int, default=20, help="how many runs to list (20)")
    parser.add_argument("--log", type=int, default=10, metavar="LINES", help="lines of the log to show (10)")


def call(options: dict[str, Any], out: Output) -> int:
    """Run the verb; raises `ConfigError` for a number out of range, and for an id that is missing or one too many."""
    workspace, action = Path(options["workspace"]), options["action"]
    for name, least in (("limit", 1), ("log", 0)):
        if options[name] < least:
            raise ConfigError(f"--{name} must be at least {least}; got {options[name]}.")
    if action == "list":
        if options["run"]:
            raise ConfigError(f"`runs list` lists all runs; for one, use `runs show {options['run']}`.")
        adapters = _adapters(workspace)
        rows = [_row(run, adapters) for run in list_runs(workspace / "runs")[: options["limit"]]]
        out.table(rows, _COLUMNS, [_cells(row) for row in rows], none=_NONE)
        return DONE
    if not options["run"]:
        raise ConfigError(f"`runs {action}` needs a run's id, or `latest`. Run `runs` to list them.")
    run = find_run(workspace, options["run"])
    if action == "show":
        row = {**_row(run, _adapters(workspace)), **_details(run, options["log"])}
        out.result(row, _described(row))
    else:
        sentence = _ask(run, action)
        out.result({"run": run.id, "asked": action, "sentence": sentence}, sentence)
    return DONE


def find_run(workspace: Path, name: str) -> RunFolder:
    """The run with this id, or the newest for `latest`; raises `RunError` with the nearest. `name` may be hostile."""
    runs = list_runs(workspace / "runs")
    if not runs:
        raise RunError(f"No runs in {workspace} yet. Start one with generate, train or judge.")
    if name == "latest":
        return runs[0]
    by_id = {run.id: run for run in runs}
    if name in by_id:
        return by_id[name]
    near = difflib.get_close_matches(name, by_id, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"The latest are: {', '.join([*by_id][:_NAMES_IN_A_MESSAGE])}."
    raise RunError(f"No run {name}. {hint}")


def _ask(run: RunFolder, signal: Signal) -> str:
    """Drop the signal into the run's folder; raises `RunError` when nobody is there to read it."""
    status = _status(run)
    if status.state in FINISHED:
        ends = "`train --run` resumes it" if _resumable(status.verb, status.state) else "start a new run"
        raise RunError(f"Run {run.id} is {status.state}, so it can't respond; {ends}.")
    if signal != "stop" and status.verb != "train":
        raise RunError(f"Run {run.id} is a {status.verb} run; only a training run takes {signal}.")
    run.signal(signal)
    return f"Asked run {run.id} (process {status.pid}, step {status.step} of {status.total}). {_ASKED[signal]}"


def _row(run: RunFolder, adapters: Mapping[str, str]) -> dict[str, Any]:
    """A run in one line. A folder that can't be read is reported too, instead of hiding the others."""
    row: dict[str, Any] = {"run": run.id, "path": str(run.path), "last_heard": _last_heard(run)}
    try:
        status = _status(run)
    except RunError as error:
        return {**row, "state": "unreadable", "resumable": False, "message": str(error)}
    return {
        **row,
        **status.model_dump(exclude={"pid_started"}),
        "resumable": _resumable(status.verb, status.state),
        "winner_error": _winner_error(run, finished=status.state in FINISHED) if status.verb == "train" else None,
        "adapter": adapters.get(run.id),
    }


def _status(run: RunFolder) -> Status:
    """What the run says, corrected when its process is gone."""
    status = run.status()
    if run.never_started():
        message = "The job ended without a message. See its log."
        return status.model_copy(update={"state": "failed", "message": message})
    return status


def _resumable(verb: str, state: str) -> bool:
    return verb == "train" and state in ("stopped", "failed")


def _last_heard(run: RunFolder) -> str:
    return datetime.fromtimestamp((run.path / "status.json").stat().st_mtime, UTC).isoformat(timespec="seconds")


def _winner_error(run: RunFolder, *, finished: bool) -> float | None:
    """The held-out winner error of the adapter that was kept, or of the newest check while the run continues."""
    if finished and run.adapter_path.is_file():
        with contextlib.suppress(AdapterError):
            facts = read_adapter_info(run.adapter_path).sdpo or {}
            error = facts.get("winner_error")
            return float(error) if isinstance(error, int | float) else None
    checks = _checks(run)
    return checks[-1].get("winner_error") if checks else None


def _checks(run: RunFolder) -> list[dict[str, Any]]:
    try:
        rows, _ = run.read_metrics()
    except RunError:  # damaged curves hide nothing else
        return []
    return [row for row in rows if row.get("kind") == "health"]


def _adapters(workspace: Path) -> dict[str, str]:
    """The newest adapter's name by the run that made it. Makes no workspace where there is none."""
    if not (workspace / "studio.db").is_file():
        return {}
    with Store(workspace) as store:
        return {record.run_id: record.name for record in reversed(store.adapters.all())}


def _cells(row: Mapping[str, Any]) -> list[str]:
    error, when = row.get("winner_error"), datetime.fromisoformat(row["last_heard"]).astimezone()
    return [
        row["run"],
        row["state"] + (" (resumable)" if row["resumable"] else ""),
        f"{row['step']}/{row['total']}" if "step" in row else "",
        "" if error is None else signed_percent(error),
        f"{when:%Y-%m-%d %H:%M}",
        row.get("adapter") or "",
    ]


def _details(run: RunFolder, log_lines: int) -> dict[str, Any]:
    return {
        "settings": run.settings(),
        "checks": _checks(run),
        "checkpoints": [path.name for path in run.checkpoints()],
        "log": run.log_tail(log_lines) if log_lines else "",
    }


def _described(row: Mapping[str, Any]) -> str:
    heading = dict(zip(_COLUMNS, _cells(row), strict=True))
    facts = {**heading, "folder": row["path"], "message": row["message"]}
    lines = [f"{name + ':':14} {value}" for name, value in facts.items() if value]
    lines += ["", "settings:", *(f"  {name} = {json.dumps(value)}" for name, value in row["settings"].items())]
    if row["checks"]:
        lines += ["", "checks (winner error relative to the reference):"]
        lines += [f"  step {c['step']}: {change(c['winner_error'], 2 * c['winner_error_se'])}" for c in row["checks"]]
    if row["log"]:
        lines += ["", "end of the log:", *(f"  {line}" for line in row["log"].splitlines())]
    return "\n".join(lines)


COMMAND = Command("runs", _ABOUT, call, add_arguments, _EPILOGUE)

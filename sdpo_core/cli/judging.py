"""`judge`: blind tests, their verdict, and whether their votes train."""

import argparse
import dataclasses
from pathlib import Path

from sdpo_core.cli import runs
from sdpo_core.cli.command import Options
from sdpo_core.cli.flags import add_settings
from sdpo_core.cli.jobs import job_command, refuse_settings
from sdpo_core.cli.output import DONE, Output
from sdpo_core.errors import RunError
from sdpo_core.judging.verdict import Verdict, verdict
from sdpo_core.settings.judge import JudgeConfig
from sdpo_core.workspace.store import Store

_ABOUT = "start a blind test of an adapter against its base model, or show its verdict"
_EPILOGUE = """examples:
  judge --adapter latest                    20 comparisons on prompts not used for training
  vote --judge RUN                          choose, without knowing which is which
  judge --verdict RUN                       after the last vote
  judge --let-train RUN                     use these votes for training, from the next run"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--verdict", metavar="RUN", help="show the verdict of a blind test instead")
    instead.add_argument(
        "--let-train", metavar="RUN", help="use the votes of a finished blind test for training instead"
    )
    instead.add_argument("--no-longer-train", metavar="RUN", help="stop using them for training")
    add_settings(parser, JudgeConfig)


def _instead(options: Options, out: Output) -> int | None:
    """The verdict, or whether the votes train, if a flag asks for one."""
    flags = ("verdict", "let_train", "no_longer_train")
    asked = next((name for name in flags if options[name]), None)
    if asked is None:
        return None
    refuse_settings(options, asked)
    workspace: Path = options["workspace"].resolve()
    if asked == "verdict":
        return _tell(workspace, options[asked], out)
    return _let_train(workspace, options[asked], out, trains=asked == "let_train")


def _tell(workspace: Path, run_id: str, out: Output) -> int:
    run = runs.find_run(workspace, run_id)
    with Store(workspace) as store:
        found = verdict(store, run)
    if found is None:
        sentence = "Not all comparisons have a vote yet; the verdict is shown at the end."
        out.result({"complete": False, "sentence": sentence}, sentence)
    else:
        negative = [f"Negative prompt of all images: {found.negative}"] if found.negative else []
        out.result(dataclasses.asdict(found), "\n".join([found.sentence, *negative, *_by_prompt(found)]))
    return DONE


def _by_prompt(found: Verdict) -> list[str]:
    """A line per prompt, the adapter's points in front."""
    return [
        f"  {share.wins + share.ties / 2:g} of {share.comparisons}  {share.prompt}"
        for share in sorted(found.by_prompt(), key=lambda share: -share.win_rate)
    ]


def _let_train(workspace: Path, run_id: str, out: Output, *, trains: bool) -> int:
    run = runs.find_run(workspace, run_id)
    with Store(workspace) as store:
        if trains and verdict(store, run) is None:
            raise RunError(f"Run {run.id} has no verdict yet. Vote on all its comparisons first.")
        pairs = store.judged.let_train(run.id, trains=trains)
    told = f"The votes on {pairs} blind comparisons will be used for training; blind tests will skip their prompts."
    sentence = told if trains else f"The votes on {pairs} blind comparisons are no longer used for training."
    out.result({"run": run.id, "pairs": pairs, "trains": trains}, sentence)
    return DONE


COMMAND = job_command(
    "judge",
    _ABOUT,
    function=lambda _: "sdpo_core.judging.comparison:run_judge",
    add_arguments=add_arguments,
    instead=_instead,
    epilogue=_EPILOGUE,
)

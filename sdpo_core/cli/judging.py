"""What `judge` tells and does besides making pairs, and the words about `judge` and `grid`."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from sdpo_core.cli import runs
from sdpo_core.cli.flags import any_given
from sdpo_core.cli.output import DONE, Output
from sdpo_core.errors import ConfigError, RunError
from sdpo_core.judging.grid_plan import pick
from sdpo_core.judging.verdict import Verdict, verdict
from sdpo_core.workspace.store import Store

ABOUT = "start a blind test of an adapter against its base model, or show its verdict"
EPILOGUE = """examples:
  judge --adapter latest                    20 comparisons on prompts not used for training
  vote --judge RUN                          choose, without knowing which is which
  judge --verdict RUN                       after the last vote
  judge --let-train RUN                     use these votes for training, from the next run"""
GRID_ABOUT = "generate one prompt at several adapter strengths and training steps"
GRID_EPILOGUE = """examples:
  grid --adapter latest                                       strengths 0 to 1.5, one image each
  grid --adapter latest --checkpoints 50 100 150              a row per checkpoint
  grid --adapter latest --prompt "a lake" --strengths 0 .5 1
  grid --pick RUN 2 3                                         recommend the image in row 2, column 3

The images are in the run's folder, as grid/ROW-COLUMN.png; grid.json next to that folder lists them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--verdict", metavar="RUN", help="show the verdict of a blind test instead")
    instead.add_argument(
        "--let-train", metavar="RUN", help="use the votes of a finished blind test for training instead"
    )
    instead.add_argument("--no-longer-train", metavar="RUN", help="stop using them for training")


def add_grid_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument(
        "--pick",
        nargs=3,
        metavar=("RUN", "ROW", "COLUMN"),
        help="recommend the checkpoint and strength of an image instead; both count from 0",
    )


def other_than_making(options: dict[str, Any], workspace: Path, out: Output) -> int | None:
    """Do what was asked for instead of making images; None when nothing was. Raises `ConfigError` for settings too."""
    asked = next((name for name in ("pick", "verdict", "let_train", "no_longer_train") if options.get(name)), None)
    if asked and (options["run"] or any_given(options)):
        raise ConfigError(f"--{asked.replace('_', '-')} generates nothing, so it takes no settings and no --run.")
    if options.get("pick"):
        return _pick(workspace, options["pick"], out)
    if options.get("verdict"):
        return _tell(workspace, options["verdict"], out)
    for flag, trains in (("let_train", True), ("no_longer_train", False)):
        if options.get(flag):
            return _let_train(workspace, options[flag], out, trains=trains)
    return None


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
        pairs = store.train_on_blind_test(run.id, trains=trains)
    told = f"The votes on {pairs} blind comparisons will be used for training; blind tests will skip their prompts."
    sentence = told if trains else f"The votes on {pairs} blind comparisons are no longer used for training."
    out.result({"run": run.id, "pairs": pairs, "trains": trains}, sentence)
    return DONE


def _pick(workspace: Path, words: list[str], out: Output) -> int:
    name, *place = words
    if not all(word.isdecimal() for word in place):
        raise ConfigError("Row and column must be whole numbers, counted from 0 as in the image names.")
    run = runs.find_run(workspace, name)
    with Store(workspace) as store:
        record = pick(store, run, int(place[0]), int(place[1]))
    sentence = f"{record.name}: recommended strength is now {record.strength:g}."
    out.result(record.model_dump(mode="json"), sentence)
    return DONE

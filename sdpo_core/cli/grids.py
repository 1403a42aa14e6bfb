"""`grid`: one prompt over strengths and checkpoints, and choosing the image that is best."""

import argparse

from sdpo_core.cli import runs
from sdpo_core.cli.command import Options
from sdpo_core.cli.flags import add_settings
from sdpo_core.cli.jobs import job_command, refuse_settings
from sdpo_core.cli.output import DONE, Output
from sdpo_core.errors import ConfigError
from sdpo_core.judging.grid_plan import pick
from sdpo_core.settings.judge import GridConfig
from sdpo_core.workspace.store import Store

_ABOUT = "generate one prompt at several adapter strengths and training steps"
_EPILOGUE = """examples:
  grid --adapter latest                                       strengths 0 to 1.5, one image each
  grid --adapter latest --checkpoints 50 100 150              a row per checkpoint
  grid --adapter latest --prompt "a lake" --strengths 0 .5 1
  grid --pick RUN 2 3                                         recommend the image in row 2, column 3

The images are in the run's folder, as grid/ROW-COLUMN.png; grid.json next to that folder lists them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument(
        "--pick",
        nargs=3,
        metavar=("RUN", "ROW", "COLUMN"),
        help="recommend the checkpoint and strength of an image instead; both count from 0",
    )
    add_settings(parser, GridConfig)


def _pick(options: Options, out: Output) -> int | None:
    """With --pick: recommend the checkpoint and strength of an image."""
    if not options["pick"]:
        return None
    refuse_settings(options, "pick")
    workspace = options["workspace"].resolve()
    name, *place = options["pick"]
    if not all(word.isdecimal() for word in place):
        raise ConfigError("Row and column must be whole numbers, counted from 0 as in the image names.")
    run = runs.find_run(workspace, name)
    with Store(workspace) as store:
        record = pick(store, run, int(place[0]), int(place[1]))
    sentence = f"{record.name}: recommended strength is now {record.strength:g}."
    out.result(record.model_dump(mode="json"), sentence)
    return DONE


COMMAND = job_command(
    "grid",
    _ABOUT,
    function=lambda _: "sdpo_core.judging.grid:run_grid",
    add_arguments=add_arguments,
    instead=_pick,
    epilogue=_EPILOGUE,
)

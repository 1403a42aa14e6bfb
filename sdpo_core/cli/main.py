"""The command line: every verb the studio's jobs run, for people and scripts too.

Exit codes are in `cli.output`, docs in docs/cli.md.
"""

import argparse
import difflib
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from sdpo_core import __version__
from sdpo_core.cli import (
    adapter,
    doctor,
    download,
    exports,
    generating,
    grids,
    imports,
    install_comfy,
    judging,
    models,
    runs,
    training,
    vote,
)
from sdpo_core.cli.command import Command
from sdpo_core.cli.output import DONE, EXIT_CODES, STOPPED, Output
from sdpo_core.errors import ConfigError, SdpoError
from sdpo_core.paths import repository_root

COMMANDS: tuple[Command, ...] = (
    download.COMMAND,
    generating.COMMAND,
    imports.COMMAND,
    training.MEASURE,
    training.TRAIN,
    judging.COMMAND,
    grids.COMMAND,
    models.COMMAND,
    vote.COMMAND,
    exports.COMMAND,
    adapter.COMMAND,
    runs.COMMAND,
    install_comfy.COMMAND,
    doctor.COMMAND,
)
"""Every verb, in the order of `--help`."""


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
    for command in COMMANDS:
        command.add_arguments(_verb(verbs, command))
    return parser


def _verb(verbs: Any, command: Command) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(
        command.name,
        help=command.about,
        description=f"{command.about[0].upper()}{command.about[1:]}.",
        epilog="\n\n".join(part for part in (command.epilogue, EXIT_CODES) if part),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    default = Path(os.environ.get("SDPO_WORKSPACE") or repository_root() / "workspace")
    parser.add_argument("--workspace", type=Path, default=default, help=f"the studio's data folder ({default.name}/)")
    parser.add_argument("--json", action="store_true", help="print results and errors as JSON, one object per line")
    parser.set_defaults(call=command.call)
    return parser

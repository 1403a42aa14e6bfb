"""What a verb of the command line is. One file per verb ends in its `COMMAND`; `main.COMMANDS` lists them."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sdpo_core.cli.output import Output

Options = dict[str, Any]
"""What a person gave, by name; `workspace` is always among it."""


def no_arguments(_: argparse.ArgumentParser) -> None:
    """For a verb that takes nothing but a workspace."""


@dataclass(frozen=True)
class Command:
    """A verb: its texts, its arguments and what it does."""

    name: str
    about: str  # one line in the list of verbs, beginning in lower case
    call: Callable[[Options, Output], int]  # returns the exit code; raises `SdpoError`
    add_arguments: Callable[[argparse.ArgumentParser], None] = no_arguments
    epilogue: str = ""  # after the arguments in `--help`

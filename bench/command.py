"""What the benches' command lines share: asking for cells, and running the missing ones."""

import argparse
from collections.abc import Callable, Sequence
from typing import TypeVar

from bench.cells import (
    QUICK_FLAGS,
    QUICK_VOTES,
    Case,
    Cell,
    Results,
    Session,
    add_arguments,
    chosen,
    make_quick,
    run_missing,
)
from bench.journey import Workbench, tuning_bench
from sdpo_core.errors import SdpoError

_Case = TypeVar("_Case", bound=Case)


def command(about: str, *, tastes: Sequence[str], seeds: Sequence[int]) -> argparse.ArgumentParser:
    """A parser with the arguments of all benches, and `--quick`."""
    parser = argparse.ArgumentParser(description=about)
    add_arguments(parser, tastes=tastes, seeds=seeds)
    parser.add_argument("--quick", action="store_true", help="tiny cells, to see that everything works")
    return parser


def asked(
    parser: argparse.ArgumentParser,
    options: argparse.Namespace,
    flags: Sequence[str] = (),
    *,
    quick_votes: Sequence[int] = (QUICK_VOTES,),
) -> list[Case]:
    """The cases that `options` ask for. Invalid ones end the command with a message, reserved people included."""
    if options.reserved:
        parser.error("Reserved cells aren't for choosing settings: --reserved is only for bench.outcome.")
    if options.quick:
        make_quick(options, quick_votes)
    try:
        return chosen(options, (*(QUICK_FLAGS if options.quick else ()), *flags))
    except SdpoError as error:
        parser.error(str(error))


def fill(
    results: Results,
    cases: Sequence[_Case],
    options: argparse.Namespace,
    run: Callable[[Workbench, _Case], Cell],
    *,
    prompts: int | None = None,
) -> None:
    """Run what is missing on the tuning questions (the first `prompts` of them), unless tables are only rendered."""
    if options.render:
        return
    with tuning_bench(quick=options.quick, prompts=prompts) as bench:
        session = Session(options.hours, again=options.again)
        run_missing(cases, results, bench.model_sha256, lambda case: run(bench, case), session)

"""Cells of a bench: what names one, the file that keeps them, and the loop that runs those that are missing.

A bench is a list of cases and a function that runs one. Each finished cell is saved immediately, an existing cell isn't
run again, and `--hours` ends a session between two cells, so any bench may be stopped and restarted.
"""

import argparse
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from filelock import FileLock

from bench.machine import describe_machine
from bench.questions import RESERVED_SEED
from bench.simulated_user import TASTES
from sdpo_core.atomic import write_bytes
from sdpo_core.errors import ConfigError, RunError

METHOD = 2
"""Part of every cell's key. Raise it when a cell run now can't be compared with the existing ones: the votes, the
questions, the sampling, a measure or what `train` does by default has changed. Leave it when code was only moved, made
faster or reworded. `--again` runs single cells again."""

BENCH = Path(__file__).resolve().parent
CACHE = BENCH / ".cache"
VOTES, GUIDANCE = 60, 3.0
QUICK_VOTES, QUICK_FLAGS = 12, ("--steps", "10")
_FORMAT = 2
_S_PER_HOUR = 3600.0

Cell = dict[str, Any]
"""`case` (its key), and its results."""


@dataclass(frozen=True)
class Case:
    """One simulated person, how much they vote, how `train` is called, and how the result is measured.

    A bench that varies something else derives a class with fields for it: they become part of the key.
    """

    taste: str
    seed: int
    votes: int = VOTES
    guidance: float = GUIDANCE  # at which base and adapter are compared; pairs always use the model's own
    flags: tuple[str, ...] = ()  # of `train`; empty: default settings

    def key(self, model: str) -> dict[str, Any]:
        """What names the cell of this case in a results file; `model` is the base's SHA-256."""
        own = {**vars(self), "flags": list(self.flags)}
        return {"model": model, "method": METHOD, **own}

    def title(self) -> str:
        """For a person who watches."""
        flags = f", {' '.join(self.flags)}" if self.flags else ""
        return f"{self.taste}, seed {self.seed}, {self.votes} votes, guidance {self.guidance:g}{flags}"


_Case = TypeVar("_Case", bound=Case)


def digest(key: Any) -> str:
    """A short name for files in the cache."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Results:
    """The cells in a JSON file. Other processes may add to it meanwhile."""

    path: Path

    def cells(self) -> list[Cell]:
        """All of them, oldest first; empty if there is no file, or one from before this format."""
        if not self.path.is_file():
            return []
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise RunError(
                f"{self.path} isn't JSON ({error}). Restore it, or move it elsewhere to start again."
            ) from error
        return content["cells"] if content.get("format") == _FORMAT else []

    def find(self, key: dict[str, Any]) -> Cell | None:
        """The cell with this key."""
        return next((cell for cell in self.cells() if cell["case"] == key), None)

    def current(self) -> list[Cell]:
        """Those with the same model and method as the newest: what one table may hold."""
        cells = self.cells()
        return [cell for cell in cells if _comparable(cell, cells[-1])]

    def keep(self, cell: Cell) -> None:
        """Add a cell, replacing an earlier one with the same key."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_name(f".{self.path.name}.lock")):
            cells = [old for old in self.cells() if old["case"] != cell["case"]] + [cell]
            write_bytes(self.path, _written(cells).encode())


def _comparable(one: Cell, other: Cell) -> bool:
    return all(one["case"][name] == other["case"][name] for name in ("model", "method"))


def _written(cells: Sequence[Cell]) -> str:
    """JSON with one line per field of a cell, so that diffs are readable."""

    def line(name: str, value: Any) -> str:
        return f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}"

    blocks = ["{\n" + ",\n".join(line(name, value) for name, value in cell.items()) + "\n}" for cell in cells]
    return f'{{"format": {_FORMAT}, "cells": [\n' + ",\n".join(blocks) + "\n]}\n"


@dataclass(frozen=True)
class Session:
    """How to run a bench."""

    hours: float | None = None  # no cell is started after that; None: run all
    again: bool = False  # also existing cells
    began: float = field(default_factory=time.monotonic)

    def is_over(self) -> bool:
        """Whether no further cell may start."""
        return self.hours is not None and time.monotonic() - self.began >= self.hours * _S_PER_HOUR


def run_missing(
    cases: Iterable[_Case], results: Results, model: str, run: Callable[[_Case], Cell], session: Session
) -> list[_Case]:
    """Run and keep every case without a cell; returns those left over when the time was up."""
    left: list[_Case] = []
    for case in cases:
        key = case.key(model)
        if not session.again and results.find(key):
            continue
        if session.is_over():
            left.append(case)
            continue
        print(f"{case.title()}…", flush=True)
        results.keep({"case": key, **run(case), "machine": describe_machine()})
    if left:
        print(f"The time is up; {len(left)} cells are left. The same command continues with {left[0].title()}.")
    return left


def add_arguments(parser: argparse.ArgumentParser, *, tastes: Sequence[str], seeds: Sequence[int]) -> None:
    """The arguments that the benches share, with these defaults (with --reserved, the reserved ones are added)."""
    parser.add_argument("--tastes", nargs="+", choices=sorted(TASTES), metavar="TASTE", help=", ".join(TASTES))
    parser.add_argument("--seeds", nargs="+", type=int, metavar="N", help="each has its own pairs and votes")
    parser.add_argument("--votes", nargs="+", type=int, default=[VOTES], metavar="N", help="votes before training")
    parser.add_argument(
        "--guidance", nargs="+", type=float, default=[GUIDANCE], metavar="S", help="at which base and adapter compete"
    )
    parser.add_argument("--hours", type=float, metavar="H", help="start no further cell after H hours")
    parser.add_argument("--again", action="store_true", help="run existing cells again")
    parser.add_argument("--render", action="store_true", help="only rewrite the tables from the results")
    parser.add_argument("--reserved", action="store_true", help="allow the reserved tastes and seed, and add them")
    parser.set_defaults(open_tastes=tuple(tastes), open_seeds=tuple(seeds))


def make_quick(options: argparse.Namespace, votes: Sequence[int] = (QUICK_VOTES,)) -> None:
    """Ask for tiny cells: few votes, and one taste and one seed unless named."""
    options.votes = list(votes)
    options.tastes = options.tastes or [options.open_tastes[0]]
    options.seeds = options.seeds or [options.open_seeds[0]]


def chosen(options: argparse.Namespace, flags: Sequence[str] = ()) -> list[Case]:
    """The cases that a person asked for, those that share an adapter one after another.

    Raises `ConfigError` for a reserved taste or seed without --reserved, and for running one again.
    """
    extra = options.reserved
    reserved_tastes = [name for name, taste in TASTES.items() if taste.reserved]
    tastes = options.tastes or [*options.open_tastes, *(reserved_tastes if extra else [])]
    seeds = options.seeds if options.seeds is not None else [*options.open_seeds, *([RESERVED_SEED] if extra else [])]
    refuse_reserved(tastes, seeds, allowed=extra, again=options.again)
    asked = [
        Case(taste, seed, votes, guidance, tuple(flags))
        for votes in options.votes
        for seed in seeds
        for taste in tastes
        for guidance in options.guidance
    ]
    return list(dict.fromkeys(asked))


def refuse_reserved(tastes: Sequence[str], seeds: Sequence[int], *, allowed: bool, again: bool = False) -> None:
    """Raise `ConfigError` for reserved tastes and seeds that aren't allowed, or that would be run again."""
    named = [f"taste {name}" for name in tastes if TASTES[name].reserved]
    named += [f"seed {seed}" for seed in seeds if seed == RESERVED_SEED]
    if not named:
        return
    if not allowed:
        raise ConfigError(
            f"Reserved: {', '.join(named)}. Reserved cells are run once, after the defaults are frozen: they show how "
            "the defaults do on people they weren't chosen for, which stops working as soon as somebody sees the "
            "results and keeps choosing. If the defaults are frozen, add --reserved."
        )
    if again:
        raise ConfigError(f"Reserved: {', '.join(named)}. Reserved cells are run once, so not with --again.")


def in_groups(cells: Iterable[Cell], *names: str) -> dict[tuple[Any, ...], list[Cell]]:
    """Cells grouped by their cases' values of `names`, in the order of each group's first cell, sorted by seed."""
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        place = tuple(_hashable(cell["case"][name]) for name in names)
        groups.setdefault(place, []).append(cell)
    return {place: sorted(group, key=lambda cell: cell["case"]["seed"]) for place, group in groups.items()}


def in_common(ours: Sequence[Cell], theirs: Sequence[Cell]) -> list[tuple[Cell, Cell]]:
    """Our cell and theirs for each taste and seed that both have; each side has one of each."""
    known = {(one["case"]["taste"], one["case"]["seed"]): one for one in theirs}
    return [(one, known[person]) for one in ours if (person := (one["case"]["taste"], one["case"]["seed"])) in known]


def _hashable(value: Any) -> Any:
    return tuple(cast(list[Any], value)) if isinstance(value, list) else value


def machines(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """The machines that cells were run on, those with most cells first; the date is each one's latest."""
    by_machine = Counter(json.dumps({**cell["machine"], "date": ""}, sort_keys=True) for cell in cells)
    last = {json.dumps({**cell["machine"], "date": ""}, sort_keys=True): cell["machine"] for cell in cells}
    return [last[name] for name, _ in by_machine.most_common()]

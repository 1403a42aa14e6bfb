"""What another setting would do, asked on questions that aren't the judge's: defaults are chosen here, and only here.

A cell is one taste, one seed and one set of flags for `train`, measured as in `bench.outcome`, but on prompts, seeds
and fresh pairs that the outcome bench never sees, and by default on people with other seeds.

    python -m bench.tuning [--tastes warm busy] [--seeds 10 11] [--hours H] [-- --learning-rate 1e-3]
    python -m bench.tuning --at-error 0.015 [-- --steps 276]

To compare each image's own noise with fresh noise, for instance: once with `-- --noise own`, and once without flags.
With `--at-error` the adapter isn't used at the strength that the run chose, but at the largest one at which the fresh
pairs have this winner error: so settings are compared by what they gain at the same cost.
"""

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.cells import BENCH, CACHE, Case, Cell, Results, machines
from bench.command import asked, command, fill
from bench.journey import Workbench
from bench.machine import sentence
from bench.measures import Readings, relative_error
from bench.simulated_user import TASTES
from bench.tables import LEGEND, head, measures_of, pooled, row, write_table

RESULTS = BENCH / "results" / "tuning.json"
QUICK_RESULTS = CACHE / "tuning-quick.json"
OPEN_TASTES, OPEN_SEEDS = ("warm", "busy"), (10, 11)
STRENGTHS = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8)
"""Where the winner error is measured for `--at-error`; between two it is taken as quadratic in the strength."""


@dataclass(frozen=True)
class AtError(Case):
    """A case whose adapter is measured where it costs a certain winner error."""

    at_error: float = 0.0

    def title(self) -> str:
        """For a person who watches."""
        return f"{super().title()}, at a winner error of {self.at_error:.1%}"


def strength_at(errors: Sequence[float], wanted: float) -> float:
    """The largest of `STRENGTHS`, or between two of them, up to which the error stays within `wanted`.

    `errors` are those at `STRENGTHS`. Below the weakest, the error is quadratic in the strength, from 0.
    """
    weaker, error = 0.0, 0.0
    for strength, here in zip(STRENGTHS, errors, strict=True):
        if here > wanted:
            way = (wanted - error) / (here - error)
            return float((weaker**2 + way * (strength**2 - weaker**2)) ** 0.5)
        weaker, error = strength, here
    return weaker


def run_trial(bench: Workbench, case: Case) -> Cell:
    """A cell, at the strength that the run chose or where the case wants it."""
    if not isinstance(case, AtError):
        return bench.run(case)
    taste = TASTES[case.taste]
    trained = bench.trained(replace(case, flags=("--final-strength", "trained", *case.flags)))
    errors = [relative_error(*one)[0] for one in bench.errors(taste, case.seed, trained.adapter, STRENGTHS)]
    strength = strength_at(errors, case.at_error)
    found = bench.cell(case, trained, strength=strength)
    rounded = {"errors": [[s, float(f"{e:.4g}")] for s, e in zip(STRENGTHS, errors, strict=True)]}
    return {**found, "training": {**found["training"], "strength": round(strength, 4)}, **rounded}


def table(cells: Sequence[Cell]) -> str:
    """The cells as Markdown: by flags, taste by taste over all seeds, then one by one."""
    prompts, seeds = Readings.parse(cells[0]["readings"]).before.shape
    lines = [
        "# Trials of settings",
        "",
        f"Made by `python -m bench.tuning`, on {prompts} prompts at {seeds} seeds each that the outcome bench never",
        "asks; in brackets 95 % intervals. “At 1.5 %” means: at the strength at which the fresh pairs have that winner",
        "error, instead of the one that the run chose.",
        "",
        *LEGEND,
        "",
        *head("flags", "taste", "seeds"),
    ]
    ordered: list[Cell] = []
    groups: dict[tuple[tuple[str, ...], str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((tuple(cell["case"]["flags"]), _group(cell), cell["case"]["taste"]), []).append(cell)
    for (_, title, taste), group in sorted(groups.items()):
        group.sort(key=lambda cell: cell["case"]["seed"])
        numbers = ", ".join(str(cell["case"]["seed"]) for cell in group)
        lines.append(row(title, f"**{taste}**", numbers, measures=pooled(group)))
        ordered += group
    lines += ["", *head("flags", "taste", "seed", after=("steps (kept)", "strength"))]
    for cell in ordered:
        case, facts = cell["case"], cell["training"]
        after = (f"{facts['steps']} ({facts['chosen_step']})", f"{facts.get('strength', 1):.2f}")
        lines.append(row(_group(cell), case["taste"], str(case["seed"]), measures=measures_of(cell), after=after))
    where = "; ".join(map(sentence, machines(cells)))
    return "\n".join([*lines, "", f"Machine: {where}."]) + "\n"


def _group(cell: Cell) -> str:
    """The title of a cell's group."""
    case = cell["case"]
    at = f", at {case['at_error']:.1%}" if "at_error" in case else ""
    return f"`{' '.join(case['flags']) or 'defaults'}`, {case['votes']} votes, guidance {case['guidance']:g}{at}"


def _cases(options: Namespace, cases: Sequence[Case]) -> list[Case]:
    if options.at_error is None:
        return [*cases]
    return [AtError(**vars(case), at_error=options.at_error) for case in cases]


def main(arguments: Sequence[str]) -> None:
    """Run the requested cells that are missing, then write the table."""
    split = arguments.index("--") if "--" in arguments else len(arguments)
    about = "What another setting would do. Flags for `train` follow after --."
    parser = command(about, tastes=OPEN_TASTES, seeds=OPEN_SEEDS)
    parser.add_argument(
        "--at-error", type=float, metavar="SHARE", help="compare at this winner error (.015 = 1.5 %%), by strength"
    )
    options = parser.parse_args(arguments[:split])
    results = Results(QUICK_RESULTS if options.quick else RESULTS)
    cases = asked(parser, options, arguments[split + 1 :])
    fill(results, _cases(options, cases), options, run_trial)
    write_table(results, table)


if __name__ == "__main__":
    main(sys.argv[1:])

"""What another setting would do, asked on questions that are not the judge's: defaults are chosen here, and only here.

A cell is one taste, one seed and one set of flags for `train`, measured as `bench.outcome` does it, but on prompts,
seeds and fresh pairs that the outcome bench never sees, and by default on people of other seeds.

    python -m bench.tuning [--tastes warm busy] [--seeds 10 11] [--hours H] [-- --learning-rate 1e-3]

Each image's own noise, for instance, against fresh noise: once `-- --noise own`, and once without flags.
"""

import sys
from collections.abc import Sequence

from bench.cells import BENCH, CACHE, Cell, Results, in_groups, machines
from bench.command import asked, command, fill
from bench.journey import Workbench
from bench.machine import sentence
from bench.measures import Readings
from bench.tables import LEGEND, head, measures_of, pooled, row, write_table

RESULTS = BENCH / "results" / "tuning.json"
QUICK_RESULTS = CACHE / "tuning-quick.json"
OPEN_TASTES, OPEN_SEEDS = ("warm", "busy"), (10, 11)


def table(cells: Sequence[Cell]) -> str:
    """The cells as Markdown: by flags, taste by taste over all seeds, then one by one."""
    prompts, seeds = Readings.parse(cells[0]["readings"]).before.shape
    lines = [
        "# Trials of settings",
        "",
        f"Made by `python -m bench.tuning`, on {prompts} prompts at {seeds} seeds each that the outcome bench never",
        "asks; in brackets 95 % intervals.",
        "",
        *LEGEND,
        "",
        *head("flags", "taste", "seeds"),
    ]
    ordered: list[Cell] = []
    for (flags, _, votes, guidance), group in sorted(in_groups(cells, "flags", "taste", "votes", "guidance").items()):
        told = f"`{' '.join(flags) or 'defaults'}`, {votes} votes, guidance {guidance:g}"
        numbers = ", ".join(str(cell["case"]["seed"]) for cell in group)
        lines.append(row(told, f"**{group[0]['case']['taste']}**", numbers, measures=pooled(group)))
        ordered += group
    lines += ["", *head("flags", "taste", "seed", after=("steps (kept)",))]
    for cell in ordered:
        case, facts = cell["case"], cell["training"]
        told = f"`{' '.join(case['flags']) or 'defaults'}`, {case['votes']} votes, guidance {case['guidance']:g}"
        steps = f"{facts['steps']} ({facts['chosen_step']})"
        lines.append(row(told, case["taste"], str(case["seed"]), measures=measures_of(cell), after=(steps,)))
    where = "; ".join(map(sentence, machines(cells)))
    return "\n".join([*lines, "", f"Machine: {where}."]) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Run the cells that are asked for and not there yet, then write the table."""
    split = arguments.index("--") if "--" in arguments else len(arguments)
    about = "What another setting would do. Flags for `train` follow after --."
    parser = command(about, tastes=OPEN_TASTES, seeds=OPEN_SEEDS)
    options = parser.parse_args(arguments[:split])
    results = Results(QUICK_RESULTS if options.quick else RESULTS)
    fill(results, asked(parser, options, arguments[split + 1 :]), options, Workbench.run)
    write_table(results, table)


if __name__ == "__main__":
    main(sys.argv[1:])

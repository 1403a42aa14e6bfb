"""What another setting would do, asked on questions that are not the judge's: defaults are chosen here, and only here.

A cell is one taste, one seed and one set of flags for `train`, measured as `bench.outcome` does it, but on prompts,
seeds and fresh pairs that the outcome bench never sees, and by default on people of other seeds.

    python -m bench.tuning [--tastes warm busy] [--seeds 10 11] [--hours H] [-- --learning-rate 1e-3]

Each image's own noise, for instance, against fresh noise: once `-- --noise own`, and once without flags.
"""

import argparse
import sys
from collections.abc import Sequence

from bench.cells import (
    BENCH,
    CACHE,
    QUICK_FLAGS,
    Cell,
    Results,
    Session,
    add_arguments,
    chosen,
    in_groups,
    machines,
    make_quick,
    run_missing,
)
from bench.journey import tuning_bench
from bench.machine import sentence
from bench.measures import Readings
from bench.tables import LEGEND, head, measures_of, pooled, row, write_table
from sdpo_core.errors import SdpoError

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
    parser = argparse.ArgumentParser(description="What another setting would do. Flags for `train` follow after --.")
    add_arguments(parser, tastes=OPEN_TASTES, seeds=OPEN_SEEDS)
    parser.add_argument("--quick", action="store_true", help="tiny cells, to see that everything works")
    options = parser.parse_args(arguments[:split])
    try:
        if options.reserved:
            parser.error("Settings are never chosen on what is reserved: --reserved is for the other benches.")
        if options.quick:
            make_quick(options)
        cases = chosen(options, (*(QUICK_FLAGS if options.quick else ()), *arguments[split + 1 :]))
    except SdpoError as error:
        parser.error(str(error))
    results = Results(QUICK_RESULTS if options.quick else RESULTS)
    if not options.render:
        with tuning_bench(quick=options.quick) as bench:
            run_missing(cases, results, bench.model_sha256, bench.run, Session(options.hours, again=options.again))
    write_table(results, table)


if __name__ == "__main__":
    main(sys.argv[1:])

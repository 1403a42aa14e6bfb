"""Does training on votes make images that the voter likes better? A simulated person votes, and rates the result.

One cell is one taste, one seed and a number of votes: pairs from the demo model, all voted on, training with default
settings, and base against adapter on questions that nothing was trained or tuned on. Everything goes through the
command line, like a person's run; the exported file is used as any other tool would use it, a plain LoRA at strength 1.

    python -m bench.outcome [--tastes warm …] [--seeds 0 1] [--votes 60 20] [--guidance 3 1] [--hours H] [--reserved]
    python -m bench.outcome --render [--sheets]

A cell that is in the results file isn't run again, so an interrupted bench can continue (`cells.py`).
"""

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image

from bench.cells import (
    BENCH,
    CACHE,
    Case,
    Cell,
    Results,
    Session,
    chosen,
    in_groups,
    machines,
    run_missing,
)
from bench.command import command
from bench.journey import Workbench, sheet_path
from bench.machine import sentence
from bench.measures import Readings
from bench.questions import fresh_pairs, judge_questions
from bench.simulated_user import TASTES
from bench.tables import LEGEND, head, limits, measures_of, pooled, row, worst, write_table
from bench.winner_error import DRAWS_PER_PAIR
from sdpo_core.atomic import write_bytes
from sdpo_core.errors import SdpoError
from sdpo_core.paths import repository_root

RESULTS = BENCH / "results" / "outcome.json"
QUICK_RESULTS = CACHE / "outcome-quick.json"
SHEETS = repository_root() / "docs" / "figures" / "tastes"
OPEN_TASTES = tuple(name for name, taste in TASTES.items() if not taste.reserved)
OPEN_SEEDS = (0, 1)
QUICK_VOTES, QUICK_PROMPTS, QUICK_DRAWS, QUICK_FLAGS = 12, 4, 2, ("--steps", "10")
_WEBP_QUALITY = 82


def table(cells: Sequence[Cell]) -> str:
    """The results as Markdown."""
    first = Readings.parse(cells[0]["readings"])
    (prompts, seeds), fresh = first.before.shape, len(first.error_rise)
    lines = [
        "# Taste recovery by simulated people",
        "",
        "Made by `python -m bench.outcome`: default settings, the exported file as a plain LoRA at strength 1,",
        f"{prompts} unseen prompts at {seeds} seeds each, {fresh} fresh pairs; in brackets 95 % intervals.",
        "",
        *LEGEND,
        "- **Predicted**: the shift that the taste model expected on the run's own prompts, which chose the strength.",
    ]
    for (votes, guidance), group in in_groups(cells, "votes", "guidance").items():
        lines += ["", f"## {votes} votes, guidance {guidance:g}", "", *_section(group)]
    where = "; ".join(map(sentence, machines(cells)))
    return "\n".join([*lines, "", f"Machine: {where}."]) + "\n"


def _section(cells: Sequence[Cell]) -> Iterator[str]:
    """The cells of one number of votes and one guidance: together by taste, then one by one."""
    by_taste = in_groups(cells, "taste")
    tastes = [name for name in TASTES if (name,) in by_taste]
    yield from head("taste", "seeds")
    for name in tastes:
        group = by_taste[name,]
        seeds = ", ".join(str(cell["case"]["seed"]) for cell in group)
        yield row(f"**{_title(name)}**", seeds, measures=pooled(group))
    yield from ("", *head("taste", "seed", after=("steps (kept)", "predicted", "training")))
    ordered = [cell for name in tastes for cell in by_taste[name,]]
    for cell in ordered:
        case, facts = cell["case"], cell["training"]
        steps = f"{facts['steps']} ({facts['chosen_step']})"
        shift = facts.get("predicted_shift")  # None where the taste isn't known, or in cells from before it was kept
        told = f"{shift:+.2f} σ" if shift is not None else "–"
        took = f"{facts['train_s']:.0f} s ({facts['train_cpu_s']:.0f} s of CPU)"
        yield row(_title(case["taste"]), str(case["seed"]), measures=measures_of(cell), after=(steps, told, took))
    yield from ("", worst(ordered), "", limits(ordered))


def _title(taste: str) -> str:
    return f"{taste} (reserved)" if TASTES[taste].reserved else taste


def write_sheets(cells: Sequence[Cell], cache: Path, folder: Path) -> list[Path]:
    """A picture of each taste, base above and adapter below, from its cell with most votes and the lowest seed.

    The images are those that the cells left in the cache; a taste whose cells were run elsewhere is left out.
    """
    written: list[Path] = []
    for (taste,), group in in_groups(cells, "taste").items():
        ordered = sorted(
            group, key=lambda cell: (-cell["case"]["votes"], -cell["case"]["guidance"], cell["case"]["seed"])
        )
        found = next((path for cell in ordered if (path := sheet_path(cell["case"], cache)).is_file()), None)
        if found is None:
            print(f"There are no images of {taste} in {cache}. Run one of its cells again (--again) to get its sheet.")
            continue
        picture = BytesIO()
        with Image.open(found) as sheet:
            sheet.save(picture, "WEBP", quality=_WEBP_QUALITY, method=6)
        written.append(folder / f"{taste}.webp")
        write_bytes(written[-1], picture.getvalue())
    return written


def write(results: Results) -> None:
    """Write the table from the results, if there are any."""
    if cells := write_table(results, table):
        older = len(results.cells()) - len(cells)
        print(f"{len(cells)} cells in the table" + (f"; {older} of other models or methods are not." if older else "."))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the requested cells that are missing, then write the table."""
    about = "Does training on votes make images that the voter likes better?"
    parser = command(about, tastes=OPEN_TASTES, seeds=OPEN_SEEDS)
    parser.add_argument(
        "--sheets", action="store_true", help="also write docs/figures/tastes, from images in the cache"
    )
    options = parser.parse_args(arguments)
    try:
        if options.quick:
            options.votes = [QUICK_VOTES]
        cases = chosen(options, QUICK_FLAGS if options.quick else ())
    except SdpoError as error:
        parser.error(str(error))
    results = Results(QUICK_RESULTS if options.quick else RESULTS)
    if not options.render:
        run(cases, results, Session(options.hours, again=options.again), quick=options.quick)
    write(results)
    if options.sheets:
        write_sheets(results.current(), CACHE, SHEETS)


def run(cases: Sequence[Case], results: Results, session: Session, *, quick: bool) -> None:
    """Run what is missing, at full size or a tiny one."""
    questions, fresh, draws = judge_questions(), fresh_pairs("judging"), DRAWS_PER_PAIR
    if quick:
        questions, fresh, draws = questions.first(QUICK_PROMPTS), fresh.first(QUICK_PROMPTS), QUICK_DRAWS
    with Workbench(questions, fresh, draws_per_pair=draws) as bench:
        run_missing(cases, results, bench.model_sha256, bench.run, session)


if __name__ == "__main__":
    main()

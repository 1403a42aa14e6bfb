"""What taste costs in winner error, by safeguard: the front of each method over rates and strengths.

A cell is one trained adapter: a method, a rate, a taste and a seed, all trained on the same votes. Its winner error is
measured at many strengths, and its answers to the tuning questions at those where the error is of interest; `front.py`
makes a curve for each method. A run that stopped itself is measured where it stopped, as calibration would.

    python -m bench.pareto [--methods none lora …] [--rates 1e-3 …] [--seeds 10 11 12] [--hours H]
    python -m bench.pareto --label lora none        the same methods with labelled pairs added to the votes
    python -m bench.pareto --render
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.cells import BENCH, CACHE, Case, Cell, Results, in_groups, machines
from bench.command import asked, command, fill
from bench.figures import Line, Panel, chart, reach, ticks
from bench.front import ERRORS, Front, Scan, column, differences, front, whole_seeds
from bench.journey import Workbench
from bench.machine import sentence
from bench.measures import Estimate, measure, relative_error
from bench.simulated_user import TASTES
from bench.tables import MOST_ERROR, in_sigma, write_table
from sdpo_core.paths import repository_root

RESULTS = BENCH / "results" / "pareto.json"
FIGURE = repository_root() / "docs" / "figures" / "pareto.svg"
QUICK_RESULTS = CACHE / "pareto-quick.json"
OPEN_TASTES, OPEN_SEEDS = ("warm", "busy"), (10, 11, 12)
METHODS = {
    "none": "plain DPO",
    "output": "output space, μ = .5",
    "output-9": "output space, μ = .9",
    "constant": "constant weight .25",
    "rule": "exact rule alone, μ = .5",
    "lora": "exact rule within the budget",
}
FLAGS = {
    "none": ("--safeguard", "none"),
    "output": ("--safeguard", "output"),
    "output-9": ("--safeguard", "output", "--mu", "0.9"),
    "constant": ("--safeguard", "constant"),
    "rule": ("--safeguard", "lora", "--drift-budget", "0"),
    "lora": ("--safeguard", "lora"),
}
PLAIN, DEFAULT = "none", "lora"
RATES = ("1e-3", "2e-3", "4e-3")
COMMON = ("--rate", "fixed", "--final-strength", "trained", "--preview-prompts", "0")
STRENGTHS = tuple(float(2 ** (i / 2)) for i in range(-5, 5))  # .18 … 4
PROMPTS = 20  # of the tuning questions: half of them, as every adapter answers several times
SHOWN = (0.005, 0.01, 0.02)  # winner errors in the table
_MOST_ANSWERED = 4  # strengths whose answers are generated
_TOO_FAR = float(ERRORS[-1])


@dataclass(frozen=True)
class Trial(Case):
    """One adapter of a method."""

    method: str = PLAIN
    rate: str = RATES[0]
    labelled: bool = False


def trials(people: Sequence[Case], methods: Sequence[str], rates: Sequence[str], *, labelled: bool) -> list[Trial]:
    """Every method and rate for each of the cases, grouped by seed."""
    label = () if labelled else ("--label-pairs", "0")
    return [
        Trial(
            **dict(vars(one), flags=(*FLAGS[method], "--learning-rate", rate, *COMMON, *label, *one.flags)),
            method=method,
            rate=rate,
            labelled=labelled,
        )
        for one in people
        for method in methods
        for rate in rates
    ]


def worth_drawing(errors: Sequence[float]) -> list[int]:
    """Which of several strengths are measured, given their winner errors from the lowest strength up.

    The strongest ones up to and including the first that is too far for any front, so that everything before it is
    between two measured ones.
    """
    beyond = next((i for i, error in enumerate(errors) if error > _TOO_FAR), len(errors) - 1)
    return list(range(max(0, beyond + 1 - _MOST_ANSWERED), beyond + 1))


def run_trial(bench: Workbench, case: Trial) -> Cell:
    """Train, measure the error at every strength, and the answers at some."""
    taste, trained = TASTES[case.taste], bench.trained(case)
    files = trained.run.checkpoint_adapters()
    adapter = files[max(files)]
    found = bench.errors(taste, case.seed, adapter, STRENGTHS)
    errors = [relative_error(*one) for one in found]
    strengths = [STRENGTHS[i] for i in worth_drawing([error for error, _ in errors])]
    seen = [
        bench.measured(taste, case.seed, adapter, case.guidance, strength=strength).readings for strength in strengths
    ]
    return {
        "training": trained.facts,
        "errors": [[s, *map(_short, error)] for s, error in zip(STRENGTHS, errors, strict=True)],
        "looks": [{name: list(map(_short, estimate)) for name, estimate in measure([one]).items()} for one in seen],
        "scan": Scan.of(strengths, seen).content(),
    }


def _short(value: float) -> float:
    return float(f"{value:.4g}")


# -------------------------------------------------------------------------------------------------------------- table


def title_of(method: str, labelled: bool) -> str:
    """A method's name in tables and figures."""
    return METHODS[method] + (", with labelled pairs" if labelled else "")


def groups(cells: Sequence[Cell]) -> dict[str, dict[str, list[Cell]]]:
    """Cells that may be compared, by a description of what they share and by the method's title, as in `METHODS`."""
    found: dict[str, dict[str, list[Cell]]] = {}
    for (taste, votes, guidance), group in in_groups(cells, "taste", "votes", "guidance").items():
        by_method = in_groups(group, "method", "labelled")
        ordered = [(method, labelled) for method in METHODS for labelled in (False, True)]
        methods = {title_of(*name): by_method[name] for name in ordered if name in by_method}
        found[f"{taste}, {votes} votes, guidance {guidance:g}"] = methods
    return found


def fronts(methods: dict[str, list[Cell]]) -> dict[str, Front]:
    """The front of each method on one taste, over the seeds for which all its rates were run; left out if none."""
    whole = {title: (cells, whole_seeds(cells)) for title, cells in methods.items()}
    return {title: front(cells, seeds, judged_at=MOST_ERROR) for title, (cells, seeds) in whole.items() if seeds}


def against_plain(methods: dict[str, list[Cell]]) -> dict[str, list[Estimate]]:
    """Each method's gain minus plain DPO's, at each of `ERRORS`, over the seeds that both have."""
    plain = methods.get(METHODS[PLAIN], [])
    found: dict[str, list[Estimate]] = {}
    for title, cells in methods.items():
        seeds = sorted(set(whole_seeds(cells)) & set(whole_seeds(plain)))
        if cells is not plain and seeds:
            ours, theirs = (front(group, seeds, judged_at=MOST_ERROR) for group in (cells, plain))
            found[title] = differences(ours, theirs)
    return found


def table(cells: Sequence[Cell]) -> str:
    """The results as Markdown."""
    first = Scan.parse(cells[0]["scan"])
    prompts, pairs = first.change.shape[1], len(first.reference_error)
    lines = [
        "# Taste against winner error, by safeguard",
        "",
        f"Made by `python -m bench.pareto`: each method at the fixed rates {', '.join(RATES)}, each adapter at several",
        f"strengths; {prompts} prompts of the tuning questions, {pairs} fresh pairs. A gain is the largest",
        "shift (σ of the base's scores) at a winner error of at most so much, with the strength set for each",
        "adapter, the mean over seeds at the method's best rate. In brackets 95 % intervals over seeds, prompts and",
        "pairs, the rate chosen again each time; three seeds are few to draw from, so they are rather too narrow.",
    ]
    for title, methods in groups(cells).items():
        lines += ["", f"## {title}", "", *_gains(methods), "", *_against_plain(methods)]
    lines += [
        "",
        "## Every adapter",
        "",
        "| taste | method | rate | seed | steps | shift and winner error, by strength |",
    ]
    lines += ["|" + "---|" * 6, *(_adapter(cell) for cell in _in_order(cells))]
    return "\n".join([*lines, "", f"Machine: {'; '.join(map(sentence, machines(cells)))}."]) + "\n"


def _gains(methods: dict[str, list[Cell]]) -> Iterator[str]:
    gains = " | ".join(f"gain at {error:.1%}" for error in SHOWN)
    yield f"| method | seeds | best rate | {gains} | cross-seed | diversity | following |"
    yield "|" + "---|" * (6 + len(SHOWN))
    found = fronts(methods)
    for title, cells in methods.items():
        if title not in found:
            yield f"| {title} | not all rates were run at any seed |" + " |" * (4 + len(SHOWN))
            continue
        own = found[title]
        gains = " | ".join(in_sigma(own.at(error)) for error in SHOWN)
        look = _at_best([c for c in cells if c["case"]["rate"] == own.rate and c["case"]["seed"] in own.seeds])
        yield f"| {title} | {', '.join(map(str, own.seeds))} | {own.rate} | {gains} | {look} |"


def _at_best(cells: Sequence[Cell]) -> str:
    """Cross-seed preference, diversity and following of each adapter at its strength with most shift in the budget."""
    looks = [best for cell in cells if (best := _best_look(cell))]
    if not looks:
        return "– | – | –"
    cross, diversity, following = (
        float(np.mean([look[name][0] for look in looks])) for name in ("cross_seed", "diversity", "following")
    )
    return f"{cross:.0%} | {diversity:.2f} | {100 * following:+.1f}"


def _best_look(cell: Cell) -> dict[str, list[float]] | None:
    inside = [look for look in cell["looks"] if look["winner_error"][0] <= MOST_ERROR]
    return max(inside, key=lambda look: look["shift"][0], default=None)


def _against_plain(methods: dict[str, list[Cell]]) -> Iterator[str]:
    found = against_plain(methods)
    if not found:
        yield "There is nothing to compare with plain DPO yet."
        return
    yield f"| gain minus plain DPO's at equal winner error | {' | '.join(f'{error:.1%}' for error in SHOWN)} |"
    yield "|" + "---|" * (1 + len(SHOWN))
    for title, gaps in found.items():
        yield f"| {title} | {' | '.join(in_sigma(gaps[column(error)]) for error in SHOWN)} |"
    if METHODS[DEFAULT] in found:
        yield ""
        yield verdict(found[METHODS[DEFAULT]][column(MOST_ERROR)])


def verdict(gap: Estimate) -> str:
    """What the default's difference from plain DPO means, as a sentence."""
    if gap.low > 0:
        said = "more than"
    elif gap.high < 0:
        said = "less than"
    else:
        return f"At {MOST_ERROR:.0%} {METHODS[DEFAULT]} can't be told from plain DPO: {in_sigma(gap)}."
    return f"At {MOST_ERROR:.0%} {METHODS[DEFAULT]} gains {said} plain DPO: {in_sigma(gap)}."


def _adapter(cell: Cell) -> str:
    case = cell["case"]
    strengths = cell["scan"]["strengths"]
    looks = zip(strengths, cell["looks"], strict=True)
    points = ", ".join(f"×{s:.2g} {look['shift'][0]:+.2f} @ {look['winner_error'][0]:+.1%}" for s, look in looks)
    method = title_of(case["method"], case["labelled"])
    return f"| {case['taste']} | {method} | {case['rate']} | {case['seed']} | {cell['training']['steps']} | {points} |"


def _in_order(cells: Sequence[Cell]) -> list[Cell]:
    methods = list(METHODS)

    def place(cell: Cell) -> tuple[str, int, bool, float, int]:
        case = cell["case"]
        return case["taste"], methods.index(case["method"]), case["labelled"], float(case["rate"]), case["seed"]

    return sorted(cells, key=place)


def figure(cells: Sequence[Cell]) -> str:
    """Gain over winner error as SVG: a panel for each taste, a line with its band for each method."""
    panels: list[Panel] = []
    for name, methods in groups(cells).items():
        lines = [_line(title, found) for title, found in fronts(methods).items()]
        panels.append(
            Panel(
                name,
                lines,
                x_ticks=[0.0, 0.01, 0.02, 0.03],
                y_ticks=ticks(*reach(lines)),
                x_label="winner error on fresh pairs, at most",
                y_label="largest shift, σ of the base's scores",
                x_form=".0%",
            )
        )
    return chart(panels)


def _line(title: str, found: Front) -> Line:
    curve = found.curve()
    points = [(float(error), one.value) for error, one in zip(ERRORS, curve, strict=True)]
    return Line(title, points, band=[(one.low, one.high) for one in curve])


# --------------------------------------------------------------------------------------------------------------- main


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the requested cells that are missing, then write table and figure."""
    parser = command("What taste costs in winner error, by safeguard.", tastes=OPEN_TASTES, seeds=OPEN_SEEDS)
    parser.add_argument("--methods", nargs="+", choices=METHODS, help="methods to train; default: all")
    parser.add_argument("--rates", nargs="+", choices=RATES, help="peak learning rates; default: all")
    parser.add_argument("--label", nargs="+", choices=METHODS, help="these methods with labelled pairs, no others")
    options = parser.parse_args(arguments)
    if options.quick:
        options.methods, options.rates = options.methods or [PLAIN, DEFAULT], options.rates or [RATES[1]]
    methods = options.label or options.methods or list(METHODS)
    cases = trials(asked(parser, options), methods, options.rates or RATES, labelled=bool(options.label))
    results = Results(QUICK_RESULTS if options.quick else RESULTS)
    fill(results, cases, options, run_trial, prompts=PROMPTS)
    write_table(results, table, (results.path.with_suffix(".svg") if options.quick else FIGURE, figure))


if __name__ == "__main__":
    main()

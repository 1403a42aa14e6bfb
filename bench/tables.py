"""Measures as Markdown: the columns, what they mean, and the sentences below a table, shared by all benches."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.cells import Cell, Results, in_common
from bench.measures import Estimate, Readings, contrast, measure
from sdpo_core.atomic import write_bytes

MOST_ERROR, MOST_HIGH, LEAST_DIVERSITY, LEAST_FOLLOWING = 0.02, 0.03, 0.95, -0.02
"""What an adapter may cost: winner error and the upper end of its interval, diversity, change of following."""
LEGEND = (
    "- **Same seed**: share of the questions where the adapter's image is liked better than the base's.",
    "- **Cross-seed**: the same of all pairs of one image with the adapter and one without, whatever prompt and seed.",
    "- **Shift**: mean change of the person's score, in σ of the base's scores.",
    "- **Diversity**: between images of one prompt, relative to the base: in a classifier's features, and in pixels.",
    "- **Following**: change of the share of the prompts' claims that the images show, in percentage points.",
    "- **Winner error**: relative rise of the denoising error on the winners of pairs that no run trained on; for one",
    "  seed ± 2 standard errors, clustered by pair.",
)
_COLUMNS = ("same seed", "cross-seed", "shift", "diversity", "in pixels", "following", "winner error")


def write_table(
    results: Results,
    table: Callable[[Sequence[Cell]], str],
    drawn: tuple[Path, Callable[[Sequence[Cell]], str]] | None = None,
) -> list[Cell]:
    """Write the results' table next to them, and a figure if `drawn` names its file.

    Returns the cells in it; empty if there is nothing to write.
    """
    cells = results.current()
    if not cells:
        print(f"{results.path} holds no cells of this method, so there is no table to write.")
        return []
    write_bytes(results.path.with_suffix(".md"), table(cells).encode())
    if drawn:
        path, figure = drawn
        write_bytes(path, figure(cells).encode())
    return cells


def head(*before: str, after: Sequence[str] = ()) -> tuple[str, str]:
    """The first two lines of a table with the measures in the middle."""
    names = (*before, *_COLUMNS, *after)
    return f"| {' | '.join(names)} |", "|" + "---|" * len(names)


def row(*before: str, measures: dict[str, Estimate], after: Sequence[str] = ()) -> str:
    """A line of such a table."""
    return f"| {' | '.join((*before, *_columns(measures), *after))} |"


def _columns(measures: dict[str, Estimate]) -> Iterator[str]:
    def with_interval(name: str, form: str, unit: str = "", scale: float = 1.0) -> str:
        value, low, high = (format(scale * number, form) for number in measures[name])
        return f"{value}{unit} ({low} – {high})"

    yield with_interval("win_rate", ".0%")
    yield with_interval("cross_seed", ".0%")
    yield with_interval("shift", "+.2f", " σ")
    yield with_interval("diversity", ".2f")
    yield with_interval("pixel_diversity", ".2f")
    yield with_interval("following", "+.1f", scale=100)
    yield with_interval("winner_error", "+.1%")


def measures_of(cell: Cell) -> dict[str, Estimate]:
    """A cell's measures as they were saved."""
    return {name: Estimate(*found) for name, found in cell["measures"].items()}


def pooled(cells: Sequence[Cell]) -> dict[str, Estimate]:
    """The combined measures of cells that differ only in their seed."""
    return measure([Readings.parse(cell["readings"]) for cell in cells])


def difference(ours: Sequence[Cell], theirs: Sequence[Cell]) -> Estimate | None:
    """Our shift minus theirs, over the tastes and seeds that both have; None if they have none in common.

    Each side has one cell per taste and seed.
    """
    both = in_common(ours, theirs)
    if not both:
        return None
    left, right = ([Readings.parse(cell["readings"]) for cell in cells] for cells in zip(*both, strict=True))
    return contrast(left, right)


def in_sigma(estimate: Estimate | None) -> str:
    """A shift, or a difference of two, with its interval."""
    if estimate is None:
        return "–"
    return f"{estimate.value:+.2f} σ ({estimate.low:+.2f} – {estimate.high:+.2f})"


def too_costly(measures: dict[str, Estimate]) -> list[str]:
    """Which limits an adapter breaks, as text; empty when all is well."""
    error, diversity, following = (measures[name] for name in ("winner_error", "diversity", "following"))
    broken = {
        f"winner error {error.value:.1%}, up to {error.high:.1%}": error.value > MOST_ERROR or error.high > MOST_HIGH,
        f"diversity {diversity.value:.2f}": diversity.value < LEAST_DIVERSITY,
        f"following {100 * following.value:+.1f} points": following.value < LEAST_FOLLOWING,
    }
    return [name for name, is_broken in broken.items() if is_broken]


def worst(cells: Sequence[Cell]) -> str:
    """The cell with the smallest shift, as a sentence."""
    cell = min(cells, key=lambda cell: cell["measures"]["shift"][0])
    shift, cross = (cell["measures"][name][0] for name in ("shift", "cross_seed"))
    return f"Worst cell: {_name(cell)}, with {shift:+.2f} σ and {cross:.0%} cross-seed."


def limits(cells: Sequence[Cell]) -> str:
    """Which cells cost more than an adapter may, as a sentence."""
    found = [f"{_name(cell)} ({', '.join(broken)})" for cell in cells if (broken := too_costly(measures_of(cell)))]
    what = (
        f"winner error at most {MOST_ERROR:.0%} and its upper end {MOST_HIGH:.0%}, diversity at least "
        f"{LEAST_DIVERSITY}, following at most {-100 * LEAST_FOLLOWING:.0f} points lower"
    )
    return f"Outside the limits ({what}): {'; '.join(found) or 'none'}."


def _name(cell: Cell) -> str:
    return f"{cell['case']['taste']}, seed {cell['case']['seed']}"

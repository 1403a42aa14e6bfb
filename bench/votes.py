"""How many votes does it take? The shift over the number of votes, with and without what makes more of them.

Four arms: votes alone, with pairs that a run labels with its taste model, with questions that the taste model chose,
and with both. Choosing questions needs the votes so far, so those people are asked in lots: pairs are generated and
voted on, then the next ones are made by `generate --pairing telling`. The adapter is measured on the questions of
`bench.tuning`.

    python -m bench.votes [--tastes warm busy] [--seeds 10 11] [--votes 10 20 40 60 120] [--candidates 4] [--hours H]
    python -m bench.votes --render
"""

import itertools
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.cells import BENCH, CACHE, METHOD, Case, Cell, Results, digest, in_groups, machines
from bench.command import asked, command, fill
from bench.figures import Line, Panel, chart, reach, ticks
from bench.journey import Trained, Workbench, run_verb
from bench.machine import sentence
from bench.measures import Readings
from bench.questions import training_pairs
from bench.simulated_user import TASTES
from bench.tables import LEGEND, difference, head, in_sigma, pooled, row, write_table
from sdpo_core.paths import repository_root
from sdpo_core.workspace.store import Store

RESULTS = BENCH / "results" / "votes.json"
FIGURE = repository_root() / "docs" / "figures" / "votes.svg"
QUICK_RESULTS = CACHE / "votes-quick.json"
OPEN_TASTES, OPEN_SEEDS = ("warm", "busy"), (10, 11)
COUNTS = (10, 20, 40, 60, 120)
CANDIDATES = 4  # images of a prompt among which a question is chosen
LOT = 10  # votes after which the taste model is fitted again
ARMS = {
    (2, False): "votes alone",
    (2, True): "with labelled pairs",
    (CANDIDATES, False): "with chosen questions",
    (CANDIDATES, True): "with both",
}
QUICK_COUNTS = (10, 14)


@dataclass(frozen=True)
class Asked(Case):
    """One person, and what is made of their votes."""

    candidates: int = 2  # images of a prompt; of more than 2 the pair is chosen
    labelled: bool = True

    def title(self) -> str:
        """For a person who watches."""
        return f"{super().title()}, {arm(self.candidates, labelled=self.labelled)}"


def arms(people: Sequence[Case], candidates: int) -> list[Asked]:
    """Every arm for each of the cases."""
    return [
        Asked(
            **dict(vars(one), flags=(*(() if labelled else ("--label-pairs", "0")), *one.flags)),
            candidates=images,
            labelled=labelled,
        )
        for one in people
        for images in (2, candidates)
        for labelled in (False, True)
    ]


def run_asked(bench: Workbench, case: Asked) -> Cell:
    """Ask, train, and measure the adapter."""
    return bench.cell(case, train_asked(bench, case))


def train_asked(bench: Workbench, case: Asked) -> Trained:
    """The adapter of one person's votes."""
    if case.candidates == 2:
        return bench.trained(case)
    return bench.train(bench.workspace(asked_in_lots(bench, case, case.votes)), case.flags)


def asked_in_lots(bench: Workbench, case: Asked, votes: int) -> Path:
    """A workspace with the first `votes` votes on chosen questions, from the cache or asked now. Not to be written to.

    Each lot continues the workspace of the one before, so more votes start with the same ones.
    """
    who = [case.taste, case.seed, case.candidates, LOT, votes]
    key = digest([bench.model_sha256, METHOD, "asked", *who, bench.how.key()])
    path = bench.cache / f"asked-{key}"
    if path.is_dir():
        return path
    before = (votes - 1) // LOT * LOT
    source = asked_in_lots(bench, case, before) if before else None
    bench.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".asking-", dir=bench.cache) as folder:
        workspace = Path(folder) / "workspace"
        if source:
            shutil.copytree(source, workspace)
        plan = training_pairs(case.seed, votes)
        seed = plan.first_seed + case.candidates * before
        drawn = ("--prompts", *plan.prompts[before:], "--seed", str(seed))
        choosing = ("--candidates-per-prompt", str(case.candidates), "--pairing", "telling")
        run_verb("generate", workspace, *bench.model_flags(), *drawn, *choosing)
        with Store(workspace) as store:
            TASTES[case.taste].person(case.seed).vote_all(store)
        if not path.is_dir():  # another process may have asked them meanwhile
            workspace.rename(path)
    return path


# -------------------------------------------------------------------------------------------------------------- table


def arm(candidates: int, *, labelled: bool) -> str:
    """An arm's name in tables and figures."""
    if (candidates, labelled) in ARMS:
        return ARMS[candidates, labelled]
    return f"{ARMS[CANDIDATES, labelled]} of {candidates} images"


def by_arm(cells: Sequence[Cell]) -> dict[str, dict[int, list[Cell]]]:
    """Cells by arm and number of votes, fewest first."""
    found: dict[str, dict[int, list[Cell]]] = {}
    for (candidates, labelled), group in in_groups(cells, "candidates", "labelled").items():
        counts = in_groups(group, "votes")
        found[arm(candidates, labelled=labelled)] = {votes: counts[votes,] for (votes,) in sorted(counts)}
    return found


def table(cells: Sequence[Cell]) -> str:
    """The results as Markdown."""
    prompts, seeds = Readings.parse(cells[0]["readings"]).before.shape
    lines = [
        "# How many votes it takes",
        "",
        f"Made by `python -m bench.votes`, on {prompts} prompts at {seeds} seeds each that the outcome bench never",
        f"asks; in brackets 95 % intervals. Questions are chosen among {CANDIDATES} images of a prompt, by a taste",
        f"model that is refitted every {LOT} votes.",
        "",
        *LEGEND,
    ]
    for (guidance,), group in in_groups(cells, "guidance").items():
        arms_here = by_arm(group)
        lines += ["", f"## Guidance {guidance:g}", "", *_worth(arms_here), "", *_cells(arms_here)]
    return "\n".join([*lines, "", f"Machine: {'; '.join(map(sentence, machines(cells)))}."]) + "\n"


def _worth(found: dict[str, dict[int, list[Cell]]]) -> Iterator[str]:
    """What each arm adds to votes alone, over all tastes and seeds."""
    alone = found.get(ARMS[2, False], {})
    yield "| votes | arm | tastes | shift | beyond as many votes alone | as many votes alone as |"
    yield "|" + "---|" * 6
    for votes in sorted({votes for counts in found.values() for votes in counts}):
        for name, counts in found.items():
            if votes not in counts:
                continue
            cells = counts[votes]
            shift = _mean_shift(cells)
            gap = None if counts is alone else difference(cells, alone.get(votes, []))
            tastes = ", ".join(dict.fromkeys(cell["case"]["taste"] for cell in cells))
            as_many = "–" if counts is alone else equivalent(shift, _same_people(alone, cells))
            yield f"| {votes} | {name} | {tastes} | {shift:+.2f} σ | {in_sigma(gap)} | {as_many} |"


def _same_people(alone: dict[int, list[Cell]], cells: Sequence[Cell]) -> dict[int, float]:
    """The mean shift of votes alone, by their number, over the tastes and seeds in `cells` where all were run."""
    people = {_person(cell) for cell in cells}
    same = {votes: [cell for cell in group if _person(cell) in people] for votes, group in alone.items()}
    return {votes: _mean_shift(group) for votes, group in same.items() if len(group) == len(people)}


def _person(cell: Cell) -> tuple[str, int]:
    return cell["case"]["taste"], cell["case"]["seed"]


def _mean_shift(cells: Sequence[Cell]) -> float:
    return float(np.mean([cell["measures"]["shift"][0] for cell in cells]))


def equivalent(shift: float, alone: dict[int, float]) -> str:
    """How many votes alone move images by `shift`, as text, given what some numbers of them do; linear in between."""
    counts = sorted(alone)
    if not counts:
        return "–"
    if shift < alone[counts[0]]:
        return f"fewer than {counts[0]}"
    for few, many in itertools.pairwise(counts):
        low, high = alone[few], alone[many]
        if low <= shift < high:
            return f"{few + (many - few) * (shift - low) / (high - low):.0f}"
    return f"{counts[-1]} or more"


def _cells(found: dict[str, dict[int, list[Cell]]]) -> Iterator[str]:
    yield from head("votes", "arm", "taste", "seeds")
    for votes in sorted({votes for counts in found.values() for votes in counts}):
        for name, counts in found.items():
            for (taste,), group in in_groups(counts.get(votes, []), "taste").items():
                seeds = ", ".join(str(cell["case"]["seed"]) for cell in group)
                yield row(str(votes), name, f"**{taste}**", seeds, measures=pooled(group))


def figure(cells: Sequence[Cell]) -> str:
    """Shift over votes as SVG: a panel for each taste, a line with its band for each arm."""
    panels: list[Panel] = []
    for (taste, guidance), group in in_groups(cells, "taste", "guidance").items():
        lines = [_line(name, counts) for name, counts in by_arm(group).items()]
        counts = sorted({cell["case"]["votes"] for cell in group})
        panels.append(
            Panel(
                f"{taste}, guidance {guidance:g}",
                lines,
                x_ticks=counts if len(counts) > 1 else [0, *counts],
                y_ticks=ticks(*reach(lines)),
                x_label="votes",
                y_label="shift, σ of the base's scores",
            )
        )
    return chart(panels)


def _line(title: str, counts: dict[int, list[Cell]]) -> Line:
    found = {votes: pooled(cells)["shift"] for votes, cells in counts.items()}
    band = [(shift.low, shift.high) for shift in found.values()]
    return Line(title, [(votes, shift.value) for votes, shift in found.items()], band=band)


# --------------------------------------------------------------------------------------------------------------- main


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the requested cells that are missing, then write table and figure."""
    parser = command("How many votes does it take?", tastes=OPEN_TASTES, seeds=OPEN_SEEDS)
    parser.set_defaults(votes=list(COUNTS))
    parser.add_argument("--candidates", type=int, default=CANDIDATES, metavar="K", help="images to choose a pair from")
    options = parser.parse_args(arguments)
    if options.candidates <= 2:
        parser.error("Choosing a pair needs at least 3 images of a prompt (--candidates).")
    results = Results(QUICK_RESULTS if options.quick else RESULTS)
    fill(results, arms(asked(parser, options, quick_votes=QUICK_COUNTS), options.candidates), options, run_asked)
    write_table(results, table, (results.path.with_suffix(".svg") if options.quick else FIGURE, figure))


if __name__ == "__main__":
    main()

"""Is it better to vote, train, generate with the adapter and vote again? Rounds against one, at equal total votes.

One round is what everybody starts with: pairs of the base, votes, an adapter. Several rounds share the votes: each
further round generates its pairs with the adapter before, and either starts again from the base on all votes so far,
with the base as its reference, or continues from that adapter, which is then the reference, on the pairs made with it.
The last adapter is compared with the base, on the questions of `bench.tuning`.

    python -m bench.rounds [--tastes warm busy] [--seeds 10 11] [--votes 60] [--hours H]
    python -m bench.rounds --render
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.cells import BENCH, CACHE, Case, Cell, Results, in_groups, machines
from bench.command import asked, command, fill
from bench.journey import Trained, Workbench, run_verb
from bench.machine import sentence
from bench.measures import Estimate, Readings
from bench.questions import training_pairs
from bench.simulated_user import TASTES
from bench.tables import LEGEND, difference, head, in_sigma, measures_of, pooled, row, write_table
from sdpo_core.workspace.store import Store

RESULTS = BENCH / "results" / "rounds.json"
QUICK_RESULTS = CACHE / "rounds-quick.json"
OPEN_TASTES, OPEN_SEEDS = ("warm", "busy"), (10, 11)
ARMS = {
    (1, "base"): "one round",
    (2, "base"): "two rounds, the second from the base again on all votes",
    (2, "previous"): "two rounds, the second continues the first",
    (3, "base"): "three rounds, each from the base again on all votes",
    (3, "previous"): "three rounds, each continues the one before",
}
ONE = (1, "base")
_LATER = {"base": ("--pairs-from", "all"), "previous": ("--continue-from", "latest")}


@dataclass(frozen=True)
class Rounds(Case):
    """All rounds of one person."""

    rounds: int = 1
    reference: str = "base"  # of a round after the first: what it starts from and is compared with

    def title(self) -> str:
        """For a person who watches."""
        return f"{super().title()}, {ARMS[self.rounds, self.reference]}"

    def shares(self) -> list[int]:
        """Votes in each round; the first ones have one more if they can't be equal."""
        least, more = divmod(self.votes, self.rounds)
        return [least + (i < more) for i in range(self.rounds)]


def all_rounds(cases: Sequence[Case]) -> list[Rounds]:
    """Every way for each of the cases."""
    return [Rounds(**vars(one), rounds=rounds, reference=reference) for one in cases for rounds, reference in ARMS]


def run_rounds(bench: Workbench, case: Rounds) -> Cell:
    """Generate, vote and train, round after round, and measure the last adapter."""
    *earlier, last = train_rounds(bench, case)
    return {**bench.cell(case, last), "earlier": [one.facts for one in earlier]}


def train_rounds(bench: Workbench, case: Rounds) -> list[Trained]:
    """The adapters of all rounds; a round's pairs have the prompts and seeds that they would have in one round."""
    plan, person, shares = training_pairs(case.seed, case.votes), TASTES[case.taste].person(case.seed), case.shares()
    workspace = bench.workspace(bench.drawn(plan.first(shares[0])))
    trained: list[Trained] = []
    for i, votes in enumerate(shares):
        before = sum(shares[:i])
        if trained:
            part = plan.part(before, before + votes)
            drawn = ("--prompts", *part.prompts, "--seed", str(part.first_seed), "--adapter", "latest")
            run_verb("generate", workspace, *bench.model_flags(), *drawn)
        with Store(workspace) as store:
            person.vote_all(store)
        trained.append(bench.train(workspace, (*case.flags, *(_LATER[case.reference] if trained else ()))))
    return trained


# -------------------------------------------------------------------------------------------------------------- table


def table(cells: Sequence[Cell]) -> str:
    """The results as Markdown."""
    prompts, seeds = Readings.parse(cells[0]["readings"]).before.shape
    lines = [
        "# Rounds at equal total votes",
        "",
        f"Made by `python -m bench.rounds`: the last adapter against the base, on {prompts} prompts at {seeds} seeds",
        "each that the outcome bench never asks; in brackets 95 % intervals.",
        "",
        *LEGEND,
    ]
    for (votes, guidance, flags), group in in_groups(cells, "votes", "guidance", "flags").items():
        shown = f", `{' '.join(flags)}`" if flags else ""
        lines += ["", f"## {votes} votes, guidance {guidance:g}{shown}", "", *_section(group)]
    return "\n".join([*lines, "", f"Machine: {'; '.join(map(sentence, machines(cells)))}."]) + "\n"


def _section(cells: Sequence[Cell]) -> Iterator[str]:
    by_arm = in_groups(cells, "rounds", "reference")
    arms = [arm for arm in ARMS if arm in by_arm]
    yield from head("rounds", "taste", "seeds")
    for arm in arms:
        for (taste,), group in in_groups(by_arm[arm], "taste").items():
            seeds = ", ".join(str(cell["case"]["seed"]) for cell in group)
            yield row(ARMS[arm], f"**{taste}**", seeds, measures=pooled(group))
    yield from ("", *_against_one(by_arm), "", conclusion(by_arm), "")
    yield from head("rounds", "taste", "seed", after=("votes", "training"))
    for arm in arms:
        for cell in by_arm[arm]:
            rounds = [*cell["earlier"], cell["training"]]
            votes = " + ".join(str(sum(one["votes"].values()) - before) for one, before in _with_before(rounds))
            took = " + ".join(f"{one['train_s']:.0f}" for one in rounds)
            case = cell["case"]
            after = (votes, f"{took} s")
            yield row(ARMS[arm], case["taste"], str(case["seed"]), measures=measures_of(cell), after=after)


def _with_before(rounds: Sequence[Cell]) -> Iterator[tuple[Cell, int]]:
    """Each round's facts, with the number of votes before it."""
    before = 0
    for one in rounds:
        yield one, before
        before = sum(one["votes"].values())


def _against_one(by_arm: dict[tuple[int, str], list[Cell]]) -> Iterator[str]:
    tastes = list(dict.fromkeys(cell["case"]["taste"] for group in by_arm.values() for cell in group))
    yield f"| shift beyond one round's | {' | '.join(tastes)} | together |"
    yield "|" + "---|" * (2 + len(tastes))
    for arm, name in ARMS.items():
        if arm == ONE or arm not in by_arm:
            continue
        own = [[cell for cell in by_arm[arm] if cell["case"]["taste"] == taste] for taste in tastes]
        gaps = [difference(group, by_arm.get(ONE, [])) for group in (*own, by_arm[arm])]
        yield f"| {name} | {' | '.join(map(in_sigma, gaps))} |"


def conclusion(by_arm: dict[tuple[int, str], list[Cell]]) -> str:
    """What this means for the advice after the first adapter, as a sentence."""
    gaps: dict[str, Estimate] = {}
    for arm, name in ARMS.items():
        gap = difference(by_arm.get(arm, []), by_arm.get(ONE, [])) if arm != ONE else None
        if gap is not None:
            gaps[name] = gap
    if not gaps:
        return "Conclusion: none yet; a person with one round and with several is needed."
    best = max(gaps, key=lambda name: gaps[name].value)
    result = f"{best}, {in_sigma(gaps[best])} beyond one round with as many votes"
    if gaps[best].low > 0:
        return f"Conclusion: generating with the adapter and voting again is worth it: {result}."
    if gaps[best].high < 0:
        return f"Conclusion: votes do more in one round; the best of the others is {result}."
    return f"Conclusion: several rounds can't be told from one in any way; the best is {result}."


# --------------------------------------------------------------------------------------------------------------- main


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the requested cells that are missing, then write the table."""
    parser = command("Rounds against one, at equal total votes.", tastes=OPEN_TASTES, seeds=OPEN_SEEDS)
    options = parser.parse_args(arguments)
    results = Results(QUICK_RESULTS if options.quick else RESULTS)
    fill(results, all_rounds(asked(parser, options)), options, run_rounds)
    write_table(results, table)


if __name__ == "__main__":
    main()

"""Does a taste model learn more from questions that it chooses? Its accuracy by votes and way of asking, no training.

The base model generates a pool of prompts with eight images each once, and describes them. A simulated person is then
asked about prompt after prompt: about two random images, or about the most informative pair among several
(`sdpo_core.taste.questions`), with the model refitted every ten votes. Its accuracy is measured on pairs of other
prompts that nobody was asked about, and compared with its own estimate.

    python -m bench.asking [--tastes warm …] [--seeds 10 11 …] [--hours H]
    python -m bench.asking --render
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.cells import BENCH, CACHE, Case, Cell, Results, Session, in_common, in_groups, machines, run_missing
from bench.command import asked, command
from bench.journey import Workbench
from bench.machine import sentence
from bench.measures import Estimate, Weights, estimate
from bench.pool import Pool, read_pool
from bench.questions import Questions, asking_pool, asking_test, fresh_pairs
from bench.simulated_user import TASTES, Oracle, SimulatedUser
from bench.tables import write_table
from sdpo_core.taste.comparisons import Comparisons
from sdpo_core.taste.fit import fit_taste
from sdpo_core.taste.layout import Layout, Vector
from sdpo_core.taste.model import TasteModel
from sdpo_core.taste.questions import BY_CHANCE, choose_question

RESULTS = BENCH / "results" / "asking.json"
QUICK_RESULTS = CACHE / "asking-quick.json"
OPEN_TASTES, OPEN_SEEDS = ("warm", "busy", "sun", "warm-mistaken"), tuple(range(10, 19))
CANDIDATES = (2, 4, 8)  # images of a prompt to choose a question from; 2 make only one pair, so that is by chance
COUNTS = (12, 20, 40, 60, 120)
DECIDED_AT = (20, 40, 60)  # numbers of votes by which the default is chosen
QUICK_COUNTS, QUICK_PROMPTS = (12, 14), 14
_REFIT_EVERY = 10  # votes


@dataclass(frozen=True)
class Asking(Case):
    """One person and a way of asking; `votes` is the most, and the results with fewer are in the same cell."""

    candidates: int = 2

    def title(self) -> str:
        """For a person who watches."""
        return f"{self.taste}, seed {self.seed}, up to {self.votes} votes, asked about {_way(self.candidates)}"


# ---------------------------------------------------------------------------------------------------------------- ask


def known_after(
    pool: Pool, test: Pool, person: SimulatedUser, *, candidates: int, counts: Sequence[int], seed: int
) -> list[dict[str, Any]]:
    """Ask `person` until the last of `counts`; what the taste model knew about `test` after each of them.

    `seed` decides the order of the prompts and which of their images are used. Raises ValueError when the pool has
    fewer prompts than there are votes, or fewer images of each than `candidates`.
    """
    prompts, each, _ = pool.vectors.shape
    if max(counts) > prompts or candidates > each:
        raise ValueError(f"{max(counts)} votes on {candidates} images each need more than {prompts} prompts of {each}")
    truth = _truth(test, person.oracle)
    rng = np.random.default_rng([seed, 4])
    order = rng.permutation(prompts)
    votes = _Votes(pool.layout)
    model = votes.fit()
    share = 1.0 if candidates == 2 else BY_CHANCE
    found: list[dict[str, Any]] = []
    for i in range(max(counts)):
        if i % _REFIT_EVERY == 0 and candidates > 2:
            model = votes.fit()
        prompt = int(order[i])
        drawn = rng.choice(each, candidates, replace=False)
        vectors = pool.vectors[prompt, drawn]
        question = choose_question(model, vectors, f"{seed} {prompt}", by_chance=share)
        left, right = (pool.image(prompt, int(drawn[place])) for place in (question.first, question.second))
        likes_left = person.choose(left, right) == "left"
        sides = vectors[question.first], vectors[question.second]
        votes.add(*sides, likes_left, pool.prompts[prompt], question.chosen_by)
        if i + 1 in counts:
            found.append({"votes": i + 1, **_known(votes.fit(), test, truth)})
    return found


class _Votes:
    """The votes so far, in the taste model's format."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._left: list[Vector] = []
        self._right: list[Vector] = []
        self._left_won: list[bool] = []
        self._prompts: list[str] = []
        self._by_chance: list[bool] = []

    def add(self, left: Vector, right: Vector, left_won: bool, prompt: str, chosen_by: str) -> None:
        self._left.append(left)
        self._right.append(right)
        self._left_won.append(left_won)
        self._prompts.append(prompt)
        self._by_chance.append(chosen_by == "chance")

    def fit(self) -> TasteModel:
        size, count = self._layout.size, len(self._left)
        comparisons = Comparisons(
            self._layout,
            np.array(self._left, np.float32).reshape(count, size),
            np.array(self._right, np.float32).reshape(count, size),
            np.array(self._left_won, np.bool_),
            tuple(self._prompts),
            np.ones(count),
            np.array(self._by_chance, np.bool_),
        )
        return fit_taste(comparisons, "0" * 64).model


def _truth(test: Pool, oracle: Oracle) -> np.ndarray:
    """How much more the person likes the first of each pair, (N,)."""
    scores = np.array([oracle.score(image) for image in test.images]).reshape(-1, 2)
    return scores[:, 0] - scores[:, 1]


def _known(model: TasteModel, test: Pool, truth: np.ndarray) -> dict[str, Any]:
    """What a model predicts for the test pairs, one digit each, and its estimate of itself.

    `right`: 2 for right, 1 for no opinion, 0 for wrong. `sure`: 1 for the half that it is surer of.
    """
    margins = model.score(test.vectors[:, 0]) - model.score(test.vectors[:, 1])
    right = np.sign(margins) * np.sign(truth) + 1
    sure = np.zeros(len(margins), int)
    sure[np.argsort(-np.abs(margins), kind="stable")[: len(margins) // 2]] = 1
    facts = model.facts
    own = [round(share, 4) for share in (facts.accuracy, facts.low, facts.high) if share is not None]
    return {"right": _digits(right), "sure": _digits(sure), "says": own, "knows_taste": facts.knows_taste}


def _digits(numbers: np.ndarray) -> str:
    return "".join(str(int(number)) for number in numbers)


# -------------------------------------------------------------------------------------------------------------- table


def accuracy(cells: Sequence[Cell], votes: int) -> tuple[Estimate, Estimate]:
    """Share of the test pairs predicted correctly after so many votes, and of the surer half: over people and pairs."""
    right, sure = _right(cells, votes), _numbers(cells, votes, "sure")
    drawn = Weights.draw(*right.shape)
    return (
        estimate(lambda w: w.mean(w.by_cell(right)), drawn),
        estimate(lambda w: w.ratio(right * sure, sure), drawn),
    )


def gained(ours: Sequence[Cell], theirs: Sequence[Cell], votes: int) -> Estimate | None:
    """Our accuracy minus theirs, over the people that both asked; None if there are none."""
    both = in_common(ours, theirs)
    if not both:
        return None
    left, right = (_right(cells, votes) for cells in zip(*both, strict=True))
    return estimate(lambda w: w.mean(w.by_cell(left - right)), Weights.draw(*left.shape))


def _right(cells: Sequence[Cell], votes: int) -> np.ndarray:
    return _numbers(cells, votes, "right") / 2


def _numbers(cells: Sequence[Cell], votes: int, name: str) -> np.ndarray:
    """One string of digits of each cell: (S, N)."""
    return np.array([[float(digit) for digit in _at(cell, votes)[name]] for cell in cells])


def _at(cell: Cell, votes: int) -> dict[str, Any]:
    return next(one for one in cell["known"] if one["votes"] == votes)


def table(cells: Sequence[Cell]) -> str:
    """The results as Markdown."""
    pairs = len(cells[0]["known"][0]["right"])
    ways = in_groups(cells, "candidates")
    counts = [one["votes"] for one in cells[0]["known"]]
    lines = [
        "# What a taste model learns, by votes and way of asking",
        "",
        f"Made by `python -m bench.asking`: share of {pairs} pairs of other prompts, about which nobody was asked,",
        "that the model predicts; in brackets 95 % intervals over people and pairs. A model that is switched off",
        f"counts as 50 %. {BY_CHANCE:.0%} of the chosen questions are left to chance, as in the product.",
    ]
    for (taste,), group in in_groups(cells, "taste").items():
        lines += ["", f"## {taste}", "", *_section(in_groups(group, "candidates"), counts)]
    lines += ["", "## Chosen against by chance, all tastes together", "", *_gains(ways, counts), ""]
    lines += [conclusion(ways), "", f"Machine: {'; '.join(map(sentence, machines(cells)))}."]
    return "\n".join(lines) + "\n"


def _section(ways: dict[tuple[Any, ...], list[Cell]], counts: Sequence[int]) -> Iterator[str]:
    yield "| votes | asked | people | all pairs | surer half | knows the taste | says of itself |"
    yield "|" + "---|" * 7
    for votes in counts:
        for (candidates,), cells in sorted(ways.items()):
            everything, surer = accuracy(cells, votes)
            known = [_at(cell, votes) for cell in cells]
            on = sum(one["knows_taste"] for one in known)
            says = [one["says"][0] for one in known if one["says"]]
            said = f"{np.mean(says):.0%}" if says else "–"
            yield (
                f"| {votes} | {_way(candidates)} | {len(cells)} | {_share(everything)} | {_share(surer)} "
                f"| {on} of {len(cells)} | {said} |"
            )


def _gains(ways: dict[tuple[Any, ...], list[Cell]], counts: Sequence[int]) -> Iterator[str]:
    yield f"| points of accuracy gained, by votes | {' | '.join(map(str, counts))} |"
    yield "|" + "---|" * (1 + len(counts))
    for (candidates,), cells in sorted(ways.items()):
        if candidates > 2:
            found = [gained(cells, ways.get((2,), []), votes) for votes in counts]
            yield f"| {_way(candidates)} | {' | '.join(map(_points, found))} |"


def conclusion(ways: dict[tuple[Any, ...], list[Cell]]) -> str:
    """Whether questions should be chosen, as a sentence: what was gained at `DECIDED_AT`, and whether that is sure."""
    found: dict[int, list[Estimate]] = {}
    for (candidates,), cells in ways.items():
        gains = [gained(cells, ways.get((2,), []), n) for n in DECIDED_AT if _has(cells, n)]
        known = [gain for gain in gains if gain is not None]
        if candidates > 2 and known:
            found[candidates] = known
    if not found:
        return f"Conclusion: none yet; people asked by chance and by choice, up to {DECIDED_AT[0]} votes, are needed."
    best = max(found, key=lambda candidates: np.mean([gain.value for gain in found[candidates]]))
    gains = found[best]
    numbers = ", ".join(map(str, DECIDED_AT[: len(gains)]))
    result = f"{_way(best)}, {', '.join(map(_points, gains))} points at {numbers} votes"
    if all(gain.low > 0 for gain in gains):
        return f"Conclusion: choosing pays at every number of votes: {result}."
    if all(gain.low <= 0 for gain in gains):
        return f"Conclusion: choosing can't be told from chance: {result}."
    return f"Conclusion: choosing pays at some numbers of votes only: {result}."


def _has(cells: Sequence[Cell], votes: int) -> bool:
    return all(any(one["votes"] == votes for one in cell["known"]) for cell in cells)


def _way(candidates: int) -> str:
    return "two by chance" if candidates == 2 else f"the best pair of {candidates}"


def _share(found: Estimate) -> str:
    return f"{found.value:.0%} ({found.low:.0%} – {found.high:.0%})"


def _points(found: Estimate | None) -> str:
    if found is None:
        return "–"
    return f"{100 * found.value:+.1f} ({100 * found.low:+.1f} – {100 * found.high:+.1f})"


# --------------------------------------------------------------------------------------------------------------- main


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the requested cells that are missing, then write the table."""
    parser = command("What a taste model learns, by votes and way of asking.", tastes=OPEN_TASTES, seeds=OPEN_SEEDS)
    options = parser.parse_args(arguments)
    counts = QUICK_COUNTS if options.quick else COUNTS
    options.votes = [counts[-1]]
    people = asked(parser, options, quick_votes=options.votes)
    cases = [Asking(one.taste, one.seed, one.votes, candidates=k) for one in people for k in CANDIDATES]
    results = Results(QUICK_RESULTS if options.quick else RESULTS)
    if not options.render:
        questions, tested = asking_pool(), asking_test()
        if options.quick:
            questions, tested = questions.first(QUICK_PROMPTS), tested.first(QUICK_PROMPTS)
        with Workbench(tested, fresh_pairs("tuning")) as bench:
            run(bench, cases, counts, (questions, tested), results, Session(options.hours, again=options.again))
    write_table(results, table)


def run(
    bench: Workbench,
    cases: Sequence[Asking],
    counts: Sequence[int],
    plans: tuple[Questions, Questions],
    results: Results,
    session: Session,
) -> None:
    """Run what is missing; the pool and the test pairs are generated before the first cell."""
    pools: list[Pool] = []

    def one(case: Asking) -> Cell:
        pools.extend(read_pool(bench, questions) for questions in plans[len(pools) :])
        person = TASTES[case.taste].person(case.seed)
        pool, test = pools
        return {"known": known_after(pool, test, person, candidates=case.candidates, counts=counts, seed=case.seed)}

    run_missing(cases, results, bench.model_sha256, one, session)


if __name__ == "__main__":
    main()

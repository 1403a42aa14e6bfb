"""Wilson's interval against values from elsewhere, and the verdict on real stores and run folders."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdpo_core.errors import RunError, StoreError
from sdpo_core.judging.verdict import verdict, wilson_interval
from sdpo_core.runs.folder import RunFolder, State, Status, this_process
from sdpo_core.workspace.records import AdapterUse, Candidate, Choice, Recipe
from sdpo_core.workspace.store import Store


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # By hand for 14/20: (.7 + 3.8415/40 ± 1.96·√(.21/20 + 3.8415/1600)) / (1 + 3.8415/20)
        #                   = (.79604 ± .22265) / 1.19207
        (14, 20, 0.4810, 0.8545),
        (16, 20, 0.5840, 0.9193),
        (0, 20, 0.0, 0.1611),  # high = z²/(n + z²)
        (20, 20, 0.8389, 1.0),
        (10, 20, 0.2993, 0.7007),
        (1, 10, 0.0179, 0.4042),  # R: prop.test(1, 10, correct = FALSE)
        (81, 263, 0.2553, 0.3662),  # Newcombe (1998), table I
        (15, 148, 0.0624, 0.1605),  # the same
    ],
)
def test_interval_has_the_known_values(successes: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize("successes", [0.5, 3, 9.5, 13])
def test_interval_solves_its_equation_and_mirrors(successes: float) -> None:
    n, z = 20, 1.959964
    low, high = wilson_interval(successes, n)
    for edge in (low, high):  # where the observed share is exactly z standard errors away
        assert abs(successes / n - edge) == pytest.approx(z * math.sqrt(edge * (1 - edge) / n))
    assert wilson_interval(n - successes, n) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_interval_of_nothing_is_refused(successes: float, n: int) -> None:
    with pytest.raises(ValueError, match="expected 0 <= successes <= n"):
        wilson_interval(successes, n)


class Judging:
    """A blind test whose pairs are made and voted on by hand."""

    def __init__(self, folder: Path, comparisons: int) -> None:
        self.store = Store(folder)
        self.run = RunFolder.create(folder / "runs", "judge", {"comparisons": comparisons})
        self.seed = 0
        self.prompt = "a lake"
        self.negative = ""
        self.use = AdapterUse(sha256="a" * 64)

    def candidate(self, adapter: bool) -> Candidate:
        recipe = Recipe(
            prompt=self.prompt,
            negative=self.negative,
            seed=self.seed,
            sampler="ddim",
            steps=20,
            guidance=3.0,
            width_px=8,
            height_px=8,
            base_sha256="b" * 64,
            adapters=(self.use,) if adapter else (),
            device="cpu",
            dtype="float32",
            threads=1,
            batch=2,
            scheduler="{}",
        )
        return self.store.candidates.add(Image.new("RGB", (8, 8), (self.seed, 255 * adapter, 0)), recipe)

    def compare(self, outcome: str | None, count: int = 1) -> None:
        """Make `count` pairs and vote: win, loss, tie, or None for no vote yet."""
        for _ in range(count):
            self.seed += 1
            one, other = self.candidate(adapter=False), self.candidate(adapter=True)
            pair = self.store.pairs.add(one.id, other.id, purpose="judge", run_id=self.run.id)
            choices: dict[str | None, Choice] = {"tie": "tie", "skip": "skip"}
            if outcome in ("win", "loss"):
                choices[outcome] = "left" if (pair.left.id == other.id) == (outcome == "win") else "right"
            if outcome:
                self.store.votes.cast(f"vote {self.seed}", pair.id, choices[outcome])

    def end(self, state: State) -> None:
        self.run.write_status(Status(state=state, verb="judge", **this_process()))


@pytest.fixture
def judging(tmp_path: Path):
    made: list[Judging] = []

    def make(comparisons: int) -> Judging:
        made.append(Judging(tmp_path, comparisons))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


def test_verdict_comes_after_the_last_vote(judging) -> None:
    one = judging(20)
    assert verdict(one.store, one.run) is None
    one.compare("win", 16)
    one.compare("loss", 3)
    assert verdict(one.store, one.run) is None
    one.end("done")
    one.compare(None)
    assert verdict(one.store, one.run) is None
    (last,) = one.store.pairs.open(purpose="judge", run_id=one.run.id)
    one.store.votes.cast("last", last.id, "left" if last.left.recipe and not last.left.recipe.adapters else "right")
    found = verdict(one.store, one.run)
    assert found
    assert (found.comparisons, found.wins, found.losses, found.ties, found.complete) == (20, 16, 4, 0, True)
    assert (found.win_rate, found.low, found.high) == pytest.approx((0.8, 0.5840, 0.9193), abs=1e-4)
    assert found.sentence == "You preferred the adapter in 16 of 20, likely between 58 % and 92 %."


def test_a_verdict_says_how_its_images_were_generated(judging) -> None:
    one = judging(1)
    one.negative, one.use = "fog", AdapterUse(sha256="a" * 64, strength=0.7, unconditional=-0.5)
    one.compare("win")
    found = verdict(one.store, one.run)
    assert found
    assert (found.negative, found.strength, found.unconditional_share) == ("fog", 0.7, -0.5)


def test_ties_count_half_and_are_reported(judging) -> None:
    one = judging(20)
    one.compare("win", 13)
    one.compare("tie", 2)
    one.compare("loss", 5)
    found = verdict(one.store, one.run)
    assert found
    assert (found.wins, found.ties, found.losses, found.win_rate) == (13, 2, 5, 0.7)
    assert found.sentence == (
        "You preferred the adapter in 14 of 20 (2 ties count half), likely between 48 % and 85 %. That could still be "
        "chance."
    )


def test_single_tie_reads_well(judging) -> None:
    one = judging(3)
    one.compare("win", 2)
    one.compare("tie")
    found = verdict(one.store, one.run)
    assert found
    assert found.sentence.startswith("You preferred the adapter in 2.5 of 3 (1 tie counts half), likely")


def test_skip_is_not_an_answer(judging) -> None:
    one = judging(3)
    one.compare("win", 2)
    one.compare("skip")
    assert verdict(one.store, one.run) is None


@pytest.mark.parametrize("state", ["stopped", "failed"])
def test_run_that_ended_early_says_so(judging, state: State) -> None:
    one = judging(20)
    one.end("running")
    one.compare("win", 6)
    assert verdict(one.store, one.run) is None
    one.end(state)
    found = verdict(one.store, one.run)
    assert found
    assert not found.complete
    assert found.sentence == (
        "You preferred the adapter in 6 of 6, likely between 61 % and 100 %. Only 6 of the 20 planned comparisons "
        "were made."
    )


def test_the_verdict_tells_every_prompt_and_what_was_judged(judging) -> None:
    one = judging(4)
    one.compare("win", 2)
    one.prompt = "a hill"
    one.compare("loss")
    one.compare("tie")
    found = verdict(one.store, one.run)
    assert found
    assert (found.adapter_sha256, found.strength) == ("a" * 64, 1.0)
    assert [(share.prompt, share.wins, share.losses, share.ties) for share in found.by_prompt()] == [
        ("a lake", 2, 0, 0),
        ("a hill", 0, 1, 1),
    ]
    hill = found.by_prompt()[1]
    assert (hill.win_rate, hill.low, hill.high) == (0.25, *wilson_interval(0.5, 2))
    assert [(told.prompt, told.seed, told.outcome) for told in found.outcomes] == [
        ("a lake", 1, "win"),
        ("a lake", 2, "win"),
        ("a hill", 3, "loss"),
        ("a hill", 4, "tie"),
    ]
    for told in found.outcomes:
        base, ours = (np.asarray(Image.open(one.store.images.path(sha))) for sha in (told.base, told.adapter))
        assert (base[0, 0, 1], ours[0, 0, 1]) == (0, 255), "the sides are distinguished"


def test_anything_but_a_comparison_is_refused(judging, tmp_path: Path) -> None:
    one = judging(1)
    pair = one.store.pairs.add(one.candidate(adapter=False).id, two_bases(one).id, purpose="judge", run_id=one.run.id)
    one.store.votes.cast("vote", pair.id, "left")
    with pytest.raises(StoreError, match="isn't one image with and one without"):
        verdict(one.store, one.run)
    training = RunFolder.create(tmp_path / "runs", "train", {"steps": 5})
    with pytest.raises(RunError, match="isn't a blind test"):
        verdict(one.store, training)


def two_bases(one: Judging) -> Candidate:
    one.seed += 1
    return one.candidate(adapter=False)

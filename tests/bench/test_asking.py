"""Asking without training: what is counted, the table, and (slow) the pool of a real model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench import asking
from bench.asking import Asking, accuracy, conclusion, gained, known_after
from bench.cells import Cell, Results, Session
from bench.journey import Workbench
from bench.machine import describe_machine
from bench.pool import Pool, read_pool
from bench.questions import RESERVED_SEED, Questions
from bench.simulated_user import TASTES
from sdpo_core.taste.features import describe
from sdpo_core.taste.layout import Layout
from sdpo_core.taste.pixels import measure


def made_pool(prompts: int, each: int, seed: int) -> Pool:
    """Images of one colour with some grain; pixels tell all, the latents are noise."""
    rng, layout = np.random.default_rng(seed), Layout(1, 0)
    colours = rng.integers(40, 216, size=(prompts * each, 1, 1, 3))
    grain = rng.integers(-30, 30, size=(prompts * each, 16, 16, 3))
    images = tuple(Image.fromarray(pixels) for pixels in np.clip(colours + grain, 0, 255).astype(np.uint8))
    vectors = rng.normal(size=(prompts * each, layout.size)).astype(np.float32)
    vectors[:, layout.slices["pixels"]] = np.stack([measure(image) for image in images])
    names = tuple(f"prompt {i}" for i in range(prompts))
    return Pool(names, images, vectors.reshape(prompts, each, -1), layout)


def known(right: str, *, votes: int = 20, says: tuple[float, ...] = (0.8, 0.7, 0.9)) -> dict[str, Any]:
    """Of 40 pairs, ten of each digit; the first two kinds are the surer half."""
    right, sure = ("".join(digit * 10 for digit in digits) for digits in (right, "1100"))
    return {"votes": votes, "right": right, "sure": sure, "says": list(says), "knows_taste": bool(says)}


def cell(case: Asking, *told: dict[str, Any]) -> Cell:
    return {"case": case.key("m"), "known": list(told), "machine": describe_machine()}


@pytest.mark.parametrize("candidates", [2, 4])
def test_who_is_asked_more_is_known_better_than_who_is_not(candidates: int) -> None:
    pool, test = made_pool(30, 4, seed=0), made_pool(60, 2, seed=1)
    few, many = known_after(
        pool, test, TASTES["warm"].person(0), candidates=candidates, counts=(11, 30), seed=0
    )  # 11 votes are too few to fit anything
    assert (few["votes"], few["right"], few["says"], few["knows_taste"]) == (11, "1" * 60, [], False)
    assert many["knows_taste"]
    right = np.array([int(digit) for digit in many["right"]]) / 2
    sure = np.array([digit == "1" for digit in many["sure"]])
    assert right.mean() >= 0.7
    assert sure.sum() == 30
    assert right[sure].mean() >= right.mean()


def test_the_truth_is_the_persons_score_and_not_their_slips() -> None:
    pool, test = made_pool(30, 4, seed=0), made_pool(60, 2, seed=1)
    (one,) = known_after(pool, test, TASTES["warm"].person(0), candidates=2, counts=(30,), seed=0)
    mirrored = Pool(test.prompts, tuple(test.images[i ^ 1] for i in range(120)), test.vectors, test.layout)
    (other,) = known_after(pool, mirrored, TASTES["warm"].person(0), candidates=2, counts=(30,), seed=0)
    assert [int(a) + int(b) for a, b in zip(one["right"], other["right"], strict=True)] == [2] * 60
    assert one["sure"] == other["sure"]


def test_the_same_person_is_asked_the_same_and_another_seed_something_else() -> None:
    pool, test = made_pool(30, 4, seed=0), made_pool(60, 2, seed=1)
    asked = [
        known_after(pool, test, TASTES["warm"].person(0), candidates=2, counts=(20,), seed=seed) for seed in (0, 0, 1)
    ]
    assert asked[0] == asked[1] != asked[2]


def test_a_pool_that_is_too_small_is_reported() -> None:
    pool = made_pool(12, 4, seed=0)
    for candidates, votes in ((2, 13), (5, 12)):
        with pytest.raises(ValueError, match="need more than 12 prompts of 4"):
            known_after(pool, pool, TASTES["warm"].person(0), candidates=candidates, counts=(votes,), seed=0)


def test_accuracy_is_over_people_and_pairs_and_the_surer_half_apart() -> None:
    cells = [cell(Asking("warm", 10), known("2200")), cell(Asking("warm", 11), known("2002"))]
    everything, surer = accuracy(cells, 20)
    assert everything.value == pytest.approx(0.5)
    assert surer.value == pytest.approx(0.75)
    assert everything.low < 0.5 < everything.high
    few = {"votes": 20, "right": "20", "sure": "10", "says": [], "knows_taste": False}
    assert accuracy([cell(Asking("warm", 10), few)], 20)[1] == (1.0, 1.0, 1.0)  # where the surer one was drawn at all


def test_chosen_questions_are_compared_with_chance_person_by_person() -> None:
    chance = [cell(Asking("warm", seed), known("2000")) for seed in (10, 11)]
    chosen = [cell(Asking("warm", seed, candidates=4), known("2200")) for seed in (10, 12)]
    gain = gained(chosen, chance, 20)
    assert gain is not None
    assert gain.value == pytest.approx(0.25)
    assert gained(chosen[1:], chance, 20) is None


def test_the_conclusion_follows_from_the_numbers() -> None:
    def ways(chosen: str) -> dict[tuple[Any, ...], list[Cell]]:
        told = [(Asking("warm", 10), "0000"), (Asking("warm", 10, candidates=8), chosen)]
        return {(c.candidates,): [cell(c, *(known(right, votes=n) for n in (20, 40, 60)))] for c, right in told}

    assert conclusion(ways("2222")) == (
        "Conclusion: choosing pays at every number of votes: the best pair of 8, "
        + ", ".join(["+100.0 (+100.0 – +100.0)"] * 3)
        + " points at 20, 40, 60 votes."
    )
    assert conclusion(ways("0000")).startswith("Conclusion: choosing can't be told from chance: the best pair of 8")
    assert "none yet" in conclusion({(2,): ways("2222")[2,]})


def test_the_table_has_a_row_for_each_number_of_votes_and_way() -> None:
    cells = [
        cell(Asking("warm", 10), known("2200"), known("2220", votes=40)),
        cell(Asking("warm", 10, candidates=4), known("2220"), known("2222", votes=40)),
        cell(Asking("busy", 10), known("1111", says=()), known("2200", votes=40)),
    ]
    text = asking.table(cells)
    assert "share of 40 pairs" in text
    assert "| 20 | two by chance | 1 | 50% (" in text
    assert "| 40 | the best pair of 4 | 1 | 100% (100% – 100%) | 100% (100% – 100%) | 1 of 1 | 80% |" in text
    assert "| 20 | two by chance | 1 | 50% (50% – 50%) | 50% (50% – 50%) | 0 of 1 | – |" in text
    assert "| the best pair of 4 | +25.0 (" in text


@pytest.mark.parametrize("asked", [["--tastes", "cosy"], ["--seeds", str(RESERVED_SEED)], ["--reserved"]])
def test_defaults_are_never_chosen_on_what_is_reserved(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        asking.main(asked)
    assert "eserved" in capsys.readouterr().err


def test_rendering_needs_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = Results(tmp_path / "asking.json")
    monkeypatch.setattr(asking, "RESULTS", results.path)
    monkeypatch.setattr(asking, "Workbench", None)
    results.keep(cell(Asking("warm", 10), known("2200")))
    asking.main(["--render"])
    assert results.path.with_suffix(".md").read_text("utf-8") == asking.table(results.cells())


@pytest.mark.slow
def test_a_pool_is_drawn_once_and_is_what_the_model_draws_and_sees(bench: Workbench, tmp_path: Path) -> None:
    prompts = tuple(f"hill {i}" for i in range(13))
    questions = Questions(prompts, tuple((100 + 2 * i, 101 + 2 * i) for i in range(13)))
    pool = read_pool(bench, questions)
    assert pool.vectors.shape == (13, 2, pool.layout.size)
    seen = describe(bench.model, [pool.image(3, 1)], [prompts[3]])[0]
    assert pool.vectors[3, 1] == pytest.approx(seen, rel=1e-3, abs=1e-4)

    cases = [Asking("warm", 10, votes=13, candidates=2)]
    results = Results(tmp_path / "asking.json")
    asking.run(bench, cases, (12, 13), (questions, questions), results, Session())
    (found,) = results.cells()
    assert [one["votes"] for one in found["known"]] == [12, 13]
    assert all(len(one["right"]) == 13 for one in found["known"])
    with Workbench(questions, bench.fresh, how=bench.how, cache=bench.cache) as another:
        again = read_pool(another, questions)
        assert np.array_equal(again.vectors, pool.vectors)
        assert "model" not in vars(another)  # all of it was kept

"""The taste model on people whose taste is known: does it find it, and is it honest about how well."""

import dataclasses
import time
from datetime import UTC, datetime
from statistics import NormalDist

import numpy as np
import pytest

from sdpo_core.errors import DataError
from sdpo_core.intervals import wilson_interval
from sdpo_core.taste import ridge
from sdpo_core.taste.comparisons import MUCH_BETTER_WEIGHT, Comparisons, from_votes, read_votes
from sdpo_core.taste.coordinates import coordinates
from sdpo_core.taste.crossval import folds
from sdpo_core.taste.fit import Fitted, fit_taste, luck_of
from sdpo_core.taste.layout import FEATURES, Layout, Part
from sdpo_core.workspace.features import Eye
from sdpo_core.workspace.records import Choice
from sdpo_core.workspace.store import Store
from tests.taste.worlds import BASE, SMALL, WHOLE, World
from tests.workspace.helpers import add_pair, imagined
from tests.workspace.helpers import store as store_fixture

store = store_fixture


def accuracy(fitted: Fitted, votes: Comparisons) -> float:
    return float(((fitted.model.chance(votes.left, votes.right) > 0.5) == votes.left_won).mean())


# -------------------------------------------------------------------------------------------------------- the numbers


def test_the_regression_is_the_minimum_of_what_it_promises() -> None:
    """Slope and curvature by differences of the plain formula."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(30, 4)) + 0.3, rng.uniform(0.5, 2, 30)
    h, unit = 1e-3, np.eye(4)

    def objective(beta: np.ndarray) -> float:
        return float(w @ np.log1p(np.exp(-(x @ beta))) + 0.35 * beta @ beta)

    found = ridge.fit(x, w, 0.7)
    slope = [objective(found + h * e) - objective(found - h * e) for e in unit]
    np.testing.assert_allclose(slope, 0, atol=2 * h * 1e-3)
    bend = [
        [
            objective(found + h * (a + b))
            - objective(found + h * (a - b))
            - objective(found - h * (a - b))
            + objective(found - h * (a + b))
            for a in unit
        ]
        for b in unit
    ]
    np.testing.assert_allclose(np.array(bend) / (4 * h * h), ridge.hessian(x, w, 0.7, found), atol=1e-3)


def test_problems_solved_together_are_those_solved_alone() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(20, 5)) * 10
    weights, strengths = rng.uniform(0, 1, (3, 20)), np.array([0.01, 1.0, 100.0])
    alone = [ridge.fit(x, w, strength) for w, strength in zip(weights, strengths, strict=True)]
    np.testing.assert_allclose(ridge.fit_many(x, weights, strengths), alone, atol=1e-3)


def test_leaving_a_group_out_is_what_fitting_without_it_gives() -> None:
    rng = np.random.default_rng(2)
    x, w = rng.normal(size=(40, 5)) + 0.2, rng.uniform(0.5, 2, 40)
    groups = [np.arange(start, start + 2) for start in range(0, 40, 2)]
    strengths = np.array([3.0, 0.3])
    told = ridge.left_out_margins(x, w, strengths, groups)
    for place, strength in enumerate(strengths.tolist()):
        rest = {group[0]: np.setdiff1d(np.arange(40), group) for group in groups}
        alone = np.concatenate([x[one] @ ridge.fit(x[rest[one[0]]], w[rest[one[0]]], strength) for one in groups])
        seen = x @ ridge.fit(x, w, strength)
        assert np.linalg.norm(told[place] - alone) < 0.3 * np.linalg.norm(seen - alone), "one step from the whole fit"


def test_coordinates_keep_lengths_and_leave_out_what_never_differs() -> None:
    world = World(0)
    differences = world.images(30) - world.images(30)
    differences[:, 3] = 0.0
    found = coordinates(SMALL, differences, np.ones(SMALL.size, np.float32))
    assert set(found) == {"pixels", "latents"}
    for part, own in found.items():
        z = differences[:, SMALL.slices[part]] * own.inverse_scale
        assert np.square(z).sum(1).mean() == pytest.approx(1, rel=1e-4)
        np.testing.assert_allclose(own.directions.T @ own.directions, np.eye(own.rows.shape[1]), atol=1e-5)
        np.testing.assert_allclose(own.rows @ own.rows.T, z @ z.T, atol=1e-4)
    assert found["pixels"].inverse_scale[3] == 0
    assert coordinates(SMALL, np.zeros_like(differences), np.ones(SMALL.size, np.float32)) == {}


def test_folds_keep_groups_whole_and_even() -> None:
    groups = ["a"] * 7 + ["b"] * 3 + ["c"] * 3 + ["d"] * 3
    made = folds(groups, 3)
    assert sorted(np.concatenate(made).tolist()) == list(range(16))
    assert sorted(len(fold) for fold in made) == [3, 6, 7]
    assert all({groups[row] for row in one}.isdisjoint(groups[row] for row in made[0]) for one in made[1:])
    assert len(folds(["a", "b"], 10)) == 2


# ----------------------------------------------------------------------------------------------------------- learning


@pytest.mark.parametrize("part", ["pixels", "latents", "network"])
def test_a_taste_in_any_part_is_found(part: Part) -> None:
    world = World(3, WHOLE, part)
    fitted = fit_taste(world.votes(80), BASE)
    assert fitted.model.knows_taste
    assert accuracy(fitted, world.votes(400)) > 0.72
    assert "It predicts" in fitted.model.facts.sentence


def test_its_own_estimate_is_what_fresh_votes_show() -> None:
    """Over many people; for one, the interval has to hold it, most of the time."""
    told, true, inside = [], [], 0
    for seed in range(10):
        world = World(seed)
        fitted = fit_taste(world.votes(40), BASE)
        facts = fitted.model.facts
        assert facts.accuracy is not None
        assert facts.low is not None
        assert facts.high is not None
        if not facts.knows_taste:
            continue
        told.append(facts.accuracy)
        true.append(accuracy(fitted, world.votes(400)))
        inside += facts.low <= true[-1] <= facts.high
    assert len(told) >= 8
    assert np.mean(told) == pytest.approx(np.mean(true), abs=0.04)
    assert inside >= len(told) - 1


def test_chances_are_how_often_it_is_right() -> None:
    chances, right = [], []
    for seed in range(5):
        world = World(seed, noise=0.6)
        fitted = fit_taste(world.votes(60), BASE)
        fresh = world.votes(300)
        chance = fitted.model.chance(fresh.left, fresh.right)
        chances += list(np.maximum(chance, 1 - chance))
        right += list((chance > 0.5) == fresh.left_won)
    sure = np.array(chances) > np.median(chances)
    for half in (sure, ~sure):
        assert np.mean(np.array(right)[half]) == pytest.approx(np.mean(np.array(chances)[half]), abs=0.06)
    assert np.mean(np.array(right)[sure]) > np.mean(np.array(right)[~sure]) + 0.1


def test_luck_weighs_right_votes_by_how_sure_they_were() -> None:
    sure = np.arange(1.0, 13.0)
    unsure_wrong, sure_wrong = np.where(sure > 3, sure, -sure), np.where(sure > 9, -sure, sure)  # 9 of 12 right
    assert luck_of(unsure_wrong) < 0.05 < luck_of(sure_wrong)
    assert luck_of(np.zeros(12)) == 0.5
    assert luck_of(unsure_wrong) == pytest.approx(1 - luck_of(-unsure_wrong))
    # Rank 4 against ranks 1, 2 and 3, whose squares add up to 30.
    assert luck_of(np.array([-1.0, -2.0, -3.0, 40.0])) == pytest.approx(NormalDist().cdf(2 / np.sqrt(2 * 30)))


def test_a_share_that_could_be_chance_is_reported_with_its_odds() -> None:
    """Few votes, of which the surest are right."""
    told = [fit_taste(World(seed).votes(18), BASE).model.facts for seed in range(20)]
    surer = [facts for facts in told if facts.knows_taste and (facts.low or 1) <= 0.5]
    assert surer
    for facts in surer:
        assert facts.luck is not None
        assert facts.luck <= 0.05
        assert f"Chance alone would do this well about once in {round(1 / facts.luck)} times." in facts.sentence


def test_few_votes_switch_it_on_more_often_than_a_count_of_right_ones_would() -> None:
    told = [fit_taste(World(seed, WHOLE).votes(20), BASE).model.facts for seed in range(40)]
    counted = sum((facts.low or 0) > 0.5 for facts in told)
    assert sum(facts.knows_taste for facts in told) > 1.5 * counted > 0


def test_votes_by_chance_switch_it_off() -> None:
    known = [seed for seed in range(60) if fit_taste(World(seed, part=None).votes(24), BASE).model.knows_taste]
    assert len(known) <= 3, f"seeds {known}"


def test_sides_and_order_play_no_part() -> None:
    votes = World(0).votes(40)
    mirrored = dataclasses.replace(votes, left=votes.right, right=votes.left, left_won=~votes.left_won)
    order = np.random.default_rng(0).permutation(40)
    shuffled = Comparisons.of(
        votes.layout,
        votes.left[order],
        votes.right[order],
        votes.left_won[order],
        [votes.prompts[row] for row in order],
    )
    plain = fit_taste(votes, BASE).model
    for other in (mirrored, shuffled):
        model = fit_taste(other, BASE).model
        assert model.facts.accuracy == plain.facts.accuracy
        np.testing.assert_allclose(model.weights, plain.weights, rtol=0.02, atol=1e-4)
    first, second = votes.left[:5], votes.right[:5]
    np.testing.assert_allclose(plain.chance(first, second) + plain.chance(second, first), 1, atol=1e-6)
    again = fit_taste(votes, BASE).model
    assert all(np.array_equal(getattr(again, n), getattr(plain, n)) for n in ("weights", "directions", "covariance"))


def test_variance_is_large_where_no_vote_has_looked() -> None:
    world = World(0)
    votes = world.votes(40)
    model = fit_taste(votes, BASE).model
    assert model.knows_taste
    seen = model.variance(votes.left, votes.right)
    noise = world.units * np.random.default_rng(0).normal(size=votes.left.shape)
    strange = (votes.left + noise).astype(np.float32)
    assert np.median(model.variance(votes.left, strange)) > np.median(seen)
    np.testing.assert_allclose(model.variance(votes.left, votes.left), 0, atol=1e-6)
    log_odds, variance = model.between(votes.left[:6])
    np.testing.assert_allclose(log_odds[1, 4], model.score(votes.left[1:2]) - model.score(votes.left[4:5]), rtol=1e-4)
    np.testing.assert_allclose(variance[1, 4], model.variance(votes.left[1:2], votes.left[4:5]), rtol=0.01)


def test_much_better_weighs_more() -> None:
    """A vote of weight 2 counts as the same vote twice."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10, 3))
    weights = np.ones(10)
    weights[4] = 2
    np.testing.assert_allclose(ridge.fit(x, weights, 1.0), ridge.fit(np.vstack([x, x[4]]), np.ones(11), 1.0), atol=1e-4)


@pytest.mark.parametrize(("count", "seconds"), [(60, 8), (2000, 40)])
def test_it_takes_seconds(count: int, seconds: float) -> None:
    """Of this process's own CPU time: about 1 and 5 where nothing else runs."""
    votes = World(0, Layout(8, 440)).votes(count)
    began = time.process_time()
    assert fit_taste(votes, BASE).model.knows_taste
    assert time.process_time() - began < seconds


# ---------------------------------------------------------------------------------------------- votes that say nothing


def test_each_kind_of_useless_votes_has_its_sentence() -> None:
    world = World(0)
    votes = world.votes(30)

    def why(changed: Comparisons) -> str:
        fitted = fit_taste(changed, BASE)
        assert not fitted.model.knows_taste
        assert (fitted.held_out == 0.5).all()
        assert (fitted.model.chance(votes.left, votes.right) == 0.5).all()
        assert (fitted.model.variance(votes.left, votes.right) == 0).all()
        return fitted.model.facts.sentence

    few = Comparisons.of(SMALL, votes.left[:5], votes.right[:5], votes.left_won[:5], votes.prompts[:5])
    assert "5 votes can be used so far; it needs at least 12" in why(few)
    none = Comparisons.of(SMALL, votes.left[:0], votes.right[:0], [], [])
    assert "No vote can be used" in why(none)
    assert "30 of 30 votes are for the left image" in why(dataclasses.replace(votes, left_won=np.ones(30, np.bool_)))
    assert "tell the two images" in why(dataclasses.replace(votes, right=votes.left))
    half = [*range(15), *range(15)]
    said = np.concatenate([votes.left_won[:15], ~votes.left_won[:15]])
    denied = Comparisons.of(SMALL, votes.left[half], votes.right[half], said, [votes.prompts[row] for row in half])
    assert "30 of 30 votes contradict another vote" in why(denied)
    chained = Comparisons.of(SMALL, votes.left, np.roll(votes.left, 1, axis=0), votes.left_won, ["one prompt"] * 30)
    assert "same few images" in why(chained)
    assert "may be chance" in why(World(1, part=None).votes(30))


def test_few_prompts_hold_out_connected_images() -> None:
    images = World(0).images(8)
    votes = Comparisons.of(SMALL, images[[0, 1, 4, 6]], images[[1, 2, 5, 7]], [True, False, True, False], ["one"] * 4)
    groups = votes.groups()
    assert groups[0] == groups[1]
    assert len(set(groups)) == 3
    one_prompt = World(5).votes(60, prompts=1)
    assert fit_taste(one_prompt, BASE).model.knows_taste


def test_only_questions_that_chance_chose_test_it() -> None:
    votes = World(0).votes(40)
    asked = np.arange(40) < 25  # the model chose the other 15
    facts = fit_taste(dataclasses.replace(votes, by_chance=asked), BASE).model.facts
    assert facts.tested == 25
    assert (facts.low, facts.high) == wilson_interval((facts.accuracy or 0) * 25 / 2, 12.5)
    too_few = fit_taste(dataclasses.replace(votes, by_chance=np.arange(40) < 5), BASE).model.facts
    assert too_few.tested == 40


@pytest.mark.parametrize("votes", [24, 25, 33, 39])
def test_an_odd_number_of_votes_that_are_all_predicted_counts(votes: int) -> None:
    """They count for half of their number each, which is isn't a whole number then."""
    told = World(0).votes(votes)
    steady = dataclasses.replace(told, left=told.left * 0, right=told.right * 0)
    liked = np.where(told.left_won, 1.0, -1.0).astype(np.float32)
    steady.left[:, 0], steady.right[:, 0] = liked, -liked
    facts = fit_taste(steady, BASE).model.facts
    assert facts.accuracy == 1.0
    assert facts.high == 1.0


def test_comparisons_refuse_what_does_not_fit() -> None:
    votes = World(0).votes(4)
    with pytest.raises(DataError, match="different numbers of votes"):
        dataclasses.replace(votes, prompts=("x",))
    with pytest.raises(DataError, match="above 0"):
        dataclasses.replace(votes, weights=np.array([1.0, 0.0, 1.0, 1.0]))
    with pytest.raises(DataError, match="NaN"):
        dataclasses.replace(votes, left=np.full_like(votes.left, np.nan))
    with pytest.raises(DataError, match="another model"):
        dataclasses.replace(votes, left=votes.left[:, 1:])


# ------------------------------------------------------------------------------------------------------- the person's


def test_votes_become_comparisons() -> None:
    images = {letter * 64: vector for letter, vector in zip("abcd", World(0).images(4), strict=True)}
    now = datetime.now(UTC)

    def voted(number: int, choice: Choice, left: str, right: str, strength: int = 1, chosen_by: str = "chance"):
        one = imagined(number, 2 * number, 2 * number + 1, f"prompt {number}")
        sides = {
            "left": one.pair.left.model_copy(update={"image_sha256": left * 64}),
            "right": one.pair.right.model_copy(update={"image_sha256": right * 64}),
        }
        return one.model_copy(
            update={
                "pair": one.pair.model_copy(update={**sides, "chosen_by": chosen_by}),
                "vote": one.vote.model_copy(update={"choice": choice, "strength": strength, "created_at": now}),
            }
        )

    pairs = [
        voted(1, "left", "a", "b", strength=2),
        voted(2, "tie", "a", "b"),
        voted(3, "right", "c", "d", chosen_by="taste"),
        voted(4, "left", "a", "e"),  # not described
        voted(5, "skip", "a", "b"),
    ]
    comparisons, used = from_votes(SMALL, pairs, images)
    assert [one.pair.id for one in used] == [1, 3]
    assert comparisons.left_won.tolist() == [True, False]
    assert comparisons.weights.tolist() == [MUCH_BETTER_WEIGHT, 1.0]
    assert comparisons.by_chance.tolist() == [True, False]
    np.testing.assert_array_equal(comparisons.differences()[1], images["d" * 64] - images["c" * 64])
    nothing, _ = from_votes(SMALL, [], images)
    assert len(nothing) == 0
    assert not fit_taste(nothing, BASE).model.knows_taste


def test_votes_are_read_from_the_store(store: Store) -> None:
    pairs = [add_pair(store, number, f"prompt {number}") for number in range(3)]
    for pair, choice in zip(pairs, ("left", "tie", "right"), strict=True):
        store.votes.cast(f"vote {pair.id}", pair.id, choice)  # pyright: ignore[reportArgumentType]
    voted = store.pairs.voted(purpose="train")
    assert len(read_votes(store, BASE, voted)[0]) == 0
    images = sorted({side.image_sha256 for pair in pairs for side in (pair.left, pair.right)})
    eye = Eye(BASE, FEATURES, SMALL.latent_channels, SMALL.network_channels, SMALL.size)
    vectors = dict(zip(images, World(0).images(len(images)), strict=True))
    store.features.put(eye, {one: vectors[one] for one in images if one != pairs[2].left.image_sha256})
    comparisons, used = read_votes(store, BASE, voted)
    assert [one.pair.id for one in used] == [pairs[0].id]
    np.testing.assert_array_equal(comparisons.left[0], vectors[pairs[0].left.image_sha256])
    store.features.put(eye, vectors)
    assert len(read_votes(store, BASE, voted)[0]) == 2
    assert len(read_votes(store, "c" * 64, voted)[0]) == 0

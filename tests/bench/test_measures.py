"""The measures against hand arithmetic, and their intervals against a truth that is known."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench import measures
from bench.measures import Readings, Weights, feature_spread, features, look_at, measure, pixel_spread, relative_error
from bench.questions import Questions
from bench.simulated_user import ORACLES
from demo.attributes import Judge, following
from demo.scenes import captions, draw, sample_scene


@pytest.fixture(scope="module")
def judge(repository: Path) -> Judge:
    return Judge.load(repository / "assets" / "demo" / "judge.safetensors")


def reading(before: list[list[float]], after: list[list[float]], **others: list[float]) -> Readings:
    """Readings of these scores (P, K); what isn't given is the same for base and adapter."""
    ones = [1.0] * len(before)
    content = {
        "before": before, "after": after, "spread_before": ones, "spread_after": ones, "pixel_spread_before": ones,
        "pixel_spread_after": ones, "claimed": ones, "followed_before": ones, "followed_after": ones,
        "reference_error": [1.0, 1.0], "error_rise": [0.0, 0.0], **others,
    }  # fmt: skip
    return Readings.parse(content)


def test_a_tie_counts_half_at_the_same_seed_and_across_seeds() -> None:
    found = measure([reading([[1.0], [3.0]], [[2.0], [3.0]])])
    assert found["win_rate"].value == (1 + 0.5) / 2
    # 2 > 1, 2 < 3, 3 > 1, 3 = 3
    assert found["cross_seed"].value == (1 + 0 + 1 + 0.5) / 4


def test_the_shift_is_in_standard_deviations_of_the_base() -> None:
    found = measure([reading([[10.0, 20.0], [30.0, 40.0]], [[30.0, 40.0], [50.0, 60.0]])])
    # 10, 20, 30, 40: standard deviation (n − 1) is 12.9099; the mean change is 20
    assert found["shift"].value == pytest.approx(20 / 12.9099, rel=1e-4)
    assert found["win_rate"].value == 1


def test_one_direction_may_be_right_everywhere_and_still_not_be_seen() -> None:
    before = np.arange(40, dtype=float).reshape(10, 4)
    found = measure([reading(before.tolist(), (before + 0.1).tolist())])
    assert found["win_rate"] == (1, 1, 1)
    assert found["cross_seed"].value == pytest.approx((40 * 39 / 2 + 40) / 1600)  # i above j, and i = j by a little
    assert found["shift"].value == pytest.approx(0.1 / before.std(ddof=1))


def test_ratios_and_differences_are_of_means_over_prompts() -> None:
    scores = [[1.0, 2.0], [3.0, 4.0]]
    found = measure([
        reading(
            scores, scores,
            spread_before=[0.2, 0.4], spread_after=[0.1, 0.41],
            pixel_spread_before=[0.1, 0.3], pixel_spread_after=[0.1, 0.1],
            claimed=[4.0, 6.0], followed_before=[4.0, 5.0], followed_after=[3.0, 5.0],
        )
    ])  # fmt: skip
    assert found["diversity"].value == pytest.approx(0.51 / 0.6)
    assert found["pixel_diversity"].value == pytest.approx(0.2 / 0.4)
    assert found["following_base"].value == pytest.approx(0.9)
    assert found["following_adapter"].value == pytest.approx(0.8)
    assert found["following"].value == pytest.approx(-0.1)


def test_cosine_distances_by_hand() -> None:
    vectors = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]], [[1.0, 1.0], [2.0, 2.0], [5.0, 5.0]]])
    # right angles and two of 45°; and three that point the same way
    assert feature_spread(vectors) == pytest.approx([(1 + 2 * (1 - math.sqrt(0.5))) / 3, 0.0], abs=1e-12)


def test_pixels_spread_by_hand() -> None:
    black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    images = torch.from_numpy(np.stack([[black, white], [white, white]]))
    assert pixel_spread(images) == pytest.approx([math.sqrt(0.5), 0.0])


def test_features_are_what_the_classifier_decides_by(judge: Judge) -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8))
    found = features(judge, pixels)
    logits = torch.cat(judge(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1), dim=1)
    torch.testing.assert_close(judge.head(found), logits)


def test_a_look_counts_each_prompts_claims_and_scores_each_image(judge: Judge) -> None:
    rng = np.random.default_rng(3)
    scenes = [sample_scene(rng) for _ in range(6)]
    prompts = tuple(captions(scene, rng, 1)[0] for scene in scenes)
    images = [Image.fromarray(draw(scene)) for scene in scenes for _ in range(2)]
    seen = look_at(images, Questions(prompts, tuple((2 * i, 2 * i + 1) for i in range(6))), ORACLES["warm"], judge)
    assert seen.scores.shape == (6, 2)
    assert seen.scores[2, 1] == ORACLES["warm"].score(images[5])
    assert seen.spread == pytest.approx(np.zeros(6), abs=1e-9)  # the same image twice
    assert seen.pixel_spread == pytest.approx(np.zeros(6))
    pixels = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
    together = following(judge, [prompt for prompt in prompts for _ in range(2)], pixels).values()
    assert seen.claimed.sum() == sum(row.claimed for row in together)
    assert seen.followed.sum() == sum(row.followed for row in together)
    assert 0 < seen.followed.sum() <= seen.claimed.sum()
    with pytest.raises(ValueError, match="6 x 2"):
        look_at(images[:-1], Questions(prompts, ((0, 1),) * 6), ORACLES["warm"], judge)


def test_an_interval_covers_what_is_true_about_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of a prompt are alike; who drew single questions instead of prompts would cover the truth far less."""
    monkeypatch.setattr(measures, "RESAMPLES", 400)
    rng = np.random.default_rng(0)
    covered, trials = 0, 300
    for _ in range(trials):
        before = rng.normal(size=(40, 4))
        change = rng.normal(0.5, 1.0, (40, 1)) + rng.normal(0.0, 0.2, (40, 4))
        found = measure([reading(before.tolist(), (before + change).tolist())])["shift"]
        covered += found.low <= 0.5 <= found.high
    assert 0.90 <= covered / trials <= 0.98


def test_cells_that_differ_make_the_interval_of_all_wider() -> None:
    rng = np.random.default_rng(1)
    before = rng.normal(size=(30, 4))
    noise = rng.normal(0.0, 0.1, (3, 30, 4))
    same = [reading(before.tolist(), (before + 0.5 + one).tolist()) for one in noise]
    apart = [reading(before.tolist(), (before + by + one).tolist()) for by, one in zip((0, 0.5, 1), noise, strict=True)]
    close, wide = measure(same)["shift"], measure(apart)["shift"]
    assert close.value == pytest.approx(wide.value, abs=0.05)
    assert wide.high - wide.low > 3 * (close.high - close.low)
    assert close.value == pytest.approx(np.mean([measure([one])["shift"].value for one in same]))


def test_the_error_of_several_cells_is_over_pairs_and_cells() -> None:
    scores = [[1.0, 2.0]]
    cells = [
        reading(scores, scores, reference_error=[1.0, 3.0], error_rise=[0.1, 0.3]),
        reading(scores, scores, reference_error=[3.0, 1.0], error_rise=[0.0, 0.0]),
    ]
    found = measure(cells)["winner_error"]
    assert found.value == pytest.approx(0.4 / 8)
    assert found.low == pytest.approx(0.0)  # the second alone
    assert found.high == pytest.approx(0.1)  # the first alone


def test_a_standard_error_is_clustered_by_pair() -> None:
    reference, rise = np.array([2.0, 2.0, 2.0]), np.array([0.1, 0.2, 0.3])
    value, error = relative_error(reference, rise)
    assert value == pytest.approx(0.1)
    # equal references: the standard error of the mean of .05, .1, .15
    assert error == pytest.approx(0.05 / math.sqrt(3))
    found = measure([reading([[1.0, 2.0]], [[1.0, 2.0]], reference_error=[2.0] * 3, error_rise=[0.1, 0.2, 0.3])])
    assert found["winner_error"] == pytest.approx((0.1, 0.1 - 2 * error, 0.1 + 2 * error))


def test_the_same_readings_give_the_same_numbers_and_survive_json() -> None:
    rng = np.random.default_rng(2)
    one = reading(rng.normal(size=(5, 4)).tolist(), rng.normal(size=(5, 4)).tolist())
    again = Readings.parse(one.content())
    assert again.content() == one.content()
    found = measure([one])
    assert found == measure([one])
    assert all(mine == pytest.approx(found[name]) for name, mine in measure([again]).items())
    assert np.array_equal(Weights.draw(2, 9).prompts, Weights.draw(2, 9).prompts)


def test_without_a_spread_of_scores_there_is_no_shift() -> None:
    with pytest.raises(ValueError, match="same score"):
        measure([reading([[1.0, 1.0]], [[2.0, 2.0]])])

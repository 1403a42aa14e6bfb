"""Simulated people: tastes in pixels, votes that are honest, repeatable and written through the real store."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench import detector
from bench.detector import draw_examples, shrink, to_tensor, train_detector
from bench.simulated_user import ORACLES, TASTES, Oracle, SimulatedUser, bright, busy, cosy, muted, sun, warm
from demo.scenes import SIZE_PX, draw, sample_scene


def plain(red: int, green: int, blue: int) -> Image.Image:
    return Image.new("RGB", (64, 64), (red, green, blue))


def test_warm_is_the_difference_of_the_red_and_the_blue_mean() -> None:
    assert warm(plain(255, 0, 0)) == 1
    assert warm(plain(51, 255, 102)) == pytest.approx(-0.2)


def test_bright_weighs_the_channels_as_the_eye_does() -> None:
    assert bright(plain(255, 255, 255)) == pytest.approx(1)
    assert bright(plain(0, 255, 0)) == pytest.approx(0.587)


def test_busy_is_the_mean_gradient_of_the_lower_part() -> None:
    rows, columns = np.mgrid[:64, :64]
    ramp = Image.fromarray(np.repeat((columns * 3 + rows * 0)[..., None], 3, axis=2).astype(np.uint8))
    assert busy(ramp) == pytest.approx(3 / 255)
    only_above = np.zeros((64, 64, 3), np.uint8)
    only_above[:28] = np.random.default_rng(0).integers(0, 256, (28, 64, 3))
    assert busy(Image.fromarray(only_above)) == 0
    assert busy(Image.fromarray(only_above[::-1].copy())) > 0


def test_no_score_depends_on_how_many_pixels_there_are() -> None:
    """An image, and the same one with each pixel made four."""

    def enlarged(image: Image.Image) -> Image.Image:
        return image.resize((2 * image.width, 2 * image.height), Image.Resampling.NEAREST)

    for seed in range(4):
        image = Image.fromarray(draw(sample_scene(np.random.default_rng(seed))))
        for score in (warm, bright, muted):
            assert score(enlarged(image)) == pytest.approx(score(image), abs=1e-6)
        twice, once = (np.asarray(shrink(one), dtype=int) for one in (enlarged(image), image))  # what `sun` looks at
        assert np.abs(twice - once).mean() <= 2, "of 255; 64 does not divide the side, so edges fall elsewhere"
    stripes = Image.fromarray(np.where(np.arange(64) // 8 % 2, 200, 50).astype(np.uint8)[None].repeat(64, axis=0))
    # Seven edges of 150/255 in 64 units; the last column, which has no neighbour, doesn't count.
    assert busy(stripes) == pytest.approx(7 * 150 / 255 / 63)
    assert busy(enlarged(stripes)) == pytest.approx(7 * 150 / 255 / 64 * 128 / 127)


def test_cosy_weighs_both_of_its_halves_by_how_much_they_vary() -> None:
    image = plain(100, 0, 50)
    assert cosy(image) == pytest.approx((50 / 255) / 0.22)
    rng = np.random.default_rng(5)
    images = [Image.fromarray(draw(sample_scene(rng))) for _ in range(150)]
    for half, deviation in ((warm, 0.22), (busy, 0.02)):
        assert np.std([half(one) for one in images], ddof=1) == pytest.approx(deviation, rel=0.2)


def test_muted_likes_less_of_something_and_is_nobodys_mirror() -> None:
    assert muted(plain(90, 90, 90)) == 0
    assert muted(plain(255, 51, 0)) == -1
    assert muted(plain(100, 150, 100)) > muted(plain(100, 200, 100))
    rng = np.random.default_rng(6)
    images = [Image.fromarray(draw(sample_scene(rng))) for _ in range(100)]
    scores = {name: [ORACLES[name].score(one) for one in images] for name in ("warm", "bright", "busy", "muted")}
    others = [abs(np.corrcoef(scores["muted"], scores[name])[0, 1]) for name in ("warm", "bright", "busy")]
    assert max(others) < 0.7


def test_choices_do_not_depend_on_the_side() -> None:
    person = SimulatedUser(ORACLES["warm"], tie_margin=0.01)
    assert person.choose(plain(200, 0, 0), plain(0, 0, 200)) == "left"
    assert person.choose(plain(0, 0, 200), plain(200, 0, 0)) == "right"
    assert person.choose(plain(100, 0, 100), plain(101, 9, 100)) == "tie"


def test_slips_come_at_their_rate_and_are_the_same_when_asked_again() -> None:
    person = SimulatedUser(ORACLES["bright"], flip=0.2, seed=3)
    dark = plain(0, 0, 0)
    shades = [plain(r, g, 0) for r in range(1, 21) for g in range(50)]
    right = [person.choose(dark, shade) for shade in shades]
    assert right.count("left") / len(right) == pytest.approx(0.2, abs=0.04)
    mirrored = {"left": "right", "right": "left"}
    assert [mirrored[person.choose(shade, dark)] for shade in shades] == right
    assert SimulatedUser(ORACLES["bright"], flip=1.0).choose(dark, shades[0]) == "left"


def test_a_detector_of_this_kind_learns_what_a_sun_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.no_grad():  # as the oracle asks for it
        made = train_detector(scenes=300, steps=60)
    assert sum(p.numel() for p in made.parameters()) == pytest.approx(20_000, rel=0.1)
    pixels, present = draw_examples(150, seed=1)
    assert pixels.shape == (150, 64, 64, 3)  # whatever the scenes are drawn at
    images = to_tensor(pixels)
    assert ((made(images).numpy() > 0) == present).mean() > 0.75
    monkeypatch.setattr(detector, "train_detector", lambda: made)
    assert detector.sun_detector(tmp_path) is made
    kept = detector.sun_detector(tmp_path)
    assert kept is not made
    torch.testing.assert_close(kept(images), made(images), rtol=0, atol=0)


@pytest.mark.slow
def test_the_detector_sees_the_sun_on_scenes_that_it_was_not_trained_on() -> None:
    """The one that votes, through the score that votes, at the scenes' own size."""
    rng = np.random.default_rng(77)
    scenes = [sample_scene(rng) for _ in range(300)]
    images = [Image.fromarray(draw(scene)) for scene in scenes]
    assert images[0].size == (SIZE_PX, SIZE_PX)
    right = [(sun(image) > 0) == scene.orb for image, scene in zip(images, scenes, strict=True)]
    assert np.mean(right) > 0.93


def test_votes_every_open_pair_in_the_real_store(tmp_path: Path) -> None:
    records = pytest.importorskip("sdpo_core.workspace.store")
    from sdpo_core.workspace.records import Recipe

    def recipe(seed: int) -> Recipe:
        return Recipe(
            prompt="hills",
            seed=seed,
            sampler="ddim",
            steps=1,
            guidance=1.0,
            width_px=64,
            height_px=64,
            base_sha256="0" * 64,
            device="cpu",
            dtype="float32",
            threads=1,
            batch=1,
            scheduler="{}",
        )

    with records.Store(tmp_path) as store:
        for i in range(70):  # more than are fetched at a time
            shades = (plain(i + 1, 0, 0), plain(0, 0, i + 1))
            ids = [store.candidates.add(shade, recipe(2 * i + j)).id for j, shade in enumerate(shades)]
            store.pairs.add(*ids)
        made = SimulatedUser(ORACLES["warm"]).vote_all(store)
        assert made["left"] + made["right"] == 70
        assert store.pairs.open(purpose="train") == []
        for voted in store.pairs.voted(purpose="train"):
            side = voted.pair.left if voted.vote.choice == "left" else voted.pair.right
            assert side.recipe is not None
            assert side.recipe.seed % 2 == 0


def test_oracles_and_tastes_are_named_as_they_are_called() -> None:
    assert set(ORACLES) == {"warm", "busy", "sun", "bright", "cosy", "muted"}
    assert all(isinstance(oracle, Oracle) and oracle.likes for oracle in ORACLES.values())
    assert set(TASTES) == {*ORACLES, "warm-mistaken"}
    assert all(taste.name == name for name, taste in TASTES.items())
    assert {name for name, taste in TASTES.items() if taste.reserved} == {"cosy", "muted"}
    mistaken = TASTES["warm-mistaken"].person(4)
    assert (mistaken.oracle, mistaken.flip, mistaken.seed) == (ORACLES["warm"], 0.1, 4)

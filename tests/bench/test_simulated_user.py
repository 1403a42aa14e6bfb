"""Simulated people: tastes in pixels, votes that are honest, repeatable and written through the real store."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench import detector
from bench.detector import draw_examples, to_tensor, train_detector
from bench.simulated_user import ORACLES, Oracle, SimulatedUser, bright, busy, warm


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
    images = to_tensor(pixels)
    assert ((made(images).numpy() > 0) == present).mean() > 0.75
    monkeypatch.setattr(detector, "train_detector", lambda: made)
    assert detector.sun_detector(tmp_path) is made
    kept = detector.sun_detector(tmp_path)
    assert kept is not made
    torch.testing.assert_close(kept(images), made(images), rtol=0, atol=0)


def test_votes_every_open_pair_in_the_real_store(tmp_path: Path) -> None:
    records = pytest.importorskip("sdpo_core.preferences.store")
    from sdpo_core.preferences.records import Recipe

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
        for i in range(70):  # more than are asked for at once
            shades = (plain(i + 1, 0, 0), plain(0, 0, i + 1))
            ids = [store.add_candidate(shade, recipe(2 * i + j)).id for j, shade in enumerate(shades)]
            store.add_pair(*ids)
        made = SimulatedUser(ORACLES["warm"]).vote_all(store)
        assert made["left"] + made["right"] == 70
        assert store.open_pairs(purpose="train") == []
        for voted in store.voted_pairs(purpose="train"):
            side = voted.pair.left if voted.vote.choice == "left" else voted.pair.right
            assert side.recipe is not None
            assert side.recipe.seed % 2 == 0


def test_oracles_are_named_as_they_are_called() -> None:
    assert set(ORACLES) == {"warm", "busy", "sun", "bright"}
    assert all(isinstance(oracle, Oracle) and oracle.likes for oracle in ORACLES.values())

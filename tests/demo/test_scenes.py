"""The same seed draws the same picture, and no caption lies."""

from dataclasses import replace

import numpy as np
import pytest

from demo.attributes import ATTRIBUTES, UNDEFINED, labels_of
from demo.scenes import LANDS, Scene, captions, claims, draw, sample_prompt, sample_scene


def scenes(count: int, seed: int = 0) -> list[Scene]:
    rng = np.random.default_rng(seed)
    return [sample_scene(rng) for _ in range(count)]


def is_true(scene: Scene, name: str, claim: str | bool) -> bool:
    if name == "trees" and claim is True:
        return scene.trees != "none"
    return getattr(scene, name) == claim


def test_the_same_seed_gives_the_same_scenes_pictures_and_captions() -> None:
    first, second = (scenes(20, seed=7) for _ in range(2))
    assert first == second
    for one, other in zip(first, second, strict=True):
        picture = draw(one)
        assert picture.shape == (96, 96, 3)
        assert picture.dtype == np.uint8
        np.testing.assert_array_equal(picture, draw(other))
    told = [captions(first[0], np.random.default_rng(3)) for _ in range(2)]
    assert told[0] == told[1]


def test_another_seed_gives_other_pictures() -> None:
    pictures = {draw(scene).tobytes() for scene in scenes(50)}
    assert len(pictures) == 50


def test_captions_are_truthful() -> None:
    rng = np.random.default_rng(1)
    for scene in scenes(400):
        for caption in captions(scene, rng, count=4, mention=0.7):
            stated = claims(caption)
            assert stated["land"] == scene.land, caption
            for name, claim in stated.items():
                assert is_true(scene, name, claim), (caption, name, scene)


def test_a_full_caption_tells_everything_and_an_empty_one_only_the_land() -> None:
    rng = np.random.default_rng(2)
    for scene in scenes(200):
        (full,) = captions(scene, rng, count=1, mention=1.0)
        (bare,) = captions(scene, rng, count=1, mention=0.0)
        assert claims(full)["time"] == scene.time
        for name in ("clouds", "stars", "house", "boat"):
            assert claims(full).get(name, False) == getattr(scene, name)
        assert ("trees" in claims(full)) == (scene.trees != "none")
        assert ("season" in claims(full)) == (scene.land != "desert")
        assert claims(bare).keys() == {"land"}


def test_captions_never_mention_free_attributes() -> None:
    """Scenes that differ in free attributes only have the same captions."""
    (scene,) = scenes(1)
    other = replace(scene, sky=3 - scene.sky, layout_seed=scene.layout_seed + 1)
    assert captions(scene, np.random.default_rng(0)) == captions(other, np.random.default_rng(0))


def test_impossible_scenes_are_not_drawn_by_lot() -> None:
    for scene in scenes(500):
        assert not scene.boat or scene.land in ("sea", "lake")
        assert not scene.stars or scene.time == "night"
        assert scene.land != "sea" or scene.trees == "none"
        assert (scene.tree_kind == "cactus") == (scene.land == "desert")


def test_prompts_tell_as_much_as_they_are_asked_to() -> None:
    rng = np.random.default_rng(0)
    told = {mention: [claims(sample_prompt(rng, mention)) for _ in range(600)] for mention in (0.0, 0.3, 1.0)}
    shares = {mention: np.mean(["time" in claimed for claimed in prompts]) for mention, prompts in told.items()}
    assert shares[0.0] == 0
    assert shares[0.3] == pytest.approx(0.3, abs=0.06)
    assert shares[1.0] == 1
    assert {claimed["land"] for claimed in told[0.3]} == set(LANDS)


def test_an_object_changes_the_picture_only_where_it_stands() -> None:
    sea = replace(scenes(1)[0], land="sea", trees="none", house=False, clouds=False, stars=False)
    with_boat, without = (draw(replace(sea, boat=boat)).astype(int) for boat in (True, False))
    rows = np.abs(with_boat - without).sum((1, 2)) > 0
    assert rows.any()
    assert not rows[:24].any()  # the sky is the same


def test_labels_index_the_attributes() -> None:
    for scene in scenes(100):
        for (name, values), label in zip(ATTRIBUTES.items(), labels_of(scene), strict=True):
            assert label == UNDEFINED or values[label] == getattr(scene, name)

"""A taste model in its file, and what it is asked: labels and questions."""

import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from sdpo_core.errors import DataError
from sdpo_core.taste.fit import fit_taste
from sdpo_core.taste.labels import label_pairs
from sdpo_core.taste.layout import FEATURES, Layout
from sdpo_core.taste.model import Facts, TasteModel, load_taste, read_facts, save_taste
from sdpo_core.taste.questions import choose_question, information, rank_pairs
from tests.taste.worlds import BASE, SMALL, World


@pytest.fixture(scope="module")
def world() -> World:
    return World(0)


@pytest.fixture(scope="module")
def model(world: World) -> TasteModel:
    made = fit_taste(world.votes(60), BASE).model
    assert made.knows_taste
    return made


@pytest.fixture(scope="module")
def off() -> TasteModel:
    return fit_taste(World(0).votes(3), BASE).model


# --------------------------------------------------------------------------------------------------------------- file


def test_it_comes_back_as_it_was(model: TasteModel, off: TasteModel, world: World, tmp_path: Path) -> None:
    images = world.images(5)
    for one in (model, off):
        path = tmp_path / "taste.safetensors"
        save_taste(one, path)
        assert read_facts(path) == one.facts
        again = load_taste(path, BASE)
        np.testing.assert_array_equal(again.score(images), one.score(images))
        np.testing.assert_array_equal(again.variance(images, images[::-1]), one.variance(images, images[::-1]))
        first = path.read_bytes()
        save_taste(again, path)
        assert path.read_bytes() == first
    assert {array.dtype for array in load_file(path).values()} == {np.dtype("float32")}


def test_another_base_or_version_is_refused(model: TasteModel, tmp_path: Path) -> None:
    path = tmp_path / "taste.safetensors"
    save_taste(model, path)
    with pytest.raises(DataError, match=r"another base model \(bbbbbbbbbb, not cccccccccc\)"):
        load_taste(path, "c" * 64)
    newer = TasteModel.off(model.facts.model_copy(update={"features": FEATURES + 1}))
    save_taste(newer, path)
    with pytest.raises(DataError, match="features of version 2"):
        load_taste(path, BASE)


def test_files_other_than_taste_models_are_refused(model: TasteModel, tmp_path: Path) -> None:
    path = tmp_path / "taste.safetensors"
    with pytest.raises(DataError):
        load_taste(path, BASE)
    path.write_bytes(b"Unknown kind")
    with pytest.raises(DataError):
        load_taste(path, BASE)
    save_file({"x": np.zeros(3, np.float32)}, path)
    with pytest.raises(DataError, match="as a taste model"):
        load_taste(path, BASE)
    save_taste(model, path)
    arrays, facts = load_file(path), model.facts.model_dump_json()
    for changed in (
        {name: array for name, array in arrays.items() if name != "weights"},
        {**arrays, "weights": arrays["weights"][1:]},
        {**arrays, "weights": np.full_like(arrays["weights"], np.nan)},
        {**arrays, "more": arrays["weights"]},
    ):
        save_file(changed, path, metadata={"taste": facts})
        with pytest.raises(DataError, match="is damaged"):
            load_taste(path, BASE)
    save_taste(model, path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError):
        load_taste(path, BASE)


def test_vectors_of_another_model_are_refused(model: TasteModel) -> None:
    with pytest.raises(DataError, match="another model or feature version"):
        model.score(World(0, Layout(8, 0)).images(2))


# ------------------------------------------------------------------------------------------------------------- labels


def test_the_surest_quarter_is_labelled_and_more_often_right(model: TasteModel, world: World) -> None:
    fresh = world.votes(300)
    labels = label_pairs(model, fresh.left, fresh.right)
    assert len(labels) == 75
    assert [one.row for one in labels] == sorted({one.row for one in labels})
    right = np.mean([one.first_wins == fresh.left_won[one.row] for one in labels])
    everything = label_pairs(model, fresh.left, fresh.right, share=1.0)
    assert right > np.mean([one.first_wins == fresh.left_won[one.row] for one in everything]) + 0.03
    assert min(one.probability for one in labels) >= max(
        one.probability for one in everything if one.row not in {label.row for label in labels}
    )
    mirrored = label_pairs(model, fresh.right, fresh.left)
    assert [(one.row, not one.first_wins) for one in mirrored] == [(one.row, one.first_wins) for one in labels]


def test_threshold_and_weights(model: TasteModel, world: World) -> None:
    fresh = world.votes(100)
    sure = label_pairs(model, fresh.left, fresh.right, share=1.0, threshold=0.9, weight=0.5)
    assert 0 < len(sure) < 100
    assert all(one.probability >= 0.9 and one.weight == 0.5 for one in sure)
    told = label_pairs(model, fresh.left, fresh.right, weight=2.0, weighting="confidence")
    assert all(one.weight == pytest.approx(2 * (2 * one.probability - 1)) for one in told)
    assert label_pairs(model, fresh.left, fresh.left, share=1.0) == [], "two equal images have no winner"
    assert label_pairs(model, fresh.left[:0], fresh.right[:0]) == []


def test_who_knows_nothing_labels_nothing(off: TasteModel, world: World) -> None:
    fresh = world.votes(10)
    assert label_pairs(off, fresh.left, fresh.right, share=1.0) == []


@pytest.mark.parametrize("bad", [{"share": 1.1}, {"share": -0.1}, {"threshold": 0.4}, {"weight": 0.0}])
def test_labels_out_of_range_are_refused(model: TasteModel, world: World, bad: dict[str, float]) -> None:
    fresh = world.votes(4)
    with pytest.raises(DataError, match="share from 0 to 1"):
        label_pairs(model, fresh.left, fresh.right, **bad)  # pyright: ignore[reportArgumentType]


# ---------------------------------------------------------------------------------------------------------- questions


def test_the_question_is_the_one_that_tells_most(model: TasteModel, world: World) -> None:
    images = world.images(8)
    asked = choose_question(model, images, "x", by_chance=0.0)
    assert asked.chosen_by == "taste"
    gain = information(*model.between(images))
    assert gain[asked.first, asked.second] == pytest.approx(gain.max(), rel=1e-4)
    np.testing.assert_allclose(gain, gain.T, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.diagonal(gain), 0, atol=1e-6)
    other = choose_question(model, images, "x", by_chance=0.0, asked=[(asked.second, asked.first)])
    assert {other.first, other.second} != {asked.first, asked.second}


def test_information_is_most_for_the_unsure_and_the_unknown() -> None:
    told = information(np.array([0.0, 0.0, 3.0, 0.0]), np.array([1.0, 4.0, 4.0, 0.0]))
    assert told[1] > told[0] > told[2] > told[3] == 0
    assert told[0] == pytest.approx(0.5 * np.log(1.25))


def test_chance_decides_its_share_and_the_same_question_is_asked_again(model: TasteModel, world: World) -> None:
    images = world.images(5)
    asked = [choose_question(model, images, f"prompt {number}") for number in range(400)]
    assert asked == [choose_question(model, images, f"prompt {number}") for number in range(400)]
    by_chance = [one for one in asked if one.chosen_by == "chance"]
    assert 0.18 < len(by_chance) / 400 < 0.32
    assert len({(one.first, one.second) for one in by_chance}) == 10, "every pair has its turn"
    assert all(one.first < one.second for one in by_chance)


def test_who_knows_nothing_asks_by_chance(off: TasteModel, world: World) -> None:
    images = world.images(4)
    assert {choose_question(off, images, str(n), by_chance=0.0).chosen_by for n in range(20)} == {"chance"}
    assert rank_pairs(off, images, images[::-1]) == [0, 1, 2, 3]
    every = [(first, second) for first in range(4) for second in range(first)]
    with pytest.raises(DataError, match="No pairs left"):
        choose_question(off, images, "x", asked=every)
    with pytest.raises(DataError, match="No pairs left"):
        choose_question(off, images[:1], "x")


def test_what_is_asked_first_is_what_the_model_doubts_most() -> None:
    """Pairs are asked in the order of what their answer says; the first 30 are nearer to a coin than fresh ones."""
    gained = 0
    for seed in range(4):
        world = World(seed)
        start, pool, fresh = world.votes(30), world.votes(90), world.votes(200)
        model = fit_taste(start, BASE).model
        if not model.knows_taste:
            continue
        asked = rank_pairs(model, pool.left, pool.right)
        gain = information(model.score(pool.left) - model.score(pool.right), model.variance(pool.left, pool.right))
        assert [float(gain[row]) for row in asked] == sorted(gain.tolist(), reverse=True)
        doubts = np.abs(model.chance(fresh.left, fresh.right) - 0.5)
        gained += np.abs(model.chance(pool.left, pool.right) - 0.5)[asked[:30]].mean() < doubts.mean()
    assert gained >= 2


def test_two_hundred_candidates_are_ranked_immediately() -> None:
    """20 ms are promised; here of this process's own CPU time, on a machine that may be busy."""
    layout = Layout(8, 440)
    facts = Facts(
        features=FEATURES,
        base_sha256=BASE,
        latent_channels=8,
        network_channels=440,
        votes=60,
        prompts=30,
        knows_taste=True,
        sentence="",
    )
    rng = np.random.default_rng(0)
    size, rank = layout.size, 60
    directions = np.linalg.qr(rng.normal(size=(size, rank))).Q.astype(np.float32)
    weights = rng.normal(size=size).astype(np.float32)
    ready = TasteModel(
        facts, weights * 0, weights, np.ones(size, np.float32), directions, np.eye(rank, dtype=np.float32)
    )
    images = rng.normal(size=(200, size)).astype(np.float32)
    taken = []
    for _ in range(5):
        began = time.process_time()
        choose_question(ready, images, "x", by_chance=0.0)
        taken.append(time.process_time() - began)
    assert min(taken) < 0.1


def test_an_empty_layout_is_small() -> None:
    assert SMALL.slices["network"] == slice(SMALL.size, SMALL.size)

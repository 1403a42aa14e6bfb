"""What votes say, as text: what is there is named, and nothing is made up."""

import numpy as np
from PIL import Image

from sdpo_core.taste.comparisons import Comparisons
from sdpo_core.taste.fit import fit_taste
from sdpo_core.taste.layout import Layout, Vector
from sdpo_core.taste.pixels import measure
from sdpo_core.taste.words import by_prompt, describe, extremes, findings, unsure
from tests.taste.worlds import BASE, SMALL, World

LAYOUT = Layout(1, 0)


def picture(rng: np.random.Generator) -> Image.Image:
    """Colour noise at a coarse scale, with a fine texture of its own strength in the lower third."""
    coarse = rng.uniform(60, 190, (4, 4, 3)) + rng.normal(0, 20, 3)
    pixels = np.asarray(Image.fromarray(coarse.clip(0, 255).astype(np.uint8)).resize((48, 48)), np.float64).copy()
    pixels[32:] += rng.uniform(0, 40) * rng.choice([-1, 1], (16, 48, 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def vectors(images: list[Image.Image]) -> Vector:
    rest = np.random.default_rng(0).normal(size=(len(images), LAYOUT.size - len(measure(images[0]))))
    return np.concatenate([[measure(image) for image in images], rest], axis=1).astype(np.float32)


def votes_by(score, seed: int, count: int = 50) -> Comparisons:
    rng = np.random.default_rng(seed)
    left, right = ([picture(rng) for _ in range(count)] for _ in range(2))
    won = [score(one) > score(other) for one, other in zip(left, right, strict=True)]
    return Comparisons.of(LAYOUT, vectors(left), vectors(right), won, [f"p{n % 20}" for n in range(count)])


def warmth(image: Image.Image) -> float:
    red, _, blue = np.asarray(image, float).mean((0, 1))
    return red - blue


def low_detail(image: Image.Image) -> float:
    return float(np.abs(np.diff(np.asarray(image, float)[32:].mean(-1), axis=1)).mean())


def test_a_liking_for_warmth_is_described_as_warmth() -> None:
    votes = votes_by(warmth, 0)
    found = findings(votes)
    assert found[0].words() == "warmer"
    assert found[0].surety == "clearly"
    told = describe(votes, fit_taste(votes, BASE).model)
    assert "clearly warmer" in told[0]
    assert told[-1].startswith("It predicts")
    cool = votes_by(lambda image: -warmth(image), 1)
    assert findings(cool)[0].words() == "cooler"


def test_a_part_of_the_image_is_named() -> None:
    votes = votes_by(low_detail, 2)
    words = [one.words() for one in findings(votes)]
    assert words[0] == "more detailed in the lower third"


def test_the_same_thing_is_said_once() -> None:
    words = [one.words() for one in findings(votes_by(warmth, 3), most=10)]
    assert len(words) <= 4
    assert sum("warmer" in word or "bluer" in word for word in words) <= 2


def test_nothing_is_made_up() -> None:
    wrong = sum(len(findings(World(seed, part=None).votes(60))) > 0 for seed in range(40))
    assert wrong <= 5
    votes = World(1, part=None).votes(30)
    told = describe(votes, fit_taste(votes, BASE).model)
    assert "no pattern" in told[0]
    assert "may be chance" in told[1]
    few = World(0).votes(5)
    assert findings(few) == []


def test_a_taste_without_a_name_is_said_to_have_none() -> None:
    """A taste in the latents, of which the pixels know nothing."""
    world = World(0, SMALL, "latents", causes=40)
    world.mix[:, SMALL.slices["pixels"]] = 0
    votes = world.votes(100)
    votes.left[:, SMALL.slices["pixels"]] = votes.right[:, SMALL.slices["pixels"]] = 0
    model = fit_taste(votes, BASE).model
    if model.knows_taste:
        assert "isn't easy to describe" in describe(votes, model)[0]
    assert findings(votes) == []


def test_prompts_extremes_and_doubts() -> None:
    world = World(0)
    votes = world.votes(60, prompts=12)
    fitted = fit_taste(votes, BASE)
    assert fitted.model.knows_taste
    told = by_prompt(votes, fitted.held_out)
    assert sum(one.votes for one in told) == 60
    shares = [one.predicted / one.votes for one in told]
    assert shares == sorted(shares, reverse=True)
    assert sum(one.predicted for one in told) == int((fitted.held_out > 0.5).sum())
    images = world.images(30)
    prompts = [f"p{n % 3}" for n in range(30)]
    images[np.array(prompts) == "p0"] += 5 * world.units.astype(np.float32)  # a prompt of another look altogether
    most, least = extremes(fitted.model, images, prompts, 5)
    assert len(most) == len(least) == 5
    assert not set(most) & set(least)
    assert {prompts[row] for row in most} != {"p0"}
    true = images.astype(np.float64) @ world.taste
    for prompt in set(prompts):
        true[np.array(prompts) == prompt] -= true[np.array(prompts) == prompt].mean()
    assert true[most].mean() > true[least].mean()
    assert [len(side) for side in extremes(fitted.model, images[:3], prompts[:3], 5)] == [1, 1]
    doubts = unsure(fitted.model, votes.left, votes.right, 3)
    chances = np.abs(fitted.model.chance(votes.left, votes.right) - 0.5)
    assert sorted(chances)[:3] == [chances[row] for row in doubts]
    off = fit_taste(World(0).votes(3), BASE).model
    assert extremes(off, images, prompts, 5) == ([], [])
    assert unsure(off, votes.left, votes.right, 3) == []

"""Which pairs train, and that what is held out shares no image with what trains."""

import random
from dataclasses import replace
from itertools import count

import pytest

from sdpo_core.images.files import decode_image
from sdpo_core.workspace.imported import ImportedPair
from sdpo_core.workspace.pairs import (
    Split,
    most_common_clip_skip,
    most_common_negative,
    split_held_out,
    training_pairs,
    usual_negative,
)
from sdpo_core.workspace.records import MadeWith, NamedLora, VotedPair
from sdpo_core.workspace.store import Store
from tests.workspace.helpers import BASE, add, add_pair, cut_short, imagined, picture, recipe, vote_on


def test_only_decided_pairs_of_this_base_train(store: Store) -> None:
    usable = [add_pair(store, 0), add_pair(store, 1)]
    vote_on(store, usable[1], "right")
    vote_on(store, usable[0], "left")
    for seed, choice in enumerate(("tie", "tie", "both-bad", "skip"), start=2):
        vote_on(store, add_pair(store, seed), choice)
    other_base = store.pairs.add(add(store, 20).id, add(store, 21, base="c" * 64).id)
    with_adapter = store.pairs.add(add(store, 22).id, add(store, 23, adapter=True).id)
    gone, judged = add_pair(store, 30), add_pair(store, 31, purpose="judge", run_id="j")
    corrupt, squeezed = add_pair(store, 32), add_pair(store, 33)
    for pair in (other_base, with_adapter, gone, judged, corrupt, squeezed):
        vote_on(store, pair)
    store.images.path(gone.right.image_sha256).unlink()
    cut_short(store.images.path(corrupt.left.image_sha256))
    decode_image(store.images.path(squeezed.left.image_sha256)).save(
        store.images.path(squeezed.left.image_sha256), compress_level=0
    )
    add_pair(store, 40)  # open

    found = training_pairs(store, BASE)
    assert [v.pair for v in found.usable] == [*usable, squeezed]  # by pair, not by when they were voted on
    assert [v.vote.choice for v in found.usable] == ["left", "right", "left"]
    assert (found.ties, found.both_bad, found.skipped, found.other_base, found.with_adapter) == (2, 1, 1, 1, 1)
    assert (found.missing, found.damaged) == ((gone.id,), (corrupt.id,))
    assert found.sentence() == (
        "3 pairs can be used for training; not used: 2 ties, 1 with both images bad, 1 skipped, "
        "1 made by another or an unknown base model, 1 made with an adapter on, 1 with an image missing from disk, "
        "1 with a damaged image."
    )
    told = training_pairs(store, BASE, read_images=False)
    assert [v.pair for v in told.usable] == [*usable, corrupt, squeezed], "nobody looked into the images"
    assert (told.missing, told.damaged) == ((gone.id,), ())


def test_all_pairs_train_when_asked_for_whatever_made_them(store: Store) -> None:
    own = add_pair(store, 0)
    foreign = store.pairs.add(add(store, 20).id, add(store, 21, base="c" * 64).id)
    adapted = store.pairs.add(add(store, 22).id, add(store, 23, adapter=True).id)
    tie, gone = store.pairs.add(add(store, 24, base="c" * 64).id, add(store, 25).id), add_pair(store, 30)
    for pair in (own, foreign, adapted, gone):
        vote_on(store, pair)
    vote_on(store, tie, "tie")
    store.images.path(gone.left.image_sha256).unlink()
    found = training_pairs(store, BASE, "all")
    assert [v.pair for v in found.usable] == [own, foreign, adapted]
    assert found.sentence() == (
        "3 pairs can be used for training, 2 of them not generated with just this base model; not used: 1 tie, "
        "1 with an image missing "
        "from disk."
    )
    assert training_pairs(store, BASE).foreign == 0


@pytest.mark.parametrize(
    ("model_hash", "loras", "trains", "sentence"),
    [
        (BASE[:10], (), 1, "1 pair can be used for training."),
        (BASE[:10].upper(), (), 1, "1 pair can be used for training."),
        (BASE[:8], (), 0, "1 made by another or an unknown base model"),  # A1111's old hash is of something else
        ("c" * 10, (), 0, "1 made by another or an unknown base model"),
        ("", (), 0, "1 made by another or an unknown base model"),
        (BASE, (NamedLora(name="style"),), 0, "1 made with an adapter on"),
    ],
)
def test_an_imported_image_that_names_the_models_hash_is_its_own(
    store: Store, model_hash: str, loras: tuple[NamedLora, ...], trains: int, sentence: str
) -> None:
    told = MadeWith(tool="A1111", model_hash=model_hash, loras=loras)
    sides = [replace(store.imports.save_image(picture(seed)), made_with=told) for seed in (0, 1)]
    store.imports.add_pairs([ImportedPair("a lake", sides[0], sides[1], "first")])
    found = training_pairs(store, BASE)
    assert len(found.usable) == trains
    assert sentence in found.sentence()
    assert training_pairs(store, BASE, "all").foreign == 1 - trains


def test_sentence_of_little(store: Store) -> None:
    sentence = "No pairs can be used for training yet: there are no votes. Vote on some pairs first."
    assert training_pairs(store, BASE).sentence() == sentence
    vote_on(store, add_pair(store, 0))
    assert training_pairs(store, BASE).sentence() == "1 pair can be used for training."


def many(number: int, prompts: int) -> list[VotedPair]:
    """`number` pairs of fresh seeds over `prompts` prompts."""
    return [imagined(n, 2 * n, 2 * n + 1, f"prompt {n % prompts}") for n in range(number)]


def chain(number: int, length: int, first_seed: int, prompt: str = "a lake") -> list[VotedPair]:
    """Pairs starting at `number`, each sharing an image with the next."""
    return [imagined(number + n, first_seed + n, first_seed + n + 1, prompt) for n in range(length)]


def seeds(pairs: tuple[VotedPair, ...]) -> set[int]:
    return {side.id for voted in pairs for side in (voted.pair.left, voted.pair.right)}


def check(split: Split, pairs: list[VotedPair]) -> None:
    assert sorted(v.pair.id for v in (*split.train, *split.held_out)) == sorted(v.pair.id for v in pairs)
    assert seeds(split.train).isdisjoint(seeds(split.held_out))


def test_few_pairs_are_not_split() -> None:
    pairs = many(39, 10)
    assert split_held_out(pairs, 0.2, seed=0) == Split(train=tuple(pairs), held_out=(), by="none")


@pytest.mark.parametrize("seed", range(5))
def test_whole_prompts_are_held_out(seed: int) -> None:
    pairs = many(60, 10)
    split = split_held_out(pairs, 0.2, seed)
    check(split, pairs)
    assert split.by == "prompt"
    assert len(split.held_out) == 12
    prompts = [{v.pair.left.prompt for v in side} for side in (split.train, split.held_out)]
    assert prompts[0].isdisjoint(prompts[1])
    shuffled = pairs.copy()
    random.Random(seed).shuffle(shuffled)
    again = split_held_out(shuffled, 0.2, seed)
    assert {v.pair.id for v in again.held_out} == {v.pair.id for v in split.held_out}


def test_seed_decides_the_split() -> None:
    pairs = many(60, 10)
    assert len({tuple(v.pair.id for v in split_held_out(pairs, 0.2, seed).held_out) for seed in range(8)}) > 3


def test_split_is_the_same_on_every_machine() -> None:
    held = {v.pair.left.prompt for v in split_held_out(many(60, 10), 0.2, seed=0).held_out}
    assert held == {"prompt 0", "prompt 9"}  # the two smallest SHA-256 of "0 prompt n"


def test_few_prompts_are_split_by_components() -> None:
    pairs = [pair for n in range(15) for pair in chain(3 * n, 3, 4 * n, f"prompt {n % 4}")]
    split = split_held_out(pairs, 0.2, seed=3)
    check(split, pairs)
    assert split.by == "component"
    assert len(split.held_out) == 9


def test_one_component_is_not_split() -> None:
    assert split_held_out(chain(0, 44, 0), 0.2, seed=0).by == "none"


def test_same_noise_is_not_on_both_sides() -> None:
    # Two bases drew from the same seeds: different candidates, nearly the same images.
    pairs = [imagined(2 * n + k, 2 * n, 2 * n + 1, base=base) for n in range(25) for k, base in enumerate((BASE, "d"))]
    split = split_held_out(pairs, 0.2, seed=0)
    check(split, pairs)
    assert split.by == "component"
    assert len(split.held_out) == 10


def test_one_prompt_with_nearly_all_pairs_falls_back_to_components() -> None:
    pairs = [imagined(n, 2 * n, 2 * n + 1, "the favourite" if n < 56 else f"prompt {n}") for n in range(60)]
    split = split_held_out(pairs, 0.2, seed=0)
    check(split, pairs)
    assert (split.by, len(split.held_out)) == ("component", 12)


def told(number: int, *negatives: str | None, base: str = BASE) -> VotedPair:
    """A pair whose two images have these negative prompts; None: an image that says nothing of its making."""
    voted = imagined(number, 2 * number, 2 * number + 1, base=base)
    sides = [
        side.model_copy(update={"negative": negative or "", **({"recipe": None} if negative is None else {})})
        for side, negative in zip((voted.pair.left, voted.pair.right), negatives, strict=True)
    ]
    pair = voted.pair.model_copy(update={"left": sides[0], "right": sides[1]})
    return voted.model_copy(update={"pair": pair})


def test_the_most_common_negative_prompt() -> None:
    assert most_common_negative([]) == ""
    assert most_common_negative([told(1, None, None)]) == ""
    assert most_common_negative([told(1, "fog", "fog"), told(2, None, None), told(3, None, None)]) == "fog"
    assert most_common_negative([told(1, "", ""), told(2, "fog", "rain")]) == ""
    assert most_common_negative([told(1, "fog", "rain")]) == "fog", "the first of equals"


def test_the_most_common_clip_skip() -> None:
    assert most_common_clip_skip([told(1, None, None)]) is None
    assert most_common_clip_skip([imagined(1, 1, 2)]) == 1


def test_the_usual_negative_prompt_is_that_of_this_model(store: Store) -> None:
    """What a person writes for one model may be wrong for another; of a model that is new the habit counts."""
    assert usual_negative(store, BASE) == ""
    seeds = count()
    for base, negative, pairs in ((BASE, "fog", 1), ("e" * 64, "blurred, jpeg", 2)):
        for _ in range(pairs):
            made = [recipe(next(seeds), base=base).model_copy(update={"negative": negative}) for _ in range(2)]
            left, right = (store.candidates.add(picture(one.seed), one) for one in made)
            vote_on(store, store.pairs.add(left.id, right.id))
    assert usual_negative(store, BASE) == "fog"
    assert usual_negative(store, "e" * 64) == usual_negative(store, "f" * 64) == "blurred, jpeg"

"""Best and worst of several images, and Swiss rounds."""

import math
import random
from itertools import combinations

import pytest

from sdpo_core.errors import StoreError
from sdpo_core.workspace.pairs import training_pairs
from sdpo_core.workspace.rankings import Ranking, next_round
from sdpo_core.workspace.records import Candidate
from sdpo_core.workspace.store import Store
from tests.workspace.helpers import BASE, add, add_pair, vote_on


def waiting(store: Store, pairs: int, prompt: str = "a lake") -> list[Candidate]:
    """Images in pairs that wait for a vote."""
    made = [add_pair(store, 100 * len(prompt) + number, prompt) for number in range(pairs)]
    return sorted((side for pair in made for side in (pair.left, pair.right)), key=lambda one: one.id)


def said(store: Store) -> set[tuple[int, int]]:
    """Better and worse candidate of every standing vote for a side."""
    found: set[tuple[int, int]] = set()
    for voted in store.pairs.voted(purpose="train"):
        left, right = voted.pair.left.id, voted.pair.right.id
        found.add((left, right) if voted.vote.choice == "left" else (right, left))
    return found


def test_best_and_worst_say_what_they_say_and_no_more(store: Store) -> None:
    a, b, c, d = (one.id for one in waiting(store, 2))
    cast = store.rankings.record(Ranking("mine", (a, b, c, d), best=c, worst=a, response_ms=900))
    assert said(store) == {(c, a), (c, b), (c, d), (b, a), (d, a)}
    assert len(cast) == 5
    assert {vote.ranking for vote in cast} == {"mine"}
    assert len(training_pairs(store, BASE).usable) == 5
    assert store.rankings.record(Ranking("mine", (a, b, c, d), best=c, worst=a)) == cast  # a retry
    assert store.counts().votes == 5
    assert not any("history" in sentence for sentence in store.check())


def test_a_best_one_alone_says_nothing_of_the_others(store: Store) -> None:
    a, b, c, _ = (one.id for one in waiting(store, 2))
    store.rankings.record(Ranking("mine", (a, b, c), best=b))
    assert said(store) == {(b, a), (b, c)}


def test_a_ranking_is_taken_back_as_a_whole_and_leaves_other_votes(store: Store) -> None:
    images = waiting(store, 2)
    ids = [one.id for one in images]
    alone = next(pair for pair in store.pairs.open(purpose="train") if pair.left.id in ids[:2])
    better = vote_on(store, alone, "left")
    store.rankings.record(Ranking("mine", tuple(ids), best=ids[3], worst=alone.left.id))
    assert store.rankings.newest() == "mine"
    assert (alone.left.id, alone.right.id) in said(store)  # what was said of the two alone stands
    for _ in range(2):
        assert {one.id for one in store.rankings.undo("back", "mine")} == set(ids)
    assert [voted.vote.uuid for voted in store.pairs.voted(purpose="train")] == [better]
    assert store.rankings.newest() is None
    with pytest.raises(StoreError, match="saved yet"):
        store.rankings.undo("back", "nobody's")


@pytest.mark.parametrize(
    ("chosen", "best", "worst"),
    [((0, 1), 0, 1), ((0, 1, 1), 0, 1), ((0, 1, 2), 0, 0), ((0, 1, 2), 3, 0), ((0, 1, 2), 0, 3), ((0, 1, 4), 0, 1)],
)
def test_anything_but_a_ranking_is_refused(store: Store, chosen: tuple[int, ...], best: int, worst: int) -> None:
    """Two images, one twice, best and worst the same, one that was not shown, an image of another prompt."""
    ids = [one.id for one in [*waiting(store, 2), *waiting(store, 1, "a hill")]]
    with pytest.raises(StoreError):
        store.rankings.record(Ranking("mine", tuple(ids[one] for one in chosen), best=ids[best], worst=ids[worst]))
    assert store.counts().votes == 0


def test_sets_hold_images_that_may_be_compared_and_wait(store: Store) -> None:
    lakes, hills = waiting(store, 4), waiting(store, 1, "a hill")
    other_base = [add(store, 7_000 + seed, base="c" * 64) for seed in range(2)]
    store.pairs.add(*(one.id for one in other_base))
    groups = store.rankings.sets(4)
    assert [{one.id for one in group} for group in groups] == [{one.id for one in lakes[i : i + 4]} for i in (0, 4)]
    assert not {one.id for group in groups for one in group} & {one.id for one in hills}
    assert store.rankings.sets(4, exclude=[one.id for one in lakes[:4]]) == groups[1:]
    first = [one.id for one in groups[0]]
    store.rankings.record(Ranking("mine", tuple(first), best=first[0], worst=first[1]))
    assert store.rankings.sets(4) == groups[1:]  # between the others nothing was said, and nothing is asked here again
    store.images.path(lakes[4].image_sha256).unlink()
    assert store.rankings.sets(4) == []


@pytest.mark.parametrize("count", range(4, 9))
def test_swiss_rounds_end_and_nobody_meets_twice(count: int) -> None:
    players = list(range(count))
    draw = random.Random(count)
    played: dict[frozenset[int], dict[int, float]] = {}
    for _ in range(100):
        due = next_round(players, played)
        if not due:
            break
        assert len({player for pair in due for player in pair}) == 2 * len(due)
        one, other = draw.choice(due)  # in any order, as votes come in
        assert frozenset((one, other)) not in played
        played[frozenset((one, other))] = {max(one, other): 1.0, min(one, other): 0.0}
        later = next_round(players, played)
        if len(due) > 1:  # the round continues as it was dealt
            assert set(due) - {(one, other)} <= set(later) or count % 2
    games = [sum(player in key for key in played) for player in players]
    rounds = math.ceil(math.log2(count))
    assert min(games) == rounds
    assert max(games) <= rounds + (count % 2) * 2
    points = {player: sum(result.get(player, 0.0) for result in played.values()) for player in players}
    if count in (4, 8):
        assert points[count - 1] == rounds  # the best wins every game
        assert max(points, key=lambda player: points[player]) == count - 1


def test_swiss_pairs_go_through_rounds_in_the_store(store: Store) -> None:
    images = waiting(store, 4)
    taste = {one.id: number for number, one in enumerate(images)}
    generated = {pair.id for pair in store.pairs.open(purpose="train")}
    first, left = store.rankings.swiss_pairs()
    assert {pair.id for pair in first} == generated  # what was drawn as pairs is asked first
    assert left == 12
    assert store.rankings.swiss_pairs(exclude=generated)[0] == []
    votes = 0
    while pairs := store.rankings.swiss_pairs(limit=1)[0]:
        vote_on(store, pairs[0], "left" if taste[pairs[0].left.id] > taste[pairs[0].right.id] else "right")
        votes += 1
    assert votes == 12
    assert store.rankings.swiss_pairs() == ([], 0)
    wins = {one: sum(better == one for better, _ in said(store)) for one in taste}
    assert wins[images[-1].id] == 3
    assert wins[images[0].id] == 0
    assert len(list(combinations(images, 2))) > votes
    waiting(store, 1, "a hill")  # two images make no tournament
    assert store.rankings.swiss_pairs()[0] == []

"""What a board for several images may ask, from honest and from hostile browsers."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from app.studio import Studio
from sdpo_core.workspace.records import Pair
from tests.app.helpers import add_pair, answer, make_blind_test


@pytest.fixture
def pairs(studio: Studio) -> list[Pair]:
    return [add_pair(studio.desk.store, number) for number in range(4)]


def test_sets_rank_undo(studio: Studio, pairs: list[Pair]) -> None:
    first, second = studio.rankings.sets({"size": 4})["sets"]
    assert set(first) == {"prompt", "candidates", "images"}
    sent = answer(first)
    for _ in range(2):  # a retry
        assert studio.rankings.rank(sent) == {"ok": True, "votes": 5}
    deck = studio.rankings.sets({"size": 4})
    assert deck["sets"] == [second]
    assert (deck["done"], deck["decided"]) == (5, 0)  # another base than the chosen one made them: they can't train
    assert deck["last"] == {"uuid": sent["uuid"], "set": first}
    assert studio.votes.deck({})["last"] is None  # its undo belongs to the other board

    undone = studio.rankings.undo({"uuid": str(uuid.uuid4()), "vote": sent["uuid"]})
    assert (undone["set"], undone["last"]) == (first, None)
    assert studio.desk.store.counts().votes == 0
    assert studio.rankings.sets({"size": 4, "have": second["candidates"]})["sets"] == [first]
    assert studio.rankings.rank(answer(first, worst=None))["votes"] == 3


def test_images_of_a_blind_test_are_not_ranked(studio: Studio, tmp_path: Path) -> None:
    run = make_blind_test(tmp_path, 2)
    judged = studio.desk.store.pairs.open(purpose="judge", run_id=run.id)
    sides = [side for pair in judged for side in (pair.left, pair.right)][:3]
    assert studio.rankings.sets({})["sets"] == []
    shown = {"candidates": [one.id for one in sides], "images": [one.image_sha256 for one in sides]}
    assert not studio.rankings.rank(answer(shown))["ok"]
    assert studio.desk.store.counts().votes == 0


@pytest.mark.parametrize("change", [{"images": ["0" * 64] * 4}, {"best": 999}, {"worst": -1}, {"uuid": "x"}, {"a": 1}])
def test_nonsense_is_refused_once_and_for_all(studio: Studio, pairs: list[Pair], change: dict[str, Any]) -> None:
    shown = studio.rankings.sets({})["sets"][0]
    reply = studio.rankings.rank({**answer(shown), **change})
    assert (reply["ok"], reply["retry"]) == (False, False)
    assert reply["error"]
    for hostile in (None, [], "x", {"size": 1000}, {"have": [10**30]}):
        assert not studio.rankings.sets(hostile)["ok"]
        assert not studio.rankings.undo(hostile)["ok"]
    assert studio.desk.store.counts().votes == 0


def test_swiss_rounds_come_as_a_deck(studio: Studio, pairs: list[Pair]) -> None:
    deck = studio.votes.deck({"mode": "swiss"})
    assert {pair["id"] for pair in deck["pairs"]} == {pair.id for pair in pairs}
    assert deck["open"] == 12
    votes = 0
    while deck["pairs"]:
        shown = deck["pairs"][0]
        better = "left" if shown["images"][0] < shown["images"][1] else "right"
        sent = {"uuid": str(uuid.uuid4()), "pair": shown["id"], "images": shown["images"], "choice": better}
        assert studio.votes.vote(sent)["ok"]
        votes += 1
        deck = studio.votes.deck({"mode": "swiss", "again": False})
    assert (votes, deck["open"]) == (12, 0)

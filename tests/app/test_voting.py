"""What a pair board may ask, from honest and from hostile browsers."""

import uuid
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from app.studio import Studio
from sdpo_core.runs.folder import RunFolder
from sdpo_core.workspace.pairs import training_pairs
from sdpo_core.workspace.records import Pair
from tests.app.helpers import BASE, add_pair, make_blind_test


def message(pair: Pair, choice: str = "left", run: str = "") -> dict[str, Any]:
    images = [pair.left.image_sha256, pair.right.image_sha256]
    return {"run": run, "uuid": str(uuid.uuid4()), "pair": pair.id, "images": images, "choice": choice, "ms": 700}


def test_deck_vote_undo(studio: Studio) -> None:
    pairs = [add_pair(studio.desk.store, number) for number in range(3)]
    deck = studio.votes.deck({"n": 2})
    assert [pair["id"] for pair in deck["pairs"]] == [pairs[0].id, pairs[1].id]
    assert (deck["done"], deck["open"], deck["last"]) == (0, 3, None)
    rest = studio.votes.deck({"n": 12, "have": [pairs[0].id, pairs[1].id]})
    assert [pair["id"] for pair in rest["pairs"]] == [pairs[2].id]

    vote = message(pairs[0], "right")
    assert studio.votes.vote(vote)["ok"]
    assert studio.votes.vote(vote)["ok"]  # a retry
    assert studio.desk.store.counts().votes == 1
    deck = studio.votes.deck({})
    assert deck["last"]["uuid"] == vote["uuid"]
    assert deck["last"]["pair"]["id"] == pairs[0].id

    undone = studio.votes.undo({"uuid": str(uuid.uuid4()), "vote": vote["uuid"]})
    assert undone["ok"]
    assert undone["pair"]["id"] == pairs[0].id
    assert undone["last"] is None
    assert studio.desk.store.counts().votes == 0


def test_a_pair_shows_nothing_but_prompt_and_images(studio: Studio) -> None:
    add_pair(studio.desk.store, 1)
    (pair,) = studio.votes.deck({})["pairs"]
    assert set(pair) == {"id", "prompt", "images"}


@pytest.mark.parametrize(
    "hostile",
    [
        None,
        [],
        "x",
        {"pair": 1},
        {"uuid": "u" * 65, "pair": 1, "images": ["0" * 64] * 2, "choice": "left"},
        {"uuid": "u" * 36, "pair": 1, "images": ["../x"] * 2, "choice": "left"},
        {"uuid": "u" * 36, "pair": 1, "images": ["0" * 64] * 2, "choice": "winner"},
        {"uuid": "u" * 36, "pair": 1, "images": ["0" * 64] * 2, "choice": "left", "ms": -1},
        {"uuid": "u" * 36, "pair": 1, "images": ["0" * 64] * 2, "choice": "left", "ms": 10**30},
        {"uuid": "u" * 36, "pair": 10**30, "images": ["0" * 64] * 2, "choice": "left"},
        {"uuid": "u" * 36, "pair": 1, "images": ["0" * 64] * 2, "choice": "left", "extra": 1},
    ],
)
def test_nonsense_is_refused_once_and_for_all(studio: Studio, hostile: Any) -> None:
    add_pair(studio.desk.store, 1)
    reply = studio.votes.vote(hostile)
    assert not reply["ok"]
    assert not reply["retry"]
    assert reply["error"]
    assert studio.desk.store.counts().votes == 0


def test_a_vote_for_another_workspaces_pair_is_dropped(studio: Studio) -> None:
    pair = add_pair(studio.desk.store, 1)
    vote = message(pair)
    vote["images"] = vote["images"][::-1]
    reply = studio.votes.vote(vote)
    assert not reply["ok"]
    assert "another project" in reply["error"]


def test_a_judge_pair_takes_no_training_vote(studio: Studio, tmp_path: Path) -> None:
    run = make_blind_test(tmp_path, 1)
    (pair,) = studio.desk.store.pairs.open(purpose="judge", run_id=run.id)
    assert not studio.votes.vote(message(pair))["ok"]
    assert not studio.judge_votes.vote(message(add_pair(studio.desk.store, 1), run=run.id))["ok"]


def test_a_full_disk_keeps_the_vote_in_the_browser(studio: Studio) -> None:
    """SQLite's own limit replaces a full disk: the board has to keep the vote and try again."""
    pair = add_pair(studio.desk.store, 1)
    with studio.desk.store._database.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    last: dict[str, Any] = message(pair)
    reply: dict[str, Any] = {"ok": True}
    while reply["ok"]:
        last = message(pair)
        reply = studio.votes.vote(last)
    assert reply["retry"]
    assert "disk is full" in reply["error"]
    with studio.desk.store._database.reading() as connection:
        connection.execute(f"PRAGMA max_page_count = {pages * 10}").fetchall()
    assert studio.votes.vote(last)["ok"]


def test_a_closed_store_keeps_the_vote_in_the_browser(studio: Studio) -> None:
    pair = add_pair(studio.desk.store, 1)
    studio.desk.store.close()
    reply = studio.votes.vote(message(pair))
    assert (reply["ok"], reply["retry"]) == (False, True)


def test_judging_is_closed_by_its_last_vote(studio: Studio, tmp_path: Path) -> None:
    run = make_blind_test(tmp_path, 3)
    deck = studio.judge_votes.deck({"run": run.id})
    assert (deck["done"], deck["open"], deck["total"], deck["complete"]) == (0, 3, 3, False)
    pairs = studio.desk.store.pairs.open(purpose="judge", run_id=run.id)
    replies = [studio.judge_votes.vote(message(pair, "left", run.id)) for pair in pairs]
    assert [reply["complete"] for reply in replies] == [False, False, True]
    assert not studio.judge_votes.vote(message(pairs[0], "right", run.id))["ok"]
    last = studio.desk.store.votes.newest(purpose="judge", run_id=run.id)
    assert last is not None
    assert not studio.judge_votes.undo({"run": run.id, "uuid": str(uuid.uuid4()), "vote": last.uuid})["ok"]
    assert studio.judge_votes.deck({"run": run.id})["complete"]


def test_a_closed_blind_test_can_not_be_changed_through_another_board(studio: Studio, tmp_path: Path) -> None:
    closed = make_blind_test(tmp_path, 1)
    (pair,) = studio.desk.store.pairs.open(purpose="judge", run_id=closed.id)
    vote = message(pair, "left", closed.id)
    assert studio.judge_votes.vote(vote)["complete"]
    other = RunFolder.create(tmp_path / "runs", "judge", {"comparisons": 2, "adapter": "mine"})
    assert not studio.judge_votes.vote(message(pair, "right", other.id))["ok"]
    take_back = {"uuid": str(uuid.uuid4()), "vote": vote["uuid"]}
    assert not studio.judge_votes.undo({**take_back, "run": other.id})["ok"]
    assert not studio.votes.undo(take_back)["ok"]
    assert studio.judge_votes.deck({"run": closed.id})["complete"]


def test_a_much_better_side_is_recorded(studio: Studio) -> None:
    first, second = add_pair(studio.desk.store, 1), add_pair(studio.desk.store, 2)
    assert studio.votes.vote({**message(first, "right"), "strength": 2})["ok"]
    assert studio.votes.vote(message(second))["ok"]  # a board of an earlier version knows no strength
    assert not studio.votes.vote({**message(second, "tie"), "strength": 2})["ok"]
    assert not studio.votes.vote({**message(second), "strength": 3})["ok"]
    assert [one.vote.strength for one in studio.desk.store.pairs.voted(purpose="train")] == [2, 1]


def cast(studio: Studio, shown: dict[str, Any], choice: str) -> dict[str, Any]:
    """Choose on a pair as a deck shows it."""
    again = {key: shown[key] for key in ("swapped", "repeat_of") if key in shown}
    sent = {"uuid": str(uuid.uuid4()), "pair": shown["id"], "images": shown["images"], "choice": choice, "ms": 700}
    return {**studio.votes.vote({**sent, **again}), "uuid": sent["uuid"]}


def test_about_one_in_fifteen_pairs_comes_back_and_trains_once(studio: Studio) -> None:
    """Votes through decks as a board asks for them, always for the side that has the smaller hash."""
    for number in range(70):
        add_pair(studio.desk.store, number)
    shown: list[dict[str, Any]] = []
    deck: list[dict[str, Any]] = []
    while len(shown) < 72:
        if len(deck) < 8:
            deck += studio.votes.deck({"have": [pair["id"] for pair in deck], "n": 12 - len(deck)})["pairs"]
        pair = deck.pop(0)
        shown.append(pair)
        better = "left" if pair["images"][0] < pair["images"][1] else "right"
        assert cast(studio, pair, better)["ok"]
    places = [place for place, pair in enumerate(shown) if "repeat_of" in pair]
    assert len(places) == 4
    assert min(later - earlier for earlier, later in pairwise([-1, *places])) >= 15
    assert {shown[place]["swapped"] for place in places} <= {True, False}
    for place in places:  # not a question of a moment ago, and each once
        first = next(i for i, pair in enumerate(shown) if pair["id"] == shown[place]["id"])
        assert place - first >= 10
    assert len({shown[place]["id"] for place in places}) == 4
    assert studio.votes.deck({})["consistency"] == {"asked": 4, "same": 4}
    assert studio.desk.store.counts().votes == 68
    assert len(training_pairs(studio.desk.store, BASE).usable) == 68
    assert not any(
        "repeat_of" in pair for pair in studio.votes.deck({"again": False, "have": list(range(20))})["pairs"]
    )


def test_another_answer_the_second_time_counts_and_changes_nothing(studio: Studio) -> None:
    for number in range(30):
        add_pair(studio.desk.store, number)
    for pair in studio.votes.deck({"n": 20})["pairs"]:
        assert cast(studio, pair, "left")["ok"]
    again = next(pair for pair in studio.votes.deck({"n": 5})["pairs"] if "repeat_of" in pair)
    before = studio.desk.store.pairs.voted(purpose="train")
    reply = cast(studio, again, "tie")
    assert reply["consistency"] == {"asked": 1, "same": 0}
    assert studio.desk.store.pairs.voted(purpose="train") == before
    last = studio.votes.deck({})["last"]  # a reload, then undo: the same pair is shown the same way
    assert (last["uuid"], last["pair"]) == (reply["uuid"], again)
    undone = studio.votes.undo({"uuid": str(uuid.uuid4()), "vote": reply["uuid"]})
    assert undone["consistency"] == {"asked": 0, "same": 0}
    assert undone["pair"] == again
    assert cast(studio, again, "skip")["consistency"] == {"asked": 0, "same": 0}
    assert studio.desk.store.pairs.voted(purpose="train") == before


def test_sides_that_were_exchanged_are_set_right(studio: Studio) -> None:
    pair = add_pair(studio.desk.store, 1)
    shown = {"id": pair.id, "images": [pair.right.image_sha256, pair.left.image_sha256], "swapped": True}
    assert cast(studio, shown, "left")["ok"]
    (voted,) = studio.desk.store.pairs.voted(purpose="train")
    assert (voted.vote.choice, voted.vote.swapped) == ("right", True)
    assert not cast(studio, {**shown, "swapped": False}, "left")["ok"]


def test_judging_asks_nothing_again(studio: Studio, tmp_path: Path) -> None:
    run = make_blind_test(tmp_path, 40)
    for pair in studio.desk.store.pairs.open(purpose="judge", run_id=run.id, limit=30):
        assert studio.judge_votes.vote(message(pair, "left", run.id))["ok"]
    deck = studio.judge_votes.deck({"run": run.id, "n": 20})
    assert len(deck["pairs"]) == 10
    assert "consistency" not in deck


def test_all_votes_come_back_for_review(studio: Studio) -> None:
    pairs = [add_pair(studio.desk.store, number, f"a lake {number}") for number in range(3)]
    for pair in pairs:
        assert studio.votes.vote(message(pair, "left"))["ok"]
    page = studio.review.page({"prompt": " LAKE 1 "})
    assert (page["total"], page["more"]) == (1, False)
    (shown,) = page["votes"]
    assert shown["images"] == (pairs[1].left.image_sha256, pairs[1].right.image_sha256)
    changed = {name: shown[name] for name in ("pair", "images")}
    assert studio.votes.vote({**changed, "uuid": str(uuid.uuid4()), "choice": "tie"})["ok"]
    assert [vote["choice"] for vote in studio.review.page({})["votes"]] == ["tie", "left", "left"]
    assert studio.review.page({"since": "2000-01-01T00:00:00Z", "choice": "tie"})["total"] == 1
    assert studio.review.page({"until": "2000-01-01T00:00:00+02:00"})["total"] == 0


@pytest.mark.parametrize(
    "hostile", [None, [], {"choice": "winner"}, {"since": "yesterday"}, {"since": "2000-01-01T00:00:00"}, {"n": 1}]
)
def test_nonsense_filters_are_refused(studio: Studio, hostile: Any) -> None:
    reply = studio.review.page(hostile)
    assert (reply["ok"], reply["retry"]) == (False, False)


def test_judging_offers_no_skip_and_no_both_bad(studio: Studio, tmp_path: Path) -> None:
    run = make_blind_test(tmp_path, 1)
    (pair,) = studio.desk.store.pairs.open(purpose="judge", run_id=run.id)
    for choice in ("skip", "both-bad"):
        assert not studio.judge_votes.vote(message(pair, choice, run.id))["ok"]


def test_an_unknown_blind_test_is_refused(studio: Studio) -> None:
    assert not studio.judge_votes.deck({"run": "../.."})["ok"]

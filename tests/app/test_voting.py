"""What a pair board may ask, from honest and from hostile browsers."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from app.studio import Studio
from sdpo_core.preferences.records import Pair
from sdpo_core.training.runs import RunFolder
from tests.app.helpers import add_pair, make_judge_run


def message(pair: Pair, choice: str = "left", run: str = "") -> dict[str, Any]:
    images = [pair.left.image_sha256, pair.right.image_sha256]
    return {"run": run, "uuid": str(uuid.uuid4()), "pair": pair.id, "images": images, "choice": choice, "ms": 700}


def test_deck_vote_undo(studio: Studio) -> None:
    pairs = [add_pair(studio.store, number) for number in range(3)]
    deck = studio.votes.deck({"n": 2})
    assert [pair["id"] for pair in deck["pairs"]] == [pairs[0].id, pairs[1].id]
    assert (deck["done"], deck["open"], deck["last"]) == (0, 3, None)
    rest = studio.votes.deck({"n": 12, "have": [pairs[0].id, pairs[1].id]})
    assert [pair["id"] for pair in rest["pairs"]] == [pairs[2].id]

    vote = message(pairs[0], "right")
    assert studio.votes.vote(vote)["ok"]
    assert studio.votes.vote(vote)["ok"]  # a retry
    assert studio.store.counts().votes == 1
    deck = studio.votes.deck({})
    assert deck["last"]["uuid"] == vote["uuid"]
    assert deck["last"]["pair"]["id"] == pairs[0].id

    undone = studio.votes.undo({"uuid": str(uuid.uuid4()), "vote": vote["uuid"]})
    assert undone["ok"]
    assert undone["pair"]["id"] == pairs[0].id
    assert undone["last"] is None
    assert studio.store.counts().votes == 0


def test_a_pair_shows_nothing_but_prompt_and_images(studio: Studio) -> None:
    add_pair(studio.store, 1)
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
    add_pair(studio.store, 1)
    reply = studio.votes.vote(hostile)
    assert not reply["ok"]
    assert not reply["retry"]
    assert reply["error"]
    assert studio.store.counts().votes == 0


def test_a_vote_for_another_workspaces_pair_is_dropped(studio: Studio) -> None:
    pair = add_pair(studio.store, 1)
    vote = message(pair)
    vote["images"] = vote["images"][::-1]
    reply = studio.votes.vote(vote)
    assert not reply["ok"]
    assert "another workspace" in reply["error"]


def test_a_judge_pair_takes_no_training_vote(studio: Studio, tmp_path: Path) -> None:
    run = make_judge_run(tmp_path, 1)
    (pair,) = studio.store.open_pairs(purpose="judge", run_id=run.id)
    assert not studio.votes.vote(message(pair))["ok"]
    assert not studio.judge_votes.vote(message(add_pair(studio.store, 1), run=run.id))["ok"]


def test_a_full_disk_keeps_the_vote_in_the_browser(studio: Studio) -> None:
    """SQLite's own limit stands in for a full disk: the board is told to keep the vote and try again."""
    pair = add_pair(studio.store, 1)
    with studio.store._database.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    last: dict[str, Any] = message(pair)
    reply: dict[str, Any] = {"ok": True}
    while reply["ok"]:
        last = message(pair)
        reply = studio.votes.vote(last)
    assert reply["retry"]
    assert "disk is full" in reply["error"]
    with studio.store._database.reading() as connection:
        connection.execute(f"PRAGMA max_page_count = {pages * 10}").fetchall()
    assert studio.votes.vote(last)["ok"]


def test_a_closed_store_keeps_the_vote_in_the_browser(studio: Studio) -> None:
    pair = add_pair(studio.store, 1)
    studio.store.close()
    reply = studio.votes.vote(message(pair))
    assert (reply["ok"], reply["retry"]) == (False, True)


def test_judging_is_closed_by_its_last_vote(studio: Studio, tmp_path: Path) -> None:
    run = make_judge_run(tmp_path, 3)
    deck = studio.judge_votes.deck({"run": run.id})
    assert (deck["done"], deck["open"], deck["total"], deck["complete"]) == (0, 3, 3, False)
    pairs = studio.store.open_pairs(purpose="judge", run_id=run.id)
    replies = [studio.judge_votes.vote(message(pair, "left", run.id)) for pair in pairs]
    assert [reply["complete"] for reply in replies] == [False, False, True]
    assert not studio.judge_votes.vote(message(pairs[0], "right", run.id))["ok"]
    last = studio.store.last_vote(purpose="judge", run_id=run.id)
    assert last is not None
    assert not studio.judge_votes.undo({"run": run.id, "uuid": str(uuid.uuid4()), "vote": last.uuid})["ok"]
    assert studio.judge_votes.deck({"run": run.id})["complete"]


def test_a_closed_judgement_can_not_be_changed_through_another_board(studio: Studio, tmp_path: Path) -> None:
    closed = make_judge_run(tmp_path, 1)
    (pair,) = studio.store.open_pairs(purpose="judge", run_id=closed.id)
    vote = message(pair, "left", closed.id)
    assert studio.judge_votes.vote(vote)["complete"]
    other = RunFolder.create(tmp_path / "runs", "judge", {"comparisons": 2, "adapter": "mine"})
    assert not studio.judge_votes.vote(message(pair, "right", other.id))["ok"]
    take_back = {"uuid": str(uuid.uuid4()), "vote": vote["uuid"]}
    assert not studio.judge_votes.undo({**take_back, "run": other.id})["ok"]
    assert not studio.votes.undo(take_back)["ok"]
    assert studio.judge_votes.deck({"run": closed.id})["complete"]


def test_a_much_better_side_is_recorded(studio: Studio) -> None:
    first, second = add_pair(studio.store, 1), add_pair(studio.store, 2)
    assert studio.votes.vote({**message(first, "right"), "strength": 2})["ok"]
    assert studio.votes.vote(message(second))["ok"]  # a board of an earlier version knows no strength
    assert not studio.votes.vote({**message(second, "tie"), "strength": 2})["ok"]
    assert not studio.votes.vote({**message(second), "strength": 3})["ok"]
    assert [one.vote.strength for one in studio.store.voted_pairs(purpose="train")] == [2, 1]


def test_judging_offers_no_skip_and_no_both_bad(studio: Studio, tmp_path: Path) -> None:
    run = make_judge_run(tmp_path, 1)
    (pair,) = studio.store.open_pairs(purpose="judge", run_id=run.id)
    for choice in ("skip", "both-bad"):
        assert not studio.judge_votes.vote(message(pair, choice, run.id))["ok"]


def test_an_unknown_judgement_is_refused(studio: Studio) -> None:
    assert not studio.judge_votes.deck({"run": "../.."})["ok"]

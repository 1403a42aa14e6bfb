"""Pairs that the taste model asks about: found or made, marked, and nothing of a blind test."""

import pytest

from sdpo_core.errors import StoreError
from sdpo_core.workspace.store import Store
from tests.workspace.helpers import add, add_pair, vote_on


def test_a_pair_that_is_open_is_asked_about_whichever_run_made_it(store: Store) -> None:
    drawn = add_pair(store, 1, run_id="20261121-100000-generate-ab12")
    (asked,) = store.questions.ask([(drawn.right.id, drawn.left.id)])
    assert (asked.id, asked.chosen_by) == (drawn.id, "taste")
    assert store.pairs.get(drawn.id) == asked
    assert store.counts().pairs == 1


def test_a_missing_pair_is_made_once(store: Store) -> None:
    first, second = add_pair(store, 1), add_pair(store, 2)
    question = (first.left.id, second.right.id)
    (made,) = store.questions.ask([question])
    assert (made.purpose, made.run_id, made.chosen_by) == ("train", None, "taste")
    assert store.questions.ask([question, (second.right.id, first.left.id)]) == [made]
    assert store.questions.paired() >= {(min(question), max(question))}
    assert [store.pairs.get(pair.id).chosen_by for pair in (first, second)] == ["chance", "chance"]


def test_what_was_voted_on_is_not_asked_again(store: Store) -> None:
    voted, waiting = add_pair(store, 1), add_pair(store, 2)
    vote_on(store, voted)
    sides = [(pair.left.id, pair.right.id) for pair in (voted, waiting)]
    assert [pair.id for pair in store.questions.ask(sides)] == [waiting.id]
    assert store.pairs.get(voted.id).chosen_by == "chance"
    assert [pair.id for pair in store.questions.waiting([voted.id, waiting.id, 99])] == [waiting.id]


def test_all_are_asked_or_none(store: Store) -> None:
    pair, judged = add_pair(store, 1), add_pair(store, 2, purpose="judge", run_id="20261121-100000-judge-ab12")
    for wrong in ((judged.left.id, judged.right.id), (pair.left.id, judged.left.id), (pair.left.id, 99)):
        with pytest.raises(StoreError):
            store.questions.ask([(pair.left.id, pair.right.id), wrong])
    assert store.pairs.get(pair.id).chosen_by == "chance"
    both = store.pairs.add(judged.left.id, add(store, 50).id)
    with pytest.raises(StoreError, match="for more than training votes"):
        store.questions.ask([(both.left.id, both.right.id)])
    elsewhere = add_pair(store, 3, "a forest")
    with pytest.raises(StoreError, match="one prompt"):
        store.questions.ask([(pair.left.id, elsewhere.left.id)])


def test_waiting_pairs_come_in_the_order_that_was_asked_for(store: Store) -> None:
    pairs = [add_pair(store, number) for number in range(4)]
    judged = add_pair(store, 9, purpose="judge", run_id="20261121-100000-judge-ab12")
    wanted = [pairs[2].id, judged.id, pairs[0].id, pairs[2].id]
    assert [pair.id for pair in store.questions.waiting(wanted)] == [pairs[2].id, pairs[0].id]
    assert store.questions.waiting([]) == []


def test_the_stamp_is_another_after_each_vote_undo_and_pair(store: Store) -> None:
    stamps = [store.questions.stamp()]
    pair = add_pair(store, 1)
    stamps.append(store.questions.stamp())
    vote = vote_on(store, pair)
    stamps.append(store.questions.stamp())
    store.votes.undo("taken back", vote)
    stamps.append(store.questions.stamp())
    assert len(set(stamps)) == 4
    assert store.questions.stamp() == stamps[-1]

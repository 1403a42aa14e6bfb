"""All votes once more: order, filters, pages."""

import pytest

from sdpo_core.workspace.records import Choice
from sdpo_core.workspace.store import Store
from sdpo_core.workspace.votes import VoteFilter
from tests.workspace.helpers import add_pair


@pytest.fixture
def voted(store: Store) -> dict[str, int]:
    """Votes named after what they are, oldest first: name to pair."""
    choices: dict[str, tuple[str, Choice, int]] = {
        "first": ("a Lake", "left", 1),
        "much": ("a lake <b>", "right", 2),
        "tie": ("a hill", "tie", 1),
        "bad": ("100% _ hill", "both-bad", 1),
    }
    pairs: dict[str, int] = {}
    for number, (name, (prompt, choice, strength)) in enumerate(choices.items()):
        pairs[name] = add_pair(store, number, prompt).id
        store.votes.cast(name, pairs[name], choice, 500, strength=2 if strength == 2 else 1)
    judged = add_pair(store, 50, purpose="judge", run_id="j")
    store.votes.cast("judged", judged.id, "left")
    return pairs


def names(store: Store, wanted: VoteFilter, **page: object) -> list[str]:
    limit, before = page.get("limit", 60), page.get("before")
    assert isinstance(limit, int)
    assert before is None or isinstance(before, str)
    found, _ = store.votes.review(wanted, limit=limit, before=before)
    return [one.vote.uuid for one in found]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (VoteFilter(), ["bad", "tie", "much", "first"]),
        (VoteFilter(prompt="LAKE"), ["much", "first"]),
        (VoteFilter(prompt="<b>"), ["much"]),
        (VoteFilter(prompt="% _"), ["bad"]),
        (VoteFilter(prompt="'; DROP TABLE votes"), []),
        (VoteFilter(choice="tie"), ["tie"]),
        (VoteFilter(much_better=True), ["much"]),
        (VoteFilter(prompt="a", choice="left"), ["first"]),
        (VoteFilter(since="2000"), ["bad", "tie", "much", "first"]),
        (VoteFilter(until="2000"), []),
    ],
)
def test_filters(store: Store, voted: dict[str, int], wanted: VoteFilter, expected: list[str]) -> None:
    assert names(store, wanted) == expected
    assert store.votes.review(wanted)[1] == len(expected)


def test_pages_follow_each_other(store: Store, voted: dict[str, int]) -> None:
    assert names(store, VoteFilter(), limit=2) == ["bad", "tie"]
    assert names(store, VoteFilter(), limit=2, before="tie") == ["much", "first"]
    store.votes.cast("tie after all", voted["tie"], "left")  # changed between two pages: no vote is skipped
    assert names(store, VoteFilter(), limit=2, before="tie") == ["much", "first"]
    assert names(store, VoteFilter()) == ["tie after all", "bad", "much", "first"]


def test_another_answer_when_asked_again_is_found(store: Store, voted: dict[str, int]) -> None:
    store.votes.cast("same again", voted["first"], "left", 500, repeat_of="first")
    assert names(store, VoteFilter(unsteady=True)) == []
    store.votes.cast("other again", voted["much"], "left", 500, repeat_of="much")
    assert names(store, VoteFilter(unsteady=True)) == ["much"]
    again = {one.vote.uuid: one.again for one in store.votes.review(VoteFilter())[0]}
    assert again == {"first": "left", "much": "left", "tie": None, "bad": None}
    store.votes.undo("back", "other again")
    assert names(store, VoteFilter(unsteady=True)) == []

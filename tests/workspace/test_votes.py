"""Strength, sides exchanged, and pairs that are asked again."""

import sqlite3
from pathlib import Path

import pytest

from sdpo_core.errors import StoreError
from sdpo_core.workspace import migrations
from sdpo_core.workspace.pairs import training_pairs
from sdpo_core.workspace.records import Pair, Strength
from sdpo_core.workspace.store import Store
from tests.workspace.helpers import BASE, add_pair


@pytest.fixture
def pair(store: Store) -> Pair:
    return add_pair(store, 1)


def newest(store: Store) -> str | None:
    vote = store.votes.newest(purpose="train")
    return vote.uuid if vote else None


def test_a_much_better_side_and_how_it_was_shown_are_kept(store: Store, pair: Pair) -> None:
    store.votes.cast("first", pair.id, "right", 900, strength=2, swapped=True)
    (voted,) = store.pairs.voted(purpose="train")
    assert (voted.vote.choice, voted.vote.strength, voted.vote.swapped) == ("right", 2, True)
    store.votes.cast("second", pair.id, "left")
    (voted,) = store.pairs.voted(purpose="train")
    assert (voted.vote.strength, voted.vote.swapped, voted.vote.repeat_of) == (1, False, None)


@pytest.mark.parametrize("choice", ["tie", "both-bad", "skip"])
def test_only_a_side_can_be_much_better(store: Store, pair: Pair, choice: str) -> None:
    with pytest.raises(StoreError, match="if a side was chosen"):
        store.votes.cast("one", pair.id, choice, strength=2)  # pyright: ignore[reportArgumentType]
    strength: Strength = 3  # pyright: ignore[reportAssignmentType]
    with pytest.raises(StoreError, match="strength"):
        store.votes.cast("one", pair.id, "left", strength=strength)
    assert store.counts().votes == 0


def test_an_answer_to_a_pair_asked_again_is_kept_with_the_vote(store: Store, pair: Pair) -> None:
    store.votes.cast("first", pair.id, "left")
    again = store.votes.cast("again", pair.id, "right", swapped=True, repeat_of="first")
    assert again == store.votes.cast("again", pair.id, "right", swapped=True, repeat_of="first")  # a retry
    assert again.repeat_of == "first"
    (voted,) = store.pairs.voted(purpose="train")
    assert voted.vote.uuid == "first"
    assert [one.vote.uuid for one in training_pairs(store, BASE).usable] == ["first"]
    assert (store.counts().votes, store.counts().decided) == (1, 1)
    assert not any("history" in sentence for sentence in store.check())
    assert newest(store) == "again"

    assert store.votes.undo("undo", "again").id == pair.id
    assert store.votes.undo("undo", "again").id == pair.id
    assert newest(store) == "first"
    assert store.pairs.voted(purpose="train") == [voted]
    assert not any("history" in sentence for sentence in store.check())


def test_an_answer_can_only_repeat_a_vote_on_its_own_pair(store: Store, pair: Pair) -> None:
    other = add_pair(store, 2)
    store.votes.cast("first", pair.id, "left")
    with pytest.raises(StoreError, match="another pair"):
        store.votes.cast("again", other.id, "left", repeat_of="first")
    with pytest.raises(StoreError, match="saved yet"):
        store.votes.cast("again", pair.id, "left", repeat_of="nobody")
    store.votes.cast("again", pair.id, "left", repeat_of="first")
    with pytest.raises(StoreError, match="another pair"):
        store.votes.cast("third", pair.id, "left", repeat_of="again")


def test_votes_of_the_first_schema_are_read_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that the first step made, with a vote written as the first version wrote it."""
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        Store(tmp_path).close()
    now = "2026-01-01T00:00:00+00:00"
    connection = sqlite3.connect(tmp_path / "studio.db")
    with connection:
        connection.execute("INSERT INTO prompts (text, created_at) VALUES ('a lake', ?)", (now,))
        connection.executemany(
            "INSERT INTO candidates (key, prompt_id, negative, image_sha256, width_px, height_px, created_at)"
            " VALUES (?, 1, '', ?, 8, 8, ?)",
            [(key, key * 64, now) for key in "ab"],
        )
        connection.execute(
            "INSERT INTO pairs (left_id, right_id, purpose, created_at) VALUES (1, 2, 'train', ?)", (now,)
        )
        connection.execute(
            "INSERT INTO votes (uuid, pair_id, choice, response_ms, created_at) VALUES ('old', 1, 'right', 5, ?)",
            (now,),
        )
        connection.execute("UPDATE pairs SET standing_vote_id = 1")
    connection.close()
    with Store(tmp_path) as store:
        (voted,) = store.pairs.voted(purpose="train")
        assert (voted.vote.choice, voted.vote.strength, voted.vote.swapped) == ("right", 1, False)
        assert not any("history" in sentence for sentence in store.check())
        assert (tmp_path / "backups" / "before-version-2.db").is_file()

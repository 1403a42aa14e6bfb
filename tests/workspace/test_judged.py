"""Votes of blind tests train only when the person asks for it, and can be taken back."""

from sdpo_core.workspace.pairs import training_pairs
from sdpo_core.workspace.records import Pair
from sdpo_core.workspace.store import Store
from tests.workspace.helpers import ADAPTER, BASE, add, add_pair, vote_on


def judged(store: Store, seed: int, base: str = BASE, run_id: str = "judge-1") -> Pair:
    """A comparison of the base with the adapter, voted on."""
    sides = add(store, seed, f"judged {seed}", base), add(store, seed, f"judged {seed}", base, adapter=True)
    pair = store.pairs.add(sides[0].id, sides[1].id, purpose="judge", run_id=run_id)
    vote_on(store, pair, "tie" if seed == 102 else "right")
    return pair


def test_judge_votes_train_from_when_they_are_asked_for(store: Store) -> None:
    own = add_pair(store, 1)
    vote_on(store, own)
    pairs = [judged(store, seed) for seed in (100, 101, 102)]
    judged(store, 200, run_id="judge-2")
    assert [voted.pair for voted in training_pairs(store, BASE).usable] == [own]

    assert store.judged.let_train("judge-1", trains=True) == 3
    found = training_pairs(store, BASE)
    assert [voted.pair for voted in found.usable] == [own, *pairs[:2]]
    assert (found.judged, found.ties) == (2, 1)
    assert found.sentence() == "3 pairs can be used for training, 2 of them from blind tests; not used: 1 tie."
    assert [voted.pair.id for voted in store.judged.pairs("judge-1")] == [pair.id for pair in pairs]
    assert store.judged.pairs("judge-2") == []

    assert store.judged.let_train("judge-1", trains=False) == 3
    assert training_pairs(store, BASE).judged == 0


def test_a_second_request_keeps_the_time_of_the_first(store: Store) -> None:
    judged(store, 100)

    def since() -> str | None:
        with store._database.reading() as connection:
            return connection.execute("SELECT trains_since FROM pairs").fetchone()[0]

    assert since() is None
    store.judged.let_train("judge-1", trains=True)
    first = since()
    store.judged.let_train("judge-1", trains=True)
    assert since() == first is not None


def test_comparisons_of_another_base_stay_aside(store: Store) -> None:
    judged(store, 100, base="c" * 64)
    store.judged.let_train("judge-1", trains=True)
    assert training_pairs(store, BASE).other_base == 1


def test_they_train_in_round_two_too(store: Store) -> None:
    judged(store, 100)
    store.judged.let_train("judge-1", trains=True)
    assert training_pairs(store, BASE, adapter_sha256=ADAPTER.sha256).judged == 1


def test_training_pairs_are_never_marked(store: Store) -> None:
    pair = add_pair(store, 1, run_id="judge-1")
    vote_on(store, pair)
    assert store.judged.let_train("judge-1", trains=True) == 0
    assert store.judged.pairs() == []
    assert len(training_pairs(store, BASE).usable) == 1

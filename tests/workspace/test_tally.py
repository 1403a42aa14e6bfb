"""How many votes can train, in which round, and what the others lack."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from sdpo_core.workspace.imported import ImportedPair
from sdpo_core.workspace.pairs import training_pairs
from sdpo_core.workspace.records import AdapterRecord, Choice, MadeWith
from sdpo_core.workspace.store import Store
from sdpo_core.workspace.tally import Tally, current_round, tally
from tests.app.helpers import BASE, add_pair

OTHER = "c" * 64


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "workspace") as store:
        yield store


def vote(store: Store, number: int, choice: Choice = "left", base: str = BASE, adapter: str | None = None) -> None:
    pair = add_pair(store, number, base_sha256=base, adapter=adapter)
    store.votes.cast(str(uuid.uuid4()), pair.id, choice)


def adapter(store: Store, name: str, sha256: str, base: str = BASE) -> AdapterRecord:
    path = store.workspace / "adapters" / f"{name}.safetensors"
    path.write_bytes(name.encode())
    return store.adapters.add(name=name, path=path, sha256=sha256, base_sha256=base, run_id=f"run-{name}")


def test_without_votes_there_are_none(store: Store) -> None:
    assert tally(store, BASE) == Tally()
    add_pair(store, 1)
    assert tally(store, BASE).cast == 0


def test_votes_are_counted_by_what_they_lack(store: Store) -> None:
    choices: tuple[Choice, ...] = ("left", "right", "tie", "both-bad", "skip")
    for number, choice in enumerate(choices):
        vote(store, number, choice)
    vote(store, 10, base=OTHER)
    vote(store, 11, adapter="1" * 64)
    found = tally(store, BASE)
    assert found == Tally(usable=2, foreign=1, other_round=1, undecided=3)
    assert found.cast == 7
    assert tally(store, BASE, "1" * 64) == Tally(usable=1, foreign=1, other_round=2, undecided=3)
    assert tally(store, OTHER).usable == 1
    assert tally(store, "").usable == 0


def test_it_counts_what_training_would_use(store: Store) -> None:
    for number in range(40):
        choice: Choice = ("left", "right", "tie")[number % 3]
        vote(store, number, choice, (BASE, OTHER)[number % 5 == 0], (None, "1" * 64, "2" * 64)[number % 7 % 3])
    for base in (BASE, OTHER, ""):
        for start in (None, "1" * 64, "2" * 64):
            told, counted = training_pairs(store, base, "own", start), tally(store, base, start)
            assert counted.usable == len(told.usable)
            assert counted.other_round == told.with_adapter + told.without_adapter
            assert counted.foreign == told.other_base + told.earlier_demo


def test_an_undone_vote_no_longer_counts(store: Store) -> None:
    vote(store, 1)
    last = store.votes.newest(purpose="train")
    assert last
    store.votes.undo(str(uuid.uuid4()), last.uuid)
    assert tally(store, BASE) == Tally()


def test_blind_votes_count_once_they_may_train(store: Store) -> None:
    pair = add_pair(store, 1, purpose="judge", run_id="test")
    store.votes.cast(str(uuid.uuid4()), pair.id, "left")
    assert tally(store, BASE).cast == 0
    store.judged.let_train("test", trains=True)
    assert tally(store, BASE) == Tally(usable=1)


def test_a_round_begins_with_its_adapters_own_pairs(store: Store) -> None:
    warm = adapter(store, "warm", "1" * 64)
    add_pair(store, 1)
    assert current_round(store) is None
    add_pair(store, 2, adapter=warm.sha256)
    assert current_round(store) == warm
    add_pair(store, 3, purpose="judge", run_id="test")  # a blind test begins no round
    assert current_round(store) == warm
    add_pair(store, 4, adapter="2" * 64)  # of an adapter that isn't in the project
    assert current_round(store) is None
    add_pair(store, 5)
    assert current_round(store) is None


def test_imported_pairs_count_by_what_their_files_say(store: Store) -> None:
    for number, told in enumerate((MadeWith(tool="A1111", model_hash=BASE[:10]), MadeWith(tool="A1111"), None)):
        pictures = (Image.new("RGB", (8, 8), (number, side, 9)) for side in (0, 1))
        first, second = (replace(store.imports.save_image(picture), made_with=told) for picture in pictures)
        store.imports.add_pairs([ImportedPair(f"a lake {number}", first, second, "first")])
    assert tally(store, BASE) == Tally(usable=1, foreign=2)

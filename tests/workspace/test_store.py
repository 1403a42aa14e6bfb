"""What the store promises about candidates, pairs, votes and adapters."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sdpo_core.errors import AdapterError, ImageMissing, StoreError
from sdpo_core.images.files import decode_image
from sdpo_core.workspace.adapters import free_path
from sdpo_core.workspace.records import Vote
from sdpo_core.workspace.store import Store
from tests.workspace.helpers import add, add_pair, cut_short, picture, recipe, vote_on


def test_candidate_comes_back_as_it_went_in(store: Store) -> None:
    added = store.candidates.add(picture(7), recipe(7))
    assert store.candidates.find(recipe(7).key()) == added
    assert added.recipe == recipe(7)
    assert (added.prompt, added.width_px, added.height_px) == ("a lake", 8, 8)
    assert added.created_at.tzinfo is not None
    path = store.images.path(added.image_sha256)
    assert path == store.workspace / "images" / added.image_sha256[:2] / f"{added.image_sha256}.png"
    assert decode_image(path).tobytes() == picture(7).tobytes()
    assert store.candidates.find("0" * 64) is None


def test_what_a_store_hands_out_belongs_to_the_workspace_that_was_open(tmp_path: Path) -> None:
    with Store(tmp_path / "one") as store:
        pair, held = add_pair(store, 0), store.pairs
        store.move_to(tmp_path / "two")
        assert store.pairs.open(purpose="train") == []
        assert not store.images.has(pair.left.image_sha256)
        with pytest.raises(StoreError, match="closed"):
            held.get(pair.id)


def test_the_same_recipe_is_one_candidate_and_a_deleted_image_is_restored(store: Store) -> None:
    first = add(store, 1)
    assert add(store, 1) == first
    store.images.path(first.image_sha256).unlink()
    with pytest.raises(ImageMissing, match="missing"):
        store.images.path(first.image_sha256)
    assert add(store, 1) == first
    assert store.images.path(first.image_sha256).is_file()
    assert store.counts().candidates == 1


def test_a_damaged_image_is_written_again(store: Store) -> None:
    first = add(store, 1)
    assert store.images.intact(first.image_sha256)
    cut_short(store.images.path(first.image_sha256))
    assert store.images.has(first.image_sha256)
    assert not store.images.intact(first.image_sha256)
    assert not store.images.readable(first.image_sha256)
    assert add(store, 1) == first
    assert store.images.intact(first.image_sha256)


@pytest.mark.parametrize("lose", [Path.unlink, cut_short])
def test_lost_image_gives_way_to_the_one_that_its_recipe_makes_now(store: Store, lose: Callable[[Path], None]) -> None:
    pair = add_pair(store, 0)
    lose(store.images.path(pair.left.image_sha256))
    assert pair.left.recipe
    other = store.candidates.add(picture(99), pair.left.recipe)
    assert other.id == pair.left.id
    assert decode_image(store.images.path(other.image_sha256)).tobytes() == picture(99).tobytes()
    assert [shown.left for shown in store.pairs.open(purpose="train")] == [other]
    assert store.candidates.add(picture(7), pair.left.recipe) == other, "an intact image stays"


def test_image_must_have_the_size_of_its_recipe(store: Store) -> None:
    with pytest.raises(StoreError, match="16 x 16"):
        store.candidates.add(picture().resize((16, 16)), recipe())


@pytest.mark.parametrize("address", ["../../etc/passwd", "A" * 64, "", "0" * 63, "0" * 64 + "\n"])
def test_only_a_hash_is_an_image_address(store: Store, address: str) -> None:
    with pytest.raises(StoreError, match="64 hexadecimal"):
        store.images.path(address)


def test_candidates_newest_first_by_purpose(store: Store) -> None:
    train, judge, alone = add_pair(store, 0), add_pair(store, 1, purpose="judge", run_id="r"), add(store, 9)
    assert store.candidates.newest()[0] == alone
    assert len(store.candidates.newest(limit=3)) == 3
    ids = {c.id for c in store.candidates.newest(purpose="train")}
    assert ids == {train.left.id, train.right.id}
    assert {c.id for c in store.candidates.newest(purpose="judge")} == {judge.left.id, judge.right.id}


def test_sides_of_a_pair_are_fixed_and_say_nothing(store: Store) -> None:
    on_left = 0
    for seed in range(100):
        one, other = add(store, 2 * seed), add(store, 2 * seed + 1)
        pair = store.pairs.add(one.id, other.id)
        assert {pair.left.id, pair.right.id} == {one.id, other.id}
        assert store.pairs.add(other.id, one.id) == pair
        assert store.pairs.get(pair.id) == pair
        on_left += pair.left == one
    assert 30 <= on_left <= 70  # five standard deviations would be 25 … 75
    assert store.counts().pairs == 100


def test_pair_needs_two_known_candidates_of_one_prompt(store: Store) -> None:
    one, other = add(store, 1), add(store, 2, "a forest")
    with pytest.raises(StoreError, match="two candidates"):
        store.pairs.add(one.id, one.id)
    with pytest.raises(StoreError, match="one prompt"):
        store.pairs.add(one.id, other.id)
    with pytest.raises(StoreError, match="No candidate 99"):
        store.pairs.add(one.id, 99)
    with pytest.raises(StoreError, match="No pair 5"):
        store.pairs.get(5)


def test_open_pairs_are_the_unvoted_ones_oldest_first(store: Store) -> None:
    pairs = [add_pair(store, seed) for seed in range(5)]
    judged = [add_pair(store, seed, purpose="judge", run_id="j") for seed in range(5, 8)]
    vote_on(store, pairs[1], "skip")
    assert store.pairs.open(purpose="train") == [pairs[0], *pairs[2:]]
    assert store.pairs.open(purpose="train", limit=2, exclude={pairs[0].id}) == pairs[2:4]
    assert store.pairs.open(purpose="judge", run_id="j") == judged
    assert store.pairs.open(purpose="judge") == judged
    assert store.pairs.open(purpose="judge", run_id="another") == []


def test_pair_with_a_deleted_image_is_left_out_and_counted(store: Store) -> None:
    pairs = [add_pair(store, seed) for seed in range(3)]
    vote_on(store, pairs[0])
    store.images.path(pairs[0].left.image_sha256).unlink()
    store.images.path(pairs[1].right.image_sha256).write_bytes(b"")
    assert store.pairs.open(purpose="train") == [pairs[2]]
    counts = store.counts()
    assert (counts.open_pairs, counts.votes) == (1, 1)
    assert store.missing_images() == 2
    assert any("2 recorded images are missing" in sentence for sentence in store.check())


def test_check_names_damaged_images_and_counting_does_not_look_into_them(store: Store) -> None:
    pairs = [add_pair(store, seed) for seed in range(4)]
    for pair in pairs:
        cut_short(store.images.path(pair.left.image_sha256))
    vote_on(store, pairs[0])
    assert store.missing_images() == 0
    cut_short(store.images.path(pairs[0].right.image_sha256))
    (found,) = (sentence for sentence in store.check() if "changed" in sentence)
    assert found.startswith("5 images in ")
    assert f"{pairs[0].right.image_sha256}.png" in found


def test_vote_stands_until_replaced_or_undone(store: Store) -> None:
    pair = add_pair(store, 0)
    first = store.votes.cast("one", pair.id, "left", 1234)
    assert first == Vote(uuid="one", pair_id=pair.id, choice="left", response_ms=1234, created_at=first.created_at)
    second = store.votes.cast("two", pair.id, "tie")
    assert [v.vote for v in store.pairs.voted(purpose="train")] == [second]
    assert store.votes.newest(purpose="train") == second
    assert store.votes.undo("undo", "two") == pair
    assert store.pairs.voted(purpose="train") == []
    assert store.votes.newest(purpose="train") is None
    assert store.pairs.open(purpose="train") == [pair]


def test_retried_vote_and_undo_change_nothing(store: Store) -> None:
    pair = add_pair(store, 0)
    first = store.votes.cast("one", pair.id, "left", 5)
    assert store.votes.cast("one", pair.id, "left", 5) == first
    store.votes.undo("undo", "one")
    assert store.votes.cast("one", pair.id, "left") == first  # late retry: the pair stays open
    assert store.votes.undo("undo", "one") == pair
    assert store.votes.undo("undo in another tab", "one") == pair
    assert store.pairs.open(purpose="train") == [pair]
    again = store.votes.cast("three", pair.id, "right")
    store.votes.undo("undo", "one")
    assert store.votes.newest(purpose="train") == again


def test_uuid_names_one_thing_only(store: Store) -> None:
    pair, other = add_pair(store, 0), add_pair(store, 1)
    store.votes.cast("one", pair.id, "left")
    with pytest.raises(StoreError, match="another choice"):
        store.votes.cast("one", pair.id, "right")
    with pytest.raises(StoreError, match="another choice"):
        store.votes.cast("one", other.id, "left")
    store.votes.cast("two", other.id, "left")
    with pytest.raises(StoreError, match="another choice"):
        store.votes.undo("two", "one")
    store.votes.undo("undo", "one")
    with pytest.raises(StoreError, match="another choice"):
        store.votes.cast("undo", pair.id, "left")
    with pytest.raises(StoreError, match="another choice"):
        store.votes.undo("undo", "two")
    assert store.counts().votes == 1


def test_votes_are_refused_with_a_message(store: Store) -> None:
    pair = add_pair(store, 0)
    with pytest.raises(StoreError, match="No pair 77"):
        store.votes.cast("one", 77, "left")
    with pytest.raises(StoreError, match="got 'up'"):
        store.votes.cast("one", pair.id, "up")  # pyright: ignore[reportArgumentType]
    with pytest.raises(StoreError, match="at least 0 ms"):
        store.votes.cast("one", pair.id, "left", -1)
    with pytest.raises(StoreError, match="1 to 64 characters"):
        store.votes.cast("", pair.id, "left")
    with pytest.raises(StoreError, match="saved yet"):
        store.votes.undo("undo", "never seen")
    store.votes.cast("one", pair.id, "left")
    store.votes.cast("two", pair.id, "right")
    with pytest.raises(StoreError, match="replaced by a newer"):
        store.votes.undo("undo", "one")
    assert store.counts().decided == 1


def test_every_vote_and_undo_leaves_a_row_that_stays(store: Store) -> None:
    pair = add_pair(store, 0)
    store.votes.cast("one", pair.id, "left")
    store.votes.cast("two", pair.id, "right")
    store.votes.undo("undo", "two")
    connection = sqlite3.connect(store.workspace / "studio.db")
    try:
        rows = connection.execute("SELECT uuid, choice, undoes FROM votes ORDER BY id").fetchall()
        assert rows == [("one", "left", None), ("two", "right", None), ("undo", None, 2)]
        for change in ("UPDATE votes SET choice = 'tie' WHERE id = 1", "DELETE FROM votes"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(change)
    finally:
        connection.close()


def test_counts_by_purpose(store: Store) -> None:
    for seed, choice in enumerate(("left", "right", "tie", "both-bad", "skip", "left")):
        vote_on(store, add_pair(store, seed), choice)
    add_pair(store, 6)
    vote_on(store, add_pair(store, 7, "a forest", purpose="judge", run_id="j"), "tie")
    counts = store.counts()
    assert (counts.prompts, counts.candidates, counts.pairs, counts.open_pairs) == (2, 16, 7, 1)
    assert (counts.votes, counts.decided, counts.ties, counts.both_bad, counts.skipped) == (6, 3, 1, 1, 1)
    judged = store.counts("judge")
    assert (judged.pairs, judged.votes, judged.ties, judged.decided) == (1, 1, 1, 0)


def test_last_vote_is_of_the_asked_run(store: Store) -> None:
    train, judge = add_pair(store, 0), add_pair(store, 1, purpose="judge", run_id="j")
    in_training, in_judging = vote_on(store, train), vote_on(store, judge)
    last = store.votes.newest(purpose="train")
    assert last
    assert last.uuid == in_training
    last = store.votes.newest(purpose="judge", run_id="j")
    assert last
    assert last.uuid == in_judging
    assert store.votes.newest(purpose="judge", run_id="k") is None
    assert len(store.pairs.voted(purpose="judge", run_id="j")) == 1
    assert store.pairs.voted(purpose="judge", run_id="k") == []


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("Lakes at dawn!", "Lakes-at-dawn"),
        ("../../x", "x"),
        ("…", "adapter"),
        ("latest", "latest-2"),
        ("CON", "adapter-CON"),
        ("lpt1.old", "adapter-lpt1.old"),
        ("MINE", "MINE-2"),  # a record has it
        ("found", "found-2"),  # a file has it that no record knows
        ("漢" * 80, "漢" * 33),
    ],
)
def test_an_adapter_never_replaces_a_file_and_its_name_fits_every_system(
    tmp_path: Path, wanted: str, name: str
) -> None:
    (tmp_path / "found.safetensors").touch()
    assert free_path(tmp_path, wanted, ["mine"]) == tmp_path / f"{name}.safetensors"


def test_adapters_get_names_of_their_own(store: Store, tmp_path: Path) -> None:
    def add_adapter(name: str, run_id: str):
        path = store.workspace / "adapters" / f"{run_id}.safetensors"
        return store.adapters.add(name=name, path=path, sha256="s", base_sha256="b", run_id=run_id)

    with pytest.raises(AdapterError, match="No adapters yet"):
        store.adapters.find("latest")
    first, second, third = add_adapter("Lakes", "1"), add_adapter("lakes", "2"), add_adapter("latest", "3")
    assert [a.name for a in (first, second, third)] == ["Lakes", "lakes-2", "latest-2"]
    assert add_adapter("Lakes", "1") == first
    assert store.adapters.all() == [third, second, first]
    assert first.path == "adapters/1.safetensors"
    assert store.adapters.find("latest") == third
    assert store.adapters.find("LAKES") == first
    with pytest.raises(AdapterError, match="Did you mean lakes-2"):
        store.adapters.find("lakes-3")
    with pytest.raises(AdapterError, match="Available: latest-2, lakes-2, Lakes"):
        store.adapters.find("zebra")
    with pytest.raises(StoreError, match="outside the workspace"):
        store.adapters.add(name="x", path=tmp_path / "x.safetensors", sha256="s", base_sha256="b", run_id="4")


def test_many_threads_vote_at_the_same_time(store: Store) -> None:
    pairs = [add_pair(store, seed) for seed in range(40)]
    errors: list[Exception] = []

    def work(thread: int) -> None:
        try:
            for pair in pairs[thread::8]:
                store.votes.cast(f"{thread}-{pair.id}", pair.id, "left")
                store.counts()
                store.pairs.open(purpose="train")
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store.counts().decided == 40


def test_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="already closed"):
        store.counts()

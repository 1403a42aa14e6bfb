"""What a person changes about adapters: name, note, strength, and away with one; in a real workspace."""

import pytest

from sdpo_core.errors import AdapterError, StoreError
from sdpo_core.workspace.backups import write_backup
from sdpo_core.workspace.disk import restore_entry
from sdpo_core.workspace.records import AdapterRecord, Fit
from sdpo_core.workspace.restoring import restore
from sdpo_core.workspace.store import Store
from sdpo_core.workspace.trash import Trash
from tests.workspace.helpers import BASE


def add(store: Store, name: str, *, preview: bool = True) -> AdapterRecord:
    path = store.workspace / "adapters" / f"{name}.safetensors"
    path.write_bytes(f"weights of {name}".encode())
    if preview:
        path.with_suffix(".png").write_bytes(b"picture")
    return store.adapters.add(name=name, path=path, sha256=name[0] * 64, base_sha256=BASE, run_id="run")


def test_a_new_name_leaves_the_file_where_it_is(store: Store) -> None:
    """A backup of the database names files by their paths, and has to find them."""
    before = add(store, "warm")
    after = store.adapters.rename(before.id, "  Warm evenings / 2 ")
    assert after.name == "Warm evenings / 2"
    assert after.model_copy(update={"name": before.name}) == before, "nothing else has changed"
    assert store.adapters.file("warm EVENINGS / 2").read_bytes() == b"weights of warm"
    assert store.adapters.rename(after.id, after.name) == after, "the same name again changes nothing"
    assert store.adapters.rename(after.id, "WARM evenings / 2").name == "WARM evenings / 2"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "1 to 80 characters"),
        (" \n ", "1 to 80"),
        ("a\nb", "on one line"),
        ("x" * 81, "1 to 80"),
        ("LATEST", "newest"),
    ],
)
def test_names_that_can_not_be_are_refused(store: Store, name: str, why: str) -> None:
    with pytest.raises(AdapterError, match=why):
        store.adapters.rename(add(store, "warm").id, name)
    assert store.adapters.find("warm").path == "adapters/warm.safetensors"


def test_a_name_that_is_taken_is_refused(store: Store) -> None:
    add(store, "warm")
    with pytest.raises(AdapterError, match="An adapter named Warm already exists"):
        store.adapters.rename(add(store, "cool").id, "Warm")


def test_note_and_strength_are_kept(store: Store) -> None:
    record = add(store, "warm")
    assert (record.note, record.strength, record.fit) == ("", None, None)
    assert store.adapters.note(record.id, " for evenings\n").note == "for evenings"
    assert store.adapters.recommend(record.id, 0.75).strength == 0.75
    assert store.adapters.recommend(record.id, None).strength is None
    with pytest.raises(AdapterError, match="between −2 and 2"):
        store.adapters.recommend(record.id, 2.5)
    with pytest.raises(AdapterError, match="2,001"):
        store.adapters.note(record.id, "x" * 2001)
    for act in (
        lambda: store.adapters.recommend(99, 1.0),
        lambda: store.adapters.note(99, ""),
        lambda: store.adapters.get(99),
    ):
        with pytest.raises(AdapterError, match="adapter is no longer in the workspace"):
            act()


def test_the_proof_is_of_one_file_and_one_base(store: Store) -> None:
    warm, cool = add(store, "warm"), add(store, "cool")
    store.adapters.record_fit(warm.sha256, "c" * 64, Fit(modules=8, matched=8))
    assert store.adapters.get(warm.id).fit is None, "another base proves nothing"
    store.adapters.record_fit(warm.sha256, BASE, Fit(modules=8, matched=7))
    assert store.adapters.get(warm.id).fit == Fit(modules=8, matched=7)
    assert store.adapters.get(cool.id).fit is None


# --- the trash -------------------------------------------------------------------------------------------------------


def test_away_and_back(store: Store) -> None:
    record = store.adapters.recommend(add(store, "warm").id, 0.5)
    entry = store.adapters.trash(record.id)
    assert store.adapters.all() == []
    assert list((store.workspace / "adapters").iterdir()) == []
    restore_entry(store.workspace, entry.id)
    (back,) = store.adapters.all()
    assert back.model_copy(update={"id": record.id}) == record
    assert (store.workspace / back.path).read_bytes() == b"weights of warm"
    assert (store.workspace / back.path).with_suffix(".png").is_file()
    assert Trash(store.workspace).entries() == []


def test_a_name_that_was_taken_meanwhile_is_numbered(store: Store) -> None:
    entry = store.adapters.trash(add(store, "warm").id)
    store.adapters.rename(add(store, "cool").id, "WARM")
    restore_entry(store.workspace, entry.id)
    assert sorted(record.name for record in store.adapters.all()) == ["WARM", "warm-2"]


def test_a_file_that_has_its_place_meanwhile_is_not_overwritten(store: Store) -> None:
    entry = store.adapters.trash(add(store, "warm").id)
    other = add(store, "warm")
    with pytest.raises(AdapterError, match="then restore this one"):
        restore_entry(store.workspace, entry.id)
    store.adapters.trash(other.id)
    restore_entry(store.workspace, entry.id)
    assert [record.name for record in store.adapters.all()] == ["warm"]


def test_an_earlier_backup_finds_a_file_that_was_renamed_or_deleted(store: Store) -> None:
    warm, cool = add(store, "warm"), add(store, "cool")
    write_backup(store._database, store.workspace / "backups" / "day-2026-11-20.db")
    store.adapters.rename(warm.id, "evenings")
    entry = store.adapters.trash(cool.id)
    restore(store.workspace, "day-2026-11-20.db")
    assert store.adapters.file("warm").read_bytes() == b"weights of warm"
    restore_entry(store.workspace, entry.id)
    assert sorted(record.name for record in store.adapters.all()) == ["cool", "warm"]
    assert store.adapters.file("cool").read_bytes() == b"weights of cool"


def test_putting_back_that_was_cut_off_is_finished_by_repeating_it(store: Store) -> None:
    entry = store.adapters.trash(add(store, "warm").id)
    trash = Trash(store.workspace)
    note = (trash.root / entry.id / "entry.json").read_bytes()
    restore_entry(store.workspace, entry.id)
    (trash.root / entry.id).mkdir(parents=True)
    (trash.root / entry.id / "entry.json").write_bytes(note)
    restore_entry(store.workspace, entry.id)
    assert [record.name for record in store.adapters.all()] == ["warm"]
    with pytest.raises(StoreError, match="no longer in the trash"):
        restore_entry(store.workspace, entry.id)

"""Keeping house: what goes, what must stay, and back again. A vote's images stay whatever is cleared."""

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdpo_core.errors import RunError, StoreError, StoreTooNew
from sdpo_core.runs.folder import RunFolder, Verb, this_process
from sdpo_core.workspace import disk as housekeeping
from sdpo_core.workspace.backups import daily_path, keep_daily_copy
from sdpo_core.workspace.disk import clear, measure, preview, require_kind, restore_entry, throw_grid
from sdpo_core.workspace.restoring import backups, restore
from sdpo_core.workspace.store import Store
from sdpo_core.workspace.trash import Trash, size_of
from tests.workspace.helpers import add, add_pair, picture, vote_on


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def store(workspace: Path) -> Iterator[Store]:
    with Store(workspace) as store:
        yield store


def images(workspace: Path) -> set[str]:
    return {path.stem for path in (workspace / "images").glob("*/*.png")}


def made_long_ago(path: Path) -> None:
    then = time.time() - 2 * housekeeping.SETTLED_S
    os.utime(path, (then, then))


def sound(store: Store) -> bool:
    """Whether nothing is wrong but that there is no backup from today."""
    return all("backup from today" in finding for finding in store.check())


def checkpoint(run: RunFolder, step: int) -> Path:
    folder = run.checkpoint_path(step)
    folder.mkdir(parents=True)
    (folder / "adapter.safetensors").write_bytes(f"adapter of step {step}".encode())
    (folder / "state.safetensors").write_bytes(bytes(1000))
    return folder


def finished_run(workspace: Path, state: str = "done", verb: Verb = "train") -> RunFolder:
    run = RunFolder.create(workspace / "runs", verb, {"model": "demo"})
    run.write_status(run.status().model_copy(update={"state": state}))
    return run


# ------------------------------------------------------------------------------------------------------------- images


def test_every_image_with_a_vote_stays(store: Store, workspace: Path) -> None:
    pairs = [add_pair(store, number) for number in range(8)]
    for pair, choice in zip(pairs, ("left", "right", "tie", "both-bad", "skip"), strict=False):
        vote_on(store, pair, choice)
    store.votes.undo("taken back", vote_on(store, pairs[5], "left"))
    judged = add_pair(store, 20, purpose="judge", run_id="20261121-100000-judge-ab12")  # not voted on yet
    kept = {side.image_sha256 for pair in (*pairs[:6], judged) for side in (pair.left, pair.right)}
    single = add(store, 99)
    found = preview(workspace, "unvoted")
    assert len(found.files) == 5
    assert found.pairs == 2
    assert found.size_bytes == size_of(found.files) > 0
    assert set(found.images).isdisjoint(kept)
    entry = clear(workspace, "unvoted")
    assert entry is not None
    assert images(workspace) == kept
    assert sound(store)
    assert store.counts().pairs == 6
    assert store.candidates.find(single.key) is None
    assert clear(workspace, "unvoted") is None


def test_what_was_cleared_comes_back(store: Store, workspace: Path) -> None:
    pairs = [add_pair(store, number, f"a lake {number}") for number in range(4)]
    vote_on(store, pairs[0])
    before = (images(workspace), [c.key for c in store.candidates.newest()], len(store.pairs.open(purpose="train")))
    entry = clear(workspace, "unvoted")
    assert entry is not None
    new = add_pair(store, 50, "made meanwhile")  # may get the ids of what is gone
    vote_on(store, new)
    again = add_pair(store, 1, "a lake 1")  # the same recipe again
    restore_entry(workspace, entry.id)
    assert images(workspace) == before[0] | {new.left.image_sha256, new.right.image_sha256}
    assert {c.key for c in store.candidates.newest()} == set(before[1]) | {new.left.key, new.right.key}
    assert len(store.pairs.open(purpose="train")) == before[2]
    assert again.id in {pair.id for pair in store.pairs.open(purpose="train")}
    assert {v.pair.id for v in store.pairs.voted(purpose="train")} == {pairs[0].id, new.id}
    assert sound(store)
    assert Trash(workspace).entries() == []


def test_images_of_a_backups_votes_stay(store: Store, workspace: Path) -> None:
    """Otherwise restoring it would bring votes back whose images are gone."""
    voted = add_pair(store, 1)
    vote_on(store, voted)
    keep_daily_copy(workspace)
    name = backups(workspace)[0].name
    (workspace / "backups" / "day-2020-01-01.db").write_bytes(b"damaged")
    with sqlite3.connect(workspace / "studio.db") as connection:  # as if an older backup had been restored
        connection.execute("DROP TRIGGER votes_stay")
        connection.execute("UPDATE pairs SET standing_vote_id = NULL")
        connection.execute("DELETE FROM votes")
    connection.close()
    assert preview(workspace, "unvoted").files == ()
    restore(workspace, name)
    assert [v.pair.id for v in store.pairs.voted(purpose="train")] == [voted.id]


def test_a_shared_image_stays_for_the_vote_on_it(store: Store, workspace: Path) -> None:
    """The same pixels under two recipes, one voted on."""
    pair = add_pair(store, 1)
    vote_on(store, pair)
    other = add(store, 2, prompt="another")
    with sqlite3.connect(workspace / "studio.db") as connection:
        sha256 = pair.left.image_sha256
        connection.execute("UPDATE candidates SET image_sha256 = ? WHERE id = ?", (sha256, other.id))
    connection.close()
    clear(workspace, "unvoted")
    assert store.images.has(pair.left.image_sha256)


def test_a_vote_after_the_clearing_is_refused_with_a_message(store: Store, workspace: Path) -> None:
    pair = add_pair(store, 1)
    clear(workspace, "unvoted")
    with pytest.raises(StoreError, match="No pair"):
        vote_on(store, pair)


def test_strays_go_when_they_are_settled(store: Store, workspace: Path) -> None:
    pair = add_pair(store, 1)
    stray = store.images.path(store.imports.save_image(picture(77)).sha256)
    half = stray.with_name(".half-0000.tmp.png")
    half.write_bytes(b"half")
    made_long_ago(half)
    assert [path.name for path in preview(workspace, "strays").files] == [half.name]
    made_long_ago(stray)
    made_long_ago(store.images.path(pair.left.image_sha256))
    entry = clear(workspace, "strays")
    assert entry is not None
    assert images(workspace) == {pair.left.image_sha256, pair.right.image_sha256}
    restore_entry(workspace, entry.id)
    assert stray.is_file()


# -------------------------------------------------------------------------------------------- checkpoints and caches


def test_checkpoints_that_something_needs_stay(store: Store, workspace: Path) -> None:
    done, stopped = finished_run(workspace), finished_run(workspace, "stopped")
    steps = [checkpoint(done, step) for step in (50, 100, 150)]
    resumable = [checkpoint(stopped, step) for step in (50, 100)]
    adapter = workspace / "adapters" / "warm.safetensors"
    adapter.write_bytes((steps[1] / "adapter.safetensors").read_bytes())
    sha256 = housekeeping.sha256_remembered(adapter)
    store.adapters.add(name="warm", path=adapter, sha256=sha256, base_sha256="b" * 64, run_id=done.id)
    found = preview(workspace, "checkpoints")
    assert set(found.files) == {steps[0], steps[2]}
    assert found.runs == (done.id,)
    entry = clear(workspace, "checkpoints")
    assert entry is not None
    assert done.checkpoints() == [steps[1]]
    assert stopped.checkpoints() == resumable
    assert size_of([Trash(workspace).root]) > 2000
    restore_entry(workspace, entry.id)
    assert done.checkpoints() == steps


def test_finished_grids_go_with_their_folders_and_come_back(store: Store, workspace: Path) -> None:
    done, drawing, judged = (RunFolder.create(workspace / "runs", verb, {}) for verb in ("grid", "grid", "judge"))
    for run, state in ((done, "done"), (drawing, "running"), (judged, "done")):
        run.write_status(run.status().model_copy(update={"state": state, **this_process()}))
    (done.path / "grid").mkdir()
    (done.path / "grid" / "00-00.png").write_bytes(b"an image")
    found = preview(workspace, "grids")
    assert (found.files, found.runs) == ((done.path,), (done.id,))
    entry = clear(workspace, "grids")
    assert entry
    assert not done.path.exists()
    assert drawing.path.exists()
    assert judged.path.exists()
    restore_entry(workspace, entry.id)
    assert (done.path / "grid" / "00-00.png").read_bytes() == b"an image"
    with pytest.raises(RunError, match="still being generated"):
        throw_grid(workspace, drawing)
    assert throw_grid(workspace, done).kind == "grids"
    assert preview(workspace, "grids").files == ()


def test_caches_and_trash_go_for_good(store: Store, workspace: Path) -> None:
    add_pair(store, 1)
    (workspace / "cache" / "upload").mkdir(parents=True)
    (workspace / "cache" / "upload" / "x.png").write_bytes(bytes(100))
    assert preview(workspace, "cache").files == ()  # somebody may be at it
    made_long_ago(workspace / "cache" / "upload")
    assert preview(workspace, "cache").size_bytes == 100
    assert clear(workspace, "cache") is None
    assert list((workspace / "cache").iterdir()) == []
    clear(workspace, "unvoted")
    assert clear(workspace, "trash") is None
    assert Trash(workspace).entries() == []


def test_the_parts_are_the_whole(store: Store, workspace: Path) -> None:
    add_pair(store, 1)
    checkpoint(finished_run(workspace), 50)
    (workspace / "notes.txt").write_text("mine", encoding="utf-8")
    (workspace / "projects" / "other").mkdir(parents=True)
    (workspace / "projects" / "other" / "big").write_bytes(bytes(10_000))
    parts = {share.name: share.size_bytes for share in measure(workspace)}
    assert sum(parts.values()) == size_of([workspace]) - 10_000
    assert parts["checkpoints"] > 1000
    assert parts["other"] == 4


# -------------------------------------------------------------------------------------------------------------- trash


def test_a_clearing_that_was_cut_off_is_restored(store: Store, workspace: Path) -> None:
    for number in range(3):
        add_pair(store, number)
    before = images(workspace)
    found = preview(workspace, "unvoted")
    trash = Trash(workspace)
    entry = trash.begin("unvoted", found.files, found.rows)  # killed here: rows and files are as they were
    assert restore_entry(workspace, entry).files
    assert images(workspace) == before
    assert store.counts().open_pairs == 3
    done = clear(workspace, "unvoted")
    assert done is not None
    some = workspace / done.files[0]
    some.parent.mkdir(parents=True, exist_ok=True)
    (trash.root / done.id / "files" / done.files[0]).rename(some)  # killed while it was being restored
    restore_entry(workspace, done.id)
    assert images(workspace) == before
    assert sound(store)


@pytest.mark.parametrize("hostile", ["..", "../..", "", "20261121-100000-unvoted-zzzz", "/etc"])
def test_an_unknown_entry_is_refused(store: Store, workspace: Path, hostile: str) -> None:
    (workspace / "trash" / "mine").mkdir(parents=True)
    for act in (Trash(workspace).find, Trash(workspace).forget, lambda one: restore_entry(workspace, one)):
        with pytest.raises(StoreError, match="no longer in the trash"):
            act(hostile)
    with pytest.raises(StoreError, match="Unknown kind"):
        require_kind(hostile)
    assert store.counts().pairs == 0


def test_a_note_that_leads_out_does_not_count(store: Store, workspace: Path) -> None:
    trash = Trash(workspace)
    entry = trash.begin("unvoted", [])
    note = trash.root / entry / "entry.json"
    note.write_text(note.read_text("utf-8").replace('"files": []', '"files": ["../../evil"]'), encoding="utf-8")
    assert trash.entries() == []
    assert store.counts().pairs == 0


# ------------------------------------------------------------------------------------------------------------ backups


def test_a_backup_is_restored_while_the_store_is_open_and_now_is_kept(store: Store, workspace: Path) -> None:
    first = add_pair(store, 1)
    vote_on(store, first, "left")
    keep_daily_copy(workspace)
    (copy,) = backups(workspace)
    assert (copy.voted.votes, copy.problem) == (1, "")
    second = add_pair(store, 2)
    vote_on(store, second, "right")
    restore(workspace, copy.name)
    assert [v.pair.id for v in store.pairs.voted(purpose="train")] == [first.id]
    assert sound(store)
    before = next(backup for backup in backups(workspace) if backup.name.startswith("before-restore"))
    assert before.voted.votes == 2
    restore(workspace, before.name)
    assert [v.pair.id for v in store.pairs.voted(purpose="train")] == [first.id, second.id]
    vote_on(store, first, "tie")  # and the store keeps working
    assert not [path for path in (workspace / "backups").iterdir() if path.name.startswith(".")]


def test_a_backup_of_a_newer_version_is_refused_with_a_message(store: Store, workspace: Path) -> None:
    vote_on(store, add_pair(store, 1))
    keep_daily_copy(workspace)
    path = daily_path(workspace / "backups")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StoreTooNew, match="newer version of the studio"):
        restore(workspace, path.name)
    assert store.counts().votes == 1
    assert {one.name for one in (workspace / "backups").iterdir()} == {path.name}


@pytest.mark.parametrize("data", [b"", b"no database", b"SQLite format 3\x00" + bytes(5000)])
def test_a_damaged_backup_is_refused(store: Store, workspace: Path, data: bytes) -> None:
    vote_on(store, add_pair(store, 1))
    (workspace / "backups" / "day-2026-01-01.db").write_bytes(data)
    with pytest.raises(StoreError):
        restore(workspace, "day-2026-01-01.db")
    assert store.counts().votes == 1


@pytest.mark.parametrize("name", ["../studio.db", "/etc/passwd", "", "day-2026-01-01.db"])
def test_an_unknown_backup_is_refused(store: Store, workspace: Path, name: str) -> None:
    with pytest.raises(StoreError, match="backup no longer exists"):
        restore(workspace, name)
    assert store.counts().votes == 0


def test_copies_of_before_are_not_piled_up(store: Store, workspace: Path) -> None:
    vote_on(store, add_pair(store, 1))
    keep_daily_copy(workspace)
    for day in range(1, 9):
        (workspace / "backups" / f"before-restore-2026-01-0{day}T00-00-00.db").write_bytes(b"old")
    restore(workspace, daily_path(workspace / "backups").name)
    assert len(list((workspace / "backups").glob("before-restore-*.db"))) == 5


def test_a_studio_that_stays_open_gets_its_copy_of_the_day(store: Store, workspace: Path) -> None:
    keep_daily_copy(workspace)
    assert backups(workspace) == []  # nothing to lose yet
    add_pair(store, 1)
    keep_daily_copy(workspace)
    assert daily_path(workspace / "backups").is_file()
    keep_daily_copy(workspace / "nowhere")
    assert not (workspace / "nowhere").exists()

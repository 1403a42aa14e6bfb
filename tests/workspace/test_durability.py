"""Kill -9, full disks, damaged files, second processes, newer and older versions: nothing that was saved is lost."""

import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sdpo_core.errors import DiskError, StoreError, StoreTooNew
from sdpo_core.workspace import backups, migrations
from sdpo_core.workspace.checkup import look
from sdpo_core.workspace.store import Store
from tests.workspace.helpers import add, add_pair, cut_short, picture, recipe, vote_on

_VOTE_FOREVER = """
import sys
from pathlib import Path
from sdpo_core.workspace.store import Store
store = Store(Path(sys.argv[1]))
ids = [int(number) for number in sys.argv[2].split(",")]
n = 0
while True:
    uuid = f"{sys.argv[3]}-{n}"
    store.votes.cast(uuid, ids[n % len(ids)], "left" if n % 2 else "right")
    print(uuid, flush=True)
    n += 1
"""

_OPEN = """
import sys
from pathlib import Path
from sdpo_core.workspace.store import Store
sys.stdin.readline()
with Store(Path(sys.argv[1])) as store:
    print(store.counts().votes)
"""


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def all_uuids(workspace: Path) -> set[str]:
    connection = sqlite3.connect(workspace / "studio.db")
    try:
        return {uuid for (uuid,) in connection.execute("SELECT uuid FROM votes")}
    finally:
        connection.close()


def test_kill_in_the_middle_of_voting_loses_no_acknowledged_vote(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        ids = ",".join(str(add_pair(store, seed).id) for seed in range(3))
    for attempt in range(3):
        with start(_VOTE_FOREVER, str(tmp_path), ids, str(attempt)) as voter:
            assert voter.stdout
            acknowledged = {voter.stdout.readline().strip() for _ in range(20 + 7 * attempt)}
            voter.kill()
            acknowledged |= {line.strip() for line in voter.stdout if line.endswith("\n")}
        assert len(acknowledged) >= 20
        with Store(tmp_path) as store:
            assert acknowledged <= all_uuids(tmp_path)
            assert store.check() == []  # the standing votes agree with the history too


def test_second_process_votes_at_the_same_time(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        theirs, ours = add_pair(store, 0), add_pair(store, 1)
        with start(_VOTE_FOREVER, str(tmp_path), str(theirs.id), "child") as voter:
            assert voter.stdout
            seen = {voter.stdout.readline().strip()}
            for number in range(50):
                store.votes.cast(f"parent-{number}", ours.id, "left")
                seen.add(f"parent-{number}")
            seen |= {voter.stdout.readline().strip() for _ in range(20)}
            voter.kill()
        assert seen <= all_uuids(tmp_path)
        assert {v.pair.id for v in store.pairs.voted(purpose="train")} == {theirs.id, ours.id}


def test_two_processes_may_create_the_store_at_the_same_time(tmp_path: Path) -> None:
    children = [start(_OPEN, str(tmp_path / "new")) for _ in range(3)]
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    answers = [child.communicate(timeout=60)[0] for child in children]
    assert answers == ["0\n"] * 3
    assert [child.returncode for child in children] == [0, 0, 0]


def test_a_full_database_disk_is_reported_and_earlier_votes_stay(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        pair = add_pair(store, 0)
        vote_on(store, pair)
        with store._database.reading() as connection:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
        saved = 1
        with pytest.raises(DiskError, match=r"disk is full.*Free some space.*intact"):
            for number in range(5000):
                store.votes.cast(f"n-{number}", pair.id, "tie")
                saved += 1
        last = store.votes.newest(purpose="train")
        with store._database.reading() as connection:
            connection.execute(f"PRAGMA max_page_count = {pages * 10}").fetchall()
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert len(all_uuids(tmp_path)) == saved
        assert store.votes.newest(purpose="train") == last
        assert store.votes.cast(f"n-{saved - 1}", pair.id, "tie").choice == "tie"  # the retry after space was freed


def test_a_full_image_disk_is_reported_and_leaves_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(tmp_path) as store:
        first = add(store, 0)

        def refuse(_path: Path, _data: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_bytes", refuse)
            with pytest.raises(DiskError, match="No space left"):
                store.candidates.add(picture(1), recipe(1))
        assert store.candidates.newest() == [first]
        assert list((tmp_path / "images").rglob(".*")) == []
        assert add(store, 1).id == first.id + 1


@pytest.mark.parametrize("content", [b"this is no database, just text " * 200, b"SQLite format 3\0" + b"\7" * 8192])
def test_a_damaged_database_is_reported_with_the_way_back(tmp_path: Path, content: bytes) -> None:
    with Store(tmp_path) as store:
        vote_on(store, add_pair(store, 0))
    for name in ("studio.db-wal", "studio.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "studio.db").write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged .*copy the newest file from .*backups"):
        Store(tmp_path)


def test_invalid_text_is_reported_as_damage(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        pair = add_pair(store, 0)
        with store._database.writing() as connection:
            connection.execute("UPDATE prompts SET text = CAST(x'ff' AS TEXT)")
        with pytest.raises(StoreError, match=r"damaged .*UTF-8.*copy the newest file from .*backups"):
            store.pairs.get(pair.id)


def test_damage_inside_keeps_the_good_copies(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for seed in range(30):
            add_pair(store, seed)
    good = tmp_path / "backups" / "day-2020-01-01.db"
    good.write_bytes(b"a good copy")
    data = bytearray((tmp_path / "studio.db").read_bytes())
    data[8 * 4096 :] = b"\xff" * (len(data) - 8 * 4096)
    (tmp_path / "studio.db").write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        Store(tmp_path)
    assert [path.name for path in (tmp_path / "backups").iterdir()] == [good.name]


def test_check_finds_a_standing_vote_that_is_not_the_newest(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        pair = add_pair(store, 0)
        vote_on(store, pair)
        vote_on(store, pair)
        with store._database.writing() as connection:
            connection.execute("UPDATE pairs SET standing_vote_id = 1")
        assert any("1 pairs have a vote that doesn't match" in sentence for sentence in store.check())


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every path under a folder with its content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")
    }


def test_look_changes_nothing(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        vote_on(store, add_pair(store, 0))
        cut_short(store.images.path(store.pairs.get(1).left.image_sha256))
        asked = store.counts()
    for folder in ("backups", "adapters", "runs"):
        shutil.rmtree(tmp_path / folder)
    before = snapshot(tmp_path)
    troubles, counts = look(tmp_path)
    assert counts == asked
    assert len(troubles) == 1
    assert "1 image in" in troubles[0]
    assert snapshot(tmp_path) == before


def test_look_sees_what_an_open_store_has_just_saved(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        pair = add_pair(store, 0)
        assert look(tmp_path)[1].votes == 0
        vote_on(store, pair)
        assert look(tmp_path) == ([], store.counts())
        vote_on(store, pair, "tie")
        assert store.counts().ties == 1


def test_look_refuses_what_it_would_have_to_migrate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(tmp_path) as store:
        add_pair(store, 0)
    before, version = snapshot(tmp_path), len(migrations.MIGRATIONS)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, ("ALTER TABLE pairs ADD COLUMN note TEXT",)))
    told = rf"older version of the studio \(format {version}; this version has {version + 1}\)"
    with pytest.raises(StoreError, match=told):
        look(tmp_path)
    assert snapshot(tmp_path) == before


def test_newer_database_is_refused_untouched(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        version = len(migrations.MIGRATIONS)
        newer = version + 3
        with store._database.writing() as connection:
            connection.execute(f"PRAGMA user_version = {newer}")
    before = (tmp_path / "studio.db").read_bytes()
    told = rf"newer version of the studio \(format {newer}; this version supports up to {version}\)"
    with pytest.raises(StoreTooNew, match=told):
        Store(tmp_path)
    assert (tmp_path / "studio.db").read_bytes() == before


def test_database_of_another_program_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "studio.db")
    connection.execute("CREATE TABLE recipes (cake TEXT)")
    connection.close()
    with pytest.raises(StoreError, match="another program"):
        Store(tmp_path)


def test_migration_keeps_votes_and_a_copy_from_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(tmp_path) as store:
        vote_on(store, add_pair(store, 0))
    before = len(migrations.MIGRATIONS)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, ("ALTER TABLE pairs ADD COLUMN note TEXT",)))
    with Store(tmp_path) as store:
        assert store.counts().votes == 1
        with store._database.reading() as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (before + 1,)
            assert connection.execute("SELECT note FROM pairs").fetchall() == [(None,)]
    copy = sqlite3.connect(tmp_path / "backups" / f"before-version-{before + 1}.db")
    try:
        assert copy.execute("PRAGMA user_version").fetchone() == (before,)
        assert copy.execute("SELECT count(*) FROM votes").fetchone() == (1,)
    finally:
        copy.close()


def test_failing_migration_leaves_the_old_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(tmp_path) as store:
        vote_on(store, add_pair(store, 0))
    with monkeypatch.context() as patch:
        step = ("ALTER TABLE pairs ADD COLUMN note TEXT", "ALTER TABLE no_such_table ADD COLUMN note TEXT")
        patch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, step))
        with pytest.raises(sqlite3.OperationalError, match="no_such_table"):
            Store(tmp_path)
    with Store(tmp_path) as store:
        assert store.counts().votes == 1
        with store._database.reading() as connection:
            assert "note" not in connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'pairs'").fetchone()[0]


def test_daily_copy_holds_the_votes_and_seven_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    with Store(tmp_path) as store:
        vote_on(store, add_pair(store, 0))
        assert not backups.daily_path(folder).exists()  # an empty copy would only keep a full one from being made
        assert any("No backup from today" in sentence for sentence in store.check())
    for day in range(10, 20):
        (folder / f"day-2020-01-{day}.db").write_bytes(b"old")
    (folder / "before-version-2.db").write_bytes(b"kept")
    with Store(tmp_path) as store:
        assert store.check() == []
    today = backups.daily_path(folder)
    kept = sorted(path.name for path in folder.iterdir())
    assert kept == ["before-version-2.db", *(f"day-2020-01-{day}.db" for day in range(14, 20)), today.name]
    restored = tmp_path / "restored"
    restored.mkdir()
    (restored / "studio.db").write_bytes(today.read_bytes())
    with Store(restored) as store:
        assert store.counts().votes == 1


def test_a_copy_from_before_the_first_vote_of_the_day_does_not_keep_another_from_being_made(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        pair = add_pair(store, 0)
    with Store(tmp_path) as store:  # copies the images' records
        vote_on(store, pair)
    today = backups.daily_path(tmp_path / "backups")
    assert today.is_file()
    with Store(tmp_path):
        pass
    with contextlib.closing(sqlite3.connect(today)) as copy:
        assert copy.execute("SELECT count(*) FROM votes").fetchone() == (1,)
    made = today.stat().st_mtime_ns
    with Store(tmp_path):
        assert today.stat().st_mtime_ns == made, "one with votes is enough for a day"


def test_full_disk_does_not_lock_out_for_want_of_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with Store(tmp_path) as store:
        vote_on(store, add_pair(store, 0))

    def refuse(*_arguments: object) -> None:
        raise DiskError("The disk is full.")

    monkeypatch.setattr(backups, "write_backup", refuse)
    with Store(tmp_path) as store:
        assert store.counts().votes == 1
        assert any("No backup from today" in sentence for sentence in store.check())
    assert "No backup was made today" in caplog.text


def test_a_workspace_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "workspace").write_text("a file")
    with pytest.raises(StoreError, match="is a file"):
        Store(tmp_path / "workspace")


def test_a_held_database_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdpo_core.workspace.database.BUSY_TIMEOUT_S", 0.1)
    with Store(tmp_path) as store:
        pair = add_pair(store, 0)
        other = sqlite3.connect(tmp_path / "studio.db", isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="locked by another program"):
                store.votes.cast("one", pair.id, "left")
            other.execute("ROLLBACK")
        finally:
            other.close()
        assert store.votes.cast("one", pair.id, "left").choice == "left"


def test_a_database_of_the_first_version_keeps_its_votes_and_gets_the_new_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        Store(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "studio.db")
    try:
        for statement in (
            "INSERT INTO prompts VALUES (1, 'a lake', '2026-01-01T00:00:00+00:00')",
            "INSERT INTO candidates VALUES (1, 'k', 1, '', 's', 8, 8, NULL, '2026-01-01T00:00:00+00:00')",
            "INSERT INTO candidates VALUES (2, 'l', 1, '', 't', 8, 8, NULL, '2026-01-01T00:00:00+00:00')",
            "INSERT INTO pairs VALUES (1, 1, 2, 'train', NULL, NULL, '2026-01-01T00:00:00+00:00')",
        ):
            connection.execute(statement)
        connection.commit()
    finally:
        connection.close()
    with Store(tmp_path) as store:
        pair = store.pairs.get(1)
        assert (pair.left.prompt, pair.left.made_with, store.imports.looks("a lake", "")) == ("a lake", None, [])
    assert (tmp_path / "backups" / "before-version-2.db").is_file()


def test_a_new_workspace_has_no_copy_of_nothing(tmp_path: Path) -> None:
    with Store(tmp_path):
        assert list((tmp_path / "backups").iterdir()) == []

"""Features, generated images and labels in the workspace: kept, refused, and never mistaken for a person's votes."""

import contextlib
import json
import shutil
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sdpo_core.errors import StoreError
from sdpo_core.projects.folders import FIRST, Projects
from sdpo_core.projects.transfer import export_project, import_project
from sdpo_core.runs.folder import RunFolder
from sdpo_core.taste.layout import Vector
from sdpo_core.workspace import backups, migrations
from sdpo_core.workspace.disk import clear, preview, restore_entry
from sdpo_core.workspace.features import Eye
from sdpo_core.workspace.labelled import Drawn, LabelledPair, drawn_name
from sdpo_core.workspace.restoring import backups as copies
from sdpo_core.workspace.restoring import restore
from sdpo_core.workspace.store import Store
from tests.workspace.helpers import add, add_pair, recipe, vote_on
from tests.workspace.helpers import store as store_fixture

store = store_fixture
BASE = "b" * 64
EYE = Eye(BASE, version=1, latent_channels=4, network_channels=0, size=3)


def vector(*numbers: float) -> Vector:
    return np.array(numbers, np.float32)


def rows_of(store: Store, table: str) -> int:
    with store._database.reading() as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def sha(letter: str) -> str:
    return letter * 64


@pytest.fixture
def run(store: Store) -> RunFolder:
    made = RunFolder.create(store.workspace / "runs", "train", {"model": "demo"})
    made.write_status(made.status().model_copy(update={"state": "done"}))
    return made


@pytest.fixture
def drawn(store: Store, run: RunFolder) -> list[Drawn]:
    """Three images of a run, in its folder and the database, described; two of them a labelled pair."""
    made = []
    for seed, letter in enumerate("def"):
        own = recipe(1000 + seed)
        path = run.path / drawn_name(own.key())
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"an image")
        made.append(store.labelled.add_drawn(run.id, own, sha(letter)))
    store.labelled.label(run.id, [LabelledPair(made[0], made[1], False, 0.9, 0.8)])
    store.features.put(EYE, {sha(letter): vector(1, 2, 3) for letter in "def"})
    return made


# ----------------------------------------------------------------------------------------------------------- features


def test_vectors_come_back_bit_for_bit_and_once(store: Store) -> None:
    exact = vector(0.1, -1e-30, 3e30)
    store.features.put(EYE, {sha("a"): exact, sha("c"): vector(1, 2, 3)})
    store.features.put(EYE, {sha("a"): vector(9, 9, 9)})
    found = store.features.get(BASE, 1, {sha("a"), sha("e")})
    assert list(found) == [sha("a")]
    np.testing.assert_array_equal(found[sha("a")], exact)
    assert found[sha("a")].dtype == np.float32
    assert set(store.features.get(BASE, 1)) == {sha("a"), sha("c")}
    assert store.features.get(BASE, 2) == {}
    assert store.features.get("0" * 64, 1) == {}
    assert store.features.lacking(BASE, 1, [sha("e"), sha("a"), sha("e"), sha("f")]) == [sha("e"), sha("f")]
    assert store.features.eye(BASE, 1) == EYE
    assert store.features.eye(BASE, 2) is None


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({sha("a"): vector(1, 2)}, "expected 3 numbers"),
        ({sha("a"): vector(1, float("nan"), 2)}, "NaN or infinity"),
        ({sha("a"): vector(1, 2, 3), sha("c"): vector(1, float("inf"), 2)}, "NaN or infinity"),
        ({"../x": vector(1, 2, 3)}, "64 hexadecimal"),
    ],
)
def test_bad_vectors_are_refused(store: Store, bad: dict[str, Vector], sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence):
        store.features.put(EYE, bad)
    assert rows_of(store, "features") == 0


def test_an_eye_that_disagrees_is_refused(store: Store) -> None:
    store.features.put(EYE, {sha("a"): vector(1, 2, 3)})
    other = Eye(BASE, 1, 4, 0, size=2)
    with pytest.raises(StoreError, match="the same version"):
        store.features.put(other, {sha("c"): vector(1, 2)})
    store.features.put(Eye(BASE, 2, 4, 0, size=2), {sha("a"): vector(1, 2)})


def test_what_waits_to_be_described_starts_with_votes_and_leaves_blind_tests_out(store: Store) -> None:
    open_pair, voted = add_pair(store, 1), add_pair(store, 2)
    vote_on(store, voted)
    judged = add_pair(store, 3, purpose="judge", run_id="20261121-100000-judge-ab12")
    add(store, 99)  # in no pair
    found = [one.id for one in store.features.undescribed(BASE, 1, 10)]
    sides = [*sorted((voted.left.id, voted.right.id)), *sorted((open_pair.left.id, open_pair.right.id))]
    assert found == sides
    assert not {judged.left.id, judged.right.id} & set(found)
    store.features.put(EYE, {voted.left.image_sha256: vector(1, 2, 3)})
    left = [one.id for one in store.features.undescribed(BASE, 1, 2, skip={open_pair.left.id})]
    assert left[0] == voted.right.id
    assert open_pair.left.id not in left


# ----------------------------------------------------------------------------------------------------------- labelled


def test_labels_come_back_as_they_were_given(store: Store, run: RunFolder, drawn: list[Drawn]) -> None:
    assert store.labelled.drawn(run.id) == drawn
    assert drawn[0].recipe == recipe(1000)
    again = store.labelled.add_drawn(run.id, recipe(1000), sha("9"))
    assert (again.id, again.image_sha256) == (drawn[0].id, sha("9"))
    (pair,) = store.labelled.labelled(run.id)
    assert (pair.first, pair.second, pair.first_wins, pair.probability, pair.weight) == (
        again,
        drawn[1],
        False,
        0.9,
        0.8,
    )
    other = LabelledPair(drawn[2], drawn[1], True, 0.7, 1.0)
    store.labelled.label(run.id, [other])
    assert store.labelled.labelled(run.id) == [other]
    assert store.labelled.labelled("another run") == []


def test_labels_that_cannot_be_are_refused(store: Store, run: RunFolder, drawn: list[Drawn]) -> None:
    elsewhere = store.labelled.add_drawn("20261121-100000-train-ab12", recipe(5), sha("5"))
    night = store.labelled.add_drawn(run.id, recipe(6, "night"), sha("6"))
    cases = [
        (LabelledPair(drawn[0], elsewhere, True, 0.9, 1.0), "another run"),
        (LabelledPair(drawn[0], night, True, 0.9, 1.0), "one prompt"),
        (LabelledPair(drawn[0], drawn[0], True, 0.9, 1.0), "two different"),
        (LabelledPair(drawn[0], drawn[1], True, 0.4, 1.0), "from 0.5 to 1"),
        (LabelledPair(drawn[0], drawn[1], True, 0.9, 0.0), "above 0"),
    ]
    before = store.labelled.labelled(run.id)
    for pair, sentence in cases:
        with pytest.raises(StoreError, match=sentence):
            store.labelled.label(run.id, [LabelledPair(drawn[0], drawn[2], True, 0.9, 1.0), pair])
    assert store.labelled.labelled(run.id) == before
    with pytest.raises(StoreError, match="64 hexadecimal"):
        store.labelled.add_drawn(run.id, recipe(7), "x")


def test_they_are_not_votes_and_never_asked_about(store: Store, run: RunFolder, drawn: list[Drawn]) -> None:
    counts = store.counts()
    assert (counts.candidates, counts.pairs, counts.votes, counts.prompts) == (0, 0, 0, 0)
    assert store.pairs.open(purpose="train") == []
    assert store.pairs.voted(purpose="train") == []
    assert store.candidates.newest() == []
    assert store.rankings.sets(4) == []
    assert store.features.undescribed(BASE, 1, 10) == []
    assert preview(store.workspace, "unvoted").files == ()
    assert not any("image" in finding for finding in store.check())


# -------------------------------------------------------------------------------------------- what leaves, and returns


def test_a_run_that_was_removed_takes_them_along(store: Store, run: RunFolder, drawn: list[Drawn]) -> None:
    kept = RunFolder.create(store.workspace / "runs", "train", {})
    other = store.labelled.add_drawn(kept.id, recipe(5), sha("5"))
    shutil.rmtree(run.path)
    with Store(store.workspace) as again:
        assert again.labelled.drawn(run.id) == []
        assert again.labelled.drawn(kept.id) == [other]
        assert rows_of(again, "labelled_pairs") == 0
        assert rows_of(again, "features") == 0


def test_cleared_and_restored(store: Store, run: RunFolder, drawn: list[Drawn]) -> None:
    running = RunFolder.create(store.workspace / "runs", "train", {})
    (running.path / "drawn").mkdir()  # queued: it may need them
    before = [
        (one.first.key, one.second.key, one.first_wins, one.probability, one.weight)
        for one in store.labelled.labelled(run.id)
    ]
    found = preview(store.workspace, "drawn")
    assert (found.files, found.runs) == ((run.path / "drawn",), (run.id,))
    entry = clear(store.workspace, "drawn")
    assert entry is not None
    assert not (run.path / "drawn").exists()
    assert store.labelled.drawn(run.id) == []
    assert rows_of(store, "features") == 0
    store.labelled.add_drawn(running.id, recipe(5), sha("5"))  # may get the id of what is gone
    restore_entry(store.workspace, entry.id)
    assert (run.path / drawn[0].file).read_bytes() == b"an image"
    assert [one.key for one in store.labelled.drawn(run.id)] == [one.key for one in drawn]
    after = [
        (one.first.key, one.second.key, one.first_wins, one.probability, one.weight)
        for one in store.labelled.labelled(run.id)
    ]
    assert after == before
    assert clear(store.workspace, "checkpoints") is None


def test_features_leave_with_their_image_unless_something_else_has_it(store: Store, run: RunFolder) -> None:
    pair = add_pair(store, 1)
    store.features.put(EYE, {side.image_sha256: vector(1, 2, 3) for side in (pair.left, pair.right)})
    store.labelled.add_drawn(run.id, recipe(1000), pair.left.image_sha256)
    clear(store.workspace, "unvoted")
    assert set(store.features.get(BASE, 1)) == {pair.left.image_sha256}


def test_a_project_zip_has_none_of_it(tmp_path: Path) -> None:
    projects = Projects(tmp_path / "workspace")
    with Store(projects.root) as store:
        pair = add_pair(store, 1)
        vote_on(store, pair)
        chosen = store.pairs.add(add(store, 8).id, add(store, 9).id, chosen_by="taste")
        run = RunFolder.create(store.workspace / "runs", "train", {})
        made = [store.labelled.add_drawn(run.id, recipe(1000 + n), sha(letter)) for n, letter in enumerate("de")]
        store.labelled.label(run.id, [LabelledPair(made[0], made[1], True, 0.9, 1.0)])
        store.features.put(EYE, {pair.left.image_sha256: vector(1, 2, 3)})
    written = export_project(projects.find(FIRST), tmp_path / "mine.zip").file
    with zipfile.ZipFile(written) as file:
        lines = [json.loads(line) for line in file.read("project.jsonl").decode().splitlines()]
        assert not [name for name in file.namelist() if "drawn" in name]
    assert {line["table"] for line in lines[1:]} == {"prompts", "candidates", "pairs", "votes"}
    made_project = import_project(projects, written).project
    with Store(made_project.path) as store:
        assert [rows_of(store, table) for table in migrations.NO_HISTORY] == [0, 0, 0]
        assert {one.id: one.chosen_by for one in store.pairs.open(purpose="train")} == {chosen.id: "taste"}


def test_backups_leave_features_out_and_a_restore_keeps_todays(
    store: Store, run: RunFolder, drawn: list[Drawn]
) -> None:
    pair = add_pair(store, 1)
    vote_on(store, pair)
    backups.keep_daily_copy(store.workspace)
    (copy,) = copies(store.workspace)
    with contextlib.closing(sqlite3.connect(copy.path)) as connection:
        assert connection.execute("SELECT count(*) FROM features").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM drawn").fetchone() == (3,)
    vote_on(store, add_pair(store, 2))
    later = store.labelled.add_drawn(run.id, recipe(2000), sha("7"))
    store.features.put(EYE, {sha("7"): vector(4, 5, 6)})
    store.labelled.label(run.id, [LabelledPair(drawn[2], later, True, 0.6, 1.0)])
    restore(store.workspace, copy.name)
    assert store.counts().votes == 1
    assert store.labelled.drawn(run.id) == [*drawn, later]
    assert [one.second for one in store.labelled.labelled(run.id)] == [later]
    np.testing.assert_array_equal(store.features.get(BASE, 1)[sha("7")], vector(4, 5, 6))
    assert not any("rows" in finding or "damaged" in finding for finding in store.check())


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database of the version before, with a pair and a vote as that version wrote them."""
    now = "2026-01-01T00:00:00+00:00"
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:4])
        Store(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / "studio.db")) as connection, connection:
        connection.execute("INSERT INTO prompts (text, created_at) VALUES ('a lake', ?)", (now,))
        for key in "ac":
            connection.execute(
                "INSERT INTO candidates (key, prompt_id, negative, image_sha256, width_px, height_px, created_at)"
                " VALUES (?, 1, '', ?, 8, 8, ?)",
                (key, sha(key), now),
            )
        connection.execute(
            "INSERT INTO pairs (left_id, right_id, purpose, created_at) VALUES (1, 2, 'train', ?)", (now,)
        )
        connection.execute(
            "INSERT INTO votes (uuid, pair_id, choice, created_at) VALUES ('old', 1, 'right', ?)", (now,)
        )
        connection.execute("UPDATE pairs SET standing_vote_id = 1")
    return tmp_path


def test_a_workspace_of_the_version_before_keeps_working(older: Path) -> None:
    with Store(older) as store:
        (voted,) = store.pairs.voted(purpose="train")
        assert (voted.vote.choice, voted.pair.chosen_by) == ("right", "chance")
        assert (older / "backups" / "before-version-5.db").is_file()
        store.features.put(EYE, {sha("a"): vector(1, 2, 3)})
    restore(older, "before-version-5.db")  # a copy of the older version, into a database of this one
    with Store(older) as store:
        assert store.counts().votes == 1
        assert set(store.features.get(BASE, 1)) == {sha("a")}

"""The Disk page without a browser: what it says beforehand, what it does, how it refuses."""

import json
import uuid
from typing import Any

import pytest

from app.disk.service import Housekeeping, keep_copies
from app.disk.text import say as disk_say
from app.studio import Studio
from app.ui.words import size
from sdpo_core.runs.folder import RunFolder
from sdpo_core.workspace.backups import daily_path, keep_daily_copy
from sdpo_core.workspace.disk import KINDS
from tests.app.helpers import add_pair, wait_for
from tests.app.shelves import add_adapter


@pytest.fixture
def house(studio: Studio) -> Housekeeping:
    pairs = [add_pair(studio.desk.store, number) for number in range(4)]
    studio.desk.store.votes.cast(str(uuid.uuid4()), pairs[0].id, "left")
    return studio.housekeeping


def part(house: Housekeeping, key: str) -> dict[str, Any]:
    return next(part for part in house.snapshot()["parts"] if part["key"] == key)


def test_every_kind_and_part_has_its_words(studio: Studio, house: Housekeeping) -> None:
    assert (
        set(disk_say.rows("clearings"))
        == set(disk_say.rows("clearLabels"))
        == set(disk_say.rows("clearButton"))
        == set(KINDS)
    )
    for kind in KINDS:
        assert house.preview({"name": kind})["sentence"]
    run = RunFolder.create(studio.desk.workspace / "runs", "train", {"model": "demo"})
    run.write_status(run.status().model_copy(update={"state": "done"}))
    told = house.snapshot()
    assert {share["key"] for share in told["parts"]} <= set(disk_say.rows("part"))
    assert sum(share["share"] for share in told["parts"]) == pytest.approx(1)
    assert json.dumps(told)


def test_clearing_is_shown_done_and_undone(studio: Studio, house: Housekeeping) -> None:
    assert [one["kind"] for one in part(house, "images")["clearings"]] == ["unvoted"]
    shown = house.preview({"name": "unvoted"})
    assert "6 files" in shown["sentence"]
    assert "3 pairs" in shown["sentence"]
    assert len(shown["images"]) == 6
    assert studio.desk.store.counts().open_pairs == 3  # nothing has happened yet
    done = house.clear({"name": "unvoted"})
    assert done["ok"]
    assert "to the trash" in done["sentence"]
    assert studio.desk.store.counts().pairs == studio.desk.store.counts().votes == 1
    assert house.preview({"name": "unvoted"})["button"] == ""
    (entry,) = house.snapshot()["trash"]
    assert entry["id"] == done["entry"]
    assert house.restore_entry({"name": entry["id"]})["ok"]
    assert studio.desk.store.counts().open_pairs == 3
    assert house.snapshot()["trash"] == []


def test_a_deleted_adapter_is_called_by_its_name(studio: Studio, house: Housekeeping) -> None:
    record = add_adapter(studio, "warm evenings")
    studio.desk.store.adapters.trash(record.id)
    (entry,) = house.snapshot()["trash"]
    assert (entry["name"], entry["facts"][:6]) == ("Adapter warm evenings", "1 file")
    assert house.restore_entry({"name": entry["id"]})["sentence"] == "Restored: Adapter warm evenings."
    assert [one.name for one in studio.desk.store.adapters.all()] == ["warm evenings"]


def test_votes_go_back_to_a_copy(studio: Studio, house: Housekeeping) -> None:
    keep_daily_copy(studio.desk.workspace)
    (copy,) = house.snapshot()["backups"]
    assert copy["facts"].startswith("1 vote")
    pair = studio.desk.store.pairs.open(purpose="train")[0]
    studio.desk.store.votes.cast("a later vote", pair.id, "right")
    assert "1 vote; you now have 2 votes." in house.preview_restore({"name": copy["name"]})["sentence"]
    assert house.restore({"name": copy["name"]})["ok"]
    assert studio.desk.store.counts().votes == 1
    assert {one["title"] for one in house.snapshot()["backups"]} == {"Daily backup", "Before a restore"}


def test_a_vote_counts_once_wherever_votes_are_counted(studio: Studio, house: Housekeeping) -> None:
    """The bar said 44 where this page said 64: a changed, withdrawn or blind vote doesn't count again."""
    store = studio.desk.store
    first, second, _ = store.pairs.open(purpose="train")
    store.votes.cast("one", first.id, "left")
    store.votes.cast("one changed", first.id, "right")
    store.votes.cast("two", second.id, "left")
    store.votes.undo("taken back", "two")
    blind = add_pair(store, 20, purpose="judge", run_id="20261121-120000-judge-abcdef")
    store.votes.cast("blind", blind.id, "tie")
    keep_daily_copy(studio.desk.workspace)
    counted = store.counts().votes
    (copy,) = house.snapshot()["backups"]
    assert counted == 2
    assert copy["facts"].startswith("2 votes and 1 in blind tests, ")
    assert "has 2 votes and 1 in blind tests; you now" in house.preview_restore({"name": copy["name"]})["sentence"]
    assert studio.desk.projects.export(studio.desk.projects.current.id, None).votes == counted


def test_nothing_goes_while_a_job_works(studio: Studio, house: Housekeeping) -> None:
    pair = add_pair(studio.desk.store, 9, base_sha256=studio.desk.models.chosen().sha256)
    studio.desk.store.votes.cast("a vote of mine", pair.id, "left")
    run = studio.training.start({})
    wait_for(lambda: studio.desk.jobs.status(run).state == "running")
    for act, name in ((house.clear, "unvoted"), (house.restore_entry, "x"), (house.restore, "day-2026-01-01.db")):
        assert act({"name": name}) == {"ok": False, "error": disk_say("busy")}
    studio.desk.stop(run.id)
    wait_for(lambda: studio.desk.jobs.current() is None)
    assert house.clear({"name": "unvoted"})["ok"]


@pytest.mark.parametrize("message", [None, {}, [], {"name": 7}, {"name": "x" * 200}, {"name": "../.."}, {"name": ""}])
def test_nonsense_is_refused_with_a_message(house: Housekeeping, message: Any) -> None:
    for act in (house.preview, house.clear, house.restore_entry, house.restore):
        reply = act(message)
        assert not reply["ok"]
        assert reply["error"]


def test_an_open_studio_keeps_its_copy_of_the_day(studio: Studio, house: Housekeeping) -> None:
    told: list[str] = []
    assert house.snapshot()["ok"]
    keep_copies(studio.desk, told.append)
    assert daily_path(studio.desk.workspace / "backups").is_file()
    assert told == []


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [(0, "nothing"), (1, "1 KiB"), (2048, "2 KiB"), (5 << 20, "5 MiB"), (3 << 29, "1.5 GiB")],
)
def test_sizes_are_written_as_people_read_them(size_bytes: int, words: str) -> None:
    assert size(size_bytes) == words

"""Runs that wait: their order, their start without a page, a restart, and what may go wrong with the file."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from app.desk.jobs import Jobs
from app.desk.queue import QUEUE, RunQueue
from app.desk.text import say as desk_say
from app.studio import Studio
from app.ui.text import say as ui_say
from sdpo_core.errors import RunError
from sdpo_core.runs.folder import list_runs
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.settings.migrations import numbered
from sdpo_core.settings.train import TrainConfig
from tests.app.helpers import add_pair, wait_for
from tests.app.shelves import add_adapter


@pytest.fixture
def queue(jobs: Jobs) -> RunQueue:
    return RunQueue(jobs)


def config(seed: int = 0) -> TrainConfig:
    return TrainConfig.of(seed=seed)


def fill(queue: RunQueue, count: int) -> list[str]:
    """One that runs, and `count` that wait; the titles of those that wait."""
    assert queue.start_or_wait("train", config(), "0") is not None
    for number in range(1, count + 1):
        assert queue.start_or_wait("train", config(number), str(number)) is None
    return titles(queue)


def titles(queue: RunQueue) -> list[str]:
    return [one.title for one in queue.waiting()]


def end_current(jobs: Jobs) -> None:
    current = jobs.current()
    assert current
    jobs.stop(current[0])
    wait_for(lambda: jobs.current() is None)


def test_a_second_run_waits_for_the_first_and_starts_in_turn(queue: RunQueue, jobs: Jobs) -> None:
    assert fill(queue, 2) == ["1", "2"]
    assert queue.start_next() is None, "the first one still runs"
    end_current(jobs)
    run = queue.start_next()
    assert run is not None
    assert run.settings()["seed"] == 1
    assert titles(queue) == ["2"]
    end_current(jobs)
    assert queue.start_next() is not None
    end_current(jobs)
    assert queue.start_next() is None
    assert len(list_runs(jobs.root, "train")) == 3


def test_who_comes_later_does_not_overtake(queue: RunQueue, jobs: Jobs) -> None:
    fill(queue, 1)
    end_current(jobs)
    assert queue.start_or_wait("train", config(9), "9") is None, "one waits already, so it waits behind it"
    assert titles(queue) == ["1", "9"]


def test_the_watcher_needs_no_page_and_a_restart_loses_nothing(
    queue: RunQueue, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(queue, 2)
    monkeypatch.setattr("app.desk.queue._LOOK_EVERY_S", 0.05)
    again = RunQueue(jobs)  # as after a restart of the studio
    assert titles(again) == ["1", "2"]
    again.watch(lambda told: pytest.fail(told))
    end_current(jobs)
    wait_for(lambda: titles(again) == ["2"])
    wait_for(lambda: jobs.current() is not None)
    again.close()
    end_current(jobs)
    assert titles(again) == ["2"], "closed, it starts nothing"


def test_runs_are_reordered_and_removed(queue: RunQueue) -> None:
    fill(queue, 3)
    first, _, third = queue.waiting()
    queue.act({"action": "down", "id": first.id})
    assert titles(queue) == ["2", "1", "3"]
    queue.act({"action": "up", "id": third.id})
    assert titles(queue) == ["2", "3", "1"]
    for _ in range(5):
        queue.act({"action": "up", "id": third.id})
    assert titles(queue) == ["3", "2", "1"]
    reply = queue.act({"action": "remove", "id": first.id})
    assert [row["title"] for row in reply["waiting"]] == ["3", "2"]
    assert reply["sentence"].startswith("2 runs queued.")


@pytest.mark.parametrize(
    "message", [{}, "x", None, {"action": "up"}, {"action": "start", "id": "x"}, {"action": "up", "id": "x" * 99}]
)
def test_anything_may_come_from_a_page(queue: RunQueue, message: Any) -> None:
    assert queue.act(message)["error"] == ui_say("unexpectedMessage")
    assert queue.act({"action": "up", "id": "nobody"})["error"] == desk_say("notWaiting")


def test_drawing_gives_way_to_a_click_and_is_waited_for_by_the_queue(queue: RunQueue, jobs: Jobs) -> None:
    fill(queue, 1)
    end_current(jobs)
    jobs.generate(GenerateConfig.of(prompts=("a lake",), keep_warm_s=60))
    assert queue.start_next() is None
    current = jobs.current()
    assert current
    assert current[1].verb == "generate"
    (waiting,) = queue.waiting()
    queue.act({"action": "remove", "id": waiting.id})
    run = queue.start_or_wait("train", config(), "now")
    assert run is not None


def test_settings_that_no_longer_exist_fail_with_a_message_and_stop_nothing(
    queue: RunQueue, jobs: Jobs, tmp_path: Path
) -> None:
    row = {"id": "a" * 12, "verb": "train", "title": "old", "config": {"rang": 3}}
    good = {**row, "id": "b" * 12, "config": config().model_dump(mode="json")}
    (tmp_path / QUEUE).write_text(json.dumps([row, good]))
    run = queue.start_next()
    assert run is not None
    status = jobs.status(run)
    assert status.state == "failed"
    assert "Unknown setting rang" in status.message
    assert queue.start_next() is not None
    end_current(jobs)


def test_a_setting_in_the_wrong_table_is_refused_as_in_a_run_folder(
    queue: RunQueue, jobs: Jobs, tmp_path: Path
) -> None:
    settings = {**numbered({}), "schedule": {"rank": 3}}
    (tmp_path / QUEUE).write_text(json.dumps([{"id": "a" * 12, "verb": "train", "title": "odd", "config": settings}]))
    run = queue.start_next()
    assert run is not None
    assert jobs.status(run).message == "rank belongs in [lora], not in [schedule]."


@pytest.mark.parametrize(
    "content", ["[1", "{}", "[1, null]", '[{"id": "../x", "verb": "rm", "config": {}, "title": ""}]']
)
def test_a_broken_queue_is_an_empty_one(queue: RunQueue, tmp_path: Path, content: str) -> None:
    (tmp_path / QUEUE).write_text(content)
    assert queue.waiting() == []
    assert queue.start_next() is None


def test_a_second_click_starts_nothing_twice(queue: RunQueue, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(queue, 1)
    for number in (0, 1):
        with pytest.raises(RunError, match="already running or queued"):
            queue.start_or_wait("train", config(number), "again")
    monkeypatch.setattr("app.desk.queue._SECOND_CLICK_S", 0.0)
    assert queue.start_or_wait("train", config(0), "again") is None, "later it is meant, with newer votes"
    end_current(jobs)


def test_a_full_queue_is_reported(queue: RunQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.desk.queue._MOST_WAITING", 2)
    fill(queue, 2)
    with pytest.raises(RunError, match="queue is full"):
        queue.start_or_wait("train", config(), "x")


def test_a_second_training_waits(studio: Studio) -> None:
    sha256 = studio.desk.models.chosen().sha256
    for number in range(5):
        pair = add_pair(studio.desk.store, number, f"a lake {number % 4}", sha256)
        studio.desk.store.votes.cast(str(uuid.uuid4()), pair.id, "left")
    assert studio.training.start_or_wait({"steps": 9}) is not None
    assert studio.training.start_or_wait({"steps": 8, "adapter_name": "warm"}) is None
    (waiting,) = studio.desk.queue.waiting()
    assert waiting.title == "Training “warm” of demo: 8 steps, currently 5 pairs"
    assert waiting.settings()["steps"] == 8


def test_judging_a_grid_and_a_download_wait_as_training_does(studio: Studio) -> None:
    record = add_adapter(studio, "warm", model="demo")
    grids, running = studio.grids, studio.desk.jobs.start("train", config())
    assert studio.judging.start("warm", 5) is None
    assert grids.start("warm", {"prompt": "a lake", "strengths": "0, 1"}) is None
    assert studio.downloads.start("someone/a-model") is None
    assert [(row["verb"], row["title"]) for row in studio.desk.queue.state()["waiting"]] == [
        ("judge", "Blind test of warm: 5 comparisons"),
        ("grid", "Grid of warm"),
        ("download", "Download of someone/a-model"),
    ]
    assert studio.downloads.waits("someone/a-model")
    assert not studio.downloads.waits("someone/another")
    studio.desk.jobs.stop(running)
    for verb, setting in (
        ("judge", ("comparisons", 5)),
        ("grid", ("adapter", record.name)),
        ("download", ("model", "someone/a-model")),
    ):
        wait_for(lambda: studio.desk.jobs.current() is None)
        run = studio.desk.queue.start_next()
        assert run is not None
        assert (run.status().verb, run.settings()[setting[0]]) == (verb, setting[1])
        studio.desk.jobs.stop(run)
    wait_for(lambda: studio.desk.jobs.current() is None)
    assert studio.desk.queue.waiting() == []
    assert studio.judging.start("warm", 5) is not None, "nothing runs, so it starts immediately"
    end_current(studio.desk.jobs)

"""Jobs as real child processes: started once, watched, stopped, found again, and told of when they die."""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from app.desk import jobs as jobs_module
from app.desk.jobs import Jobs
from app.desk.text import say as desk_say
from sdpo_core.errors import RunError
from sdpo_core.runs.folder import FINISHED, RunFolder
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.settings.judge import JudgeConfig
from sdpo_core.settings.train import TrainConfig
from tests.app.helpers import FAKE_JOB, wait_for

PROMPTS = GenerateConfig.of(prompts=("a lake",), keep_warm_s=60)


def play(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setenv("SDPO_FAKE_JOB", what)


def wait_state(jobs: Jobs, run: RunFolder, *states: str) -> None:
    wait_for(lambda: jobs.status(run).state in states)


def test_a_job_runs_to_its_end(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, "quick")
    run = jobs.start("train", TrainConfig())
    assert jobs.current() is not None
    wait_state(jobs, run, "done")
    assert jobs.current() is None
    assert run.config() == TrainConfig().model_dump(mode="json")


def test_stop_is_asked_for_and_answered(jobs: Jobs) -> None:
    run = jobs.start("train", TrainConfig())
    wait_state(jobs, run, "running")
    jobs.stop(run)
    wait_state(jobs, run, "stopped")
    assert jobs.status(run).message == "Stopped; kept."
    jobs.stop(run)  # again: nothing happens
    assert not run.signalled("stop")


def test_only_one_heavy_job_at_a_time(jobs: Jobs) -> None:
    run = jobs.start("train", TrainConfig())
    with pytest.raises(RunError, match="one job runs at a time"):
        jobs.start("train", TrainConfig())
    with pytest.raises(RunError, match="one job runs at a time"):
        jobs.start("judge", JudgeConfig())
    with pytest.raises(RunError, match="one job runs at a time"):
        jobs.generate(PROMPTS)
    assert [folder.id for folder in jobs_module.list_runs(jobs.root)] == [run.id]


def refusals_of_simultaneous_clicks(clicks: int, act: Callable[[], object]) -> list[str]:
    """What `act` refuses when it is called `clicks` times in the same moment."""
    refused: list[str] = []
    together = threading.Barrier(clicks)

    def click() -> None:
        together.wait()
        try:
            act()
        except RunError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=click) for _ in range(clicks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


def test_many_clicks_start_one_job(jobs: Jobs) -> None:
    assert len(refusals_of_simultaneous_clicks(8, lambda: jobs.start("train", TrainConfig()))) == 7
    assert len(jobs_module.list_runs(jobs.root)) == 1


def test_drawing_gives_way_to_training(jobs: Jobs) -> None:
    drawing = jobs.generate(PROMPTS)
    wait_state(jobs, drawing, "running")
    pid = jobs.status(drawing).pid
    assert pid is not None
    training = jobs.start("train", TrainConfig())
    assert jobs.status(drawing).state == "stopped"
    assert not psutil.pid_exists(pid)
    assert jobs.status(training).state in ("queued", "running")


def test_a_deaf_job_is_ended(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "STOP_WAIT_S", 0.5)
    play(monkeypatch, "deaf")
    drawing = jobs.generate(PROMPTS)
    wait_state(jobs, drawing, "running")
    play(monkeypatch, "quick")
    training = jobs.start("train", TrainConfig())
    assert jobs.status(drawing).state == "failed"
    wait_state(jobs, training, "done")


def test_a_warm_job_takes_the_next_request(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, "warm")
    run = jobs.generate(PROMPTS)
    wait_for(lambda: jobs.is_idle(run, jobs.status(run)))
    again = jobs.generate(GenerateConfig.of(prompts=("a forest",), keep_warm_s=60))
    assert again.id == run.id
    wait_for(lambda: jobs.status(run).total == 20)
    other_model = jobs.generate(GenerateConfig.of(prompts=("a forest",), keep_warm_s=60, model="elsewhere"))
    assert other_model.id != run.id
    assert jobs.status(run).state == "stopped"


def test_generating_twice_at_the_same_time_is_refused_with_a_message(jobs: Jobs) -> None:
    run = jobs.generate(PROMPTS)
    wait_state(jobs, run, "running")
    with pytest.raises(RunError, match="already being generated"):
        jobs.generate(PROMPTS)


def test_generating_requested_in_two_tabs_at_the_same_time_continues(jobs: Jobs) -> None:
    assert refusals_of_simultaneous_clicks(2, lambda: jobs.generate(PROMPTS)) == [desk_say("alreadyDrawing")]
    (run,) = jobs_module.list_runs(jobs.root)
    wait_state(jobs, run, "running")


def test_a_child_that_dies_immediately_is_reported_with_its_last_line(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, "die")
    run = jobs.start("train", TrainConfig())
    wait_state(jobs, run, "failed")
    assert jobs.status(run).message == desk_say("diedImmediately", last_line="no such library: torch")
    assert run.status().state == "failed"  # it is in the folder: the next studio sees it too
    assert jobs.current() is None


def test_a_missing_program_fails_in_the_folder(jobs: Jobs) -> None:
    jobs._command = (sys.executable, "-m", "no_such_module_of_ours")
    run = jobs.start("train", TrainConfig())
    wait_state(jobs, run, "failed")
    assert "no_such_module_of_ours" in jobs.status(run).message


def test_a_child_that_dies_later_is_failed(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, "die-later")
    run = jobs.start("train", TrainConfig())
    wait_state(jobs, run, "failed")
    assert "step 7" in jobs.status(run).message
    assert "Killed by something" in run.log_tail()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
def test_a_killed_job_says_so_and_where_it_continues(jobs: Jobs) -> None:
    run = jobs.start("train", TrainConfig())
    wait_state(jobs, run, "running")
    run.checkpoint_path(40).mkdir(parents=True)
    process = psutil.Process(jobs.status(run).pid)
    process.kill()
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    told = jobs.status(run)
    assert told.state == "failed"
    assert "killed (SIGKILL)" in told.message
    assert "ran out of memory" in told.message
    assert told.message.endswith("Resume continues from step 40.")
    assert Jobs(run.path.parents[1], command=FAKE_JOB).status(run).message == told.message, "another studio says it too"


def test_another_studio_finds_the_running_job(jobs: Jobs, tmp_path: Path) -> None:
    run = jobs.start("train", TrainConfig())
    later = Jobs(tmp_path, command=FAKE_JOB)
    found = later.current()
    assert found is not None
    assert found[0].id == run.id
    wait_state(later, run, "running")
    later.stop(run)
    wait_for(lambda: later.status(run).state in FINISHED)


def test_a_stopped_run_is_resumed_in_its_folder(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    run = jobs.start("train", TrainConfig())
    wait_state(jobs, run, "running")
    with pytest.raises(RunError, match="only a stopped or failed run"):
        jobs.resume(run)
    jobs.stop(run)
    wait_state(jobs, run, "stopped")
    run.signal("stop")  # a stop that came too late must not stop the resumed run
    play(monkeypatch, "quick")
    jobs.resume(run)
    wait_state(jobs, run, "done")


def test_run_ids_from_outside_are_looked_up_never_joined(jobs: Jobs, tmp_path: Path) -> None:
    for hostile in ("../../etc", "", ".", str(tmp_path), "x" * 5000):
        with pytest.raises(RunError, match="No run"):
            jobs.open(hostile, "train")


def test_a_broken_folder_does_not_count_as_a_job(jobs: Jobs) -> None:
    folder = jobs.root / "20260101-000000-train-dead"
    folder.mkdir(parents=True)
    (folder / "status.json").write_text("{", encoding="utf-8")
    assert jobs.current() is None

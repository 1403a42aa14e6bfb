"""The run folder as the only interface between a job and its viewer; real processes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sdpo_core.errors import RunError
from sdpo_core.runs.folder import RunFolder, Status, list_runs, this_process
from sdpo_core.runs.reporter import Reporter
from sdpo_core.training.run_data import load_data


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "train", {"steps": 3})


def test_a_new_run_is_queued_and_remembers_its_settings(run: RunFolder) -> None:
    assert run.status() == Status(state="queued", verb="train", message="Starting…")
    assert RunFolder.open(run.path).config() == {"schedule": {"steps": 3}}
    assert [found.id for found in list_runs(run.path.parent, "train")] == [run.id]
    assert list_runs(run.path.parent, "judge") == []


def test_only_one_process_at_a_time_has_a_run(run: RunFolder) -> None:
    """A second start is refused and leaves no trace; a holder that is killed lets go."""
    start = [sys.executable, "-m", "sdpo_core", "train", "--workspace", run.path.parent.parent, "--run", run.path]
    with run.held():
        second = subprocess.run(start, capture_output=True, text=True, timeout=60)
    assert second.returncode == 1
    assert f"Run {run.id} is already running or starting." in second.stderr
    assert "Traceback" not in second.stderr
    assert run.status().state == "queued"
    hold = (
        "import sys, time; from pathlib import Path; from sdpo_core.runs.folder import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).held(): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", hold, run.path], stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(RunError, match="already running"), run.held():
        pass
    holder.kill()
    holder.wait(10)
    holder.stdout.close()
    with run.held():
        pass


def test_half_a_checkpoint_of_a_killed_job_goes(run: RunFolder) -> None:
    code = (
        "import os, sys; from pathlib import Path; from sdpo_core.atomic import replacing_folder\n"
        "with replacing_folder(Path(sys.argv[1])) as folder: (folder / 'half').write_bytes(b'x'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, run.checkpoint_path(5)], check=False)
    checkpoints = run.path / "checkpoints"
    assert [path.name.startswith(".step-000005-") for path in checkpoints.iterdir()] == [True]
    run.checkpoint_path(3).mkdir()
    with run.held():
        assert list(checkpoints.iterdir()) == [run.checkpoint_path(3)]


def test_metrics_are_read_on_from_where_one_was(run: RunFolder) -> None:
    run.append_metrics({"step": 1, "loss": 0.5})
    rows, end = run.read_metrics()
    assert rows == [{"step": 1, "loss": 0.5}]
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')  # the job is in the middle of writing, or was killed there
    assert run.read_metrics(end) == ([], end)
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('ss": 0.4}\n')
    assert run.read_metrics(end)[0] == [{"step": 2, "loss": 0.4}]


def test_a_resume_truncates_to_its_checkpoint(run: RunFolder) -> None:
    for step in (1, 2, 3):
        run.append_metrics({"step": step})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4')
    _, before = run.read_metrics()
    run.truncate_metrics(2)
    run.append_metrics({"step": 3, "again": True})
    assert run.read_metrics(before)[1] == run.read_metrics()[1], "a viewer who was further reads all of it again"
    assert len(run.read_metrics(before)[0]) == 3
    assert [json.dumps(row) for row in run.read_metrics()[0]] == [
        '{"step": 1}',
        '{"step": 2}',
        '{"step": 3, "again": true}',
    ]


def test_not_a_number_is_not_json(run: RunFolder) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.append_metrics({"step": 1, "loss": float("nan")})
    assert run.read_metrics()[0] == []


def test_a_job_whose_process_is_gone_has_failed(run: RunFolder) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = psutil.Process(child.pid).create_time()
    run.write_status(Status(state="running", verb="train", pid=child.pid, pid_started=started, step=7, total=9))
    assert run.status().state == "running"
    child.kill()
    child.wait()
    assert child.stdin is not None
    child.stdin.close()
    status = run.status()
    assert status.state == "failed"
    assert "step 7 of 9" in status.message


def test_a_reused_pid_is_not_the_job(run: RunFolder) -> None:
    run.write_status(Status(state="running", verb="train", pid=os.getpid(), pid_started=1.0))
    assert run.status().state == "failed"
    run.write_status(Status(state="running", verb="train", **this_process()))
    assert run.status().state == "running"


def test_signals_are_dropped_seen_and_answered(run: RunFolder) -> None:
    viewer = RunFolder.open(run.path)
    assert not run.signalled("stop")
    viewer.signal("stop")
    assert run.signalled("stop")
    run.answer("stop")
    assert not viewer.signalled("stop")


def test_requests_are_served_in_order_and_once(run: RunFolder) -> None:
    names = [run.request({"prompts": [word]}) for word in ("one", "two")]
    assert [content["prompts"] for _, content in run.requests()] == [["one"], ["two"]]
    run.answer_request(names[0], {"pairs": [1]})
    assert [name for name, _ in run.requests()] == names[1:]


def test_the_reporter_tells_the_pace_and_the_stop(run: RunFolder) -> None:
    reporter = Reporter(run, "train", total=10)
    reporter.say(0, "begin", force=True)
    time.sleep(0.4)
    reporter.say(4, "going")
    status = run.status()
    assert status.message == "going"
    assert status.eta_s == pytest.approx(0.6, abs=0.3)
    run.signal("stop")
    reporter.say(5, "stopping now", force=True)
    assert run.status().state == "stopping"
    reporter.say(5, "kept step 5", state="stopped", force=True)
    assert run.status().state == "stopped"


def test_the_pace_is_that_of_the_steps_since_a_resume(run: RunFolder) -> None:
    """Sixty steps that were done yesterday took no time today."""
    reporter = Reporter(run, "train", total=70)
    reporter.say(0, "loading", force=True)
    time.sleep(0.2)
    reporter.begin_at(60)
    time.sleep(0.4)
    reporter.say(62, "going", force=True)
    assert run.status().eta_s == pytest.approx(1.6, abs=0.6)


def test_anything_but_a_run_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="isn't a run folder"):
        RunFolder.open(tmp_path)


def test_a_broken_status_is_reported(run: RunFolder) -> None:
    (run.path / "status.json").write_text("{")
    with pytest.raises(RunError, match="isn't readable JSON"):
        run.status()
    (run.path / "status.json").write_text('{"state": "levitating", "verb": "train"}')
    with pytest.raises(RunError, match="can't be read by this version"):
        run.status()


def test_damaged_files_are_reported(run: RunFolder) -> None:
    (run.path / "config.json").write_text("[]", encoding="utf-8")
    with pytest.raises(RunError, match=r"config\.json .* isn't a JSON object"):
        run.config()
    (run.path / "metrics.jsonl").write_bytes(b"\0\0\0\n")
    for read in (run.read_metrics, lambda: run.truncate_metrics(1)):
        with pytest.raises(RunError, match=r"metrics\.jsonl is damaged"):
            read()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"train": []}', b'{"train": [1], "held_out": []}'])
def test_damaged_votes_of_a_run_are_a_sentence(tmp_path: Path, content: bytes) -> None:
    run = RunFolder.create(tmp_path, "train", {})
    assert load_data(run) is None
    (run.path / "data.json").write_bytes(content)
    with pytest.raises(RunError, match=f"data.json of run {run.id}, .* can't be read. Start a new run."):
        load_data(run)


def test_runs_of_one_second_are_listed_in_order(tmp_path: Path) -> None:
    """Whatever their verbs are called."""
    made = [RunFolder.create(tmp_path, verb, {}) for verb in ("train", "import", "judge", "import", "grid")]
    assert [run.id for run in list_runs(tmp_path)] == [run.id for run in reversed(made)]

"""Jobs that are stopped, killed and asked for something while they run: real processes, nothing lost."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sdpo_core.cli.main import main
from sdpo_core.runs.folder import RunFolder, list_runs
from sdpo_core.settings.presets import resolve
from sdpo_core.settings.train import TrainConfig
from sdpo_core.workspace.store import Store
from tests.cli.helpers import QUICK, command, lines, process, result, sdpo

LIGHT = [*QUICK, "--pairs-per-step", "2", "--bank-draws-per-pair", "2", "--rank", "2"]


def test_kill_9_and_resume_equal_a_straight_run(workspace: Path, tiny: Path) -> None:
    """The process dies at some step after the first checkpoint; the resumed run ends with the same bytes."""
    flags = [*LIGHT, "--checkpoint-every-steps", "3", "--preview-prompts", "0", "--model", tiny]
    straight = result("train", "--workspace", workspace, *flags, "--steps", "12", by=process)
    with subprocess.Popen(
        command("train", "--workspace", workspace, *flags, "--steps", "12"), stdout=-3, stderr=-3
    ) as child:
        run = _wait_for_checkpoint(workspace / "runs", child.pid)
        child.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    assert run.status().state == "failed"
    resumed = result("train", "--workspace", workspace, "--run", run.path, by=process)
    assert resumed["state"] == "done"
    assert run.checkpoints()[-1].name == "step-000012"
    for name in ("state.safetensors", "state.json"):
        a, b = (Path(r["run"]) / "checkpoints" / "step-000012" / name for r in (straight, resumed))
        assert a.read_bytes() == b.read_bytes()
    steps = [row["step"] for row in run.read_metrics()[0] if row["kind"] == "step"]
    assert steps == list(range(1, 13))


def test_ctrl_c_keeps_what_was_learned(workspace: Path, tiny: Path) -> None:
    flags = [*LIGHT, "--checkpoint-every-steps", "4", "--preview-prompts", "0", "--model", tiny]
    with subprocess.Popen(
        command("train", "--workspace", workspace, *flags, "--steps", "5000"), stdout=-3, stderr=-3
    ) as child:
        run = _wait_for_checkpoint(workspace / "runs", child.pid)
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=60) == 130
    assert run.status().state == "stopped"
    assert "You stopped it" in run.status().message
    assert run.adapter_path.is_file()


def test_stopped_while_loading_nothing_is_published_and_it_can_be_resumed(
    workspace: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = resolve(TrainConfig, {"model": str(tiny), "steps": 2, "rank": 2, "preview_prompts": 0, "size_px": 64})
    run = RunFolder.create(workspace / "runs", "train", config.model_dump(mode="json"))
    run.signal("stop")
    assert main(["train", "--workspace", str(workspace), "--run", str(run.path)]) == 130
    assert run.status().state == "stopped"
    assert "before another step" in run.status().message
    assert not run.adapter_path.exists()
    run.signal("stop")  # a second press on a run that has stopped already must not stop its resume
    capsys.readouterr()
    assert main(["train", "--workspace", str(workspace), "--run", str(run.path), "--json"]) == 0
    assert run.status().state == "done"
    assert json.loads(capsys.readouterr().out)["step"] == 2
    with Store(workspace) as store:
        assert [record.run_id for record in store.adapters.all()].count(run.id) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a process can catch")
def test_sigterm_stops_as_ctrl_c_does(workspace: Path, tiny: Path) -> None:
    flags = [*LIGHT, "--checkpoint-every-steps", "4", "--preview-prompts", "0", "--model", tiny]
    with subprocess.Popen(
        command("train", "--workspace", workspace, *flags, "--steps", "5000", "--json"), stdout=-1, stderr=-3, text=True
    ) as child:
        run = _wait_for_checkpoint(workspace / "runs", child.pid)
        child.send_signal(signal.SIGTERM)
        out, _ = child.communicate(timeout=60)
    assert child.returncode == 130
    assert json.loads(out)["state"] == "stopped"
    assert run.adapter_path.is_file()


def test_a_running_run_saves_draws_and_stops_when_asked(workspace: Path, tiny: Path) -> None:
    """`runs save-now`, `sample-now` and `stop` against a real run; the process ends with the code for a stop."""
    flags = [*LIGHT, "--checkpoint-every-steps", "4000", "--preview-prompts", "1", "--model", tiny]
    with subprocess.Popen(
        command("train", "--workspace", workspace, *flags, "--steps", "5000"), stdout=-3, stderr=-3
    ) as child:
        run = _wait_for(workspace, child.pid, lambda run: bool(run.read_metrics()[0]))
        for signal_name in ("save-now", "sample-now"):
            said = result("runs", signal_name, run.id, "--workspace", workspace)
            assert said["asked"] == signal_name
            _wait_for(workspace, child.pid, lambda run, name=signal_name: not run.signalled(name))
        assert run.checkpoints()
        assert len(run.previews()) >= 2
        assert "will save its work and stop" in sdpo("runs", "stop", run.id, "--workspace", workspace)
        assert child.wait(timeout=60) == 130
    (row,) = (row for row in lines("runs", "--workspace", workspace) if row["run"] == run.id)
    assert (row["state"], row["resumable"]) == ("stopped", True)


def _wait_for_checkpoint(runs: Path, pid: int) -> RunFolder:
    return _wait_for(runs.parent, pid, lambda run: bool(run.checkpoints()))


def _wait_for(workspace: Path, pid: int, happened: Callable[[RunFolder], bool]) -> RunFolder:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for run in list_runs(workspace / "runs", "train"):
            if run.status().pid == pid and happened(run):
                return run
        time.sleep(0.02)
    raise AssertionError(f"process {pid} did not get there within two minutes")

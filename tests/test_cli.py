"""The command line as a person uses it: real processes on a tiny real model, from the first image to the verdict."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sdpo_core.cli import JOBS, main
from sdpo_core.config import TrainConfig
from sdpo_core.files.adapter_info import read_adapter_info
from sdpo_core.preferences.store import Store
from sdpo_core.presets import preset_names
from sdpo_core.training.runs import RunFolder, Verb, list_runs
from tests.tiny_model import build_tiny_pipeline

PROMPTS = ["hills", "a lake", "a desert", "the sea", "a forest", "mountains"]
QUICK = ["--sampling-steps", "2", "--size-px", "64"]


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "sdpo_core", *map(str, arguments)]


def sdpo(*arguments: str | Path) -> str:
    """Run a verb in a process of its own; returns standard output."""
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def lines(*arguments: str | Path) -> list[dict[str, Any]]:
    """What a verb says with --json: every line of standard output is an object."""
    return [json.loads(line) for line in sdpo(*arguments, "--json").splitlines()]


def result(*arguments: str | Path) -> dict[str, Any]:
    (value,) = lines(*arguments)
    return value


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_pipeline(tmp_path_factory.mktemp("cli") / "tiny")


@pytest.fixture(scope="module")
def workspace(tiny: Path) -> Path:
    """A workspace with six voted pairs: left, right, …, and one tie."""
    folder = tiny.parent / "workspace"
    sdpo("generate", "--workspace", folder, "--model", tiny, "--seed", "5", *QUICK, "--prompts", *PROMPTS)
    for i, pair in enumerate(lines("vote", "--workspace", folder)):
        choice = "tie" if i == 5 else ("left", "right")[i % 2]
        sdpo("vote", "--workspace", folder, str(pair["pair"]), choice)
    return folder


@pytest.fixture(scope="module")
def trained(workspace: Path, tiny: Path) -> RunFolder:
    flags = ["--steps", "6", "--checkpoint-every-steps", "3", "--rank", "2", "--preview-prompts", "1"]
    end = result("train", "--workspace", workspace, "--model", tiny, *QUICK, *flags, "--adapter-name", "mine")
    assert end["state"] == "done"
    return RunFolder.open(Path(end["run"]))


def test_generating_made_pairs_of_one_prompt(workspace: Path) -> None:
    with Store(workspace) as store:
        pairs = store.voted_pairs(purpose="train")
        assert [voted.pair.left.prompt for voted in pairs] == PROMPTS
        for voted in pairs:
            assert voted.pair.left.prompt == voted.pair.right.prompt
            assert voted.pair.left.image_sha256 != voted.pair.right.image_sha256
            assert store.image_path(voted.pair.left).is_file()
        assert store.counts().decided == 5


def test_training_leaves_everything_the_run_folder_promises(trained: RunFolder, workspace: Path) -> None:
    rows, _ = trained.read_metrics()
    steps = [row for row in rows if row["kind"] == "step"]
    assert [row["step"] for row in steps] == [1, 2, 3, 4, 5, 6]
    assert steps[0]["margin"] == 0.0
    assert steps[0]["loss"] == pytest.approx(0.6931472, abs=1e-7)
    health = [row for row in rows if row["kind"] == "health"]
    assert [row["step"] for row in health] == [3, 6]
    assert not health[0]["held_out"], "five pairs are too few to hold any out, and the run says so"
    assert [path.name for path in trained.checkpoints()] == ["step-000003", "step-000006"]
    assert sorted(trained.previews()) == [0, 3, 6]
    assert "unseen draws of the training pairs" in trained.status().message
    published = workspace / "adapters" / "mine.safetensors"
    assert published.read_bytes() == trained.adapter_path.read_bytes()
    assert published.with_suffix(".png").is_file()
    info = read_adapter_info(published)
    assert info.sdpo is not None
    assert info.sdpo["pairs"] == 5
    for prompt in PROMPTS:
        assert prompt not in json.dumps(info.metadata), "an adapter file never tells the prompts"


def test_judging_is_blind_and_ends_in_a_verdict(trained: RunFolder, workspace: Path, tiny: Path) -> None:
    flags = ["--adapter", "mine", "--comparisons", "3", "--prompts", "the moon", "a house", "a boat"]
    end = result("judge", "--workspace", workspace, "--model", tiny, *QUICK, *flags)
    run = Path(end["run"]).name
    pairs = lines("vote", "--workspace", workspace, "--judge", run)
    assert len(pairs) == 3
    assert "not all comparisons" in sdpo("judge", "--workspace", workspace, "--verdict", run).lower()
    assert main(["vote", "--workspace", str(workspace), str(pairs[0]["pair"]), "skip"]) == 2
    with Store(workspace) as store:
        for pair in pairs:
            left = store.pair(pair["pair"]).left
            adapter_is_left = bool(left.recipe and left.recipe.adapters)
            sdpo("vote", "--workspace", workspace, str(pair["pair"]), "left" if adapter_is_left else "right")
    assert "3 of 3" in sdpo("judge", "--workspace", workspace, "--verdict", run)


def test_judge_prompts_must_be_unseen(
    trained: RunFolder, workspace: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--adapter", "mine", "--comparisons", "1", "--prompts", PROMPTS[0]]
    assert main(["judge", "--workspace", str(workspace), "--model", str(tiny), *QUICK, *flags]) == 1
    assert f"“{PROMPTS[0]}”" in capsys.readouterr().err


def test_export_copies_the_adapter_and_proves_it(
    trained: RunFolder, workspace: Path, tiny: Path, tmp_path: Path
) -> None:
    out = sdpo("export", "--workspace", workspace, "latest", "--to", tmp_path, "--base", tiny)
    target, proof = out.splitlines()
    assert Path(target).read_bytes() == trained.adapter_path.read_bytes()
    assert proof.startswith("32 of 32 modules fit.")


def test_kill_9_and_resume_equal_a_straight_run(workspace: Path, tiny: Path) -> None:
    """The process dies at some step after the first checkpoint; the resumed run ends with the same bytes."""
    flags = [*QUICK, "--checkpoint-every-steps", "4", "--rank", "2", "--preview-prompts", "0", "--model", tiny]
    straight = result("train", "--workspace", workspace, *flags, "--steps", "24")
    with subprocess.Popen(
        command("train", "--workspace", workspace, *flags, "--steps", "24"), stdout=-3, stderr=-3
    ) as child:
        run = _wait_for_checkpoint(workspace / "runs", child.pid)
        child.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    assert run.status().state == "failed"
    resumed = result("train", "--workspace", workspace, "--run", run.path)
    assert resumed["state"] == "done"
    assert run.checkpoints()[-1].name == "step-000024"
    for name in ("state.safetensors", "state.json"):
        a, b = (Path(r["run"]) / "checkpoints" / "step-000024" / name for r in (straight, resumed))
        assert a.read_bytes() == b.read_bytes()
    steps = [row["step"] for row in run.read_metrics()[0] if row["kind"] == "step"]
    assert steps == list(range(1, 25))


def test_ctrl_c_keeps_what_was_learned(workspace: Path, tiny: Path) -> None:
    flags = [*QUICK, "--checkpoint-every-steps", "4", "--rank", "2", "--preview-prompts", "0", "--model", tiny]
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
    config = TrainConfig.parse({"model": str(tiny), "steps": 2, "rank": 2, "preview_prompts": 0, "size_px": 64})
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
        assert [record.run_id for record in store.adapters()].count(run.id) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["train", "--learning-rate", "fast"], 2, "learning_rate"),
        (["train", "--learnig-rate", "1"], 2, "Unknown setting --learnig-rate. Did you mean --learning-rate?"),
        (["train", "--preset", "quik"], 2, "No preset is named quik. Did you mean quick?"),
        (["train", "--config", "none.toml"], 2, "There is no file none.toml."),
        (["train", "--preset", "quick", "--run", "x"], 2, "--run takes the settings from the run folder"),
        (["train", "now"], 2, "does not take now"),
        (["trian"], 2, "There is no verb trian. Did you mean train?"),
        (["vote", "one", "left"], 2, "Argument pair: invalid int value: 'one'"),
        (["train", "--safeguard", "lora", "--scope", "batch"], 2, "scope 'batch' belongs to safeguard 'output'"),
        (["train", "--model", "nowhere/at-all"], 1, "nowhere/at-all"),
        (["generate"], 2, "Give at least one prompt"),
        (["vote", "1"], 2, "A vote needs a choice"),
        (["vote", "999999", "left"], 1, "999999"),
        (["export", "nobody", "--to", "x"], 1, "nobody"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    workspace: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, sentence: str
) -> None:
    verb, *rest = arguments
    assert main([verb, "--workspace", str(workspace), *rest]) == code
    said = capsys.readouterr()
    assert sentence in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert main([verb, "--workspace", str(workspace), *rest, "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert sentence in told["error"]
    assert told["exit_code"] == code


@pytest.mark.parametrize("verb", [["generate", "--prompts", "a lake"], ["train"], ["vote"]])
def test_a_workspace_that_is_a_file_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: list[str]
) -> None:
    (tmp_path / "file").touch()
    assert main([*verb, "--workspace", str(tmp_path / "file")]) == 1
    said = capsys.readouterr().err
    assert "can't be a folder, because a file is in its place" in said
    assert "Traceback" not in said


def test_no_votes_is_a_sentence_and_a_failed_run(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--workspace", str(tmp_path), "--model", str(tiny)]) == 1
    (run,) = list_runs(tmp_path / "runs")
    assert run.status().state == "failed"
    assert run.status().message in capsys.readouterr().err


def test_a_defect_is_told_too_and_leaves_a_failed_run(
    workspace: Path, tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError("the unexpected")

    monkeypatch.setattr("sdpo_core.training.job.run_train", defect)
    before = {run.id for run in list_runs(workspace / "runs")}
    assert main(["train", "--workspace", str(workspace), "--model", str(tiny)]) == 1
    (failed,) = (run for run in list_runs(workspace / "runs") if run.id not in before)
    assert failed.status().message == "ZeroDivisionError: the unexpected. The log has the details."
    assert "Traceback" in capsys.readouterr().err, "the log gets what a person at the screen does not"


def test_a_run_in_use_is_not_started_twice(
    trained: RunFolder, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--workspace", str(workspace), "--run", str(trained.path)]) == 1
    assert "is done already" in capsys.readouterr().err


def test_doctor_finds_the_workspace_in_order(workspace: Path) -> None:
    out = sdpo("doctor", "--workspace", workspace)
    assert "votes" in out


def test_help_teaches_every_setting() -> None:
    out = sdpo("train", "--help")
    assert "--drift-budget" in out
    assert "held-out winner error" in " ".join(out.split())
    assert "safeguard: how the loser is kept" in out
    for name in preset_names():
        assert f"{name} " in out
    assert "130  stopped before its end" in out


@pytest.mark.parametrize("job", JOBS)
def test_every_setting_has_a_flag(job: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    """A new field of a settings class is also named in `commands.flags.GROUPS`."""
    with pytest.raises(SystemExit):
        main([job, "--help"])
    out = capsys.readouterr().out
    for name in JOBS[job].model_fields:
        assert f"  --{name.replace('_', '-')} " in out


def test_the_settings_that_held_lie_in_the_run_folder(tiny: Path, tmp_path: Path) -> None:
    """No votes, so the run fails; what it would have run with stands there all the same."""
    (tmp_path / "mine.toml").write_text("steps = 50\npreview_prompts = 1\n", encoding="utf-8")
    chosen = ["--preset", "quick", "--config", str(tmp_path / "mine.toml"), "--preview-prompts", "3"]
    assert main(["train", "--workspace", str(tmp_path), "--model", str(tiny), *chosen]) == 1
    (run,) = list_runs(tmp_path / "runs")
    config = TrainConfig.parse(run.config())
    assert (config.steps, config.preview_prompts, config.checkpoint_every_steps) == (50, 3, 20)


def test_a_failed_job_is_told_to_a_program_with_its_run(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--workspace", str(tmp_path), "--model", str(tiny), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    (run,) = list_runs(tmp_path / "runs")
    assert told == {"error": run.status().message, "kind": "DataError", "exit_code": 1, "run": str(run.path)}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a process can catch")
def test_sigterm_stops_as_ctrl_c_does(workspace: Path, tiny: Path) -> None:
    flags = [*QUICK, "--checkpoint-every-steps", "4", "--rank", "2", "--preview-prompts", "0", "--model", tiny]
    with subprocess.Popen(
        command("train", "--workspace", workspace, *flags, "--steps", "5000", "--json"), stdout=-1, stderr=-3, text=True
    ) as child:
        run = _wait_for_checkpoint(workspace / "runs", child.pid)
        child.send_signal(signal.SIGTERM)
        out, _ = child.communicate(timeout=60)
    assert child.returncode == 130
    assert json.loads(out)["state"] == "stopped"
    assert run.adapter_path.is_file()


def _wait_for_checkpoint(runs: Path, pid: int) -> RunFolder:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for run in list_runs(runs, "train"):
            if run.status().pid == pid and run.checkpoints():
                return run
        time.sleep(0.02)
    raise AssertionError(f"no checkpoint of process {pid} within two minutes")

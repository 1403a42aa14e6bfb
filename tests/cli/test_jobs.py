"""The command line as a person uses it, on a tiny real model, from the first image to the verdict."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest

from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.atomic import write_json
from sdpo_core.cli.main import main
from sdpo_core.runs.folder import RunFolder, Status, list_runs
from sdpo_core.settings.train import TrainConfig
from sdpo_core.wording import signed_percent
from sdpo_core.workspace.store import Store
from tests.cli.helpers import PROMPTS, QUICK, command, lines, result, sdpo


def test_generating_made_pairs_of_one_prompt(workspace: Path) -> None:
    with Store(workspace) as store:
        pairs = store.pairs.voted(purpose="train")
        assert [voted.pair.left.prompt for voted in pairs] == PROMPTS
        for voted in pairs:
            assert voted.pair.left.prompt == voted.pair.right.prompt
            assert voted.pair.left.image_sha256 != voted.pair.right.image_sha256
            assert store.images.path(voted.pair.left.image_sha256).is_file()
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
    assert "training pairs with unseen noise" in trained.status().message
    published = workspace / "adapters" / "mine.safetensors"
    assert published.read_bytes() == trained.adapter_path.read_bytes()
    assert published.with_suffix(".png").is_file()
    info = read_adapter_info(published)
    assert info.sdpo is not None
    assert info.sdpo["pairs"] == 5
    assert info.sdpo["settings"]["pairs_from"] == "own"
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
            left = store.pairs.get(pair["pair"]).left
            adapter_is_left = bool(left.recipe and left.recipe.adapters)
            sdpo("vote", "--workspace", workspace, str(pair["pair"]), "left" if adapter_is_left else "right")
    told = sdpo("judge", "--workspace", workspace, "--verdict", run)
    assert "3 of 3" in told
    assert "  1 of 1  a boat" in told
    outcomes = result("judge", "--workspace", workspace, "--verdict", run)["outcomes"]
    assert [outcome["outcome"] for outcome in outcomes] == ["win"] * 3
    where = ("--workspace", workspace)
    assert "3 blind comparisons will be used for training" in sdpo("judge", *where, "--let-train", run)
    assert result("judge", *where, "--no-longer-train", run) == {"run": run, "pairs": 3, "trains": False}


def test_unfinished_blind_tests_do_not_train(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = RunFolder.create(workspace / "runs", "judge", {"comparisons": 2})
    assert main(["judge", "--workspace", str(workspace), "--let-train", run.id]) == 1
    assert "has no verdict yet" in capsys.readouterr().err
    shutil.rmtree(run.path)


def test_a_grid_draws_strengths_and_checkpoints(trained: RunFolder, workspace: Path, tiny: Path) -> None:
    flags = ["--adapter", "mine", "--prompt", "the moon", "--strengths", "0", ".5", "--checkpoints", "3", "6"]
    end = result("grid", "--workspace", workspace, "--model", tiny, *QUICK, *flags)
    images = sorted(path.name for path in (Path(end["run"]) / "grid").iterdir())
    assert images == ["00-00.png", "00-01.png", "01-00.png", "01-01.png"]
    with Store(workspace) as store:
        fit = store.adapters.find("mine").fit
    assert fit
    assert fit.matched == fit.modules
    name, where = Path(end["run"]).name, ("--workspace", workspace)
    assert "mine-step-3: recommended strength is now 0.5" in sdpo("grid", *where, "--pick", name, "0", "1")
    assert main(["grid", *map(str, where), "--pick", name, "0", "x"]) == 2
    with Store(workspace) as store:
        store.adapters.trash(store.adapters.find("mine-step-3").id)


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


def test_what_is_known_to_fit_is_exported_into_a_tools_folder_without_its_model(
    trained: RunFolder, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loras = tmp_path / "ComfyUI" / "models" / "loras"
    loras.mkdir(parents=True)
    monkeypatch.setattr("sdpo_core.models.registry.load_model", lambda *_, **__: pytest.fail("a model was loaded"))
    out = result("export", "--workspace", workspace, "mine", "--to", tmp_path / "ComfyUI")
    assert out["file"] == str(loras / "mine.safetensors")
    assert out["proof"] == "32 of 32 modules fit its base model, as recorded when this file was loaded onto it."
    assert (loras / "mine.png").is_file()
    kept = json.loads((workspace / "lora-folders.json").read_text())
    assert [(one["tool"], one["file"]) for one in kept["placed"]] == [("comfyui", out["file"])]
    (loras / "mine.safetensors").write_bytes(b"another")
    assert main(["export", "mine", "--to", str(loras), "--workspace", str(workspace)]) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["train", "--learning-rate", "fast"], 2, "learning_rate"),
        (["train", "--learnig-rate", "1"], 2, "Unknown setting: --learnig-rate. Did you mean --learning-rate?"),
        (["train", "--preset", "quik"], 2, "No preset is named quik. Did you mean quick?"),
        (["train", "--config", "none.toml"], 2, "There is no file none.toml."),
        (["train", "--preset", "quick", "--run", "x"], 2, "--run takes its settings from the run folder"),
        (["train", "now"], 2, "doesn't take now"),
        (["train", "--loss", "ipo", "--alpha", "0.1"], 2, "alpha belongs to loss 'dmpo', not to 'ipo'"),
        (["train", "--loser-weight", "0.5"], 2, "loser_weight belongs to safeguard 'constant', not to 'lora'"),
        (["download"], 2, "model is missing. Expected: Hub id of the model: `owner/name`"),
        (["vote", "--limit", "-1"], 2, "Argument --limit: expected at least 1 pair, got '-1'"),
        (["trian"], 2, "Unknown verb: trian. Did you mean train?"),
        (["vote", "one", "left"], 2, "Argument pair: invalid int value: 'one'"),
        (["train", "--safeguard", "lora", "--scope", "batch"], 2, "scope 'batch' belongs to safeguard 'output'"),
        (["train", "--model", "nowhere/at-all"], 1, "nowhere/at-all"),
        (["generate"], 2, "Give at least one prompt"),
        (["vote", "1"], 2, "A vote needs a choice"),
        (["vote", "999999", "left"], 1, "999999"),
        (["export", "nobody", "--to", "x"], 1, "nobody"),
        (["adapter", "info"], 2, "`adapter info` needs an adapter's name"),
        (["adapter", "info", "min"], 1, "No adapter is named min. Did you mean mine?"),
        (["runs", "stop"], 2, "`runs stop` needs a run's id"),
        (["runs", "show", "../../etc"], 1, "No run ../../etc. The latest are: "),
        (["runs", "halt", "x"], 2, "invalid choice: 'halt'"),
        (["vote", "--judge", "nobody"], 1, "No run nobody."),
        (["judge", "--verdict", "nobody"], 1, "No run nobody."),
        (["judge", "--verdict", "x", "--let-train", "x"], 2, "not allowed with argument --verdict"),
        (["judge", "--verdict", "x", "--comparisons", "4"], 2, "--verdict generates nothing, so it takes no settings"),
        (["judge", "--adapter", "min"], 1, "No adapter is named min. Did you mean mine?"),
        (["grid", "--adapter", "mine", "--checkpoints", "7"], 1, "mine has no checkpoint of step 7. Available: 3, 6."),
        (["generate", "--prompts", "a {lake|sea"], 2, "brace"),
        (["generate", "--prompts", "a lake", "--adapter", "min"], 1, "Did you mean mine?"),
        (["train", "--continue-from", "min"], 1, "Did you mean mine?"),
        (
            ["train", "--continue-from", "mine", "--rank", "4"],
            2,
            "rank is that of the adapter that continue_from names",
        ),
        (["import", "--inbox", "--layout", "kohya"], 2, "--inbox imports what the ComfyUI nodes sent as it is"),
        (["adapter", "convert", "mine", "--weights", "1"], 2, "--weights works with `adapter merge`"),
        (["adapter", "info", "mine", "--to", "x"], 2, "--to works with `adapter convert and merge`"),
        (["runs", "--limit", "-3"], 2, "--limit must be at least 1; got -3."),
    ],
)
def test_mistakes_are_reported_in_a_sentence(
    trained: RunFolder,
    workspace: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    sentence: str,
) -> None:
    verb, *rest = arguments
    before = list_runs(workspace / "runs")
    assert main([verb, "--workspace", str(workspace), *rest]) == code
    assert list_runs(workspace / "runs") == before, "nothing was done"
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
    assert "is a file" in said
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
    assert "is already done" in capsys.readouterr().err


def test_runs_are_listed_with_what_became_of_them(trained: RunFolder, workspace: Path) -> None:
    (row,) = (row for row in lines("runs", "--workspace", workspace) if row["run"] == trained.id)
    assert (row["state"], row["step"], row["total"], row["resumable"]) == ("done", 6, 6, False)
    assert row["adapter"] == "mine"
    facts = read_adapter_info(trained.adapter_path).sdpo
    assert facts is not None
    assert row["winner_error"] == facts["winner_error"]
    told = sdpo("runs", "--workspace", workspace)
    assert f"{trained.id}\tdone\t6/6\t{signed_percent(facts['winner_error'])}\t" in told
    shown = sdpo("runs", "show", trained.id, "--workspace", workspace)
    assert "  rank = 2" in shown
    assert "  step 6: " in shown


def test_a_finished_run_takes_no_requests_and_a_misspelt_one_suggests_the_nearest(
    trained: RunFolder, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "show", f"{trained.id[:-1]}x", "--workspace", str(workspace)]) == 1
    assert f"Did you mean {trained.id[:-1]}" in capsys.readouterr().err
    assert main(["runs", "stop", trained.id, "--workspace", str(workspace)]) == 1
    assert f"Run {trained.id} is done, so it can't respond" in capsys.readouterr().err
    assert not trained.signalled("stop")


def test_a_dead_run_and_a_damaged_folder_are_listed_too(tmp_path: Path) -> None:
    dead = RunFolder.create(tmp_path / "runs", "train", {})
    dead.write_status(Status(state="running", verb="train", pid=2**22 + 1, pid_started=1.0, step=3, total=9))
    odd = RunFolder.create(tmp_path / "runs", "train", {})
    write_json(odd.path / "process.json", {"pid": "none"})
    damaged = RunFolder.create(tmp_path / "runs", "train", {})
    (damaged.path / "status.json").write_text("{", encoding="utf-8")
    unborn, waiting = (RunFolder.create(tmp_path / "runs", "train", {}) for _ in range(2))
    write_json(unborn.path / "process.json", {"pid": 2**22 + 1, "pid_started": 1.0})
    write_json(waiting.path / "process.json", {"pid": os.getpid(), "pid_started": psutil.Process().create_time()})
    rows = {row["run"]: row for row in lines("runs", "--workspace", tmp_path)}
    assert [(rows[run.id]["state"], rows[run.id]["resumable"]) for run in (unborn, waiting)] == [
        ("failed", True),
        ("queued", False),
    ]
    assert (rows[dead.id]["state"], rows[dead.id]["resumable"]) == ("failed", True)
    assert rows[damaged.id]["state"] == rows[odd.id]["state"] == "unreadable"
    assert f"{dead.id}\tfailed (resumable)\t3/9" in sdpo("runs", "--workspace", tmp_path)
    assert not (tmp_path / "studio.db").exists(), "looking makes nothing"


def test_adapters_are_listed_described_and_proven(
    trained: RunFolder, workspace: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = (row for row in lines("adapter", "--workspace", workspace) if row["name"] == "mine")
    assert (row["run"], row["rank"], row["base"], row["problem"]) == (trained.id, 2, "tiny", None)
    info = result("adapter", "info", "mine", "--workspace", workspace)
    assert info["sha256"] == hashlib.sha256(trained.adapter_path.read_bytes()).hexdigest()
    assert (info["modules"], info["targets"]) == (32, {"attention": 32})
    assert info["sdpo"]["pairs"] == 5
    told = sdpo("adapter", "info", trained.adapter_path, "--workspace", workspace)
    assert "32 (32 attention)" in told
    assert f"{signed_percent(info['winner_error'])} over the reference" in told
    proof = result("adapter", "prove", "mine", "--base", tiny, "--workspace", workspace)
    assert (proof["modules"], proof["matched"], proof["base_matches"]) == (32, 32, True)
    assert main(["adapter", "prove", "mine", "--workspace", str(workspace)]) == 1
    assert "Name its base model with --base MODEL" in capsys.readouterr().err


def test_an_adapter_for_another_base_is_refused_with_how_much_of_it_fits(
    trained: RunFolder, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--workspace", str(workspace)]
    assert main(["adapter", "prove", "mine", "--base", "demo", "--json", *where]) == 1
    proof = json.loads(capsys.readouterr().out)
    assert proof["matched"] < proof["modules"] == 32
    assert main(["judge", "--adapter", "mine", "--model", "demo", "--comparisons", "1", *where]) == 1
    assert re.search(r"mine\.safetensors doesn't fit demo: \d+ of 32 modules fit\. Choose an", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("cut.safetensors", None, "is cut short: "),
        (
            "renamed.safetensors",
            b"PK\x03\x04" + bytes(100),
            "isn't a safetensors file but a renamed pickle",
        ),
        (
            "old.pt",
            b"\x80\x02}q\x00.",
            "is a pickle file, which can run any code when it is loaded, so the studio never opens one. Get it as "
            ".safetensors from where you downloaded it.",
        ),
        ("empty.safetensors", b"", "isn't a safetensors file: it is only 0 bytes long"),
    ],
)
def test_a_broken_or_dangerous_adapter_is_refused(
    trained: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, data: bytes | None, sentence: str
) -> None:
    (tmp_path / name).write_bytes(trained.adapter_path.read_bytes()[:-100] if data is None else data)
    for verb in (["adapter", "info"], ["adapter", "prove", "--base", "demo"], ["export", "--to", str(tmp_path / "x")]):
        assert main([*verb, str(tmp_path / name), "--workspace", str(tmp_path / "workspace")]) == 1
        assert f"{name} {sentence}" in capsys.readouterr().err


def test_doctor_finds_the_workspace_in_order(workspace: Path) -> None:
    out = sdpo("doctor", "--workspace", workspace)
    assert "votes" in out


def test_a_console_without_greek_and_a_reader_that_leaves_do_not_fail(workspace: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command("train", "--help"), capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    with subprocess.Popen(
        command("runs", "--workspace", workspace), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.close()
        _, said = child.communicate(timeout=60)
    assert (child.returncode, said) == (0, "")


def test_the_settings_in_force_are_in_the_run_folder(tiny: Path, tmp_path: Path) -> None:
    """No votes, so the run fails; what it would have run with is there all the same."""
    (tmp_path / "mine.toml").write_text("steps = 50\npreview_prompts = 1\n", encoding="utf-8")
    chosen = ["--preset", "quick", "--config", str(tmp_path / "mine.toml"), "--preview-prompts", "3"]
    assert main(["train", "--workspace", str(tmp_path), "--model", str(tiny), *chosen]) == 1
    (run,) = list_runs(tmp_path / "runs")
    config = TrainConfig.parse(run.config())
    assert (config.schedule.steps, config.health.preview_prompts, config.schedule.checkpoint_every_steps) == (50, 3, 20)


def test_a_failed_job_is_told_to_a_program_with_its_run(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--workspace", str(tmp_path), "--model", str(tiny), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    (run,) = list_runs(tmp_path / "runs")
    assert told == {"error": run.status().message, "kind": "DataError", "exit_code": 1, "run": str(run.path)}


def test_words_and_flags_may_have_any_order(trained: RunFolder, workspace: Path) -> None:
    for arguments in (["show", "--json", trained.id], ["--json", "show", trained.id], ["show", trained.id, "--json"]):
        told = json.loads(sdpo("runs", *arguments[:1], "--workspace", workspace, *arguments[1:]))
        assert told["run"] == trained.id


def test_the_workspace_may_stand_before_the_verb(
    trained: RunFolder, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--workspace", str(workspace), "runs"]) == 0
    assert trained.id in capsys.readouterr().out

"""The command line as a person uses it: real processes on a tiny real model, from the first image to the verdict."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sdpo_core.atomic import write_json
from sdpo_core.cli import JOBS, _device, _parser, main
from sdpo_core.commands.output import DONE, FAILED, STOPPED, WRONG_USAGE
from sdpo_core.config import TrainConfig
from sdpo_core.files.adapter_info import read_adapter_info
from sdpo_core.preferences.importers import IMAGES, LAYOUTS
from sdpo_core.preferences.store import Store
from sdpo_core.presets import preset_names, resolve
from sdpo_core.training.runs import RunFolder, Status, Verb, list_runs
from sdpo_core.wording import signed_percent
from tests.preferences.image_files import scene
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


def test_the_device_counts_wherever_it_is_set(tmp_path: Path) -> None:
    """Several processes have to join on it before any of them reads the settings."""
    file = tmp_path / "mine.toml"
    file.write_text('device = "cpu"', encoding="utf-8")
    run = RunFolder.create(tmp_path, "train", {"device": "mps"})
    for flags, device in ((["--config", str(file)], "cpu"), (["--run", str(run.path)], "mps"), ([], "auto")):
        assert _device(vars(_parser().parse_args(["train", *flags]))) == device


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
            left = store.pair(pair["pair"]).left
            adapter_is_left = bool(left.recipe and left.recipe.adapters)
            sdpo("vote", "--workspace", workspace, str(pair["pair"]), "left" if adapter_is_left else "right")
    told = sdpo("judge", "--workspace", workspace, "--verdict", run)
    assert "3 of 3" in told
    assert "  1 of 1  a boat" in told
    outcomes = result("judge", "--workspace", workspace, "--verdict", run)["outcomes"]
    assert [outcome["outcome"] for outcome in outcomes] == ["win"] * 3
    where = ("--workspace", workspace)
    assert "3 blind comparisons train from the next run on" in sdpo("judge", *where, "--let-train", run)
    assert result("judge", *where, "--no-longer-train", run) == {"run": run, "pairs": 3, "trains": False}


def test_judgements_that_are_not_done_do_not_train(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = RunFolder.create(workspace / "runs", "judge", {"comparisons": 2})
    assert main(["judge", "--workspace", str(workspace), "--let-train", run.id]) == 1
    assert "not judged to its end" in capsys.readouterr().err
    shutil.rmtree(run.path)


def test_a_grid_draws_strengths_and_checkpoints(trained: RunFolder, workspace: Path, tiny: Path) -> None:
    flags = ["--adapter", "mine", "--prompt", "the moon", "--strengths", "0", ".5", "--checkpoints", "3", "6"]
    end = result("grid", "--workspace", workspace, "--model", tiny, *QUICK, *flags)
    images = sorted(path.name for path in (Path(end["run"]) / "grid").iterdir())
    assert images == ["00-00.png", "00-01.png", "01-00.png", "01-01.png"]
    with Store(workspace) as store:
        fit = store.find_adapter("mine").fit
    assert fit
    assert fit.matched == fit.modules
    name, where = Path(end["run"]).name, ("--workspace", workspace)
    assert "mine-step-3 at strength 0.5 is what you recommend" in sdpo("grid", *where, "--pick", name, "0", "1")
    assert main(["grid", *map(str, where), "--pick", name, "0", "x"]) == 2
    with Store(workspace) as store:
        store.throw_adapter(store.find_adapter("mine-step-3").id)


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
        (["train", "--loss", "ipo", "--alpha", "0.1"], 2, "alpha belongs to loss 'dmpo', not to 'ipo'"),
        (["train", "--loser-weight", "0.5"], 2, "loser_weight belongs to safeguard 'constant', not to 'lora'"),
        (["download"], 2, "model is missing. Expected: Hub id of the model: `owner/name`"),
        (["vote", "--limit", "-1"], 2, "Argument --limit: expected a number of pairs from 1 on, not '-1'"),
        (["trian"], 2, "There is no verb trian. Did you mean train?"),
        (["vote", "one", "left"], 2, "Argument pair: invalid int value: 'one'"),
        (["train", "--safeguard", "lora", "--scope", "batch"], 2, "scope 'batch' belongs to safeguard 'output'"),
        (["train", "--model", "nowhere/at-all"], 1, "nowhere/at-all"),
        (["generate"], 2, "Give at least one prompt"),
        (["vote", "1"], 2, "A vote needs a choice"),
        (["vote", "999999", "left"], 1, "999999"),
        (["export", "nobody", "--to", "x"], 1, "nobody"),
        (["adapter", "info"], 2, "`adapter info` needs an adapter's name"),
        (["adapter", "info", "min"], 1, "No adapter is named min. Did you mean mine?"),
        (["runs", "stop"], 2, "`runs stop` needs the id of a run"),
        (["runs", "show", "../../etc"], 1, "There is no run ../../etc. The newest are: "),
        (["runs", "halt", "x"], 2, "invalid choice: 'halt'"),
        (["vote", "--judge", "nobody"], 1, "There is no run nobody."),
        (["judge", "--verdict", "nobody"], 1, "There is no run nobody."),
    ],
)
def test_mistakes_are_told_in_a_sentence(
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


def test_words_and_flags_may_stand_in_any_order(trained: RunFolder, workspace: Path) -> None:
    for arguments in (["show", "--json", trained.id], ["--json", "show", trained.id], ["show", trained.id, "--json"]):
        told = json.loads(sdpo("runs", *arguments[:1], "--workspace", workspace, *arguments[1:]))
        assert told["run"] == trained.id


def test_the_workspace_may_stand_before_the_verb(
    trained: RunFolder, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--workspace", str(workspace), "runs"]) == 0
    assert trained.id in capsys.readouterr().out


def test_a_finished_run_takes_no_requests_and_a_misspelt_one_is_told_the_nearest(
    trained: RunFolder, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "show", f"{trained.id[:-1]}x", "--workspace", str(workspace)]) == 1
    assert f"Did you mean {trained.id[:-1]}" in capsys.readouterr().err
    assert main(["runs", "stop", trained.id, "--workspace", str(workspace)]) == 1
    assert f"Run {trained.id} is done, so nobody would read this" in capsys.readouterr().err
    assert not trained.signalled("stop")


def test_a_running_run_saves_draws_and_stops_when_asked(workspace: Path, tiny: Path) -> None:
    """`runs save-now`, `sample-now` and `stop` against a real run; the process ends with the code for a stop."""
    flags = [*QUICK, "--checkpoint-every-steps", "4000", "--rank", "2", "--preview-prompts", "1", "--model", tiny]
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
        assert "saves what it has and stops" in sdpo("runs", "stop", run.id, "--workspace", workspace)
        assert child.wait(timeout=60) == 130
    (row,) = (row for row in lines("runs", "--workspace", workspace) if row["run"] == run.id)
    assert (row["state"], row["resumable"]) == ("stopped", True)


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
    assert f"{info['winner_error']:+.1%} over the reference" in told
    proof = result("adapter", "prove", "mine", "--base", tiny, "--workspace", workspace)
    assert (proof["modules"], proof["matched"], proof["base_matches"]) == (32, 32, True)
    assert main(["adapter", "prove", "mine", "--workspace", str(workspace)]) == 1
    assert "Name its base with --base MODEL" in capsys.readouterr().err


def test_an_adapter_for_another_base_is_refused_with_how_much_of_it_fits(
    trained: RunFolder, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--workspace", str(workspace)]
    assert main(["adapter", "prove", "mine", "--base", "demo", "--json", *where]) == 1
    proof = json.loads(capsys.readouterr().out)
    assert proof["matched"] < proof["modules"] == 32
    assert main(["judge", "--adapter", "mine", "--model", "demo", "--comparisons", "1", *where]) == 1
    assert re.search(r"mine\.safetensors does not fit demo: \d+ of 32 modules fit\. Choose an", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("cut.safetensors", None, "is cut short: "),
        (
            "renamed.safetensors",
            b"PK\x03\x04" + bytes(100),
            "is no safetensors file but a pickle with its name changed",
        ),
        (
            "old.pt",
            b"\x80\x02}q\x00.",
            "is a pickle file, which can run any code when it is loaded, so the studio never opens one. Get it as "
            ".safetensors from where it came.",
        ),
        ("empty.safetensors", b"", "is no safetensors file: it is only 0 bytes long"),
    ],
)
def test_a_broken_or_dangerous_adapter_is_refused(
    trained: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, data: bytes | None, sentence: str
) -> None:
    (tmp_path / name).write_bytes(trained.adapter_path.read_bytes()[:-100] if data is None else data)
    for verb in (["adapter", "info"], ["adapter", "prove", "--base", "demo"], ["export", "--to", str(tmp_path / "x")]):
        assert main([*verb, str(tmp_path / name), "--workspace", str(tmp_path / "workspace")]) == 1
        assert f"{name} {sentence}" in capsys.readouterr().err


def theirs(folder: Path, pairs: int) -> Path:
    """Pairs that somebody else chose, of mixed sizes, as OneTrainer keeps them."""
    for i in range(pairs):
        for side, size in (("chosen", (64, 96) if i % 2 else (96, 64)), ("rejected", (64, 80 + 8 * (i % 3)))):
            (folder / side).mkdir(parents=True, exist_ok=True)
            Image.effect_noise(size, 60 + i).convert("RGB").save(folder / side / f"{i}.png")
        (folder / "chosen" / f"{i}.txt").write_text("a lake", encoding="utf-8")
    return folder


def test_imported_pairs_of_mixed_sizes_train_when_asked_for(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--workspace", tmp_path / "workspace"]
    told = result("import", theirs(tmp_path / "theirs", 4), *where)
    assert (told["layout"], told["found"], told["votes_added"], told["troubles"]) == ("onetrainer", 4, 4, [])
    flags = ["--model", tiny, "--steps", "2", "--rank", "2", "--preview-prompts", "0", *where]
    assert main([str(word) for word in ("train", *flags)]) == 1
    assert (
        "No pairs can train; kept aside: 4 made by another or an unknown base model. With --pairs-from all those train "
        "too."
    ) in capsys.readouterr().err
    trained = command("train", *flags, "--pairs-from", "all")
    done = subprocess.run(trained, capture_output=True, text=True, timeout=300, check=True)
    # Means of 1.10:1, 1:1.44, 1:1 and 1:1.37 at 32² px: 33 x 31, 27 x 38, 32 x 32 and 27 x 37, in steps of 8 px.
    assert "Encoding 4 pairs: 2 at 32 × 32 px, 2 at 24 × 40 px…" in done.stderr
    run = RunFolder.open(Path(done.stdout.splitlines()[-1]))
    assert (run.status().state, run.status().step) == ("done", 2)
    assert len(json.loads((run.path / "data.json").read_text(encoding="utf-8"))["train"]) == 4
    assert "4 pairs were written" in sdpo("export", "--pairs", tmp_path / "out", *where)
    again = sdpo("import", tmp_path / "out", *where)
    assert "Layout jsonl: " in again
    assert "0 of 4 pairs were added with their votes; 4 had been voted on here before" in again


def test_images_of_other_tools_come_in_and_wait_for_votes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out" / "2026-01-01"
    folder.mkdir(parents=True)
    for i in range(3):
        info = PngInfo()
        info.add_text("parameters", f"a lake\nSteps: 20, Sampler: Euler a, Seed: {i}, Size: 64x64")
        scene(i, (64, 64)).save(folder / f"{i}.png", pnginfo=info)
    scene(9).save(folder / "plain.png")
    where = ["--workspace", str(tmp_path / "workspace")]
    assert main(["import", str(tmp_path / "out"), *where]) == 0
    out = capsys.readouterr().out
    assert "3 of 4 images were taken in (A1111/Forge 3); 2 new pairs of 1 prompt can be voted on." in out
    assert "Left out: 1 without a prompt." in out
    assert "  2026-01-01/plain.png: nothing in it tells its prompt" in out
    assert main(["import", str(tmp_path / "out"), "--json", "--prompt", "a lake", *where]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["layout"], told["images_added"], told["images_known"], told["pairs_added"]) == ("images", 1, 3, 1)
    assert main(["vote", *where]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 3
    (tmp_path / "none").mkdir()
    scene(9).save(tmp_path / "none" / "plain.png")
    assert main(["import", str(tmp_path / "none"), *where]) == 1
    assert "Nothing could be used" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["import", "nowhere"], 1, "nowhere is not a folder"),
        (["import", "."], 1, "none of the layouts that are known"),
        (["import", ".", "--layout", "koya"], 2, "No layout is named koya. Did you mean kohya?"),
        (["import", ".", "--layout", "jsonl"], 1, "has no metadata.jsonl"),
        (["import", ".", "--layout", "onetrainer"], 1, "has no folder chosen"),
        (["export", "mine"], 2, "Say which adapter and where to"),
        (["export", "mine", "--pairs", "x"], 2, "Export either an adapter"),
        (["export", "--pairs", "."], 1, "is there already and not empty"),
    ],
)
def test_mistakes_in_exchanging_pairs_are_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    sentence: str,
) -> None:
    (tmp_path / "note.md").touch()
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "--workspace", str(tmp_path / "workspace")]) == code
    assert sentence in capsys.readouterr().err


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
    assert re.search(r"sdxl +rank 16, .*learning_rate 5e-05", out)
    assert "130  stopped before its end" in out


def test_the_page_about_the_command_line_names_every_verb_and_exit_code(repository: Path) -> None:
    page = (repository / "docs" / "cli.md").read_text(encoding="utf-8")
    listed = re.findall(r"^    ([a-z]+)  ", sdpo("--help"), re.MULTILINE)
    assert {
        "download",
        "generate",
        "models",
        "import",
        "measure",
        "vote",
        "train",
        "judge",
        "grid",
        "export",
        "adapter",
        "runs",
        "doctor",
    } == set(listed)
    for verb in listed:
        assert re.search(rf"^    {verb}\b|`{verb}\b", page, re.MULTILINE), verb
    for code in (DONE, FAILED, WRONG_USAGE, STOPPED):
        assert f"| {code} | " in page
    for name in (*LAYOUTS, IMAGES):
        assert f"| `{name}` | " in page


def test_a_console_without_greek_and_a_reader_that_leaves_are_no_failures(workspace: Path) -> None:
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


def test_ctrl_c_in_the_middle_of_an_import_is_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sdpo_core.commands.imports.import_pairs", interrupted)
    arguments = ["import", str(theirs(tmp_path / "theirs", 1)), "--workspace", str(tmp_path / "workspace")]
    assert main(arguments) == 130
    assert "Stopped. What was finished is saved." in capsys.readouterr().err


@pytest.mark.parametrize("job", [job for job in JOBS if job not in ("download", "import")])  # these take a name
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
    return _wait_for(runs.parent, pid, lambda run: bool(run.checkpoints()))


def _wait_for(workspace: Path, pid: int, happened: Callable[[RunFolder], bool]) -> RunFolder:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for run in list_runs(workspace / "runs", "train"):
            if run.status().pid == pid and happened(run):
                return run
        time.sleep(0.02)
    raise AssertionError(f"process {pid} did not get there within two minutes")


def test_pairs_go_out_in_a_layout_by_name_and_a_layout_without_pairs_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--workspace", str(tmp_path / "workspace")]
    assert main(["import", str(theirs(tmp_path / "theirs", 1)), *place]) == 0
    assert main(["export", "--pairs", str(tmp_path / "out"), "--layout", "kohya", *place]) == 0
    assert (tmp_path / "out/1_pairs/w/000001.png").is_file()
    capsys.readouterr()
    assert main(["export", "latest", "--to", str(tmp_path), "--layout", "kohya", *place]) == 2
    assert "--layout says how pairs are written" in capsys.readouterr().err

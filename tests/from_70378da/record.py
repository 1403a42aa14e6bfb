"""Record what commit 70378da leaves in people's folders. Run by hand, once; the result is recorded.tar.xz.

    git worktree add --detach ../at-70378da 70378da
    cd ../at-70378da && ln -s ../<this checkout>/.venv .venv
    export OMP_NUM_THREADS=1 PYTHONPATH="$PWD:$PWD/../<this checkout>"
    .venv/bin/python ../<this checkout>/tests/from_70378da/record.py

It runs in a checkout of that commit, with that commit's code; only this file and model.py come from here (`tests` is a
namespace, which has parts in both). Everything is made through what a person uses: the command line, the studio's
actions, the node pack's sender. A run is stopped and one killed in a chosen step; nothing else is arranged. The model
is named by a relative path, so that no path of the machine gets into the files: tests do the same from a folder of
their own. docs/formats.md says what the files are.
"""

import base64
import contextlib
import io
import itertools
import json
import multiprocessing
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

import sdpo_core
from app.comfy_draw import DEFAULT_URL
from app.jobs import Jobs
from app.project_actions import ProjectActions
from app.studio import Studio
from comfy_nodes.graph import Found
from comfy_nodes.inbox import send
from sdpo_core.cli import main
from sdpo_core.files.model_info import inspect_model
from sdpo_core.preferences.pairs import training_pairs
from sdpo_core.preferences.store import Store
from sdpo_core.presets import settings_text
from sdpo_core.training.runs import RunFolder, list_runs
from tests.app.helpers import FAKE_JOB, add_pair, end_processes
from tests.from_70378da.model import DESCRIPTION, build_recorded_model, describe, tensors_sha256
from tests.tiny_model import build_tiny_pipeline

HERE = Path(__file__).resolve().parent
COMMIT = "70378da"
WORKSPACE = Path("workspace")
PROMPTS = ("a lake", "hills", "the sea")
TRAIN = (
    *("--learning-rate", "2e-3", "--steps", "6", "--checkpoint-every-steps", "3"),
    *("--pairs-per-step", "4", "--pairs-per-micro-step", "4", "--preview-prompts", "1", "--sampling-steps", "2"),
    *("--bank-draws-per-pair", "2", "--warmup-steps", "2"),
)
SHAPE = ("--rank", "1", "--lora-alpha", "1")
STOP_AFTER, KILL_AFTER = 3, 2

WORKFLOW: dict[str, Any] = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "model.safetensors"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lake", "clip": ["1", 1]}},
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "fog", "clip": ["1", 1]}},
    "4": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
    "5": {
        "class_type": "KSampler",
        "inputs": {
            "model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0], "latent_image": ["4", 0], "seed": 1,
            "steps": 2, "cfg": 3.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
        },
    },
    "6": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0], "vae": ["1", 2]}},
    "7": {"class_type": "SaveImage", "inputs": {"images": ["6", 0], "filename_prefix": "x"}},
}  # fmt: skip


def record() -> None:
    """Make everything in a folder of its own, and pack it."""
    _require_commit()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        os.environ["SDPO_CACHE"] = str(Path(folder) / "cache")
        description = describe(build_tiny_pipeline(Path("described")))
        DESCRIPTION.write_text(json.dumps(description, separators=(",", ":")) + "\n", encoding="utf-8")
        shutil.rmtree("described")
        build_recorded_model(Path("model"))
        expected = {"base_sha256": inspect_model("model").sha256, **_fill()}
        for left in ("cache", "model", "again"):
            shutil.rmtree(left)
        Path("expected.json").write_text(json.dumps(expected, indent=2) + "\n", encoding="utf-8")
        _pack(HERE / "recorded.tar.xz")


def _fill() -> dict[str, Any]:
    _draw_and_vote()
    sdpo("train", "--model", "model", "--adapter-name", "first", *SHAPE, *TRAIN)
    first = newest("train")
    with after_step(STOP_AFTER, lambda run: run.signal("stop")):
        sdpo("train", "--model", "model", "--adapter-name", "half", *SHAPE, *TRAIN, code=130)
    half = newest("train")
    killed = _kill_one()
    judged = _judge()
    sdpo("grid", "--model", "model", "--adapter", "first", "--prompt", "the moon", "--strengths", "0", "1",
         "--checkpoints", "3", "6", "--sampling-steps", "2")  # fmt: skip
    grid = newest("grid")
    sdpo("grid", "--pick", grid.id, "1", "1")
    second = _second_round()
    runs = {"first": first, "half": half, "killed": killed, "judged": judged, "grid": grid, "second": second}
    _wait_and_remember()
    _export()
    with Store(WORKSPACE) as store:  # its last connection brings the write-ahead log into the database
        told = {
            "runs": {name: run.id for name, run in runs.items()},
            "counts": vars(store.counts()),
            "consistency": store.consistency().model_dump(),
            "keys": sorted(candidate.key for candidate in store.candidates(1000) if candidate.recipe),
            "pairs": training_pairs(store, inspect_model("model").sha256).sentence(),
            "standing": [[v.pair.id, v.vote.choice, v.vote.strength] for v in store.voted_pairs(purpose="train")],
            "adapters": {adapter.name: adapter.sha256 for adapter in store.adapters()},
            "verdict": verdict(judged),
        }
    start = half.checkpoint_path(STOP_AFTER) / "state.safetensors"
    return {**told, "half_state_tensors_sha256": tensors_sha256(start), "resumed": _resumed(half, killed)}


def _draw_and_vote() -> None:
    """Generated pairs, plain ones, and some from ComfyUI; votes of every kind, through the boards of the pages."""
    sdpo("generate", "--model", "model", "--seed", "5", "--sampling-steps", "2", "--prompts", *PROMPTS)
    base = inspect_model("model").sha256
    with Store(WORKSPACE) as store:
        for number in range(44):
            add_pair(store, number, f"a hill {number // 4}", base)
    (WORKSPACE / "inbox").mkdir()
    send(WORKSPACE, _pictures(1, 2, 3), Found(prompt="from ComfyUI", negative="fog", seed=7, model="dream"), chosen=1)
    sdpo("import", "--inbox")
    send(WORKSPACE, _pictures(4, 5), Found(prompt="still in the inbox", negative="", seed=8, model="dream"))
    with studio() as opened:
        opened.choose_model("model")
        for _ in range(2):
            shown = opened.rankings.sets({"size": 4})["sets"][0]
            best, worst = shown["candidates"][0], shown["candidates"][-1]
            told = {name: shown[name] for name in ("candidates", "images")}
            assert opened.rankings.rank({"uuid": uid(), **told, "best": best, "worst": worst, "ms": 900})["ok"]
        shown = _answer_all(opened.votes)
        vote(opened.votes, shown[10], "right", 2)  # another answer to the same pair
        ended = vote(opened.votes, shown[11], "left", 1)
        assert opened.votes.undo({"uuid": uid(), "vote": ended})["ok"]


def _answer_all(board: Any) -> list[dict[str, Any]]:
    """Vote on every pair that the studio shows, those that it shows a second time too; returns the others."""
    kinds = itertools.chain(("tie", "both-bad", "skip"), itertools.cycle(("left", "right", "right", "left", "left")))
    fresh, again = list[dict[str, Any]](), 0
    while True:
        deck = board.deck({"n": 12})["pairs"]
        if all("repeat_of" in pair for pair in deck):
            break
        for pair in deck:
            if "repeat_of" in pair:
                again += 1
                vote(board, pair, "left", 1)
            else:
                fresh.append(pair)
                vote(board, pair, next(kinds), 1 + len(fresh) % 2)
    assert again >= 2
    return fresh


def _kill_one() -> RunFolder:
    """A run whose process is gone before its first checkpoint."""
    process = multiprocessing.get_context("fork").Process(target=_train_and_die)
    process.start()
    process.join()
    assert process.exitcode == 9, process.exitcode
    run = newest("train")
    assert not run.checkpoints()
    return run


def _train_and_die() -> None:
    with after_step(KILL_AFTER, lambda _: os._exit(9)):
        sdpo("train", "--model", "model", "--adapter-name", "half", *SHAPE, *TRAIN)


def _judge() -> RunFolder:
    """A blind test, judged to its end, whose votes may train."""
    where = ("--adapter", "first", "--comparisons", "3", "--sampling-steps", "2", "--seed", "70")
    sdpo("judge", "--model", "model", *where, "--prompts", "a boat", "a house", "the moon")
    run = newest("judge")
    with studio() as opened:
        for pair, choice in zip(
            opened.judge_votes.deck({"run": run.id})["pairs"], ("left", "right", "tie"), strict=True
        ):
            vote(opened.judge_votes, pair, choice, 1, run=run.id)
    return run


def verdict(run: RunFolder) -> dict[str, Any]:
    """What the command line says of a blind test."""
    return json.loads(sdpo("judge", "--verdict", run.id, "--json"))


def _second_round() -> RunFolder:
    """An adapter that continues another, on pairs generated with it; stopped halfway, so its run can be resumed."""
    sdpo(
        "generate",
        "--model",
        "model",
        "--adapter",
        "first",
        "--seed",
        "50",
        "--sampling-steps",
        "2",
        "--prompts",
        *PROMPTS[:2],
    )
    with studio() as opened:
        for pair in opened.votes.deck({"n": 12, "again": False})["pairs"]:
            vote(opened.votes, pair, "left", 1)
    with after_step(STOP_AFTER, lambda run: run.signal("stop")):
        sdpo("train", "--model", "model", "--continue-from", "first", "--adapter-name", "second", *TRAIN, code=130)
    return newest("train")


def _wait_and_remember() -> None:
    """A run that waits for its turn, what the pages remember, another project, and settings as TOML."""
    with studio() as opened:
        running = opened.jobs.start("train", opened._train_config({}, opened.model()))
        form = {"steps": 6, "rank": 1, "lora_alpha": 1, "learning_rate": 2e-3, "adapter_name": "waited"}
        assert opened.train_or_wait(form) is None
        end_processes(WORKSPACE)
        opened.jobs._children[running.id].wait(5)
        shutil.rmtree(running.path)
        content = base64.b64encode(json.dumps(WORKFLOW).encode()).decode()
        assert opened.comfy.take({"name": "plain.json", "content": content})["ok"]
        assert opened.comfy.choose({"on": True, "url": DEFAULT_URL, "prompt_slot": "2.text"})["ok"]
        Path("settings").mkdir()
        written = settings_text(opened.train_settings({}))
        Path("settings/written-out.toml").write_text(written, encoding="utf-8")
        Path("settings/by-hand.toml").write_text('description = "short"\nsteps = 90\nmu = 0.3\n', encoding="utf-8")
        assert ProjectActions(opened).act({"action": "make", "name": "Another taste"})["ok"]


def _export() -> None:
    """A project as a zip, pairs in two layouts, and an adapter."""
    Path("exports").mkdir()
    with studio() as opened:
        told = ProjectActions(opened).act({"action": "export", "id": opened.projects.current.id})
        assert told["ok"], told
    (zipped,) = (WORKSPACE / "exports").iterdir()
    zipped.replace("exports/project.zip")
    sdpo("export", "--pairs", "exports/pairs")
    sdpo("export", "--pairs", "exports/onetrainer", "--layout", "onetrainer")
    sdpo("export", "first", "--to", "exports/first.safetensors", "--base", "model")


def _resumed(half: RunFolder, killed: RunFolder) -> dict[str, Any]:
    """Where 70378da itself gets to when it resumes the stopped and the killed run: to the same numbers."""
    shutil.copytree(WORKSPACE, "again/workspace")
    ends: list[dict[str, Any]] = []
    for run in (half, killed):
        there = RunFolder.open(Path("again/workspace/runs") / run.id)
        sdpo("train", "--workspace", "again/workspace", "--run", str(there.path))
        state = there.checkpoints()[-1] / "state.safetensors"
        rows, _ = there.read_metrics()
        ends.append(
            {
                "adapter_tensors_sha256": tensors_sha256(there.adapter_path),
                "state_tensors_sha256": tensors_sha256(state),
                "rows": [{k: v for k, v in row.items() if k not in ("seconds", "rss_mib")} for row in rows],
            }
        )
        Path("resumed").mkdir(exist_ok=True)
        shutil.copy(state, "resumed/state.safetensors")
    assert ends[0] == ends[1], "a run that was stopped ends as one that was not"
    return ends[0]


# ----------------------------------------------------------------------------------------------------------- helpers


def sdpo(*arguments: str, code: int = 0) -> str:
    """The command line, on the workspace unless another is named; returns what it printed."""
    verb, *rest = arguments
    where = [] if "--workspace" in rest else ["--workspace", str(WORKSPACE)]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        got = main([verb, *where, *rest])
    assert got == code, (arguments, got, said.getvalue())
    return said.getvalue()


def newest(verb: Any) -> RunFolder:
    """The newest run of a verb."""
    return max(list_runs(WORKSPACE / "runs", verb), key=lambda run: (run.path / "config.json").stat().st_mtime_ns)


@contextlib.contextmanager
def after_step(step: int, act: Callable[[RunFolder], object]) -> Iterator[None]:
    """Do something to the run as soon as its row of a step is written."""
    original = RunFolder.append_metrics

    def append(self: RunFolder, row: dict[str, Any]) -> None:
        original(self, row)
        if (row["kind"], row["step"]) == ("step", step):
            act(self)

    RunFolder.append_metrics = append
    try:
        yield
    finally:
        RunFolder.append_metrics = original


@contextlib.contextmanager
def studio() -> Iterator[Studio]:
    """The studio without its page; jobs that it starts only play."""
    opened = Studio(WORKSPACE, Jobs(WORKSPACE, FAKE_JOB))
    try:
        yield opened
    finally:
        opened.close()


def vote(board: Any, pair: dict[str, Any], choice: str, strength: int, *, run: str = "") -> str:
    """Answer a pair as a board shows it; returns the vote's id."""
    told = {name: pair[name] for name in ("swapped", "repeat_of") if pair.get(name)}
    message = {"uuid": uid(), "pair": pair["id"], "images": pair["images"], "choice": choice}
    if run:
        message["run"] = run
    reply = board.vote({**message, "ms": 700, "strength": strength if choice in ("left", "right") else 1, **told})
    assert reply["ok"], reply
    return str(message["uuid"])


_ids = iter(range(10**6))


def uid() -> str:
    """An id as a browser gives, but the same at every recording."""
    return str(uuid.UUID(int=next(_ids)))


def _pictures(*numbers: int) -> Sequence[bytes]:
    found: list[bytes] = []
    for number in numbers:
        data = io.BytesIO()
        Image.new("RGB", (64, 64), (20 * number, 90, 40 * number % 256)).save(data, "PNG")
        found.append(data.getvalue())
    return found


def _require_commit() -> None:
    code = Path(sdpo_core.__file__).parents[1]
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=code, capture_output=True, text=True, check=True).stdout
    if not head.startswith(COMMIT):
        raise SystemExit(f"Run this in a checkout of {COMMIT}, not of {head[:7]}: it records what that code writes.")


def _pack(target: Path) -> None:
    """Everything in one archive, in one order and without times or owners. Locks and the daily copy stay out.

    Not a zip: half of it is there twice or thrice, as exports and frozen votes are, and xz notices.
    """
    left_out = {"backups", "studio.lock", "running.lock", "log.txt", "studio.db-wal", "studio.db-shm"}
    files = [path for path in sorted(Path().rglob("*")) if path.is_file() and not left_out & {*path.parts}]
    private = [platform.node(), str(Path.home()), str(Path.cwd()), str(Path(sdpo_core.__file__).parents[1])]
    with tarfile.open(target, "w:xz", preset=9) as packed:
        for path in files:
            data = path.read_bytes()
            told = [name for name in private if name.encode() in data]
            if told:
                raise SystemExit(f"{path} tells {told[0]}, which is of this machine.")
            info = tarfile.TarInfo(path.as_posix())
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    print(f"{target.name}: {len(files)} files, {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    record()

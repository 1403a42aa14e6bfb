"""Drawing through a ComfyUI: a small one on a real port, with everything that can go wrong there."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.cli.main import main
from sdpo_core.comfyui.client import Client
from sdpo_core.comfyui.job import run_comfy
from sdpo_core.comfyui.queue import Heard, Queue
from sdpo_core.errors import ComfyUIError, ConfigError
from sdpo_core.runs.folder import RunFolder, Status
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.workspace.pairs import training_pairs
from sdpo_core.workspace.store import Store
from tests.comfyui.server import ComfyServer, running
from tests.exchange.comfy_graphs import Graph, simple
from tests.tiny_model import build_tiny_pipeline


@pytest.fixture
def comfy() -> Iterator[ComfyServer]:
    with running() as server:
        yield server


def small(**latent: Any) -> Graph:
    """The default workflow at the size of a stamp."""
    graph = simple()
    graph["5"]["inputs"].update(width=64, height=64, **latent)
    graph["3"]["inputs"]["steps"] = 4
    return graph


@dataclass
class Drawing:
    """A job of ours in a thread of its own."""

    workspace: Path
    config: GenerateConfig
    run: RunFolder
    said: list[Status] = field(default_factory=list[Status])
    error: Exception | None = None
    thread: threading.Thread | None = None

    def start(self) -> "Drawing":
        self.thread = threading.Thread(target=self._work)
        self.thread.start()
        return self

    def _work(self) -> None:
        try:
            run_comfy(self.config, self.run, self.workspace, Reporter(self.run, "generate", 0, self.said.append))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def end(self, seconds: float = 30) -> "Drawing":
        assert self.thread
        self.thread.join(seconds)
        assert not self.thread.is_alive(), self.said[-3:]
        return self

    def words(self) -> str:
        assert isinstance(self.error, ComfyUIError), (self.error, self.said[-1:])
        return str(self.error)

    def says(self, words: str, seconds: float = 20) -> None:
        until(lambda: any(words in status.message for status in self.said), seconds)

    def pairs(self) -> int:
        with Store(self.workspace) as store:
            return len(store.pairs.open(purpose="train", limit=100))


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def drawing(comfy: ComfyServer, tmp_path: Path) -> Callable[..., Drawing]:
    def make(graph: Graph | None = None, **settings: Any) -> Drawing:
        file = tmp_path / "mine.json"
        file.write_text(json.dumps(graph or small()))
        asked = {"prompts": ("a lake", "a hill"), "seed": 7, "comfy": comfy.url, "workflow": str(file), **settings}
        config = GenerateConfig.parse(asked)
        run = RunFolder.create(tmp_path / "w" / "runs", "generate", config.model_dump(mode="json"))
        return Drawing(tmp_path / "w", config, run)

    return make


# ------------------------------------------------------------------------------------------------------------- drawing


@pytest.mark.parametrize("sockets_open", [True, False])
def test_images_come_with_their_recipes_and_wait_as_pairs(
    comfy: ComfyServer, drawing: Callable[..., Drawing], sockets_open: bool
) -> None:
    comfy.sockets_open = sockets_open
    job = drawing().start().end()
    assert job.error is None
    assert comfy.texts() == ["a lake", "a lake", "a hill", "a hill"]
    assert [graph["3"]["inputs"]["seed"] for graph in comfy.queued] == [7, 8, 9, 10]
    with Store(job.workspace) as store:
        first, second = store.pairs.open(purpose="train")
    recipe = first.left.recipe
    assert recipe
    assert recipe.workflow
    assert {first.left.prompt, second.left.prompt} == {"a lake", "a hill"}
    assert (recipe.negative, recipe.steps, recipe.guidance, recipe.sampler) == ("watermark", 4, 8.0, "euler")
    assert (recipe.workflow.model, recipe.width_px, recipe.base_sha256) == ("v1-5-pruned-emaonly", 64, "")
    assert job.run.status().state == "done"
    assert "train with pairs_from = all (" in job.run.status().message
    assert (job.run.status().step, job.run.status().total) == (16, 16)


def test_progress_is_heard_over_the_websocket(comfy: ComfyServer) -> None:
    queue = Queue(Client(comfy.url))
    assert queue.listen("nobody", 0.05) is None
    job = queue.put(small(), "9", "11111111-1111-4111-8111-111111111111")
    heard = list[Heard]()
    while not heard or not heard[-1].ended:
        news = queue.listen(job, 5)
        assert news
        heard.append(news)
    assert [one.done for one in heard if not one.ended] == [1, 2, 3, 4]
    until(lambda: queue.ended(job))
    comfy.stop()
    until(lambda: queue.listen(job, 0.1) is None)
    queue.close()


def test_a_batch_is_used_and_what_is_too_much_is_counted(comfy: ComfyServer, drawing: Callable[..., Drawing]) -> None:
    job = drawing(small(batch_size=3), prompts=("a lake",), candidates_per_prompt=2).start().end()
    assert (job.error, len(comfy.queued), job.pairs()) == (None, 1, 1)
    assert "Batches gave 1 image more than asked for" in job.run.status().message
    other = drawing(small(batch_size=3), prompts=("a lake",), candidates_per_prompt=5, seed=100).start().end()
    assert (other.error, len(comfy.queued), other.pairs()) == (None, 3, 1 + 4)


def test_images_of_the_chosen_model_train(comfy: ComfyServer, drawing: Callable[..., Drawing], tmp_path: Path) -> None:
    model = build_tiny_pipeline(tmp_path / "dream")
    graph = small()
    graph["4"]["inputs"]["ckpt_name"] = "good\\Dream.safetensors"
    job = drawing(graph, model=str(model)).start().end()
    assert job.error is None
    assert "count for dream" in job.run.status().message
    with Store(job.workspace) as store:
        for number, pair in enumerate(store.pairs.open(purpose="train")):
            store.votes.cast(f"vote-{number}", pair.id, "left")
        found = training_pairs(store, inspect_model(str(model)).sha256)
        assert (len(found.usable), found.other_base) == (2, 0)
    graph["11"] = {
        "class_type": "LoraLoader",
        "inputs": {"model": ["4", 0], "clip": ["4", 1], "lora_name": "style.safetensors", "strength_model": 0.5},
    }
    graph["3"]["inputs"]["model"] = ["11", 0]
    job = drawing(graph, model=str(model), prompts=("a sea",)).start().end()
    with Store(job.workspace) as store:
        (pair,) = store.pairs.open(purpose="train")
        store.votes.cast("vote-with", pair.id, "left")
        found = training_pairs(store, inspect_model(str(model)).sha256)
        assert (len(found.usable), found.with_adapter) == (2, 1)


def test_settings_reach_the_workflow(comfy: ComfyServer, drawing: Callable[..., Drawing]) -> None:
    job = drawing(prompts=("a {red|blue} lake",), negative="fog", size_px=128).start().end()
    assert job.error is None
    (first, second) = comfy.queued
    assert first["6"]["inputs"]["text"] == second["6"]["inputs"]["text"] in ("a red lake", "a blue lake")
    assert (first["7"]["inputs"]["text"], first["5"]["inputs"]["width"], first["5"]["inputs"]["height"]) == (
        *("fog", 128),
        128,
    )


def test_pairs_are_kept_ahead_of_the_votes(comfy: ComfyServer, drawing: Callable[..., Drawing]) -> None:
    job = drawing(keep_ahead=2, keep_warm_s=600.0).start()
    job.says("2 pairs ready")
    with Store(job.workspace) as store:
        store.votes.cast("vote-one", store.pairs.open(purpose="train")[0].id, "left")
    until(lambda: len(comfy.queued) == 6)
    job.run.signal("stop")
    job.end()
    assert job.run.status().state == "stopped"


# ----------------------------------------------------------------------------------------------------- what goes wrong


def test_nobody_there_is_said_after_a_few_tries(comfy: ComfyServer, drawing: Callable[..., Drawing]) -> None:
    comfy.stop()
    job = drawing(comfy_wait_s=0.5).start().end()
    assert "No ComfyUI is answering at" in job.words()
    assert "0 pairs kept" in job.words()
    assert any("Trying again for" in status.message for status in job.said)


def test_a_comfyui_that_is_restarted_in_the_middle_costs_nothing(
    comfy: ComfyServer, drawing: Callable[..., Drawing]
) -> None:
    comfy.go.clear()
    job = drawing().start()
    until(lambda: comfy.now)
    comfy.stop()
    job.says("Trying again for")
    comfy.go.set()
    comfy.start()
    assert job.end(60).error is None
    assert job.pairs() == 2


def test_one_that_stays_away_leaves_finished_images_and_the_run_continues_with_the_rest(
    comfy: ComfyServer, drawing: Callable[..., Drawing], capsys: pytest.CaptureFixture[str]
) -> None:
    job = drawing(seed=None, comfy_wait_s=0.5, prompts=("a lake", "a hill", "a sea"))
    comfy.steps = 1
    job.start()
    until(lambda: len(comfy.queued) >= 3)
    comfy.stop()
    # How far it got before it stopped is the machine's affair.
    assert re.search("(1 pair|2 pairs) kept; run it again to continue with what's missing", job.end().words())
    drawn = {graph["3"]["inputs"]["seed"] for graph in comfy.queued[:2]}
    comfy.queued.clear()
    comfy.start()
    job.run.write_status(job.run.status().model_copy(update={"state": "failed"}))
    words = ["generate", "--run", str(job.run.path), "--workspace", str(job.workspace)]
    assert main(words) == 0
    assert "Made 3 pairs" in capsys.readouterr().out
    assert job.pairs() == 3
    assert len(comfy.queued) in (2, 3, 4)  # the third image, or the fourth, may have come before the end
    assert not drawn & {graph["3"]["inputs"]["seed"] for graph in comfy.queued}


def test_the_same_again_asks_for_nothing(comfy: ComfyServer, drawing: Callable[..., Drawing]) -> None:
    drawing().start().end()
    job = drawing().start().end()
    assert (job.error, len(comfy.queued)) == (None, 4)
    assert job.run.status().message.startswith("Made 2 pairs")


def test_an_answer_that_breaks_off_is_asked_for_again(comfy: ComfyServer, drawing: Callable[..., Drawing]) -> None:
    comfy.cut = 2
    job = drawing(prompts=("a lake",)).start().end()
    assert (job.error, len(comfy.queued), job.pairs()) == (None, 2, 1)


def test_other_peoples_jobs_come_first_and_are_left_alone(comfy: ComfyServer, drawing: Callable[..., Drawing]) -> None:
    foreign = comfy.occupy(3)
    job = drawing().start()
    job.says("ComfyUI is busy: 3 jobs are before ours")
    job.run.signal("stop")
    job.end()
    assert job.run.status().state == "stopped"
    assert (comfy.interrupts, len(comfy.deleted)) == ([], 1)
    assert [entry[1] for entry in [*comfy.queue()["queue_running"], *comfy.queue()["queue_pending"]]] == foreign


@pytest.mark.parametrize("own_ids", [False, True])
def test_a_stop_interrupts_our_own_job(comfy: ComfyServer, drawing: Callable[..., Drawing], own_ids: bool) -> None:
    comfy.own_ids = own_ids
    comfy.go.clear()
    job = drawing().start()
    until(lambda: comfy.now)
    job.run.signal("stop")
    job.end()
    assert job.run.status().state == "stopped"
    assert len(comfy.interrupts) == 1
    until(lambda: comfy.now is None)


def test_a_job_that_is_forgotten_is_queued_again_and_not_for_ever(
    comfy: ComfyServer, drawing: Callable[..., Drawing]
) -> None:
    comfy.forget = 1
    job = drawing(prompts=("a lake",)).start().end()
    assert (job.error, len(comfy.queued), job.pairs()) == (None, 3, 1)
    comfy.cleared = 1
    job = drawing(seed=30, prompts=("a lake",)).start().end()
    assert (job.error, len(comfy.queued)) == (None, 6)
    comfy.forget = 10
    assert "forgot the job 3 times" in drawing(seed=50).start().end().words()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"nodes": {"KSampler"}}, "lacks nodes of this workflow: CLIPTextEncode, CheckpointLoaderSimple, Empty"),
        ({"bad_value": "sampler_name: 'x' not in ['euler']"}, "node 3 (KSampler): Value not in list sampler_name: 'x'"),
        ({"half_bad": True}, "refuses: node 9 (SaveImage): Required input is missing images"),
        ({"fails": "CUDA out of\nmemory"}, "without an image: node 3 (KSampler): CUDA out of memory"),
        ({"no_images": True}, "node 9 gave no image"),
        ({"damaged": 9}, "ComfyUI made ComfyUI_00000_.png, which can't be used: The image can't be decoded"),
        ({"fails": "o\x1b[2Jut " * 10**5}, "KSampler): o[2Jut o[2Jut"),
        ({"same_image": True}, "Two seeds gave the same image, so 3.seed isn't"),
        ({"answers": 500}, "refuses: 500"),
        ({"answers": 302}, "redirects to another address"),
        ({"answers": 503}, "answers 503"),
        ({"answers": 200, "answer_body": b"<html>"}, "doesn't answer like a ComfyUI"),
        ({"answers": 200, "answer_body": b"[" * 100_000}, "doesn't answer like a ComfyUI"),
    ],
)
def test_what_comfyui_says_is_said(
    comfy: ComfyServer, drawing: Callable[..., Drawing], changed: dict[str, Any], words: str
) -> None:
    for name, value in changed.items():
        setattr(comfy, name, value)
    said = drawing(comfy_wait_s=0.3).start().end().words()
    assert words in said
    assert "kept; run it again to continue" in said
    assert len(said) < 1000


def test_a_cancel_in_comfyui_ends_the_job_and_keeps_finished_images(
    comfy: ComfyServer, drawing: Callable[..., Drawing]
) -> None:
    comfy.go.clear()
    comfy.free = 2
    job = drawing().start()
    until(lambda: comfy.now and len(comfy.history) == 2)
    comfy.interrupt({})
    assert "it was cancelled there" in job.end().words()
    assert "1 pair kept" in job.words()


# ------------------------------------------------------------------------------------------------- on the command line


def test_a_plan_says_what_was_found_and_draws_nothing(
    comfy: ComfyServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(small()))
    words = ["generate", "--comfy", comfy.url, "--workflow", str(file), "--prompts", "a", "b", "--plan"]
    words += ["--workspace", str(tmp_path / "w")]
    assert main(words) == 0
    said = capsys.readouterr().out
    for part in ("6.text", "“a glass bottle”", "3.seed", "5.width, 5.height", "4.ckpt_name", "4 images would be"):
        assert part in said
    comfy.nodes.discard("KSampler")
    assert main([*words, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert "lacks nodes of this workflow: KSampler" in told["problems"][0]
    assert (comfy.queued, (tmp_path / "w").exists()) == ([], False)


@pytest.mark.parametrize(
    ("content", "more", "words"),
    [
        ('{"nodes": [], "links": []}', [], "Workflow > Export (API)"),
        ("{", [], "can't be read as JSON"),
        ("[]", [], "holds 0 nodes"),
        ('{"1": 5}', [], "isn't a node with class_type"),
        (None, ["--prompt-slot", "99.text"], "has no 99.text"),
        (None, ["--seed-slot", "6.text"], "6.text holds"),
        (None, ["--image-node", "99"], "has no node 99"),
        (None, ["--workflow", "a\0b"], "can't be read (embedded null byte)"),
    ],
)
def test_a_workflow_that_can_not_be_used_begins_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, more: list[str], words: str
) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(small()) if content is None else content)
    arguments = ["generate", "--comfy", "127.0.0.1:1", "--workflow", str(file), "--prompts", "a", *more]
    assert main([*arguments, "--workspace", str(tmp_path / "w")]) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "w" / "runs").exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"comfy": "http://x"}, "comfy needs workflow"),
        ({"workflow": "x"}, "workflow belongs to comfy"),
        ({"comfy": "http://x", "workflow": "y", "seed_slot": [""]}, "seed_slot.0 is missing. Expected: Where the seed"),
        ({"comfy": "http://x", "workflow": "y", "sampler": "euler"}, "sampler is the workflow's own"),
        ({"comfy": "http://x", "workflow": "y", "adapter": "mine"}, "adapter is the workflow's own"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        GenerateConfig.parse({"prompts": ["a"], **settings})


def test_this_machine_is_asked_without_a_proxy(comfy: ComfyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "" if "no" in name.lower() else "http://127.0.0.1:9")
    assert Queue(Client(comfy.url)).length() == 0

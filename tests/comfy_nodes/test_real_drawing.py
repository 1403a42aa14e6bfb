"""`generate --comfy` in a real ComfyUI, where `COMFYUI_PATH` names a checkout (see test_real_comfyui.py)."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.cli.main import main
from sdpo_core.comfyui.client import Client
from sdpo_core.comfyui.job import run_comfy
from sdpo_core.comfyui.queue import Heard, Queue
from sdpo_core.runs.folder import RunFolder, list_runs
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.workspace.pairs import training_pairs
from sdpo_core.workspace.store import Store
from tests.comfy_nodes.test_real_comfyui import CHECKOUT, Comfy, comfy, drawing
from tests.tiny_model import build_tiny_pipeline

__all__ = ["comfy"]  # the fixture
pytestmark = pytest.mark.skipif(not CHECKOUT, reason="COMFYUI_PATH names no ComfyUI")


def saving(**changed: Any) -> dict[str, Any]:
    graph = drawing(1)
    graph["12"] = {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "ours"}}
    return {**graph, **changed}


@pytest.fixture
def words(comfy: Comfy, tmp_path: Path) -> Any:
    def make(graph: dict[str, Any], *more: str) -> list[str]:
        file = tmp_path / "mine.json"
        file.write_text(json.dumps(graph))
        asked = ["generate", "--comfy", comfy.url, "--workflow", str(file), "--workspace", str(tmp_path / "w")]
        return [*asked, "--prompts", "a lake", *more]

    return make


def test_a_pair_is_generated_and_counts_for_the_model(
    comfy: Comfy, words: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = next(comfy.workspace.parent.glob("models/checkpoints/*.safetensors"))
    assert main(words(saving(), "--plan", "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["problems"] == []
    assert ["prompt", "6.text"] in [[line["what"], line["where"]] for line in told["found"]]
    assert main(words(saving(), "--seed", "3")) == 0
    queued = comfy.get("/history")
    with Store(tmp_path / "w") as store:
        (pair,) = store.pairs.open(purpose="train")
        recipes = [pair.left.recipe, pair.right.recipe]
        assert {recipe.seed for recipe in recipes if recipe} == {3, 4}
        assert pair.left.image_sha256 != pair.right.image_sha256
        assert (pair.left.prompt, pair.left.negative, pair.left.width_px) == ("a lake", "fog", 64)
        assert all(recipe and recipe.workflow and recipe.workflow.model == checkpoint.stem for recipe in recipes)
    assert main(words(saving(), "--seed", "3")) == 0, "the same again asks for nothing"
    assert comfy.get("/history").keys() == queued.keys()


def test_a_name_and_a_header_decide_for_which_model_they_count(comfy: Comfy, words: Any, tmp_path: Path) -> None:
    """The studio can't train the random checkpoint; a folder with its name takes its place."""
    model = build_tiny_pipeline(tmp_path / "tiny")
    assert main(words(saving(), "--seed", "30", "--model", str(model))) == 0
    with Store(tmp_path / "w") as store:
        (pair,) = store.pairs.open(purpose="train")
        store.votes.cast("one", pair.id, "left")
        assert len(training_pairs(store, inspect_model(str(model)).sha256).usable) == 1


def test_the_same_seed_again_is_cached_there_and_comes_all_the_same(comfy: Comfy, words: Any, tmp_path: Path) -> None:
    for place in ("first", "second"):  # two workspaces, so that ours can't know the images
        asked = words(saving(), "--seed", "40")
        asked[asked.index("--workspace") + 1] = str(tmp_path / place)
        assert main(asked) == 0
    with Store(tmp_path / "first") as one, Store(tmp_path / "second") as other:
        (a,), (b,) = one.pairs.open(purpose="train"), other.pairs.open(purpose="train")
        assert {a.left.image_sha256, a.right.image_sha256} == {b.left.image_sha256, b.right.image_sha256}


def test_progress_is_heard_and_a_job_is_taken_out(comfy: Comfy) -> None:
    queue, other = Queue(Client(comfy.url)), Queue(Client(comfy.url))
    queue.listen("nobody", 0.1)
    graph = saving()
    graph["3"]["inputs"].update(steps=6, seed=50)
    job = queue.put(graph, "12", "11111111-1111-4111-8111-111111111111")
    heard = list[Heard]()
    while not heard or not heard[-1].ended:
        news = queue.listen(job, 60)
        assert news
        heard.append(news)
    assert [one.done for one in heard if not one.ended][-1] == 6
    told = comfy.ended(job)
    assert len(queue.pictures(told, "12")) == 1
    graph["3"]["inputs"].update(steps=500, seed=51)
    foreign = other.put(graph, "12", "22222222-2222-4222-8222-222222222222")
    graph["3"]["inputs"].update(seed=52)
    ours = queue.put(graph, "12", "33333333-3333-4333-8333-333333333333")
    while not (place := other.place(foreign)) or not place.running:
        time.sleep(0.1)
    behind = queue.place(ours)
    assert behind
    assert (behind.running, behind.before) == (False, 1)
    queue.cancel(ours)
    still = other.place(foreign)
    assert queue.place(ours) is None
    assert still
    assert still.running, "somebody else's job continues"
    other.cancel(foreign)
    for _ in range(300):
        if other.place(foreign) is None:
            break
        time.sleep(0.1)
    assert "execution_interrupted" in json.dumps(comfy.ended(foreign))
    queue.close()
    other.close()


def test_a_stop_interrupts_what_runs(comfy: Comfy, tmp_path: Path) -> None:
    graph = saving()
    graph["3"]["inputs"]["steps"] = 900
    file = tmp_path / "slow.json"
    file.write_text(json.dumps(graph))
    config = GenerateConfig.parse({"prompts": ["a"], "comfy": comfy.url, "workflow": str(file), "seed": 60})
    run = RunFolder.create(tmp_path / "w" / "runs", "generate", config.model_dump(mode="json"))
    working = threading.Thread(target=run_comfy, args=(config, run, tmp_path / "w", Reporter(run, "generate", 0)))
    working.start()
    while run.status().step < 2:
        time.sleep(0.1)
    run.signal("stop")
    working.join(60)
    assert run.status().state == "stopped"
    for _ in range(300):
        if comfy.get("/queue") == {"queue_running": [], "queue_pending": []}:
            break
        time.sleep(0.1)
    assert comfy.get("/queue") == {"queue_running": [], "queue_pending": []}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"3": {"sampler_name": "magic"}}, "node 3 (KSampler): Value not in list sampler_name: 'magic'"),
        ({"4": {"ckpt_name": "gone.safetensors"}}, "node 4 (CheckpointLoaderSimple): Value not in list"),
        ({"3": {"latent_image": ["4", 1]}}, "node 3 (KSampler)"),
    ],
)
def test_a_bad_graph_is_reported_with_comfyuis_message(
    words: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    graph = saving()
    for number, inputs in changed.items():
        graph[number]["inputs"].update(inputs)
    assert main(words(graph)) == 1
    assert said in capsys.readouterr().err
    assert list_runs(tmp_path / "w" / "runs")[0].status().state == "failed"


def test_a_missing_node_and_an_error_on_the_way_are_reported(words: Any, capsys: pytest.CaptureFixture[str]) -> None:
    graph = saving()
    graph["8"]["class_type"] = "VAEDecodeOfTheFuture"
    assert main(words(graph)) == 1
    assert "lacks nodes of this workflow: VAEDecodeOfTheFuture" in capsys.readouterr().err
    graph = saving()
    graph["20"] = {"class_type": "EmptyImage", "inputs": {"width": 1, "height": 1, "batch_size": 1, "color": 0}}
    graph["21"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["20", 0], "vae": ["4", 2]}}
    graph["3"]["inputs"]["latent_image"] = ["21", 0]
    assert main(words(graph)) == 1
    assert "ended the job without an image: node 21 (VAEEncode): " in capsys.readouterr().err
    assert main(words(saving())) == 0, "ComfyUI keeps working"

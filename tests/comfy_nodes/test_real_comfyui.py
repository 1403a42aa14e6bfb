"""The pack in a real ComfyUI, where `COMFYUI_PATH` names a checkout; `COMFYUI_PYTHON` is its Python (else this one).

ComfyUI runs on the processor with a folder of its own for models, nodes and output, so the checkout stays as it is.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from demo.comfy_templates import WORKFLOWS
from sdpo_core.adapters.load_proof import prove
from sdpo_core.cli.main import main
from sdpo_core.comfyui.client import Client, compare
from sdpo_core.exchange.inbox import import_inbox
from sdpo_core.workspace.store import Store
from tests.comfy_nodes.comfy_checkpoint import MODULES, write_adapter, write_checkpoint

CHECKOUT = os.environ.get("COMFYUI_PATH", "")
pytestmark = pytest.mark.skipif(not CHECKOUT, reason="COMFYUI_PATH names no ComfyUI")
START_S, RUN_S = 180.0, 240.0


class Comfy:
    """A running ComfyUI."""

    def __init__(self, url: str, workspace: Path) -> None:
        self.url, self.workspace = url, workspace

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=30) as reply:
            body = reply.read()
        return json.loads(body) if body[:1] in (b"{", b"[") else body

    def post(self, path: str, value: Any) -> Any:
        request = urllib.request.Request(
            self.url + path, json.dumps(value).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.loads(reply.read() or b"{}")

    def queue(self, graph: dict[str, Any]) -> str:
        return str(self.post("/prompt", {"prompt": graph})["prompt_id"])

    def question(self) -> dict[str, Any]:
        for _ in range(int(RUN_S * 5)):
            waiting = self.get("/sdpo/questions")
            if waiting:
                return waiting[0]
            time.sleep(0.2)
        raise AssertionError("nothing was asked")

    def ended(self, prompt_id: str) -> dict[str, Any]:
        for _ in range(int(RUN_S * 5)):
            told = self.get(f"/history/{prompt_id}")
            if prompt_id in told:
                return told[prompt_id]
            time.sleep(0.2)
        raise AssertionError("the run did not end")


@pytest.fixture(scope="module")
def comfy(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[Comfy]:
    base = tmp_path_factory.mktemp("comfyui")
    workspace = base / "workspace"
    (workspace / "adapters").mkdir(parents=True)
    for folder in ("custom_nodes", "models/checkpoints", "models/loras", "input", "output", "temp", "user"):
        (base / folder).mkdir(parents=True)
    (base / "custom_nodes" / "sdpo-studio").symlink_to(repository / "comfy_nodes", target_is_directory=True)
    write_checkpoint(base / "models" / "checkpoints" / "tiny.safetensors")
    write_adapter(workspace / "adapters" / "taste.safetensors")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [os.environ.get("COMFYUI_PYTHON", sys.executable), "main.py", "--cpu", "--port", str(port)]
    command += ["--base-directory", str(base), "--database-url", "sqlite:///:memory:", "--disable-auto-launch"]
    with (base / "log.txt").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "SDPO_WORKSPACE": str(workspace)},
        )
    running = Comfy(f"http://127.0.0.1:{port}", workspace)
    try:
        deadline = time.monotonic() + START_S
        while True:
            try:
                running.get("/sdpo/questions")
                break
            except (urllib.error.URLError, OSError):
                log_text = (base / "log.txt").read_text()
                assert process.poll() is None, log_text[-3000:]
                assert time.monotonic() < deadline, log_text[-3000:]
                time.sleep(0.5)
        yield running
    finally:
        process.terminate()
        process.wait(30)


def drawing(batch: int, seed: int = 5) -> dict[str, Any]:
    """The default workflow on the small checkpoint, up to the images of node 8."""

    def node(kind: str, **inputs: Any) -> dict[str, Any]:
        return {"class_type": kind, "inputs": inputs}

    return {
        "4": node("CheckpointLoaderSimple", ckpt_name="tiny.safetensors"),
        "5": node("EmptyLatentImage", width=64, height=64, batch_size=batch),
        "6": node("CLIPTextEncode", text="a glass bottle", clip=["4", 1]),
        "7": node("CLIPTextEncode", text="fog", clip=["4", 1]),
        "3": node(
            "KSampler",
            seed=seed,
            steps=2,
            cfg=2.0,
            sampler_name="euler",
            scheduler="normal",
            denoise=1.0,
            model=["4", 0],
            positive=["6", 0],
            negative=["7", 0],
            latent_image=["5", 0],
        ),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
    }


def test_the_nodes_templates_help_and_languages_are_there(comfy: Comfy) -> None:
    info = comfy.get("/object_info")
    loader = info["SdpoLoadPreferenceAdapter"]
    assert loader["output_name"] == ["model", "clip", "info"]
    assert "taste" in json.dumps(loader["input"]["required"]["adapter"])
    assert info["SdpoLoadAdapterForGuidance"]["output_name"] == ["model", "negative", "info"]
    assert info["SdpoSendPairToStudio"]["output_node"]
    assert "taste.safetensors" in json.dumps(info["LoraLoaderModelOnly"]["input"]["required"]["lora_name"])
    assert sorted(comfy.get("/workflow_templates")["sdpo-studio"]) == [
        "choose-preferred",
        "compare-with-and-without",
        "use-my-taste",
    ]
    assert comfy.get("/i18n")["de"]["nodeDefs"]["SdpoChoosePreferred"]["display_name"]
    for path in ("js/choose.js", "docs/SdpoChoosePreferred.md", "docs/SdpoChoosePreferred/de.md"):
        assert comfy.get(f"/extensions/sdpo-studio/{path}")
    assert "/extensions/sdpo-studio/js/choose.js" in comfy.get("/extensions")


def test_the_adapter_is_loaded_whole_and_changes_the_image(comfy: Comfy) -> None:
    images: list[bytes] = []
    for strength in (0.0, 1.0):
        graph = drawing(1)
        graph["10"] = {
            "class_type": "SdpoLoadPreferenceAdapter",
            "inputs": {"model": ["4", 0], "adapter": "latest", "strength": strength, "on_mismatch": "stop"},
        }
        graph["3"]["inputs"]["model"] = ["10", 0]
        graph["11"] = {"class_type": "PreviewAny", "inputs": {"source": ["10", 2]}}
        graph["12"] = {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "x"}}
        told = comfy.ended(comfy.queue(graph))
        assert told["status"]["status_str"] == "success", told["status"]
        assert f"{MODULES} of {MODULES} modules patched" in json.dumps(told["outputs"]["11"])
        name = told["outputs"]["12"]["images"][0]["filename"]
        images.append(comfy.get(f"/view?filename={name}"))
    assert images[0] != images[1]


@pytest.mark.parametrize("without", [0.0, -0.5])
def test_the_adapter_has_another_strength_without_the_prompt(comfy: Comfy, without: float) -> None:
    """One Euler step is linear in the two predictions, so the image is put together of two that were drawn at CFG 1."""
    strength, cfg = 0.8, 3.0

    def loader(kind: str, **inputs: Any) -> dict[str, Any]:
        asked = {"model": ["4", 0], "adapter": "latest", "on_mismatch": "stop", **inputs}
        return {"class_type": kind, "inputs": asked}

    def latent(positive: str, negative: list[Any], model: dict[str, Any], cfg: float) -> Any:
        graph = drawing(1)
        graph["10"] = model
        graph["3"]["inputs"] |= {"steps": 1, "cfg": cfg, "model": ["10", 0]}
        graph["3"]["inputs"] |= {"positive": [positive, 0], "negative": negative}
        graph["12"] = {"class_type": "SaveLatent", "inputs": {"samples": ["3", 0], "filename_prefix": "guided"}}
        told = comfy.ended(comfy.queue(graph))
        assert told["status"]["status_str"] == "success", told["status"]
        name = told["outputs"]["12"]["latents"][0]["filename"]
        return load_file(next(comfy.workspace.parent.glob(f"output/{name}")))["latent_tensor"].float()

    plain = "SdpoLoadPreferenceAdapter"
    with_prompt = latent("6", ["7", 0], loader(plain, strength=strength), 1.0)
    without_prompt = latent("7", ["7", 0], loader(plain, strength=without * strength), 1.0)
    expected = without_prompt + cfg * (with_prompt - without_prompt)
    asked = {"strength": strength, "without_prompt": without, "negative": ["7", 0]}
    guided = latent("6", ["10", 1], loader("SdpoLoadAdapterForGuidance", **asked), cfg)
    everywhere = latent("6", ["7", 0], loader(plain, strength=strength), cfg)
    off = (guided - expected).abs().max()
    assert off < 0.05 * (everywhere - expected).abs().max(), "half precision rounds the weights once more"


def as_graph(workflow: dict[str, Any], info: dict[str, Any]) -> dict[str, Any]:
    """A workflow of the editor in the form that is queued, by what the running ComfyUI says of its nodes."""
    links = {number: [str(source), slot] for number, source, slot, *_ in workflow["links"]}
    graph: dict[str, Any] = {}
    for node in workflow["nodes"]:
        if node["type"] == "Note":
            continue
        told, values = info[node["type"]]["input"], list(node["widgets_values"])
        inputs: dict[str, Any] = {}
        for name, entry in {**told.get("required", {}), **told.get("optional", {})}.items():
            kind, options = entry[0], entry[1] if len(entry) > 1 else {}
            if isinstance(kind, list) or kind in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"):
                inputs[name] = values.pop(0)
                if options.get("control_after_generate"):
                    values.pop(0)
        assert values == [], f"{node['type']} has widgets left over"
        inputs |= {port["name"]: links[port["link"]] for port in node["inputs"] if port["link"] is not None}
        graph[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return graph


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_example_workflows_run(comfy: Comfy, name: str) -> None:
    info = comfy.get("/object_info")
    workflow = comfy.get(f"/api/workflow_templates/sdpo-studio/{name}.json")
    missing = {node["type"] for node in workflow["nodes"]} - {"Note"} - info.keys()
    if missing:
        pytest.skip(f"this ComfyUI has no {missing}")
    graph = as_graph(workflow, info)
    for node in graph.values():
        if node["class_type"] == "CheckpointLoaderSimple":
            node["inputs"]["ckpt_name"] = "tiny.safetensors"
        elif node["class_type"] == "EmptyLatentImage":
            node["inputs"].update(width=64, height=64)
        elif node["class_type"] == "KSampler":
            node["inputs"].update(steps=2)
    prompt_id = comfy.queue(graph)
    if name == "choose-preferred":
        comfy.post("/sdpo/answer", {"token": comfy.question()["token"], "choice": 3})
    told = comfy.ended(prompt_id)
    assert told["status"]["status_str"] == "success", told["status"]
    if name == "choose-preferred":
        with Store(comfy.workspace) as store:
            assert import_inbox(store).added.votes == 3


def test_a_converted_file_acts_in_the_stock_loader(comfy: Comfy) -> None:
    adapters = comfy.workspace / "adapters"
    source = comfy.workspace / "down.safetensors"
    write_adapter(source, start="down_blocks.0")  # there the small UNet is as wide as the real one
    words = ["--workspace", str(comfy.workspace)]
    for layout, expected in (("kohya", 16), ("kohya-original", 16), ("diffusers", 0)):
        target = adapters / f"{layout}.safetensors"
        assert main(["adapter", "convert", str(source), "--to", str(target), "--layout", layout, *words]) == 0
        compared = compare(
            Client(comfy.url), target, comfy.workspace / "exports", checkpoint="tiny.safetensors", size_px=64
        )
        taken = prove(target).tools[0].matched  # by our rules for ComfyUI
        assert taken == expected
        assert compared.acts == (taken > 0), layout
        target.unlink()


def test_a_wrong_name_is_refused_with_a_message_before_the_run(comfy: Comfy) -> None:
    graph = drawing(1)
    graph["10"] = {
        "class_type": "SdpoLoadPreferenceAdapter",
        "inputs": {"model": ["4", 0], "adapter": "none", "strength": 1.0},
    }
    graph["11"] = {"class_type": "PreviewAny", "inputs": {"source": ["10", 2]}}
    with pytest.raises(urllib.error.HTTPError) as refused:
        comfy.queue(graph)
    assert "There is no adapter 'none'" in refused.value.read().decode()


def test_a_batch_is_sent_and_the_store_reads_it(comfy: Comfy) -> None:
    graph = drawing(2)
    graph["9"] = {"class_type": "SdpoSendPairToStudio", "inputs": {"images": ["8", 0]}}
    told = comfy.ended(comfy.queue(graph))
    assert told["status"]["status_str"] == "success", told["status"]
    with Store(comfy.workspace) as store:
        assert import_inbox(store).added.pairs == 1
        (pair,) = store.pairs.open(purpose="train")
    assert (pair.left.prompt, pair.left.negative) == ("a glass bottle", "fog")
    assert pair.left.made_with
    assert (pair.left.made_with.seed, pair.left.made_with.model) == (5, "tiny")


def test_a_choice_over_http_is_passed_on_and_becomes_votes(comfy: Comfy) -> None:
    graph = drawing(3, seed=6)
    graph["9"] = {"class_type": "SdpoChoosePreferred", "inputs": {"images": ["8", 0], "timeout_s": 120}}
    graph["12"] = {"class_type": "SaveImage", "inputs": {"images": ["9", 0], "filename_prefix": "chosen"}}
    prompt_id = comfy.queue(graph)
    question = comfy.question()
    assert (question["node"], question["count"]) == ("9", 3)
    picture = comfy.get(f"/sdpo/picture/{question['token']}/1")
    comfy.post("/sdpo/answer", {"token": question["token"], "choice": 1})
    told = comfy.ended(prompt_id)
    assert told["status"]["status_str"] == "success", told["status"]
    assert len(told["outputs"]["12"]["images"]) == 1
    assert picture[:4] == b"\x89PNG"
    with Store(comfy.workspace) as store:
        assert import_inbox(store).added.votes == 2


def test_cancel_while_waiting_leaves_nothing_behind(comfy: Comfy) -> None:
    graph = drawing(2, seed=7)
    graph["9"] = {"class_type": "SdpoChoosePreferred", "inputs": {"images": ["8", 0], "timeout_s": 0}}
    graph["10"] = {"class_type": "SdpoChoosePreferred", "inputs": {"images": ["8", 0], "timeout_s": 0, "prompt": "two"}}
    prompt_id = comfy.queue(graph)
    comfy.question()
    time.sleep(1)
    assert len(comfy.get("/sdpo/questions")) == 2
    comfy.post("/interrupt", {})
    told = comfy.ended(prompt_id)
    assert "execution_interrupted" in json.dumps(told["status"])
    assert comfy.get("/queue") == {"queue_running": [], "queue_pending": []}
    for _ in range(20):
        if not comfy.get("/sdpo/questions"):
            break
        time.sleep(0.2)
    assert comfy.get("/sdpo/questions") == []


def test_a_headless_run_gets_no_answer(comfy: Comfy) -> None:
    graph = drawing(2, seed=8)
    graph["9"] = {"class_type": "SdpoChoosePreferred", "inputs": {"images": ["8", 0], "timeout_s": 1}}
    graph["12"] = {"class_type": "SaveImage", "inputs": {"images": ["9", 0], "filename_prefix": "first"}}
    assert comfy.ended(comfy.queue(graph))["status"]["status_str"] == "success"
    inputs = {"images": ["8", 0], "timeout_s": 1, "when_time_is_up": "stop the run"}
    graph["9"] = {"class_type": "SdpoChoosePreferred", "inputs": inputs}
    told = comfy.ended(comfy.queue(graph))
    assert "No choice within 1 s" in json.dumps(told["status"])

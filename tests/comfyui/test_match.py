"""Which of our models and adapters a workflow draws with: by name, and by what the headers say on both sides."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.comfyui.client import Client
from sdpo_core.comfyui.match import adapters_of, clip_skip_of, counts_for
from sdpo_core.comfyui.slots import find_slots
from sdpo_core.comfyui.workflow import Workflow, read_graph
from sdpo_core.workspace.records import AdapterUse
from sdpo_core.workspace.store import Store
from tests.adapters.test_load_proof import attention, write
from tests.comfyui.server import ComfyServer, running
from tests.exchange.comfy_graphs import node, sampling, simple
from tests.original_layout import essentials
from tests.tiny_model import build_tiny_pipeline

HASH = {"sshs_model_hash": "abc"}


@pytest.fixture
def comfy() -> Iterator[ComfyServer]:
    with running() as server:
        yield server


def drawing_with(checkpoint: str, *loras: tuple[str, float], **more: Any) -> Workflow:
    graph = simple()
    graph["4"]["inputs"]["ckpt_name"] = checkpoint
    for number, (name, strength) in enumerate(loras):
        lora = node("LoraLoader", model=graph["3"]["inputs"]["model"], lora_name=name, strength_model=strength)
        graph[f"2{number}"] = lora
        sampling(graph, model=[f"2{number}", 0])
    return find_slots(read_graph(json.dumps({**graph, **more}).encode()))


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SDPO_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "Dream.safetensors"
    save_file(essentials("sd15"), path, metadata={"modelspec.title": "Dream"})
    return path


def test_a_model_counts_by_its_name_unless_the_headers_contradict(comfy: ComfyServer, checkpoint: Path) -> None:
    client, sha256 = Client(comfy.url), inspect_model(str(checkpoint)).sha256
    workflow = drawing_with("sd15\\dream.safetensors")
    assert counts_for(client, workflow, str(checkpoint)).sha256 == sha256, "ComfyUI tells no header"
    comfy.metadata["checkpoints/sd15\\dream.safetensors"] = {"modelspec.title": "Dream"}
    found = counts_for(client, workflow, str(checkpoint))
    assert (found.sha256, "count for Dream" in found.sentence) == (sha256, True)
    comfy.metadata["checkpoints/sd15\\dream.safetensors"] = {"modelspec.title": "Nightmare"}
    found = counts_for(client, workflow, str(checkpoint))
    assert (found.sha256, "is another file" in found.sentence) == ("", True)
    save_file(essentials("sd15"), checkpoint)
    assert counts_for(client, workflow, str(checkpoint)).sha256 == "", "ours has no header, and ComfyUI's has"


def test_a_folder_with_dots_in_its_name_is_that_model_and_no_other(comfy: ComfyServer, tmp_path: Path) -> None:
    client, model = Client(comfy.url), build_tiny_pipeline(tmp_path / "dream-v1.5")
    assert counts_for(client, drawing_with("dream-v1.5.safetensors"), str(model)).sha256
    assert not counts_for(client, drawing_with("dream-v1.safetensors"), str(model)).sha256


def test_images_of_several_models_count_for_none(comfy: ComfyServer, checkpoint: Path) -> None:
    other = node("CheckpointLoaderSimple", ckpt_name="other.safetensors")
    unused = drawing_with("dream.safetensors", **{"40": other})
    assert counts_for(Client(comfy.url), unused, str(checkpoint)).sha256
    merged = simple()
    merged["4"]["inputs"]["ckpt_name"] = "dream.safetensors"
    merged |= {"40": other, "41": node("ModelMergeSimple", model1=["4", 0], model2=["40", 0], ratio=0.5)}
    sampling(merged, model=["41", 0])
    second = simple()
    second["4"]["inputs"]["ckpt_name"] = "dream.safetensors"
    refiner = {**second["3"]["inputs"], "model": ["40", 0], "latent_image": ["3", 0], "denoise": 0.5}
    second |= {"40": other, "42": node("KSampler", **refiner)}
    second["8"]["inputs"]["samples"] = ["42", 0]
    for graph in (merged, second):
        found = counts_for(Client(comfy.url), find_slots(graph), str(checkpoint))
        assert found.sha256 == ""
        assert "other" in found.sentence, found.sentence


@pytest.mark.parametrize(
    ("drawn_with", "source", "words"),
    [
        ("other.safetensors", "", "uses other, and the chosen model is Dream"),
        ("demo.safetensors", "demo", "and the chosen model is"),
        ("dream.safetensors", "/nowhere/dream.safetensors", "can't be read"),
        ("", "", "doesn't say which model"),
    ],
)
def test_what_counts_for_none_is_said(
    comfy: ComfyServer, checkpoint: Path, drawn_with: str, source: str, words: str
) -> None:
    found = counts_for(Client(comfy.url), drawing_with(drawn_with), source or str(checkpoint))
    assert (found.sha256, words in found.sentence) == ("", True), found.sentence


def test_adapters_of_the_workspace_are_known_by_their_hash(comfy: ComfyServer, tmp_path: Path) -> None:
    client = Client(comfy.url)
    with Store(tmp_path / "w") as store:
        path = write(tmp_path / "w" / "adapters" / "taste.safetensors", "sd15", attention("sd15"), metadata=HASH)
        store.adapters.add(name="taste", path=path, sha256="a" * 64, base_sha256="b" * 64, run_id="run")
        workflow = drawing_with("x.safetensors", ("mine/Taste.safetensors", 0.5), ("style.safetensors", 0.25))
        stranger = AdapterUse(sha256="", strength=0.5)
        assert adapters_of(client, workflow, store) == (AdapterUse(sha256="", strength=0.25), stranger)
        comfy.metadata["loras/mine/Taste.safetensors"] = HASH
        ours = AdapterUse(sha256="a" * 64, strength=0.5)
        assert adapters_of(client, workflow, store) == (AdapterUse(sha256="", strength=0.25), ours)
        comfy.metadata["loras/mine/Taste.safetensors"] = {"sshs_model_hash": "another"}
        assert stranger in adapters_of(client, workflow, store)
        loader = node("SdpoLoadPreferenceAdapter", model=["4", 0], adapter="latest", strength=1.0)
        pack = drawing_with("x.safetensors", **{"30": loader})
        assert adapters_of(client, pack, store) == (AdapterUse(sha256="a" * 64),)
        for without in (-0.5, 0.0, 1.0):
            inputs = {"model": ["4", 0], "adapter": "taste", "strength": 0.8, "without_prompt": without}
            pack = drawing_with("x.safetensors", **{"30": node("SdpoLoadAdapterForGuidance", **inputs)})
            (use,) = adapters_of(client, pack, store)
            assert (use.sha256, use.strength, use.unconditional_share) == ("a" * 64, 0.8, without)


def test_the_clip_skip_is_read_where_the_workflow_sets_it() -> None:
    assert clip_skip_of(drawing_with("x.safetensors")) == 0
    skip = node("CLIPSetLastLayer", clip=["4", 1], stop_at_clip_layer=-2)
    assert clip_skip_of(drawing_with("x.safetensors", **{"30": skip})) == 2

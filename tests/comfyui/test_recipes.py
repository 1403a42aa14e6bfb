"""What is recorded of images that a ComfyUI drew: the texts that drew them, also where the graph's reader is lost."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sdpo_core.comfyui.job import run_comfy
from sdpo_core.runs.folder import RunFolder, Status
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.workspace.records import Candidate
from sdpo_core.workspace.store import Store
from tests.comfyui.server import ComfyServer, running
from tests.exchange.comfy_graphs import Graph, node, sampling, simple


@pytest.fixture
def comfy() -> Iterator[ComfyServer]:
    with running() as server:
        server.nodes.add("Mixer")
        yield server


def draw(
    comfy: ComfyServer,
    folder: Path,
    graph: Graph,
    on_status: Callable[[Status], None] = lambda _: None,
    **settings: Any,
) -> list[Candidate]:
    """All images that are in the store after a drawing, the newest first."""
    file = folder / "mine.json"
    file.write_text(json.dumps(graph))
    asked = {"prompts": ("a lake",), "seed": 7, "comfy": comfy.url, "workflow": str(file), **settings}
    config = GenerateConfig.parse(asked)
    run = RunFolder.create(folder / "w" / "runs", "generate", config.model_dump(mode="json"))
    run_comfy(config, run, folder / "w", Reporter(run, "generate", 0, on_status))
    with Store(folder / "w") as store:
        return store.candidates.newest()


def test_a_job_whose_answer_was_lost_is_taken_out_by_a_stop(comfy: ComfyServer, tmp_path: Path) -> None:
    comfy.lost = True
    comfy.occupy()

    def stop(status: Status) -> None:
        if comfy.answers:
            next(RunFolder.open(path) for path in (tmp_path / "w" / "runs").iterdir()).signal("stop")
            comfy.answers = None

    draw(comfy, tmp_path, simple(), on_status=stop)
    assert (len(comfy.queued), len(comfy.deleted)) == (1, 1)


def mixed(side: str) -> Graph:
    """A workflow with a text that the reader doesn't see, and one that it does."""
    graph = simple()
    graph["5"]["inputs"].update(width=64, height=64)
    graph["30"] = node("Mixer", cond_a=graph["3"]["inputs"][side], words="words of the workflow")
    return sampling(graph, **{side: ["30", 0]})


def test_another_negative_prompt_draws_other_images(comfy: ComfyServer, tmp_path: Path) -> None:
    pointed: dict[str, Any] = {"negative_slot": ("30.words",)}
    draw(comfy, tmp_path, mixed("negative"), negative="fog", **pointed)
    found = draw(comfy, tmp_path, mixed("negative"), negative="rain", **pointed)
    assert [one.negative for one in found] == ["rain", "rain", "fog", "fog"]
    assert [graph["30"]["inputs"]["words"] for graph in comfy.queued] == ["fog", "fog", "rain", "rain"]
    graph = mixed("negative")
    draw(comfy, tmp_path, graph, **pointed)
    graph["30"]["inputs"]["words"] = "other words of the workflow"
    assert len(draw(comfy, tmp_path, graph, **pointed)) == 8


def test_a_prompt_is_recorded_that_the_reader_does_not_find(comfy: ComfyServer, tmp_path: Path) -> None:
    found = draw(comfy, tmp_path, mixed("positive"), prompts=("glass",), prompt_slot=("30.words",))
    assert {one.prompt for one in found} == {"glass"}, "and not the workflow's own: a glass bottle"

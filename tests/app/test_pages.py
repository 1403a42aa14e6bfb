"""What buttons and refreshes of the built page do, asked without a browser."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import gradio as gr
import pytest
from gradio.blocks import Block

from app import text
from app.main import build
from app.studio import Studio
from sdpo_core.training.runs import RunFolder
from tests.app.helpers import add_pair, wait_for


class BuiltPage:
    """The page's components by `elem_id`, and its events."""

    def __init__(self, studio: Studio) -> None:
        self._demo = build(studio)

    def component(self, elem_id: str) -> Block:
        return next(block for block in self._demo.blocks.values() if block.elem_id == elem_id)

    def fire(self, elem_id: str, event: str, **given: Any) -> dict[Block, Any]:
        """Run the event with what its inputs hold; `given` says so by `elem_id` ("-" is written "_")."""
        component = self.component(elem_id)
        target = (component._id, event)
        functions = [function for function in self._demo.fns.values() if target in function.targets and function.fn]
        known = {name.replace("_", "-"): value for name, value in given.items()}
        updates: dict[Block, Any] = {}
        for function in functions:
            values = {one: known.get(one.elem_id or "", cast(Any, one).value) for one in function.inputs}
            assert function.fn
            updates |= function.fn(values)
        return updates


@pytest.fixture
def page(studio: Studio) -> BuiltPage:
    async def built() -> BuiltPage:
        return BuiltPage(studio)

    # Without a running loop Gradio makes one and leaves it open. The main thread may have that of the browser tests.
    with ThreadPoolExecutor(1) as other_thread:
        return other_thread.submit(asyncio.run, built()).result()


def test_stop_ends_the_running_training_while_an_earlier_one_is_looked_at(page: BuiltPage, studio: Studio) -> None:
    earlier = RunFolder.create(studio.jobs.root, "train", {"model": "demo"})
    earlier.write_status(earlier.status().model_copy(update={"state": "done"}))
    pair = add_pair(studio.store, 1, base_sha256=studio.model().sha256)
    studio.store.vote("a vote of mine", pair.id, "left")
    running = studio.train({})
    wait_for(lambda: studio.jobs.status(running).state == "running")
    page.fire("train-run", "input", train_run=earlier.id)
    page.fire("train-stop", "click", train_run=earlier.id)
    wait_for(lambda: studio.jobs.status(running).state == "stopped")


@pytest.mark.parametrize("elem_id", ["train-run", "judge-adapter"])
def test_a_page_that_was_open_before_a_restart_is_understood(page: BuiltPage, elem_id: str) -> None:
    """It sends what it shows; the restarted studio has put nothing into its lists yet."""
    dropdown = cast(gr.Dropdown, page.component(elem_id))
    assert dropdown.choices == []
    assert dropdown.preprocess("of an earlier life") == "of an earlier life"


def test_the_note_stays_with_what_stands_in_the_model_field(page: BuiltPage) -> None:
    note = page.component("model-note")
    assert "/nowhere" in page.fire("model", "blur", model="/nowhere")[note]
    assert note not in page.fire("tab-generate", "select", model="/nowhere")
    assert "demo is ready" in page.fire("tab-generate", "select", model="demo")[note]


def test_an_error_is_shown_as_text(page: BuiltPage) -> None:
    with pytest.warns(UserWarning, match="&lt;img src=elsewhere&gt;"):
        page.fire("generate-start", "click", prompts="a lake", model="<img src=elsewhere>")


def test_prompts_that_get_no_pair_are_mentioned() -> None:
    assert "left out" not in text.started_generate(24, 24)
    assert "(60)" in text.started_generate(24, 60)

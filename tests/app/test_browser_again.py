"""Killed in the middle, open twice, and driven by keys alone: nothing is lost, and the page says where it stands."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client
from playwright.sync_api import Browser, Page, expect

from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.workspace.store import Store
from tests.app.browsing import (
    JOB_PATIENCE_MS,
    RunningStudio,
    add_pairs,
    board,
    choices,
    open_tab,
    running,
    wait_board,
    wait_job,
    watched_page,
)
from tests.app.helpers import add_pair, make_blind_test

pytestmark = pytest.mark.browser

SCREEN = {"width": 1280, "height": 900}


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[RunningStudio]:
    """A studio of one's own, because it is killed. Its job writes to the log when it is."""
    with running(RunningStudio(tmp_path / "workspace")) as studio:
        yield studio


def test_training_outlives_a_killed_studio(studio: RunningStudio, browser: Browser) -> None:
    base = inspect_model("demo").sha256
    with Store(studio.workspace) as store:
        for number in range(6):
            store.votes.cast(f"vote {number}", add_pair(store, number, f"a pond {number}", base).id, "left")
    settings = {"steps": 20, "checkpoint_every_steps": 10, "preview_prompts": 0, "adapter_name": "outlived"}
    run = Client(studio.url, verbose=False).predict(settings, api_name="/train")
    with watched_page(browser, studio.url, away=True, viewport=SCREEN) as page:
        open_tab(page, studio, "train")
        page.wait_for_function(
            "() => Number(document.querySelector('.sdpo-chart').dataset.points) > 0", timeout=JOB_PATIENCE_MS
        )
        studio.kill()
        expect(page.locator(".top-warnings")).to_contain_text("isn't responding")
        studio.start()
        wait_job(page, "train", "running", "done")  # the page that was open finds it again
        wait_job(page, "train", "done")
        expect(page.locator("#train-outcome")).to_contain_text("Kept step 20")
    assert Client(studio.url, verbose=False).predict(run, api_name="/run")["step"] == 20
    assert (studio.workspace / "adapters" / "outlived.safetensors").is_file()


def test_judging_continues_after_a_killed_studio(studio: RunningStudio, browser: Browser) -> None:
    run = make_blind_test(studio.workspace, 4)
    with watched_page(browser, studio.url, away=True, viewport=SCREEN) as page:
        open_tab(page, studio, "judge")
        wait_board(page, "d.pair !== '' && d.done === '0'", "judge")
        page.wait_for_timeout(1500)
        page.keyboard.press("ArrowLeft")
        wait_board(page, "d.done === '1' && d.pending === '0'", "judge")
        studio.kill()
        page.keyboard.press("ArrowRight")  # waits in the browser
        studio.start()
        wait_board(page, "d.done === '2' && d.pending === '0' && d.pair !== ''", "judge")
        page.keyboard.press("ArrowLeft")
        wait_board(page, "d.done === '3' && d.pair !== ''", "judge")
        page.keyboard.press("ArrowLeft")
        expect(page.locator(".verdict-sentence")).to_contain_text("of 4")
    with Store(studio.workspace) as store:
        assert len(store.pairs.voted(purpose="judge", run_id=run.id)) == 4


def test_two_tabs_vote_and_lose_nothing(studio: RunningStudio, browser: Browser) -> None:
    """Both show the same first pair: its later vote counts, and neither tab reports a failure."""
    add_pairs(studio, 6)
    with (
        watched_page(browser, studio.url, viewport=SCREEN) as one,
        watched_page(browser, studio.url, viewport=SCREEN) as other,
    ):
        for page in (one, other):
            open_tab(page, studio, "vote")
            wait_board(page, "d.pair !== ''")
            page.wait_for_timeout(1500)
        assert board(one)["pair"] == board(other)["pair"]
        one.keyboard.press("ArrowLeft")
        wait_board(one, "d.pending === '0' && d.done === '1'")
        other.keyboard.press("ArrowRight")
        wait_board(other, "d.pending === '0'")
        assert choices(studio) == ["right"]
        for page, key in ((one, "ArrowLeft"), (other, "ArrowRight")):
            for _ in range(6):
                if board(page)["pair"]:
                    page.keyboard.press(key)
                    page.wait_for_timeout(200)
            wait_board(page, "d.pair === '' && d.pending === '0'")
    assert len(choices(studio)) == 6


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until what `selector` names has the focus."""
    for _ in range(150):
        if page.evaluate("selector => document.activeElement?.matches(selector) ?? false", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector}")


def press_on(page: Page, selector: str, key: str = "Enter") -> None:
    tab_to(page, selector)
    page.keyboard.press(key)


def type_into(page: Page, selector: str, words: str) -> None:
    tab_to(page, selector)
    page.keyboard.press("Control+a")
    page.keyboard.type(words)


def test_the_whole_path_with_keys_alone(studio: RunningStudio, browser: Browser) -> None:
    with watched_page(browser, studio.url, viewport=SCREEN) as page:
        open_tab(page, studio, "home")
        press_on(page, "#tab-generate-button")
        type_into(page, "#prompts textarea", "a lake at dawn")
        type_into(page, "#pairs input", "3")
        press_on(page, "#generate-start")
        wait_job(page, "generate", "queued", "running", "done")
        press_on(page, "#tab-vote-button")
        wait_board(page, "d.pair !== ''", timeout=JOB_PATIENCE_MS)
        tab_to(page, "#train-board .board-image.left")  # off the tabs, whose own arrow keys these are
        for done in range(3):
            wait_board(page, f"d.pair !== '' && d.done === '{done}'", timeout=JOB_PATIENCE_MS)
            page.keyboard.press("ArrowLeft")
        wait_board(page, "d.done === '3' && d.pending === '0'")
        press_on(page, "#tab-train-button")
        press_on(page, "#train-advanced button")
        page.wait_for_timeout(1500)  # see `open_settings`; a busy machine mounts the fields late
        type_into(page, "#train-steps input", "3")
        expect(page.locator("#train-plan")).to_contain_text("3 steps")
        tab_to(page, "#tab-train-button")  # once round the page
        press_on(page, "#train-start")
        wait_job(page, "train", "done")
        press_on(page, "#tab-judge-button")
        type_into(page, "#judge-comparisons input", "2")
        press_on(page, "#judge-start")
        for done in range(2):
            wait_board(page, f"d.pair !== '' && d.done === '{done}'", "judge", JOB_PATIENCE_MS)
            page.keyboard.press("ArrowRight")
        expect(page.locator(".verdict-sentence")).to_contain_text("of 2")

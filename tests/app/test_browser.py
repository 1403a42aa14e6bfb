"""The studio in a real browser, really started. The first test walks the whole path; the others try to break it.

One studio serves all tests; the whole path comes first, because it wants an empty workspace.
"""

import re
import shutil
import statistics
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Browser, Page, Route, expect

from app.adapters.text import say as adapters_say
from app.generate.text import say as generate_say
from app.pages import PAGES
from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.runs.folder import RunFolder
from sdpo_core.workspace.store import Store
from tests.app.browsing import (
    JOB_PATIENCE_MS,
    RunningStudio,
    add_pairs,
    choices,
    click_image,
    open_settings,
    open_tab,
    vote_left_until_nothing_waits,
    wait_board,
    wait_job,
    watched_page,
)

pytestmark = pytest.mark.browser

PAIRS = 6


# --- the path --------------------------------------------------------------------------------------------------------


def test_the_whole_path(served: RunningStudio, page: Page) -> None:
    """Generate, vote, train, judge, use: with the demo model, clicks and keys."""
    generate(served, page)
    vote(served, page)
    train(served, page)
    judge(served, page)
    page.click("#tab-adapters-button")
    card = page.locator('[data-adapter="warm"]')
    expect(card).to_contain_text("You preferred the adapter in")
    expect(card).to_contain_text(adapters_say("worksOnlyHere"))
    with page.expect_download() as download:
        card.locator(".card-more summary").first.click()
        card.locator("[data-file=kohya]").click()
    assert download.value.suggested_filename == "warm.safetensors"


def generate(served: RunningStudio, page: Page) -> None:
    open_tab(page, served, "generate")
    expect(page.locator(".top-next")).to_be_hidden()  # the next step is the open page
    page.click("#generate-start")
    expect(page.get_by_text(generate_say("noPrompts"))).to_be_visible()
    page.click("#use-starters")
    expect(page.locator("#prompts textarea")).not_to_have_value("")
    page.fill("#pairs input", str(PAIRS))
    open_settings(page, "generate")
    page.fill("#generate-sampling_steps input", "2")
    page.click("#generate-start")
    wait_job(page, "generate", "queued", "running", "done")
    expect(page.locator(".grid-images img").first).to_be_visible(timeout=JOB_PATIENCE_MS)


def vote(served: RunningStudio, page: Page) -> None:
    page.get_by_role("button", name="Vote", exact=True).click()
    wait_board(page, "d.pair !== ''")
    click_image(page.locator("#train-board .board-image.left"))
    for done, key in enumerate(("ArrowRight", "a", "D", "ArrowDown", "ArrowLeft"), start=1):
        wait_board(page, f"d.pair !== '' && d.done === '{done}'", timeout=JOB_PATIENCE_MS)
        page.keyboard.press(key)
    wait_board(page, f"d.done === '{PAIRS}' && d.pending === '0'")
    assert choices(served) == ["left", "right", "left", "right", "tie", "left"]
    page.keyboard.press("z")
    wait_board(page, f"d.done === '{PAIRS - 1}' && d.pending === '0' && d.pair !== ''")
    page.keyboard.press("ArrowRight")
    wait_board(page, f"d.done === '{PAIRS}' && d.pending === '0'")
    assert choices(served)[-1] == "right"


def train(served: RunningStudio, page: Page) -> None:
    page.click("#tab-train-button")
    expect(page.locator("#train-plan")).to_contain_text("5 pairs can be used for training")
    open_settings(page, "train")
    page.fill("#train-adapter_name input", "warm")
    page.fill("#train-steps input", "0")
    expect(page.locator("#train-plan [data-kind=bad]")).to_contain_text("steps")
    page.fill("#train-steps input", "4")
    expect(page.locator("#train-plan")).to_contain_text("4 steps")
    page.click("#train-start")
    wait_job(page, "train", "running")
    expect(page.locator(".job-stop")).to_be_visible()
    page.reload(wait_until="domcontentloaded")  # a reload finds the run again, on the same page
    wait_job(page, "train", "running", "done")
    page.wait_for_selector("#tab-train-button[aria-selected=true]")
    wait_job(page, "train", "done")
    expect(page.locator("#train-outcome")).to_contain_text("Kept step 4")
    page.wait_for_function("() => Number(document.querySelector('.sdpo-chart').dataset.points) === 4")
    expect(page.locator(".gauge-figures")).to_contain_text("Winner error")
    expect(page.locator(".preview-row img")).to_have_count(8)
    info = read_adapter_info(served.workspace / "adapters" / "warm.safetensors")
    assert info.modules > 0
    assert info.sdpo is not None


def judge(served: RunningStudio, page: Page) -> None:
    page.get_by_role("button", name="Judge", exact=True).click()
    page.fill("#judge-comparisons input", "3")
    page.click("#judge-start")
    for done in range(3):
        wait_board(page, f"d.pair !== '' && d.done === '{done}'", "judge", JOB_PATIENCE_MS)
        expect(page.locator(".sdpo-verdict")).to_be_hidden()
        if done == 0:
            page.keyboard.press("s")  # no skip here
            page.keyboard.press("b")
            assert page.locator("#judge-board .board-button.skip").count() == 0
        page.keyboard.press("ArrowLeft" if done else "ArrowDown")
    expect(page.locator(".verdict-sentence")).to_contain_text("of 3")
    with Store(served.workspace) as store:
        assert len(store.pairs.voted(purpose="judge")) == 3
        assert store.counts().votes == PAIRS  # judging is not training data


# --- every page ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tab", list(PAGES))
def test_a_page_opens_quietly_and_fits_a_phone(served: RunningStudio, browser: Browser, tab: str) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
    with watched_page(browser, served.url, **phone) as page:
        open_tab(page, served, tab)
        assert page.locator("h1").count() == 1
        expect(page.locator(f"#tab-{tab}")).to_be_visible()
        page.wait_for_timeout(700)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.locator("footer").count() == 0 or not page.locator("footer").is_visible()


# --- voting ----------------------------------------------------------------------------------------------------------


def test_a_burst_of_keys_loses_nothing(served: RunningStudio, page: Page) -> None:
    before = choices(served)
    add_pairs(served, 10)
    open_tab(page, served, "vote")
    wait_board(page, "d.pair !== ''")
    page.wait_for_timeout(1500)  # the deck is loaded
    keys = ["ArrowLeft", "ArrowRight", "ArrowRight", "ArrowDown", "b", "s", "a", "d", "ArrowLeft", "ArrowRight"]
    for key in keys:
        page.keyboard.press(key)
    wait_board(page, f"d.done === '{len(before) + 10}' && d.pending === '0'")
    meant = ["left", "right", "right", "tie", "both-bad", "skip", "left", "right", "left", "right"]
    assert choices(served) == before + meant


def test_the_next_pair_paints_immediately(served: RunningStudio, page: Page) -> None:
    """From key to both new images on the screen; the limit is generous, because test machines are busy."""
    add_pairs(served, 11)
    open_tab(page, served, "vote")
    wait_board(page, "d.pair !== ''")
    page.wait_for_timeout(1500)
    took = page.evaluate(
        """async () => {
          const board = document.querySelector("#train-board .sdpo-board");
          const frame = () => new Promise((resume) => requestAnimationFrame(resume));
          const took = [];
          for (let i = 0; i < 10; i++) {
            const before = board.dataset.pair, began = performance.now();
            document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }));
            while (board.dataset.pair === before) await frame();
            await frame();
            took.push(performance.now() - began);
            await new Promise((resume) => setTimeout(resume, 150));
          }
          return took;
        }"""
    )
    print(f"vote to next pair: median {statistics.median(took):.0f} ms, worst {max(took):.0f} ms")
    assert statistics.median(took) < 250
    vote_left_until_nothing_waits(page)


def test_typing_never_votes(served: RunningStudio, page: Page) -> None:
    before = choices(served)
    add_pairs(served, 2)
    open_tab(page, served, "vote")
    wait_board(page, "d.pair !== ''")
    page.evaluate("document.querySelector('#train-board').append(document.createElement('input'))")
    page.locator("#train-board input").click()
    page.keyboard.type("a bad sad zebra")
    page.keyboard.press("ArrowLeft")
    page.locator("#train-board input").evaluate("node => node.remove()")
    page.keyboard.press("Control+a")  # a shortcut of the browser
    page.click("#tab-generate-button")
    page.locator("#prompts textarea").click()
    page.keyboard.type("a bad sad zebra")
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")  # the board can't be seen
    page.wait_for_timeout(500)
    assert choices(served) == before
    page.click("#tab-vote-button")
    vote_left_until_nothing_waits(page)


def refuse_votes(page: Page) -> None:
    """The network loses every vote."""

    def handle(route: Route) -> None:
        if '"vote"' in (route.request.post_data or ""):
            route.abort()
        else:
            route.continue_()

    page.route(re.compile("/component_server"), handle)


def test_an_answer_that_a_vote_overtook_does_not_turn_the_count_back(served: RunningStudio, page: Page) -> None:
    before = len(choices(served))
    add_pairs(served, 3)
    open_tab(page, served, "vote")
    wait_board(page, "d.pair !== ''")
    held: list[tuple[Route, APIResponse]] = []

    def handle(route: Route) -> None:
        if '"deck"' in (route.request.post_data or "") and not held:
            held.append((route, route.fetch()))  # answered now, delivered later
        else:
            route.continue_()

    page.route(re.compile("/component_server"), handle)
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(500)
    assert held
    page.keyboard.press("ArrowLeft")
    wait_board(page, "d.pending === '0'")
    route, early = held[0]
    route.fulfill(response=early)
    page.wait_for_timeout(500)
    wait_board(page, f"d.done === '{before + 2}' && d.pending === '0'", timeout=5_000)
    vote_left_until_nothing_waits(page)
    assert len(choices(served)) == before + 3


def test_unsent_votes_survive_a_reload(served: RunningStudio, browser: Browser) -> None:
    before = choices(served)
    add_pairs(served, 3)
    with watched_page(browser, served.url, away=True) as page:
        open_tab(page, served, "vote")
        wait_board(page, "d.pair !== ''")
        refuse_votes(page)
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#train-board .board-unsaved")).to_have_text("2 unsaved")
        assert choices(served) == before
        page.unroute_all()
        page.reload(wait_until="domcontentloaded")
        wait_board(page, f"d.pending === '0' && d.done === '{len(before) + 2}'")
        assert choices(served) == [*before, "right", "left"]
        page.keyboard.press("z")  # undo works after a reload too
        wait_board(page, f"d.pending === '0' && d.done === '{len(before) + 1}'")
        assert choices(served) == [*before, "right"]
        wait_board(page, "d.pair !== ''")
        vote_left_until_nothing_waits(page)


def test_votes_survive_a_killed_studio(served: RunningStudio, browser: Browser) -> None:
    """Kill -9 between vote and vote: what was saved stays, what was not goes out when the studio is back."""
    run = RunFolder.create(served.workspace / "runs", "train", {"model": "demo"})
    failed = run.status().model_copy(update={"state": "failed"})
    run.write_status(failed)
    before = choices(served)
    add_pairs(served, 4)
    with watched_page(browser, served.url, away=True) as page:
        open_tab(page, served, "vote")
        wait_board(page, "d.pair !== ''")
        page.wait_for_timeout(1500)
        page.keyboard.press("ArrowRight")
        wait_board(page, "d.pending === '0'")
        served.kill()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#train-board .board-unsaved")).to_have_text("2 unsaved")
        expect(page.locator(".top-warnings")).to_contain_text("isn't responding")
        assert choices(served) == [*before, "right"]
        served.start()  # the stale lock is taken over
        print(f"the page answered {served.started_in_s:.1f} s after the process began")
        wait_board(page, "d.pending === '0'")
        assert choices(served) == [*before, "right", "tie", "right"]
        run.write_status(failed.model_copy(update={"message": "The disk is full."}))
        page.click("#tab-train-button")  # a page that was open before the restart keeps working too
        expect(page.locator("#train-outcome")).to_contain_text("The disk is full.")
        shutil.rmtree(run.path)
    with watched_page(browser, served.url) as page:
        open_tab(page, served, "vote")
        vote_left_until_nothing_waits(page)

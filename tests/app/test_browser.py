"""The studio in a real browser, really started. The first test walks the whole path; the others try to break it.

One studio serves all tests; the whole path comes first, because it wants an empty workspace.
"""

import re
import statistics
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from app import text
from sdpo_core.files.adapter_info import read_adapter_info
from sdpo_core.preferences.store import Store
from tests.app.browsing import (
    BROWSER_FLAGS,
    JOB_PATIENCE_MS,
    ROOT,
    RunningStudio,
    board,
    open_tab,
    wait_board,
    wait_job,
    watched_page,
)
from tests.app.conftest import end_processes
from tests.app.helpers import add_pair, wait_for

pytestmark = pytest.mark.browser

PAIRS = 6


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    studio = RunningStudio(tmp_path_factory.mktemp("studio") / "workspace")
    try:
        studio.start()
        yield studio
    finally:
        studio.kill()
        end_processes(studio.workspace)
    output = studio.output()
    assert "Traceback" not in output, output


@pytest.fixture(scope="module")
def browser(browser_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=list(BROWSER_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(studio: RunningStudio, browser: Browser) -> Iterator[Page]:
    with watched_page(browser, studio.url, viewport={"width": 1280, "height": 900}) as page:
        yield page


def choices(studio: RunningStudio) -> list[str]:
    """The standing votes in the workspace, oldest pair first."""
    with Store(studio.workspace) as store:
        voted = sorted(store.voted_pairs(purpose="train"), key=lambda voted: voted.pair.id)
        return [one.vote.choice for one in voted]


def add_pairs(studio: RunningStudio, count: int) -> list[int]:
    with Store(studio.workspace) as store:
        first = store.counts().pairs + 1
        return [add_pair(store, first + number, f"a pond {first + number}").id for number in range(count)]


def vote_left_until_nothing_waits(page: Page) -> None:
    wait_board(page, "d.pair !== '' || d.done !== '0'")
    for _ in range(60):
        if not board(page)["pair"]:
            break
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(60)
    assert not board(page)["pair"]
    wait_board(page, "d.pending === '0'")


# --- the path --------------------------------------------------------------------------------------------------------


def test_the_whole_path(studio: RunningStudio, page: Page) -> None:
    """Generate, vote, train, judge, use: with the demo model, clicks and keys."""
    generate(studio, page)
    vote(studio, page)
    train(studio, page)
    judge(studio, page)
    page.click("#tab-adapters-button")
    card = page.locator('[data-adapter="warm"]')
    expect(card).to_contain_text("You preferred the adapter in")
    expect(card).to_contain_text(text.WORKS_ONLY_HERE)
    with page.expect_download() as download:
        card.get_by_text(text.ADAPTERS["download"]).click()
    assert download.value.suggested_filename == "warm.safetensors"


def generate(studio: RunningStudio, page: Page) -> None:
    open_tab(page, studio, "generate")
    expect(page.locator(".top-next")).to_be_hidden()  # the next step is the open page
    page.click("#generate-start")
    expect(page.get_by_text(text.NO_PROMPTS)).to_be_visible()
    page.click("#use-starters")
    expect(page.locator("#prompts textarea")).not_to_have_value("")
    page.fill("#pairs input", str(PAIRS))
    page.click("#generate-advanced button")
    page.fill("#generate-sampling_steps input", "2")
    page.click("#generate-start")
    wait_job(page, "generate", "queued", "running", "done")
    expect(page.locator(".grid-images img").first).to_be_visible(timeout=JOB_PATIENCE_MS)


def vote(studio: RunningStudio, page: Page) -> None:
    page.get_by_role("button", name="Vote", exact=True).click()
    wait_board(page, "d.pair !== ''")
    page.locator("#train-board .board-image.left").click()
    for done, key in enumerate(("ArrowRight", "a", "D", "ArrowDown", "ArrowLeft"), start=1):
        wait_board(page, f"d.pair !== '' && d.done === '{done}'", timeout=JOB_PATIENCE_MS)
        page.keyboard.press(key)
    wait_board(page, f"d.done === '{PAIRS}' && d.pending === '0'")
    assert choices(studio) == ["left", "right", "left", "right", "tie", "left"]
    page.keyboard.press("z")
    wait_board(page, f"d.done === '{PAIRS - 1}' && d.pending === '0' && d.pair !== ''")
    page.keyboard.press("ArrowRight")
    wait_board(page, f"d.done === '{PAIRS}' && d.pending === '0'")
    assert choices(studio)[-1] == "right"


def train(studio: RunningStudio, page: Page) -> None:
    page.click("#tab-train-button")
    expect(page.locator("#train-plan")).to_contain_text("5 pairs can train")
    page.click("#train-advanced button")
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
    expect(page.locator(".gauge-sentence")).to_contain_text("winner error")
    expect(page.locator(".preview-row img")).to_have_count(8)
    info = read_adapter_info(studio.workspace / "adapters" / "warm.safetensors")
    assert info.modules > 0
    assert info.sdpo is not None


def judge(studio: RunningStudio, page: Page) -> None:
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
    with Store(studio.workspace) as store:
        assert len(store.voted_pairs(purpose="judge")) == 3
        assert store.counts().votes == PAIRS  # judging is not training data


# --- every page ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tab", list(text.TABS))
def test_a_page_opens_quietly_and_fits_a_phone(studio: RunningStudio, browser: Browser, tab: str) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
    with watched_page(browser, studio.url, **phone) as page:
        open_tab(page, studio, tab)
        assert page.locator("h1").count() == 1
        expect(page.locator(f"#tab-{tab}")).to_be_visible()
        page.wait_for_timeout(700)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.locator("footer").count() == 0 or not page.locator("footer").is_visible()


# --- voting ----------------------------------------------------------------------------------------------------------


def test_a_burst_of_keys_loses_nothing(studio: RunningStudio, page: Page) -> None:
    before = choices(studio)
    add_pairs(studio, 10)
    open_tab(page, studio, "vote")
    wait_board(page, "d.pair !== ''")
    page.wait_for_timeout(1500)  # the deck is loaded
    keys = ["ArrowLeft", "ArrowRight", "ArrowRight", "ArrowDown", "b", "s", "a", "d", "ArrowLeft", "ArrowRight"]
    for key in keys:
        page.keyboard.press(key)
    wait_board(page, f"d.done === '{len(before) + 10}' && d.pending === '0'")
    meant = ["left", "right", "right", "tie", "both-bad", "skip", "left", "right", "left", "right"]
    assert choices(studio) == before + meant


def test_the_next_pair_paints_at_once(studio: RunningStudio, page: Page) -> None:
    """From key to both new images on the screen; the limit is generous, because test machines are busy."""
    add_pairs(studio, 11)
    open_tab(page, studio, "vote")
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
    assert statistics.median(took) < 100
    vote_left_until_nothing_waits(page)


def test_typing_never_votes(studio: RunningStudio, page: Page) -> None:
    before = choices(studio)
    add_pairs(studio, 2)
    open_tab(page, studio, "vote")
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
    assert choices(studio) == before
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


def test_unsent_votes_survive_a_reload(studio: RunningStudio, browser: Browser) -> None:
    before = choices(studio)
    add_pairs(studio, 3)
    with watched_page(browser, studio.url, away=True) as page:
        open_tab(page, studio, "vote")
        wait_board(page, "d.pair !== ''")
        refuse_votes(page)
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowLeft")
        expect(page.locator(".board-unsaved")).to_have_text("2 unsaved")
        assert choices(studio) == before
        page.unroute_all()
        page.reload(wait_until="domcontentloaded")
        wait_board(page, f"d.pending === '0' && d.done === '{len(before) + 2}'")
        assert choices(studio) == [*before, "right", "left"]
        page.keyboard.press("z")  # undo works after a reload too
        wait_board(page, f"d.pending === '0' && d.done === '{len(before) + 1}'")
        assert choices(studio) == [*before, "right"]
        wait_board(page, "d.pair !== ''")
        vote_left_until_nothing_waits(page)


def test_votes_survive_a_killed_studio(studio: RunningStudio, browser: Browser) -> None:
    """Kill -9 between vote and vote: what was saved stays, what was not goes out when the studio is back."""
    before = choices(studio)
    add_pairs(studio, 4)
    with watched_page(browser, studio.url, away=True) as page:
        open_tab(page, studio, "vote")
        wait_board(page, "d.pair !== ''")
        page.wait_for_timeout(1500)
        page.keyboard.press("ArrowRight")
        wait_board(page, "d.pending === '0'")
        studio.kill()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
        expect(page.locator(".board-unsaved")).to_have_text("2 unsaved")
        expect(page.locator(".top-warnings")).to_contain_text("does not answer")
        assert choices(studio) == [*before, "right"]
        studio.start()  # the stale lock is taken over
        print(f"the page answered {studio.started_in_s:.1f} s after the process began")
        wait_board(page, "d.pending === '0'")
        assert choices(studio) == [*before, "right", "tie", "right"]
    with watched_page(browser, studio.url) as page:
        open_tab(page, studio, "vote")
        vote_left_until_nothing_waits(page)


# --- what is missing or broken ---------------------------------------------------------------------------------------


def test_deleted_and_corrupt_images_are_left_out(studio: RunningStudio, page: Page) -> None:
    ids = add_pairs(studio, 3)
    with Store(studio.workspace) as store:
        store.image_path(store.pair(ids[0]).left).unlink()
        corrupt = store.image_path(store.pair(ids[1]).right)
        kept = corrupt.read_bytes()
        corrupt.write_bytes(b"this is no image")
    open_tab(page, studio, "vote")
    wait_board(page, f"d.pair === '{ids[2]}'")
    expect(page.locator(".board-said").first).to_have_text(text.BOARD["gone"])
    expect(page.locator(".top-warnings")).to_contain_text("1 image is gone")
    page.keyboard.press("ArrowLeft")
    wait_board(page, "d.pending === '0' && d.pair === ''")
    corrupt.write_bytes(kept)
    page.reload(wait_until="domcontentloaded")
    vote_left_until_nothing_waits(page)
    with Store(studio.workspace) as store:  # an image that a vote names goes too; the plan says so
        store.image_path(store.pair(ids[2]).left).unlink()
    page.click("#tab-train-button")
    expect(page.locator("#train-plan")).to_contain_text("pairs can train")
    expect(page.locator(".top-warnings")).to_contain_text("2 images are gone")


def test_an_unreadable_model_is_a_sentence_and_loses_nothing(studio: RunningStudio, page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "a model <b>in progress"
    folder.mkdir()
    open_tab(page, studio, "generate")
    page.fill("#prompts textarea", "my own prompt")
    page.fill("#model input", str(folder))
    page.locator("#model input").press("Enter")
    note = page.locator("#model-note [data-kind=bad]")
    expect(note).to_contain_text("model_index.json")
    expect(note).to_contain_text("<b>")  # text stays text
    page.click("#generate-start")
    expect(page.locator(".toast-body").first).to_contain_text("model_index.json")
    expect(page.locator("#prompts textarea")).to_have_value("my own prompt")
    page.fill("#model input", "demo")
    page.locator("#model input").press("Enter")
    expect(page.locator("#model-note [data-kind=good]")).to_be_visible()


def test_a_failed_training_is_told_with_its_log(studio: RunningStudio, page: Page) -> None:
    """The child dies of a real cause: the folder of its checkpoints is a file."""
    from sdpo_core.training.runs import RunFolder

    run = RunFolder.create(studio.workspace / "runs", "train", {"model": "demo", "drift_budget": 0.02})
    run.log_path.write_text("CUDA out of memory\n", encoding="utf-8")
    failed = {"state": "failed", "message": "The GPU's memory is full. Train with fewer pairs at once."}
    run.write_status(run.status().model_copy(update=failed))
    open_tab(page, studio, "train")
    expect(page.locator("#train-outcome [data-kind=bad]")).to_contain_text("memory is full")
    expect(page.locator("#train-outcome pre")).to_contain_text("CUDA out of memory")
    expect(page.locator(".top-job")).to_contain_text("Training failed")
    expect(page.locator("#train-resume")).to_be_visible()
    page.locator(".top-job").get_by_text(text.STATUS["dismiss"]).click()
    expect(page.locator(".top-job")).to_be_hidden()


# --- who may come in -------------------------------------------------------------------------------------------------


def vote_request(studio: RunningStudio, page: Page) -> dict[str, Any]:
    """A real vote's request, caught on its way."""
    add_pairs(studio, 1)
    caught: list[dict[str, Any]] = []

    def handle(route: Route) -> None:
        if '"vote"' in (route.request.post_data or ""):
            caught.append({"path": route.request.url.removeprefix(studio.url), "body": route.request.post_data})
            route.abort()
        else:
            route.continue_()

    page.route(re.compile("/component_server"), handle)
    open_tab(page, studio, "vote")
    wait_board(page, "d.pair !== ''")
    page.keyboard.press("ArrowLeft")
    wait_for(lambda: page.wait_for_timeout(50) or caught)
    return caught[0]


def test_another_page_can_not_vote(studio: RunningStudio, browser: Browser) -> None:
    before = choices(studio)
    with watched_page(browser, studio.url, away=True) as page:
        request = vote_request(studio, page)
        body = request["body"].encode()
        plain = {"content-type": "text/plain"}
        assert studio.post(request["path"], body, {**plain, "origin": "https://evil.example"}) == 403
        assert studio.post(request["path"], body, {**plain, "origin": "null"}) == 403
        assert studio.post(request["path"], body, {**plain, "host": "evil.example"}) == 403
        evil_page(browser, studio.url + request["path"], request["body"])
        assert choices(studio) == before
        page.unroute_all()
        wait_board(page, "d.pending === '0'")
        assert choices(studio) == [*before, "left"]


def evil_page(browser: Browser, target: str, body: str) -> None:
    """A page on another origin that sends the vote as a plain form would; no error tells it anything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<h1>nice cats</h1>")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = browser.new_page()
    page.goto(f"http://localhost:{server.server_port}/")
    page.evaluate(
        "([url, body]) => fetch(url, {method: 'POST', mode: 'no-cors', body}).then(() => 0, () => 0)", [target, body]
    )
    page.close()
    server.shutdown()
    server.server_close()


def test_a_second_studio_is_refused_with_the_first_ones_address(studio: RunningStudio) -> None:
    command = [*studio.command()[:3], "--no-browser", "--workspace", str(studio.workspace)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert studio.url in done.stderr
    assert "Traceback" not in done.stderr
    assert studio.answers()


def test_ctrl_c_ends_without_a_traceback(studio: RunningStudio) -> None:
    assert studio.interrupt() == 0
    assert text.CLOSED in studio.output() or text.CLOSED_WHILE_RUNNING in studio.output()
    assert not (studio.workspace / "studio.lock").exists()

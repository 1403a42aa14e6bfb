"""The studio in a real browser, with what is missing, broken or hostile. The last test ends the studio.

Runs on a studio that other files' tests have used too.
"""

import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app.status.text import say as status_say
from app.text import say as studio_say
from app.vote.text import say as vote_say
from sdpo_core.runs.folder import RunFolder
from sdpo_core.workspace.store import Store
from tests.app.browsing import (
    ROOT,
    RunningStudio,
    add_pairs,
    choices,
    open_tab,
    vote_left_until_nothing_waits,
    wait_board,
    watched_page,
)
from tests.app.helpers import wait_for

pytestmark = pytest.mark.browser

# --- what is missing or broken ---------------------------------------------------------------------------------------


def test_deleted_and_corrupt_images_are_left_out(votable: RunningStudio, page: Page) -> None:
    ids = add_pairs(votable, 3)
    with Store(votable.workspace) as store:
        store.images.path(store.pairs.get(ids[0]).left.image_sha256).unlink()
        corrupt = store.images.path(store.pairs.get(ids[1]).right.image_sha256)
        kept = corrupt.read_bytes()
        corrupt.write_bytes(b"this is no image")
    open_tab(page, votable, "vote")
    wait_board(page, f"d.pair === '{ids[2]}'")
    expect(page.locator(".board-said").first).to_have_text(vote_say("board.gone"))
    expect(page.locator(".top-warnings")).to_contain_text("1 image is missing")
    page.keyboard.press("ArrowLeft")
    wait_board(page, "d.pending === '0' && d.pair === ''")
    corrupt.write_bytes(kept)
    page.reload(wait_until="domcontentloaded")
    vote_left_until_nothing_waits(page)
    with Store(votable.workspace) as store:  # an image that a vote names goes too; the plan says so
        store.images.path(store.pairs.get(ids[2]).left.image_sha256).unlink()
    page.click("#tab-train-button")
    expect(page.locator("#train-plan")).to_contain_text("pairs can be used for training")
    expect(page.locator(".top-warnings")).to_contain_text("2 images are missing")


def test_an_unreadable_model_is_a_sentence_and_loses_nothing(served: RunningStudio, page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "a model <b>in progress"
    folder.mkdir()
    open_tab(page, served, "generate")
    page.fill("#prompts textarea", "my own prompt")
    page.fill("#model input", str(folder))
    page.locator("#model input").press("Enter")
    note = page.locator("#model-note [data-kind=bad]")
    expect(note).to_contain_text("model_index.json")
    expect(note).to_contain_text("<b>")  # text stays text
    page.click("#generate-start")
    expect(page.locator(".toast-body").first).to_contain_text("model_index.json")
    expect(page.locator(".toast-body").first).to_contain_text("<b>")
    expect(page.locator("#prompts textarea")).to_have_value("my own prompt")
    page.fill("#model input", "demo")
    page.locator("#model input").press("Enter")
    expect(page.locator("#model-note [data-kind=good]")).to_be_visible()


def test_a_failed_training_is_shown_with_its_log(served: RunningStudio, page: Page) -> None:
    """The child dies of a real cause: the folder of its checkpoints is a file."""
    run = RunFolder.create(served.workspace / "runs", "train", {"model": "demo", "drift_budget": 0.02})
    run.log_path.write_text("CUDA out of memory\n", encoding="utf-8")
    failed = {"state": "failed", "message": "The GPU's memory is full. Train with fewer pairs at a time."}
    run.write_status(run.status().model_copy(update=failed))
    open_tab(page, served, "train")
    expect(page.locator("#train-outcome [data-kind=bad]")).to_contain_text("memory is full")
    expect(page.locator("#train-outcome pre")).to_contain_text("CUDA out of memory")
    expect(page.locator(".top-job")).to_contain_text("Training failed")
    expect(page.locator("#train-resume")).to_be_visible()
    page.locator(".top-job").get_by_role("button", name=str(status_say("status.dismiss"))).click()
    expect(page.locator(".top-job")).to_be_hidden()


# --- who may come in -------------------------------------------------------------------------------------------------


def vote_request(served: RunningStudio, page: Page) -> dict[str, Any]:
    """A real vote's request, caught on its way."""
    add_pairs(served, 1)
    caught: list[dict[str, Any]] = []

    def handle(route: Route) -> None:
        if '"vote"' in (route.request.post_data or ""):
            caught.append({"path": route.request.url.removeprefix(served.url), "body": route.request.post_data})
            route.abort()
        else:
            route.continue_()

    page.route(re.compile("/component_server"), handle)
    open_tab(page, served, "vote")
    wait_board(page, "d.pair !== ''")
    page.keyboard.press("ArrowLeft")
    wait_for(lambda: page.wait_for_timeout(50) or caught)
    return caught[0]


def test_another_page_can_not_vote(served: RunningStudio, browser: Browser) -> None:
    before = choices(served)
    with watched_page(browser, served.url, away=True) as page:
        request = vote_request(served, page)
        body = request["body"].encode()
        plain = {"content-type": "text/plain"}
        assert served.post(request["path"], body, {**plain, "origin": "https://evil.example"}) == 403
        assert served.post(request["path"], body, {**plain, "origin": "null"}) == 403
        assert served.post(request["path"], body, {**plain, "host": "evil.example"}) == 403
        evil_page(browser, served.url + request["path"], request["body"])
        assert choices(served) == before
        page.unroute_all()
        wait_board(page, "d.pending === '0'")
        assert choices(served) == [*before, "left"]


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


def test_a_page_without_what_browsers_keep_for_https_votes(votable: RunningStudio, browser: Browser) -> None:
    """A phone gets the page over plain http from another machine; there `crypto` has no randomUUID."""
    add_pairs(votable, 1)
    with watched_page(browser, votable.url) as page:
        page.add_init_script("delete Crypto.prototype.randomUUID")
        open_tab(page, votable, "vote")
        wait_board(page, "d.pair !== ''")
        page.keyboard.press("ArrowLeft")
        wait_board(page, "d.pair === '' && d.pending === '0'")
    assert choices(votable)[-1] == "left"


def test_a_second_studio_is_refused_with_the_first_ones_address(served: RunningStudio) -> None:
    command = [*served.command()[:3], "--no-browser", "--workspace", str(served.workspace)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert served.url in done.stderr
    assert "Traceback" not in done.stderr
    assert served.answers()


def test_ctrl_c_ends_without_a_traceback(served: RunningStudio) -> None:
    assert served.interrupt() == 0
    assert studio_say("closed") in served.output() or studio_say("closedWhileRunning") in served.output()
    assert not (served.workspace / "studio.lock").exists()

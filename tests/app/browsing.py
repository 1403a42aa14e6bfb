"""A really started studio and a browser page that keeps an eye on itself."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.workspace.store import Store
from tests.app.helpers import add_pair, end_processes

ROOT = Path(__file__).resolve().parents[2]
BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 60_000
JOB_PATIENCE_MS = 240_000  # a job loads torch first
# What a browser says when the studio is away for a moment; the page itself then says so.
AWAY = (
    *("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_CONNECTION_CLOSED", "ERR_FAILED", "ERR_EMPTY_RESPONSE"),
    *("ERR_CONTENT_LENGTH_MISMATCH", "ERR_INCOMPLETE_CHUNKED_ENCODING", "Failed to fetch"),  # killed in mid-answer
    *("signal is aborted", "Connection errored out"),  # reloaded in mid-answer
)


expect.set_options(timeout=PATIENCE_MS)  # a busy machine isn't a failure


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class RunningStudio:
    """`python -m app` on a workspace of its own."""

    workspace: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None
    started_in_s: float = 0.0
    environment: dict[str, str] = field(default_factory=dict[str, str])  # in addition to our own
    more: tuple[str, ...] = ()  # further options

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def command(self) -> list[str]:
        options = ["--no-browser", "--port", str(self.port), "--workspace", str(self.workspace)]
        return [sys.executable, "-m", "app", *options, *self.more]

    def start(self, seconds: float = 120) -> None:
        began = time.monotonic()
        log = (self.workspace.parent / "studio-output.txt").open("a", encoding="utf-8")
        environment = {**os.environ, **self.environment}
        self.process = subprocess.Popen(self.command(), cwd=ROOT, env=environment, stdout=log, stderr=log, text=True)
        log.close()
        while not self.answers():
            assert self.process.poll() is None, self.output()
            assert time.monotonic() - began < seconds, "the studio did not start in time"
            time.sleep(0.1)
        self.started_in_s = time.monotonic() - began

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def output(self) -> str:
        return (self.workspace.parent / "studio-output.txt").read_text(encoding="utf-8")

    def interrupt(self) -> int:
        """Ctrl-C."""
        assert self.process
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        """The status of a POST that some other program or page might send."""
        request = urllib.request.Request(self.url + path, data=body, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


@contextmanager
def running(studio: RunningStudio) -> Iterator[RunningStudio]:
    """A started studio; afterwards no process is left, and no trouble may have been told in the terminal."""
    try:
        studio.start()
        yield studio
    finally:
        studio.kill()
        end_processes(studio.workspace)
    assert "Traceback" not in studio.output(), studio.output()


@contextmanager
def watched_page(
    browser: Browser,
    url: str,
    *,
    away: bool = False,
    ask_again: bool = False,
    known: tuple[str, ...] = (),
    **options: Any,
) -> Iterator[Page]:
    """A page in a context of its own; afterwards it must have been quiet and have asked nobody but the studio.

    Pairs come back only with `ask_again`: most tests say beforehand which pairs come.
    """
    context = browser.new_context(**options)
    if not ask_again:
        context.add_init_script("localStorage.setItem('sdpo.ask-again', 'off')")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []

    def complain(words: str) -> None:
        if not any(one in words for one in (*known, *(AWAY if away else ()))):
            complaints.append(words)

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error":
            complain(message.text)

    def look(request: Request) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            complaints.append(f"asked {request.url}")

    page.on("console", listen)
    page.on("pageerror", lambda error: complain(str(error)))
    page.on("request", look)
    try:
        yield page
        assert not complaints, complaints
    finally:
        context.close()


def barriers(page: Page) -> list[str]:
    """What axe-core calls serious or critical on a page, a line each."""
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}).response["violations"]
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {node['html'][:200]}" for one in grave for node in one["nodes"]]


def open_tab(page: Page, studio: RunningStudio, tab: str) -> None:
    """Open the page at a tab, until a person sees it: the bar has answered and all that it begins with is there."""
    page.goto(f"{studio.url}?tab={tab}", wait_until="domcontentloaded")
    page.wait_for_selector("html[data-shown]", state="attached")
    page.wait_for_selector(".top-facts dd", state="attached")
    page.wait_for_selector(f"#tab-{tab}-button[aria-selected=true]")


def reload(page: Page) -> None:
    """Reload once the page has settled: Gradio complains of its own requests when they are cut off."""
    page.wait_for_timeout(1200)
    page.reload(wait_until="domcontentloaded")


def open_settings(page: Page, tab: str) -> None:
    """Open a page's further settings, as slowly as the quickest hand.

    Gradio mounts the fields when they are first shown, and what a robot types into one in that same moment is lost.
    """
    page.click(f"#{tab}-advanced button")
    page.wait_for_timeout(300)


def board(page: Page, name: str = "train") -> dict[str, str]:
    """The board's own account: pair, pending, done, complete."""
    return page.locator(f"#{name}-board .sdpo-board").evaluate("node => ({...node.dataset})")


def wait_board(page: Page, condition: str, name: str = "train", timeout: float = PATIENCE_MS) -> None:
    """Wait for a condition on the board's data, such as "d.pair !== ''"."""
    expression = f"""() => {{
      const node = document.querySelector("#{name}-board .sdpo-board");
      const d = node?.dataset;
      return Boolean(d) && ({condition});
    }}"""
    try:
        page.wait_for_function(expression, timeout=timeout)
    except PlaywrightTimeout as error:
        words = page.locator(f"#{name}-board").inner_text()
        raise AssertionError(f"not {condition} after {timeout / 1000:.0f} s: {board(page, name)} {words!r}") from error


def wait_job(page: Page, verb: str, *states: str) -> None:
    page.wait_for_function(
        """([verb, states]) => {
          const job = document.querySelector(".sdpo-top")?.dataset;
          return job?.verb === verb && states.includes(job.state);
        }""",
        arg=[verb, list(states)],
        timeout=JOB_PATIENCE_MS,
    )


def click_image(image: Locator, **options: Any) -> None:
    """Choose an image as quickly as somebody who has seen it: a click right after it appears doesn't count."""
    image.page.wait_for_timeout(450)
    image.click(**options)


def choices(studio: RunningStudio) -> list[str]:
    """The standing votes in the workspace, oldest pair first."""
    with Store(studio.workspace) as store:
        voted = sorted(store.pairs.voted(purpose="train"), key=lambda voted: voted.pair.id)
        return [one.vote.choice for one in voted]


def add_pairs(studio: RunningStudio, count: int) -> list[int]:
    with Store(studio.workspace) as store:
        first = store.counts().pairs + 1
        numbers = range(first, first + count)
        return [add_pair(store, number, f"a pond {number}", demo_sha256()).id for number in numbers]


@cache
def demo_sha256() -> str:
    """The base that votes can train on in a studio that was just started."""
    return inspect_model("demo").sha256


def vote_left_until_nothing_waits(page: Page) -> None:
    """Vote on every pair; one that is still being loaded is waited for."""
    nothing = "d.fetching === 'false' && !node.querySelector('.board-empty').hidden"
    for _ in range(60):
        wait_board(page, f"d.pair !== '' || {nothing}")
        if not board(page)["pair"]:
            break
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(60)
    wait_board(page, f"d.pair === '' && d.pending === '0' && {nothing}")

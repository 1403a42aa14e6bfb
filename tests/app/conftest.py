"""A studio on an empty workspace, whose jobs are quick; and its clean-up, which leaves no process behind."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from pydantic import TypeAdapter

from app.desk.jobs import Jobs
from app.studio import Studio
from app.ui import replies
from sdpo_core.workspace.store import Store
from tests.app.browsing import BROWSER_FLAGS, RunningStudio, running, watched_page
from tests.app.helpers import FAKE_JOB, end_processes


@pytest.fixture(autouse=True)
def checked_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer that a test gets holds exactly what the signature of its function says, as the scripts rely on."""

    def done(act: Callable[..., Any], *arguments: Any) -> replies.Reply[Any]:
        answer, said = act(*arguments), get_type_hints(act).get("return")
        if said is not None:
            TypeAdapter(said).validate_python(answer, extra="forbid")
        return replies.Reply({"ok": True, **answer})

    monkeypatch.setattr(replies, "done", done)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    jobs = Jobs(tmp_path, command=FAKE_JOB)
    yield jobs
    end_processes(tmp_path)
    for child in jobs._children.values():
        child.wait(5)


@pytest.fixture
def studio(tmp_path: Path, jobs: Jobs) -> Iterator[Studio]:
    studio = Studio(tmp_path, jobs)
    yield studio
    studio.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A really started studio for all browser tests, with real jobs."""
    with running(RunningStudio(tmp_path_factory.mktemp("served") / "workspace")) as served:
        yield served


@pytest.fixture(scope="session")
def browser(browser_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=list(BROWSER_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(served: RunningStudio, browser: Browser) -> Iterator[Page]:
    with watched_page(browser, served.url, viewport={"width": 1280, "height": 900}) as page:
        yield page


@pytest.fixture
def votable(served: RunningStudio) -> RunningStudio:
    """The studio; what an earlier test left open is skipped, so that the next pair is the test's own first one."""
    with Store(served.workspace) as store:
        for pair in store.pairs.open(purpose="train", limit=1000):
            store.votes.cast(f"left over {pair.id}", pair.id, "skip")
    return served

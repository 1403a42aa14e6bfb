"""A studio on an empty workspace, whose jobs are quick; and its clean-up, which leaves no process behind."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from app.jobs import Jobs
from app.studio import Studio
from tests.app.browsing import BROWSER_FLAGS, RunningStudio, watched_page
from tests.app.helpers import FAKE_JOB


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
    served = RunningStudio(tmp_path_factory.mktemp("served") / "workspace")
    try:
        served.start()
        yield served
    finally:
        served.kill()
        end_processes(served.workspace)
    output = served.output()
    assert "Traceback" not in output, output


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


def end_processes(workspace: Path) -> None:
    """End our own children that work on `workspace`."""
    for child in psutil.Process().children(recursive=True):
        try:
            if str(workspace) in " ".join(child.cmdline()):
                child.kill()
                child.wait(5)
        except psutil.NoSuchProcess:
            continue

"""A studio on an empty workspace, whose jobs are quick; and its clean-up, which leaves no process behind."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.jobs import Jobs
from app.studio import Studio
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


def end_processes(workspace: Path) -> None:
    """End our own children that work on `workspace`."""
    for child in psutil.Process().children(recursive=True):
        try:
            if str(workspace) in " ".join(child.cmdline()):
                child.kill()
                child.wait(5)
        except psutil.NoSuchProcess:
            continue

"""What every test runs under: no network, one thread, and a browser only where there is one."""

import os
import signal
from pathlib import Path

import pytest

from tests.browsers import find_browser

# Before anything imports torch or a hub client: they read these once.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    TRANSFORMERS_OFFLINE="1",
    GRADIO_ANALYTICS_ENABLED="False",
    OMP_NUM_THREADS="1",
    MKL_NUM_THREADS="1",
    TOKENIZERS_PARALLELISM="false",
    NO_PROXY="127.0.0.1,localhost",
    no_proxy="127.0.0.1,localhost",
)
os.environ.pop("SDPO_TORCH_INDEX", None)

# A shell starts what it puts in the background with Ctrl-C ignored, and children would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Files that take minutes begin, so that at the end no process waits for another's (`checks.py` keeps the order).
_LONGEST = (
    *("cli/test_jobs.py", "test_equivalence.py", "cli/test_stopping.py", "training/test_train.py"),
    *("app/test_browser.py", "app/test_browser_again.py", "app/test_browser_verdict.py", "app/test_browser_access.py"),
)

_skipped_for_want_of_a_browser: list[str] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest; skip the browser tests where there is no browser, and remember them for the summary."""
    tests = Path(__file__).parent
    place = {tests / name: n for n, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))
    asking = [item for item in items if item.get_closest_marker("browser")]
    if not asking or find_browser():
        return
    for item in asking:
        item.add_marker(pytest.mark.skip(reason="no Chromium, Chrome or Edge"))
        _skipped_for_want_of_a_browser.append(item.nodeid)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly how much was not tested."""
    if _skipped_for_want_of_a_browser:
        terminalreporter.write_line(
            f"!! {len(_skipped_for_want_of_a_browser)} browser tests were SKIPPED: no Chromium, Chrome or Edge was "
            "found. Install one, or set SDPO_BROWSER to its path.",
            red=True,
            bold=True,
        )


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds launch.py."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def browser_path() -> str:
    """The browser for tests marked ``browser`` (they do not run without one)."""
    return find_browser()

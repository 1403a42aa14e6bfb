"""Every check of the house, one after the other; `python launch.py test` runs this in the environment it made.

checks.py [--all]     lint, format, types, scripts, imports, then the tests (--all: the slow ones too)
checks.py -- ARGS     only pytest, with ARGS
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests import node_tools
from tests.browsers import find_browser

ROOT = Path(__file__).resolve().parent.parent
BROWSER_DOWNLOAD_S = 240
LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
BY_FILE = ["--dist", "loadfile", "--no-loadscope-reorder", "--durations", "30"]  # a file's tests share what they set up
SIDE_BY_SIDE = ["-n", "auto", "--maxprocesses", "8", *BY_FILE]
# Each has a studio, a browser and perhaps a job; and some time what a person would see.
TWO_AT_ONCE = ["-n", "2", *BY_FILE]


@dataclass(frozen=True)
class Stage:
    """A check. `run` returns its exit code; it raises `node_tools.Unavailable` where its tools can't be had."""

    name: str
    run: Callable[[], int]


@dataclass(frozen=True)
class Result:
    """What became of a stage."""

    name: str
    outcome: str
    seconds: float


def run(arguments: list[str]) -> int:
    """Run this Python with arguments in the repository; Ctrl-C ends the child, then us."""
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, check=False).returncode


def playwrights_own() -> str:
    """Path of the Chromium that playwright would start; it need not exist."""
    code = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    return done.stdout.strip()


def download_browser() -> str:
    """Let playwright fetch its Chromium within a time limit; an empty string when it could not."""
    path = playwrights_own()
    if path and Path(path).exists():
        return path
    print(
        f"No Chromium, Chrome or Edge found; letting playwright fetch one (at most {BROWSER_DOWNLOAD_S} s).", flush=True
    )
    child = subprocess.Popen([sys.executable, "-m", "playwright", "install", "chromium"], start_new_session=True)
    try:
        child.wait(BROWSER_DOWNLOAD_S)
    except subprocess.TimeoutExpired:
        if sys.platform == "win32":
            child.kill()
        else:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    return path if path and Path(path).exists() else ""


def run_pytest(arguments: list[str]) -> int:
    """Run the tests with a browser, if there is one; otherwise the tests that need it are skipped and counted."""
    os.environ["SDPO_BROWSER"] = find_browser() or download_browser()
    print(f"Browser: {os.environ['SDPO_BROWSER'] or 'none'}", flush=True)
    return run(["-m", "pytest", *arguments])


def stages(which: str = "") -> list[Stage]:
    """All checks in order; `which` narrows the tests."""
    return [
        Stage("ruff check", lambda: run(["-m", "ruff", "check", "."])),
        Stage("ruff format", lambda: run(["-m", "ruff", "format", "--check", "."])),
        Stage("pyright", lambda: run(["-m", "pyright"])),
        Stage("biome", node_tools.run_biome),
        Stage("tsc", node_tools.run_tsc),
        Stage("lint-imports", lambda: run(["-c", LINT_IMPORTS, "--no-logo"])),
        Stage("pytest", lambda: run_pytest(["-m", f"not browser{which}", *SIDE_BY_SIDE])),
        Stage("pytest, browser", lambda: run_pytest(["-m", f"browser{which}", *TWO_AT_ONCE])),
    ]


def run_stage(stage: Stage) -> Result:
    """Run one check, and say so loudly when it can't be run here."""
    print(f"\n=== {stage.name}", flush=True)
    started = time.monotonic()
    try:
        outcome = "FAILED" if stage.run() else "passed"
    except node_tools.Unavailable as error:
        print(f"!! {stage.name} was SKIPPED: {error}.", flush=True)
        outcome = "SKIPPED"
    return Result(stage.name, outcome, time.monotonic() - started)


def main(arguments: list[str]) -> int:
    """Run all stages, whatever fails; the exit code says whether none did."""
    if arguments[:1] == ["--"]:
        return run_pytest(arguments[1:])
    if arguments not in ([], ["--all"]):
        print(f"test takes --all, or -- and pytest's own arguments; got: {' '.join(arguments)}")
        return 2
    results = [run_stage(stage) for stage in stages("" if arguments else " and not slow")]
    print()
    for result in results:
        print(f"{result.outcome:7}  {result.seconds:7.1f} s  {result.name}")
    return 1 if any(result.outcome == "FAILED" for result in results) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)

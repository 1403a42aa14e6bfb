"""How fast the studio is for a person who votes: start, click to the next pair, memory over a thousand votes.

A real studio on 10,000 stored pairs of different images by its model, of which 9,000 have a vote; a real browser votes
on 300 pairs of 1024 px and then on 700 small ones.

    python -m bench.studio [--quick] [--render]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from bench.machine import describe_machine, sentence
from sdpo_core.atomic import write_bytes, write_json
from sdpo_core.checkpoints.model_info import DEMO, inspect_model
from sdpo_core.workspace.records import Pair
from sdpo_core.workspace.store import Store
from tests.app.browsing import BROWSER_FLAGS, RunningStudio, open_tab, running, wait_board, watched_page
from tests.app.helpers import recipe
from tests.browsers import find_browser

RESULTS = Path(__file__).resolve().parent / "results" / "studio.json"
_WARM_UP = 100  # small votes before memory is measured for the first time
PACE_MS = 120  # between a pair on the screen and the next click: faster than any person
# target: what, limit, unit
TARGETS = {
    "next_pair_p95_ms": ("click to the next pair of 1024 px painted, 95th percentile", 100.0, "ms"),
    "usable_after_s": ("page usable after it is opened in a studio that has started", 4.0, "s"),
    "memory_mib": ("memory of the studio's process at the end", 400.0, "MiB"),
    "growth_mib": ("its growth over the votes after the first hundred", 10.0, "MiB"),
}
_VOTE = """async ([votes, pace]) => {
  const board = document.querySelector("#train-board .sdpo-board");
  const frame = () => new Promise((resume) => requestAnimationFrame(resume));
  const took = [];
  for (let i = 0; i < votes && board.dataset.pair; i++) {
    const before = board.dataset.pair, began = performance.now();
    board.querySelector(`.board-image.${i % 2 ? "left" : "right"}`).click();
    while (board.dataset.pair === before) await frame();
    await frame();
    took.push(performance.now() - began);
    await new Promise((resume) => setTimeout(resume, pace));
  }
  return took;
}"""


@dataclass(frozen=True)
class Size:
    """How many pairs there are in total, how many large open ones, and how many small open ones."""

    stored: int
    large: int
    small: int
    side_px: int


FULL = Size(stored=10_000, large=300, small=700, side_px=1024)
QUICK = Size(stored=60, large=12, small=24, side_px=512)


def fill(workspace: Path, size: Size) -> None:
    """Small pairs with their votes, then the large open ones, then the small open ones."""
    voted = size.stored - size.large - size.small
    base = inspect_model(DEMO).sha256
    rng = np.random.default_rng(0)
    with Store(workspace) as store:
        for number in range(size.stored):
            large = voted <= number < voted + size.large
            sides = [_large(rng, size.side_px) if large else _small(2 * number + side) for side in (0, 1)]
            pair = _add_pair(store, number, sides, base)
            if number < voted:
                store.votes.cast(str(uuid.uuid4()), pair.id, "left")


def _add_pair(store: Store, number: int, sides: list[Image.Image], base_sha256: str) -> Pair:
    ids: list[int] = []
    for side, image in enumerate(sides):
        made = recipe(f"a lake {number % 500}", 2 * number + side, base_sha256)
        made = made.model_copy(update={"width_px": image.width, "height_px": image.height})
        ids.append(store.candidates.add(image, made).id)
    return store.pairs.add(ids[0], ids[1], purpose="train")


def _small(number: int) -> Image.Image:
    """An image of one colour, a different one for each number."""
    return Image.new("RGB", (64, 64), (number % 256, number // 256, 128))


def _large(rng: np.random.Generator, side_px: int) -> Image.Image:
    """An image that takes as much disk space as a photograph: soft shapes under a little grain."""
    soft = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize(
        (side_px, side_px), Image.Resampling.BICUBIC
    )
    grain = rng.integers(-4, 5, (side_px, side_px, 3))
    return Image.fromarray((np.asarray(soft).astype(int) + grain).clip(0, 255).astype(np.uint8))


def measure(workspace: Path, size: Size) -> dict[str, Any]:
    """Start the studio on the workspace and vote until nothing is left."""
    with sync_playwright() as playwright, running(RunningStudio(workspace)) as studio:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(BROWSER_FLAGS))
        with watched_page(browser, studio.url, viewport={"width": 1280, "height": 900}) as page:
            page_s = _open_board(page, studio)
            assert studio.process
            process = psutil.Process(studio.process.pid)
            large = page.evaluate(_VOTE, [size.large, PACE_MS])
            small = page.evaluate(_VOTE, [min(_WARM_UP, size.small), PACE_MS])
            early = process.memory_info().rss
            small += page.evaluate(_VOTE, [size.small, PACE_MS])
            wait_board(page, "d.pending === '0'")
            end = process.memory_info().rss
        browser.close()
    with Store(workspace) as store:
        saved = store.counts().votes
    assert saved == size.stored, f"{saved} votes of {size.stored} are in the database"
    return {
        "next_pair_p95_ms": float(np.percentile(large, 95)),
        "next_pair_median_ms": float(np.median(large)),
        "next_pair_worst_ms": max(large),
        "small_p95_ms": float(np.percentile(small, 95)),
        "votes": len(large) + len(small),
        "usable_after_s": page_s,
        "started_in_s": studio.started_in_s,
        "gradio_import_s": _gradio_import_s(),
        "memory_mib": end / 2**20,
        "growth_mib": max(0.0, (end - early) / 2**20),
    }


def _open_board(page: Page, studio: RunningStudio) -> float:
    """Seconds from asking for the page to a pair on the screen."""
    began = page.evaluate("performance.now() + performance.timeOrigin")
    open_tab(page, studio, "vote")
    wait_board(page, "d.pair !== ''")
    return float(page.evaluate("performance.now() + performance.timeOrigin") - began) / 1000


def _gradio_import_s() -> float:
    """Seconds that a bare Python takes to import Gradio, which shows how fast this machine is."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import gradio"], check=True)
    return time.monotonic() - began


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    found, size = results["found"], results["size"]
    lines = [
        "# How quick the studio is",
        "",
        f"Made by `python -m bench.studio`: {size['stored']:,} stored pairs; a browser votes on {size['large']} of",
        f"{size['side_px']} px and {size['small']} small ones.",
        "",
        "| what | target | measured | |",
        "|---|---|---|---|",
    ]
    for name, (what, limit, unit) in TARGETS.items():
        verdict = "met" if found[name] <= limit else "**missed**"
        lines.append(f"| {what} | ≤ {limit:g} {unit} | {found[name]:.3g} {unit} | {verdict} |")
    median, worst = found["next_pair_median_ms"], found["next_pair_worst_ms"]
    lines += [
        "",
        f"The studio itself starts in {found['started_in_s']:.1f} s; in a bare Python `import gradio` alone takes",
        f"{found['gradio_import_s']:.1f} s here.",
        "",
        f"Of the {size['side_px']} px pairs the median took {median:.0f} ms, the slowest {worst:.0f} ms.",
        "",
        f"Machine: {sentence(results['machine'])}.",
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill a workspace, vote on it in a browser, and write the table."""
    parser = argparse.ArgumentParser(description="How quick the studio is for a person who votes.")
    parser.add_argument("--quick", action="store_true", help="few pairs, to see that everything works; prints only")
    parser.add_argument("--render", action="store_true", help="only rewrite the table from the results")
    options = parser.parse_args(arguments)
    if options.render:
        results = json.loads(RESULTS.read_text(encoding="utf-8"))
    else:
        size = QUICK if options.quick else FULL
        with tempfile.TemporaryDirectory(prefix="sdpo-studio-") as folder:
            workspace = Path(folder) / "workspace"
            fill(workspace, size)
            results = {"size": asdict(size), "found": measure(workspace, size), "machine": describe_machine()}
        if options.quick:
            print(table(results))
            return
        write_json(RESULTS, results)
    write_bytes(RESULTS.with_suffix(".md"), table(results).encode())


if __name__ == "__main__":
    main()

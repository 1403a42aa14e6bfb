"""Pictures of every page in light, in dark and on a phone, for the README and for our own eyes.

    python -m tests.app.screenshots [--workspace FOLDER] [--to FOLDER] [--only PAGE ...]

On the embedded demo model a simulated person who likes warm colours goes the whole path first: generates, votes, trains
and judges, by the command line. A workspace that is given is made once and then shown as it is.
"""

import argparse
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from app.pages import PAGES
from bench.journey import run_verb
from bench.questions import judge_questions, training_prompts
from bench.simulated_user import ORACLES, SimulatedUser
from sdpo_core.atomic import write_bytes
from sdpo_core.paths import repository_root
from sdpo_core.workspace.store import Store
from tests.app.browsing import BROWSER_FLAGS, RunningStudio, open_tab, running, watched_page
from tests.browsers import find_browser

MOST_HEIGHT_PX = 2100  # a page may be as long as its images
SETTLE_MS = 2500  # images fade in and charts are drawn
WITH_A_BAR = ("generate",)
"""Pages with a bar at the window's lower edge, which would lie across a picture of the whole page."""

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "color_scheme": "light",
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    },
}
_VOTED, _WAITING, _COMPARISONS = 44, 12, 20


def walk_the_path(workspace: Path) -> None:
    """Fill a workspace as a person would: pairs, votes, an adapter, a verdict, and some pairs that still wait."""
    person = SimulatedUser(ORACLES["warm"], seed=0)
    run_verb("generate", workspace, "--prompts", *training_prompts(0, _VOTED), "--seed", "1")
    with Store(workspace) as store:
        person.vote_all(store)
    run_verb("train", workspace, "--adapter-name", "Warm evenings", "--checkpoint-every-steps", "25")
    prompts = judge_questions().prompts[:_COMPARISONS]
    judged = run_verb("judge", workspace, "--comparisons", str(_COMPARISONS), "--prompts", *prompts)
    with Store(workspace) as store:
        person.vote_all(store, purpose="judge", run_id=judged.id)
    waiting = training_prompts(0, _VOTED + _WAITING)[_VOTED:]
    run_verb("generate", workspace, "--prompts", *waiting, "--seed", "1000")


def take(browser: Browser, studio: RunningStudio, page_name: str, look: str, folder: Path) -> Path:
    """One page as a picture; raises AssertionError when it is wider than the screen or complained."""
    path = folder / f"{page_name}-{look}.webp"
    with watched_page(browser, studio.url, **LOOKS[look]) as page:
        open_tab(page, studio, page_name)
        page.wait_for_timeout(SETTLE_MS)
        too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert too_wide <= 0, f"{path.stem} is {too_wide} px wider than the screen"
        taken = page.screenshot(full_page=page_name not in WITH_A_BAR)
    picture = BytesIO()
    with Image.open(BytesIO(taken)) as image:
        tallest = MOST_HEIGHT_PX * LOOKS[look].get("device_scale_factor", 1)
        shown = image.convert("RGB").crop((0, 0, image.width, min(image.height, tallest)))
        shown.save(picture, "WEBP", quality=80, method=6)
    write_bytes(path, picture.getvalue())
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill a workspace unless one is given that is full, start the studio on it and take the pictures."""
    parser = argparse.ArgumentParser(description="Pictures of every page of the studio.")
    parser.add_argument(
        "--workspace", type=Path, help="shown as it is, or created if it doesn't exist (a temporary one)"
    )
    parser.add_argument("--to", type=Path, default=repository_root() / "docs" / "screenshots")
    parser.add_argument("--only", nargs="+", choices=list(PAGES), default=list(PAGES), metavar="PAGE")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="sdpo-screenshots-") as temporary:
        workspace: Path = options.workspace or Path(temporary) / "workspace"
        if not workspace.exists():
            walk_the_path(workspace)
        with sync_playwright() as playwright, running(RunningStudio(workspace.resolve())) as studio:
            browser = playwright.chromium.launch(executable_path=find_browser(), args=list(BROWSER_FLAGS))
            for name in options.only:
                for look in LOOKS:
                    print(take(browser, studio, name, look, options.to), flush=True)
            browser.close()


if __name__ == "__main__":
    main()

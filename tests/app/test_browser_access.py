"""No page has a serious barrier (WCAG 2.1 A and AA, as axe-core finds them), in light, in dark and on a phone."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from app.pages import PAGES
from sdpo_core.workspace.store import Store
from tests.app.browsing import RunningStudio, add_pairs, barriers, open_tab, running, watched_page
from tests.app.helpers import make_blind_test

pytestmark = pytest.mark.browser

SCREENS = {"light": (1280, 900), "dark": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A studio with images, votes, a blind test in its middle, two projects, and a door to the network."""
    studio = RunningStudio(
        tmp_path_factory.mktemp("lived-in") / "workspace", environment={"SDPO_LAN_ADDRESS": "127.0.0.2"}
    )
    pairs = add_pairs(studio, 8)
    with Store(studio.workspace) as store:
        for pair, choice in zip(pairs, ("left", "right", "tie", "both-bad"), strict=False):
            store.votes.cast(f"vote {pair}", pair, choice)
    make_blind_test(studio.workspace, 3)
    with running(studio):
        yield studio


@pytest.mark.parametrize("screen", SCREENS)
def test_no_page_has_a_serious_barrier(lived_in: RunningStudio, browser: Browser, screen: str) -> None:
    width, height = SCREENS[screen]
    look: dict[str, Any] = {"color_scheme": "dark" if screen == "dark" else "light"}
    found: list[str] = []
    with watched_page(browser, lived_in.url, viewport={"width": width, "height": height}, **look) as page:
        open_tab(page, lived_in, next(iter(PAGES)))
        for name in PAGES:
            page.click(f"#tab-{name}-button")
            page.wait_for_selector(f"#tab-{name}-button[aria-selected=true]")
            page.wait_for_timeout(700)
            found += [f"{name}: {barrier}" for barrier in barriers(page)]
    assert found == []


def test_nor_have_the_parts_that_open(lived_in: RunningStudio, browser: Browser) -> None:
    found: list[str] = []
    with watched_page(browser, lived_in.url, viewport={"width": 1280, "height": 900}) as page:
        for tab, button, shown in (
            ("home", "#phone-open", "#phone-password"),
            ("generate", "#generate-advanced button", "#generate-seed"),
            ("generate", ".finder-open", ".finder-inside .home-form"),
            ("train", "#train-advanced button", "#train-loss"),
            ("vote", "[data-mode=best]", "#best-board .sdpo-board"),
            ("vote", "[data-mode=review]", ".sdpo-review"),
        ):
            open_tab(page, lived_in, tab)
            page.click(button)
            expect(page.locator(shown).first).to_be_visible()
            page.wait_for_timeout(500)
            found += [f"{tab}, {button}: {barrier}" for barrier in barriers(page)]
        open_tab(page, lived_in, "home")
        page.click("#phone-close")
        expect(page.locator("#phone-open")).to_be_visible()
    assert found == []

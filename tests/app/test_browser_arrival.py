"""How a page arrives: it stands when it is first seen, and nothing in it jumps afterwards."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from app.pages import PAGES
from tests.app.browsing import RunningStudio, add_pairs, reload, watched_page

pytestmark = pytest.mark.browser

GOOD = 0.1
"""The layout shift that is counted as good (web.dev/cls)."""

_WATCH = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts.push(entry.value);
}).observe({ type: "layout-shift", buffered: true });
"""
_SETTLE_MS = 300  # what comes late would come now


@pytest.mark.parametrize(
    ("screen", "tabs"),
    [
        ({"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}, [*PAGES]),
        ({"viewport": {"width": 1280, "height": 900}}, ["vote", "train", "disk"]),
    ],
    ids=["phone", "desktop"],
)
def test_no_page_jumps_while_it_loads(
    served: RunningStudio, browser: Browser, screen: dict[str, Any], tabs: list[str]
) -> None:
    add_pairs(served, 1)
    shifts: dict[str, float] = {}
    with watched_page(browser, served.url, away=True, **screen) as page:
        page.add_init_script(_WATCH)
        for tab in tabs:
            page.goto(f"{served.url}?tab={tab}", wait_until="commit")
            page.wait_for_selector("html[data-shown]", state="attached")
            assert page.locator(f"#tab-{tab}-button").get_attribute("aria-selected") == "true"
            page.wait_for_timeout(_SETTLE_MS)
            shifts[tab] = page.evaluate("window.shifts.reduce((sum, one) => sum + one, 0)")
    assert max(shifts.values()) < GOOD, shifts


def test_back_and_forward_move_between_pages(served: RunningStudio, page: Page) -> None:
    page.goto(served.url, wait_until="domcontentloaded")
    page.wait_for_selector("html[data-shown]", state="attached")
    for tab in ("vote", "vote", "train"):
        page.click(f"#tab-{tab}-button")
        expect(page).to_have_url(f"{served.url}?tab={tab}")
    for move, tab in ((page.go_back, "vote"), (page.go_back, "home"), (page.go_forward, "vote")):
        move(wait_until="commit")
        expect(page.locator(f"#tab-{tab}-button")).to_have_attribute("aria-selected", "true")
    page.click("#tab-disk-button")
    expect(page).to_have_url(f"{served.url}?tab=disk")
    reload(page)
    page.wait_for_selector("html[data-shown]", state="attached")
    expect(page.locator("#tab-disk-button")).to_have_attribute("aria-selected", "true")
    page.go_back(wait_until="commit")
    expect(page.locator("#tab-vote-button")).to_have_attribute("aria-selected", "true")

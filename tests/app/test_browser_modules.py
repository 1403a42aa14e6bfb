"""Modules that come late, or not at all."""

import re

import pytest
from playwright.sync_api import Browser, Route, expect

from app.ui.text import say
from tests.app.browsing import RunningStudio, open_tab, watched_page

pytestmark = pytest.mark.browser


def test_a_module_that_comes_late_paints_the_newest_value(served: RunningStudio, browser: Browser) -> None:
    held: list[Route] = []
    with watched_page(browser, served.url) as page:
        page.route("**/note.js", lambda route: held.append(route))
        open_tab(page, served, "train")  # the page waited for it as long as it waits for anything
        note = page.locator("#train-plan .sdpo-note")
        assert note.count() == 0
        for route in held:
            route.continue_()
        expect(note.locator("p")).not_to_be_empty()


def test_a_module_that_fails_to_load_is_reported_and_leaves_the_others_alone(
    served: RunningStudio, browser: Browser
) -> None:
    with watched_page(browser, served.url, away=True) as page:
        page.route("**/comfy_pack.js", lambda route: route.abort())
        open_tab(page, served, "adapters")
        expect(page.locator("#comfy-pack")).to_have_text(say("widgetLost"))
        expect(page.locator("#adapter-list .sdpo-adapters")).to_have_attribute("data-count", re.compile(r"^\d+$"))


def test_a_page_asks_for_every_module_once(served: RunningStudio, browser: Browser) -> None:
    with watched_page(browser, served.url) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "/static/js/" in request.url else None)
        open_tab(page, served, "vote")
        page.click("#tab-judge-button")
        page.wait_for_selector("#judge-board .sdpo-board", state="attached")
        assert asked
        assert len(asked) == len(set(asked))

"""The Generate page in a real browser: the button in sight, the images with their prompts, one of them large."""

import time

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.generate.text import say as generate_say
from sdpo_core.workspace.store import Store
from tests.app.browsing import RunningStudio, add_pairs, open_tab, reload, watched_page
from tests.app.helpers import add_pair

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_button_is_in_sight_wherever_the_page_is(
    votable: RunningStudio, browser: Browser, width: int, height: int
) -> None:
    with watched_page(browser, votable.url, viewport={"width": width, "height": height}) as page:
        open_tab(page, votable, "generate")
        for scrolled in (0, 300):
            page.mouse.wheel(0, scrolled)
            page.wait_for_timeout(200)
            box = page.locator("#generate-start").bounding_box()
            assert box
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= height
            assert on_top(page.locator("#generate-start")), "nothing may lie over the button"


def on_top(node: Locator) -> bool:
    """Whether a click on the left end of a button would meet it."""
    return bool(
        node.evaluate(
            """(node) => {
              const { left, top, height } = node.getBoundingClientRect();
              return document.elementFromPoint(left + 20, top + height / 2).closest("button") === node;
            }"""
        )
    )


def test_images_come_with_their_prompts_into_sight(votable: RunningStudio, page: Page) -> None:
    open_tab(page, votable, "generate")
    page.mouse.wheel(0, 600)
    with Store(votable.workspace) as store:
        add_pair(store, int(time.time()), "a pond that is new")
    first = page.locator(".grid-images [role=listitem]").first
    expect(first.locator(".grid-prompt")).to_have_text("a pond that is new")
    expect(first).to_be_in_viewport()


def test_prompts_and_numbers_survive_a_reload_and_another_tab(votable: RunningStudio, browser: Browser) -> None:
    with watched_page(browser, votable.url, viewport={"width": 1280, "height": 900}) as page:
        open_tab(page, votable, "generate")
        page.fill("#prompts textarea", "a harbour\na {red|blue} sea")
        page.fill("#pairs input", "9")
        page.locator("#pairs input").blur()
        page.wait_for_timeout(800)
        reload(page)
        page.wait_for_selector("html[data-shown]", state="attached")
        expect(page.locator("#prompts textarea")).to_have_value("a harbour\na {red|blue} sea")
        expect(page.locator("#pairs input")).to_have_value("9")
        other = page.context.new_page()
        open_tab(other, votable, "generate")
        expect(other.locator("#prompts textarea")).to_have_value("a harbour\na {red|blue} sea")
        page.fill("#prompts textarea", "")
        page.wait_for_timeout(800)  # other tests begin without


def test_one_image_large_with_its_neighbours_and_what_is_known(votable: RunningStudio, page: Page) -> None:
    add_pairs(votable, 2)
    open_tab(page, votable, "generate")
    box = page.locator(".sdpo-lightbox")
    page.locator(".grid-images button").first.click()
    expect(box).to_be_visible()
    middle = box.evaluate("node => { const r = node.getBoundingClientRect(); return [r.x + r.width / 2, innerWidth]; }")
    assert middle[0] == pytest.approx(middle[1] / 2, abs=1)
    expect(box.get_by_text(generate_say("made.seed"))).to_be_visible()
    first = box.locator("img").get_attribute("src")
    expect(box.get_by_role("button", name=generate_say("gallery.previous"))).to_be_disabled()
    page.keyboard.press("ArrowRight")
    expect(box.locator("img")).not_to_have_attribute("src", str(first))
    box.get_by_role("button", name=generate_say("gallery.previous")).click()
    expect(box.locator("img")).to_have_attribute("src", str(first))
    with page.expect_download() as download:
        box.get_by_text(generate_say("gallery.download")).click()
    assert download.value.suggested_filename.endswith(".png")
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()

"""What the votes say, in a real browser: read, and corrected by voting on what is unsure; and an adapter's curve."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from app.studio import Studio
from app.vote.text import say as vote_say
from sdpo_core.taste.calibration import Point
from sdpo_core.workspace.store import Store
from tests.app.browsing import RunningStudio, barriers, open_tab, reload, running, wait_board, watched_page
from tests.app.shelves import add_adapter, calibrate
from tests.app.tastes import add_pairs

pytestmark = pytest.mark.browser

VOTES, WAITING = 40, 12
CARD = "#votes-say .sdpo-says"
POINTS = tuple(
    Point(strength=strength, error=error, standard_error=0.002, shift=shift, preference=0.6 + strength / 20)
    for strength, error, shift in ((1.0, 0.004, 0.5), (1.4, 0.011, 0.8), (1.8, 0.03, 1.1))
)


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A studio whose person likes warm pictures, with open pairs and an adapter that was calibrated."""
    workspace = tmp_path_factory.mktemp("warm") / "workspace"
    studio = Studio(workspace)
    add_pairs(studio.desk.store, studio.desk.models.chosen().sha256, range(VOTES))
    add_pairs(studio.desk.store, studio.desk.models.chosen().sha256, range(VOTES, VOTES + WAITING), choose=None)
    calibrate(studio, add_adapter(studio, "warm", strength=1.4), POINTS, 1.4)
    studio.close()
    with running(RunningStudio(workspace)) as served:
        yield served


def test_the_card_is_read_and_corrected(warm: RunningStudio, browser: Browser) -> None:
    with watched_page(browser, warm.url, viewport={"width": 1280, "height": 844}) as page:
        open_tab(page, warm, "vote")
        wait_board(page, "d.pair !== ''")
        card = page.locator(CARD)
        expect(card.locator(".says-body")).to_be_hidden()
        card.locator("summary").click()
        expect(card.locator(".says-words")).to_contain_text("warmer")
        expect(card.locator(".says-images img")).to_have_count(12)
        expect(card.locator(".says-looking")).to_be_hidden()
        assert barriers(page) == []
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.set_viewport_size({"width": 1280, "height": 844})
        shown = card.locator(".says-pairs li")
        count = shown.count()
        first = shown.first.locator("img").evaluate_all("nodes => nodes.map((one) => one.getAttribute('src'))")
        press = card.locator(".says-press")
        expect(press).to_have_text(vote_say("voteOnSeveral", n=count))
        page.locator("#vote-modes [data-mode=review]").click()
        press.click()
        expect(page.locator("#vote-modes [data-mode=pairs]")).to_have_attribute("aria-pressed", "true")
        expect(page.locator("#train-board .board-said")).to_have_text(vote_say("severalComeFirst", n=count))
        wait_board(page, "d.pair !== ''")
        images = page.locator("#train-board .board-image img")
        assert images.evaluate_all("nodes => nodes.map((one) => one.getAttribute('src'))") == first
        reload(page)  # what was asked for still comes first, and the card is still open
        wait_board(page, "d.pair !== ''")
        assert images.evaluate_all("nodes => nodes.map((one) => one.getAttribute('src'))") == first
        expect(card.locator(".says-words")).to_contain_text("warmer")
        page.keyboard.press("ArrowLeft")
        wait_board(page, "d.pending === '0' && d.pair !== ''")
    with Store(warm.workspace) as store:
        newest = max(store.pairs.voted(purpose="train"), key=lambda voted: voted.vote.created_at)
        assert newest.pair.chosen_by == "taste"
        assert {f"/sdpo/image/{one.image_sha256}" for one in newest.sides} == set(first)


def test_an_adapters_curve_is_drawn(warm: RunningStudio, browser: Browser) -> None:
    with watched_page(browser, warm.url) as page:
        open_tab(page, warm, "adapters")
        curve = page.locator('[data-adapter="warm"] .card-curve')
        expect(curve).to_be_visible()
        assert "Calibrated at 1.40." in str(curve.get_attribute("aria-label"))
        assert curve.locator("circle").count() == 3
        assert curve.locator("circle.chosen").count() == 1
        places = curve.locator("circle").evaluate_all("nodes => nodes.map((one) => Number(one.getAttribute('cx')))")
        left, middle, right = places
        gate = float(str(curve.locator("line.curve-gate").get_attribute("x1")))
        assert left < middle < gate < right
        expect(page.locator('[data-adapter="warm"] .card-predicted')).to_contain_text("Predicted")
        assert barriers(page) == []

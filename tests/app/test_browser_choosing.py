"""How a person chooses, in a real browser: keys, fingers, strength, looking closer.

Runs on a studio that other files' tests have used too.
"""

import pytest
from playwright.sync_api import Browser, Page, expect

from app.vote.text import say as vote_say
from sdpo_core.workspace.records import Vote
from sdpo_core.workspace.store import Store
from sdpo_core.workspace.tally import tally
from tests.app.browsing import (
    RunningStudio,
    add_pairs,
    board,
    choices,
    click_image,
    demo_sha256,
    open_tab,
    reload,
    wait_board,
    watched_page,
)
from tests.app.helpers import add_pair

pytestmark = pytest.mark.browser

BOARD = "#train-board .sdpo-board"
MARKUP = "<img src=x onerror=alert(1)> ${1 + 1} {{value}}"


def votes(studio: RunningStudio) -> list[Vote]:
    """The standing votes, oldest first."""
    with Store(studio.workspace) as store:
        return [one.vote for one in store.pairs.voted(purpose="train")]


def begin(page: Page, studio: RunningStudio, pairs: int) -> list[int]:
    ids = add_pairs(studio, pairs)
    open_tab(page, studio, "vote")
    wait_board(page, f"d.pair === '{ids[0]}'")
    return ids


def looking(page: Page) -> str:
    return str(board(page).get("looking", ""))


def test_shift_says_much_better(votable: RunningStudio, page: Page) -> None:
    ids = begin(page, votable, 5)
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(f"{BOARD} .board-said")).to_have_text(vote_say("board.choseStrongly.right"))
    click_image(page.locator(f"{BOARD} .board-image.left"), modifiers=["Shift"])
    strong = page.locator(f"{BOARD} .board-button.strong")
    strong.click()  # for those who have no Shift
    expect(strong).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("a")
    expect(strong).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("a")
    page.keyboard.press("Shift+ArrowDown")  # a tie has no strength
    wait_board(page, "d.pending === '0' && d.pair === ''")
    cast = [vote for vote in votes(votable) if vote.pair_id in ids]
    assert [vote.choice for vote in cast] == ["right", "left", "left", "left", "tie"]
    assert [vote.strength for vote in cast] == [2, 2, 2, 1, 1]


def test_a_double_click_votes_once(votable: RunningStudio, page: Page) -> None:
    """The clicks are the page's own, 120 ms apart by its clock, so that a busy machine doesn't make them slow ones."""
    ids = begin(page, votable, 3)
    page.wait_for_timeout(450)
    took_ms = page.evaluate(
        """async (selector) => {
          const click = (detail) =>
            document.querySelector(selector).dispatchEvent(new MouseEvent("click", { bubbles: true, detail }));
          click(1);
          click(2);
          const began = performance.now();
          while (performance.now() - began < 120) {}
          click(1);
          return performance.now() - began;
        }""",
        f"{BOARD} .board-image.right",
    )
    assert took_ms < 350
    wait_board(page, f"d.pair === '{ids[1]}' && d.pending === '0'")
    click_image(page.locator(f"{BOARD} .board-image.right"))
    wait_board(page, f"d.pair === '{ids[2]}' && d.pending === '0'")
    page.keyboard.press("a")  # keys are meant, however quickly they follow
    page.keyboard.press("z")
    page.keyboard.press("d")
    wait_board(page, "d.pair === '' && d.pending === '0'")
    assert [vote.pair_id for vote in votes(votable) if vote.pair_id in ids] == ids


def test_space_peeks_and_c_flickers(votable: RunningStudio, page: Page) -> None:
    before = choices(votable)
    begin(page, votable, 2)
    page.keyboard.down(" ")
    assert looking(page) == "peek"
    expect(page.locator(".look-pane img")).to_have_count(2)
    page.mouse.move(300, 300)
    page.wait_for_timeout(400)
    page.keyboard.up(" ")
    assert looking(page) == ""
    page.keyboard.press(" ")  # tapped, it stays
    page.wait_for_timeout(300)
    assert looking(page) == "peek"
    page.keyboard.press(" ")
    assert looking(page) == ""
    page.keyboard.down("c")
    shown = "() => [...document.querySelectorAll('.look-pane')].map((pane) => pane.classList.contains('away'))"
    seen = {tuple(page.evaluate(shown))}
    page.wait_for_timeout(700)
    seen.add(tuple(page.evaluate(shown)))
    assert seen == {(False, True), (True, False)}
    page.keyboard.up("c")
    assert looking(page) == ""
    page.locator(f"{BOARD} .board-button.peek").click()
    assert looking(page) == "peek"
    page.keyboard.press("Escape")
    assert looking(page) == ""
    assert choices(votable) == before
    page.keyboard.press("c")
    page.keyboard.press("ArrowLeft")  # choosing continues from there
    wait_board(page, "d.pending === '0' && d.looking === ''")
    assert len(choices(votable)) == len(before) + 1


def test_a_focused_button_keeps_its_space_key(votable: RunningStudio, page: Page) -> None:
    ids = begin(page, votable, 3)
    click_image(page.locator(f"{BOARD} .board-image.right"))  # a mouse leaves no focus behind …
    wait_board(page, f"d.pair === '{ids[1]}'")
    page.keyboard.press(" ")
    assert looking(page) == "peek"
    page.keyboard.press(" ")
    page.locator(f"{BOARD} .board-image.right").focus()  # … and Tab does
    page.keyboard.press(" ")
    wait_board(page, f"d.pair === '{ids[2]}' && d.pending === '0'")
    assert looking(page) == ""
    assert [vote.choice for vote in votes(votable) if vote.pair_id in ids] == ["right", "right"]


def test_keys_can_be_switched_off_for_good(votable: RunningStudio, page: Page) -> None:
    ids = begin(page, votable, 1)
    switch = page.locator(f"{BOARD} .board-button.keys")
    expect(switch).to_have_attribute("aria-checked", "true")
    switch.click()
    for key in ("ArrowLeft", "a", "b", "s", "z", " ", "c", "f"):
        page.keyboard.press(key)
    assert looking(page) == ""
    reload(page)
    wait_board(page, f"d.pair === '{ids[0]}'")
    expect(switch).to_have_attribute("aria-checked", "false")
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(300)
    assert board(page)["pair"] == str(ids[0])
    switch.click()
    page.keyboard.press("ArrowLeft")
    wait_board(page, "d.pending === '0' && d.pair === ''")


def test_markup_in_a_prompt_is_text(votable: RunningStudio, page: Page) -> None:
    with Store(votable.workspace) as store:
        add_pair(store, 9_001, MARKUP)
    open_tab(page, votable, "vote")
    wait_board(page, "d.pair !== ''")
    expect(page.locator(f"{BOARD} .board-prompt")).to_have_text(MARKUP)
    assert page.locator(f"{BOARD} .board-prompt img").count() == 0


@pytest.mark.parametrize(("width", "height", "least"), [(2560, 1440, 760), (1280, 900, 380), (390, 844, 340)])
def test_the_images_are_as_large_as_the_screen_allows(
    votable: RunningStudio, browser: Browser, width: int, height: int, least: int
) -> None:
    add_pairs(votable, 1)
    with watched_page(browser, votable.url, viewport={"width": width, "height": height}) as page:
        open_tab(page, votable, "vote")
        wait_board(page, "d.pair !== ''")
        page.wait_for_timeout(300)
        left, right = (page.locator(f"{BOARD} .board-image.{side}").bounding_box() for side in ("left", "right"))
        assert left
        assert right
        assert left["width"] >= least
        buttons = page.locator(f"{BOARD} .board-buttons").first.bounding_box()
        assert buttons
        assert left["y"] >= 0
        assert buttons["y"] + buttons["height"] <= height, "all that is needed to choose is in sight"
        stacked = left["x"] == right["x"]
        assert stacked == (width < 700)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator(f"{BOARD} .board-button.large").click()
        larger = page.locator(f"{BOARD} .board-image.left").bounding_box()
        assert larger
        assert larger["width"] >= left["width"] * (0.85 if stacked else 1.1)
        last = page.locator(f"{BOARD} .board-image.right").bounding_box()
        assert last
        assert last["y"] + last["height"] <= height
        page.keyboard.press("Escape")
        expect(page.locator(BOARD)).not_to_contain_class("large")


def test_fingers_swipe(votable: RunningStudio, browser: Browser) -> None:
    """To the right takes an image, to the left the other one; a long press flickers, a short way does nothing."""
    ids = add_pairs(votable, 3)
    with watched_page(browser, votable.url, viewport={"width": 390, "height": 844}, has_touch=True) as page:
        open_tab(page, votable, "vote")
        wait_board(page, f"d.pair === '{ids[0]}'")
        touch = Finger(page)
        touch.swipe(".left", 30)
        assert board(page)["pair"] == str(ids[0])
        touch.swipe(".right", 150)
        wait_board(page, f"d.pair === '{ids[1]}'")
        touch.swipe(".right", -150)
        wait_board(page, f"d.pair === '{ids[2]}'")
        touch.down(".right")
        page.wait_for_timeout(500)
        assert looking(page) == "flicker"
        touch.up()
        wait_board(page, "d.looking === ''")
        page.wait_for_timeout(400)
        assert board(page)["pair"] == str(ids[2])
        page.locator(f"{BOARD} .board-image.left").tap()
        wait_board(page, "d.pending === '0' && d.pair === ''")
    assert [vote.choice for vote in votes(votable) if vote.pair_id in ids] == ["right", "left", "left"]


def test_a_pair_that_comes_back_looks_like_any_other(votable: RunningStudio, browser: Browser) -> None:
    """Two earlier answers to pairs asked again, one of them another than the first time; a third one in the browser."""
    with Store(votable.workspace) as store:
        before = store.votes.consistency()
        for number in range(20):
            pair = add_pair(store, 300 + number, "a pond that was seen")
            store.votes.cast(f"seen {pair.id}", pair.id, "left", 500)
            if number in (3, 4):
                again = "left" if number == 3 else "right"
                store.votes.cast(f"seen again {pair.id}", pair.id, again, 500, repeat_of=f"seen {pair.id}")
    add_pairs(votable, 6)
    with watched_page(browser, votable.url, ask_again=True) as page:
        open_tab(page, votable, "vote")
        wait_board(page, "d.pair !== ''")
        done = int(board(page)["done"])
        for _ in range(7):
            wait_board(page, "d.pair !== ''")
            page.keyboard.press("ArrowLeft")
        wait_board(page, f"d.pair === '' && d.pending === '0' && d.done === '{done + 6}'")
        with Store(votable.workspace) as store:
            steady = store.votes.consistency()
        assert steady.asked == before.asked + 3
        told = vote_say("board.steady", same=steady.same, asked=steady.asked)
        expect(page.locator(f"{BOARD} .board-steady")).to_have_text(told)
        expect(page.locator(f"{BOARD} .board-pace")).to_contain_text("votes per minute")


def test_the_finish_line_is_announced_once_and_does_not_get_in_the_way(votable: RunningStudio, page: Page) -> None:
    with Store(votable.workspace) as store:
        decided = tally(store, demo_sha256()).usable
        line = next(votes for votes in (30, 60, 120, 240) if votes > decided)
        for number in range(line - decided - 1):
            pair = add_pair(store, 400 + number, "a pond on the way", demo_sha256())
            store.votes.cast(f"on the way {pair.id}", pair.id, "right")
    begin(page, votable, 3)
    expect(page.locator(f"{BOARD} .board-line")).to_have_text(f"1 more to {line}")
    finish = page.locator(f"{BOARD} .board-finish")
    expect(finish).to_be_hidden()
    page.keyboard.press("ArrowDown")  # a tie isn't a step towards it
    expect(finish).to_be_hidden()
    page.keyboard.press("ArrowLeft")
    expect(finish).to_contain_text(f"{line} usable votes")
    page.keyboard.press("ArrowLeft")  # ignored, it goes away
    expect(finish).to_be_hidden()
    wait_board(page, "d.pending === '0' && d.pair === ''")


class Finger:
    """A finger on the board's images."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._session = page.context.new_cdp_session(page)

    def down(self, side: str) -> tuple[float, float]:
        image = self._page.locator(f"{BOARD} .board-image{side}")
        image.scroll_into_view_if_needed()
        box = image.bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + min(box["height"], 200) / 2
        self._send("touchStart", x, y)
        return x, y

    def up(self) -> None:
        self._session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def swipe(self, side: str, way_px: int) -> None:
        x, y = self.down(side)
        for part in range(1, 6):
            self._send("touchMove", x + way_px * part / 5, y)
        self.up()

    def _send(self, kind: str, x: float, y: float) -> None:
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})


def test_a_question_mark_shows_all_keys(votable: RunningStudio, page: Page) -> None:
    begin(page, votable, 1)
    help_of = page.locator(f"{BOARD} .board-help")
    expect(help_of).not_to_have_attribute("open", "")
    page.keyboard.press("?")
    expect(help_of).to_have_attribute("open", "")
    expect(help_of.get_by_text(vote_say("board.helpKey"))).to_be_in_viewport()
    page.keyboard.press("?")
    expect(help_of).not_to_have_attribute("open", "")

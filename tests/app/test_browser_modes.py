"""Ways to vote besides pairs, in a real browser, on a studio of their own."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from app.vote.text import say as vote_say
from sdpo_core.workspace.records import Vote
from sdpo_core.workspace.store import Store
from tests.app.browsing import (
    RunningStudio,
    board,
    click_image,
    open_tab,
    reload,
    running,
    wait_board,
    watched_page,
)
from tests.app.helpers import add_pair, wait_for

pytestmark = pytest.mark.browser

BEST = "#best-board .sdpo-board"
MARKUP = "<b>four</b> ${1 + 1} {{value}}"


@pytest.fixture(scope="module")
def modes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A studio with four images of each of two prompts."""
    modes = RunningStudio(tmp_path_factory.mktemp("modes") / "workspace")
    with Store(modes.workspace) as store:
        for number in range(4):
            add_pair(store, number, MARKUP if number < 2 else "a bay")
    with running(modes):
        yield modes


@pytest.fixture
def page(modes: RunningStudio, browser: Browser) -> Iterator[Page]:
    with watched_page(browser, modes.url, viewport={"width": 1280, "height": 900}) as page:
        yield page


def votes(studio: RunningStudio) -> int:
    with Store(studio.workspace) as store:
        return store.counts().votes


def wait_set(page: Page, condition: str) -> None:
    wait_board(page, condition, "best")


def test_best_and_worst_of_four(modes: RunningStudio, page: Page) -> None:
    open_tab(page, modes, "vote")
    wait_board(page, "d.pair !== ''")
    page.click("[data-mode=best]")
    expect(page.locator("#train-board .sdpo-board")).to_be_hidden()
    wait_set(page, "d.set !== ''")
    expect(page.locator(f"{BEST} .best-prompt")).to_have_text(MARKUP)
    expect(page.locator(f"{BEST} .best-question")).to_have_text(vote_say("board.best"))
    expect(page.locator(f"{BEST} .board-image")).to_have_count(4)
    shown = page.locator(BEST).get_attribute("data-set")
    page.keyboard.press("2")
    expect(page.locator(f"{BEST} .best-question")).to_have_text(vote_say("board.worst"))
    page.keyboard.press("z")  # one step back
    wait_set(page, "d.best === ''")
    click_image(page.locator(f"{BEST} .board-image").nth(1))
    click_image(page.locator(f"{BEST} .board-image").nth(3))
    wait_set(page, f"d.pending === '0' && d.done === '5' && d.set !== '{shown}' && d.set !== ''")
    assert votes(modes) == 5
    assert shown
    second, fourth = (int(one) for i, one in enumerate(shown.split(",")) if i in (1, 3))
    with Store(modes.workspace) as store:
        for voted in store.pairs.voted(purpose="train"):
            sides = {"left": voted.pair.left.id, "right": voted.pair.right.id}
            better = sides.pop(voted.vote.choice)
            assert better == second or [*sides.values()] == [fourth]
    reload(page)  # the way to vote is kept, and undo works after a reload
    wait_set(page, "d.set !== '' && d.done === '5'")
    page.keyboard.press("z")
    wait_set(page, f"d.pending === '0' && d.done === '0' && d.set === '{shown}'")
    page.keyboard.press("1")
    page.keyboard.press("s")  # none is the worst
    wait_set(page, "d.pending === '0' && d.done === '3'")


def test_an_answer_that_could_not_be_sent_survives_a_reload(modes: RunningStudio, browser: Browser) -> None:
    before = votes(modes)
    with watched_page(browser, modes.url, away=True) as page:
        page.add_init_script("localStorage.setItem('sdpo.mode', 'best')")
        open_tab(page, modes, "vote")
        wait_set(page, "d.set !== ''")
        page.route(
            re.compile("/component_server"),
            lambda route: route.abort() if '"rank"' in (route.request.post_data or "") else route.continue_(),
        )
        page.keyboard.press("1")
        page.keyboard.press("4")
        expect(page.locator(f"{BEST} .board-unsaved")).to_have_text("1 unsaved")
        assert votes(modes) == before
        page.unroute_all()
        reload(page)
        wait_set(page, f"d.pending === '0' && d.done === '{before + 5}'")
        assert votes(modes) == before + 5
        expect(page.locator(f"{BEST} .board-empty-title")).to_have_text(vote_say("board.bestEmpty"))


def test_swiss_rounds_end(modes: RunningStudio, page: Page) -> None:
    """Eight new images take three rounds of four pairs; rounds begin as soon as the one before is over."""
    with Store(modes.workspace) as store:
        for number in range(4):
            add_pair(store, 50 + number, "eight hills")
    open_tab(page, modes, "vote")
    page.click("[data-mode=swiss]")
    for _ in range(40):
        wait_board(page, "d.pair !== '' || (d.pending === '0' && d.fetching === 'false')")
        if not board(page)["pair"]:
            break
        page.keyboard.press("ArrowLeft")
    with Store(modes.workspace) as store:
        assert store.rankings.swiss_pairs() == ([], 0)
        hills = [voted for voted in store.pairs.voted(purpose="train") if voted.pair.left.prompt == "eight hills"]
    assert len(hills) == 12
    expect(page.locator("#train-board .board-empty-title")).to_have_text(vote_say("board.swissEmpty"))
    page.click("[data-mode=pairs]")
    wait_board(page, "d.pending === '0'")


REVIEW = "#review-grid .sdpo-review"


def wait_review(page: Page, condition: str) -> None:
    page.wait_for_function(
        f"""() => {{ const d = document.querySelector("{REVIEW}")?.dataset; return Boolean(d) && ({condition}); }}"""
    )


def standing(modes: RunningStudio) -> dict[int, Vote]:
    """The votes that stand, by pair."""
    with Store(modes.workspace) as store:
        return {one.pair.id: one.vote for one in store.pairs.voted(purpose="train")}


def test_votes_are_reviewed_changed_and_deleted(modes: RunningStudio, page: Page) -> None:
    prompt = "a <i>pier</i> ${1 + 1}"
    with Store(modes.workspace) as store:
        pairs = [add_pair(store, 90 + number, f"{prompt} {number}") for number in range(3)]
        for pair, choice in zip(pairs, ("left", "right", "tie"), strict=True):
            store.votes.cast(f"review {pair.id}", pair.id, choice, 500)  # pyright: ignore[reportArgumentType]
    open_tab(page, modes, "vote")
    page.click("[data-mode=review]")
    wait_review(page, "Number(d.votes) > 3")
    page.fill(f"{REVIEW} input[type=search]", "PIER")
    wait_review(page, "d.votes === '3'")
    cards = page.locator(f"{REVIEW} .review-card")
    expect(cards.first.locator(".review-prompt")).to_have_text(f"{prompt} 2")
    first, second, third = (page.locator(f"{REVIEW} [data-pair='{pair.id}']") for pair in pairs)

    first.locator(".review-images button").nth(1).click()  # the other image
    expect(first).to_have_attribute("data-choice", "right")
    first.get_by_role("button", name=vote_say("board.strong")).click()
    second.locator("select").select_option("both-bad")
    third.get_by_role("button", name=vote_say("review.delete")).click()
    wait_for(lambda: pairs[2].id not in standing(modes))  # the page says that it waits a moment after a click
    wait_review(page, "d.pending === '0'")
    now = standing(modes)
    assert (now[pairs[0].id].choice, now[pairs[0].id].strength) == ("right", 2)
    assert now[pairs[1].id].choice == "both-bad"

    third.get_by_role("button", name=vote_say("review.restore")).click()
    wait_review(page, "d.pending === '0'")
    page.locator(f"{REVIEW} select").first.select_option("tie")
    wait_review(page, "d.votes === '1'")
    expect(cards).to_have_attribute("data-pair", str(pairs[2].id))
    page.locator(f"{REVIEW} input[type=date]").nth(1).fill("2001-01-01")
    expect(page.locator(f"{REVIEW} .sdpo-empty")).to_have_text(vote_say("review.none"))
    page.get_by_role("button", name=vote_say("review.clear")).click()
    wait_review(page, "Number(d.votes) > 3")


def test_a_change_that_could_not_be_sent_survives_a_reload(modes: RunningStudio, browser: Browser) -> None:
    with Store(modes.workspace) as store:
        pair = add_pair(store, 99, "a lonely pier")
        store.votes.cast(f"review {pair.id}", pair.id, "left", 500)
    with watched_page(browser, modes.url, away=True) as page:
        page.add_init_script("localStorage.setItem('sdpo.mode', 'review')")
        open_tab(page, modes, "vote")
        card = page.locator(f"{REVIEW} [data-pair='{pair.id}']")
        page.route(
            re.compile("/component_server"),
            lambda route: route.abort() if '"vote"' in (route.request.post_data or "") else route.continue_(),
        )
        card.locator(".review-images button").nth(1).click()
        expect(page.locator(f"{REVIEW} .board-unsaved")).to_have_text("1 unsaved")
        page.unroute_all()
        reload(page)
        expect(card).to_have_attribute("data-choice", "right")
        wait_review(page, "d.pending === '0'")
    with Store(modes.workspace) as store:
        now = {one.pair.id: one.vote.choice for one in store.pairs.voted(purpose="train")}
    assert now[pair.id] == "right"


def test_several_images_fit_a_phone(modes: RunningStudio, browser: Browser) -> None:
    with Store(modes.workspace) as store:
        for number in range(2):
            add_pair(store, 70 + number, "four dunes")
    with watched_page(browser, modes.url, viewport={"width": 390, "height": 844}, has_touch=True) as page:
        page.add_init_script("localStorage.setItem('sdpo.mode', 'best')")
        open_tab(page, modes, "vote")
        wait_set(page, "d.set !== ''")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        box = page.locator(f"{BEST} .board-image").first.bounding_box()
        assert box
        assert box["width"] >= 170
        page.click("[data-mode=review]")
        wait_review(page, "Number(d.votes) > 3")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

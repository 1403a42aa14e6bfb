"""Home in a real browser: projects with clicks and keys, two tabs, a zip out and in. A studio of its own."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.disk.text import say as disk_say
from app.home.text import say as home_say
from sdpo_core.projects.folders import FIRST
from sdpo_core.workspace.store import Store
from tests.app.browsing import RunningStudio, add_pairs, open_tab, running, wait_board, watched_page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A studio with four pairs in its first project."""
    house = RunningStudio(tmp_path_factory.mktemp("house") / "workspace")
    add_pairs(house, 4)
    with running(house):
        yield house


@pytest.fixture
def page(house: RunningStudio, browser: Browser) -> Iterator[Page]:
    with watched_page(browser, house.url, viewport={"width": 1280, "height": 900}) as page:
        open_tab(page, house, "home")
        page.wait_for_selector(".sdpo-home[data-ready=yes]")
        yield page


def open_project(page: Page, name: str) -> None:
    """Open a project and wait until the page has come back with it."""
    page.get_by_role("button", name=f"Open: {name}", exact=True).click()
    expect(page.locator(".home-project[data-open=true] strong")).to_have_text(name)


def test_the_next_step_is_one_click_away(house: RunningStudio, page: Page) -> None:
    page.goto(house.url, wait_until="domcontentloaded")  # Home is where one lands
    expect(page.locator(".home-stage")).to_have_count(5)
    expect(page.locator(".home-stage[data-stage=candidates] .home-stage-value")).to_have_text("8")
    expect(page.locator(".home-stage.next")).to_have_attribute("data-stage", "votes")
    expect(page.locator(".top-next")).to_be_hidden()
    page.click(".home-next-button")
    wait_board(page, "d.pair !== ''")


def test_a_project_is_made_with_keys_and_opened_in_every_tab(
    house: RunningStudio, page: Page, browser: Browser
) -> None:
    page.locator("#project-new").press("Enter")
    page.keyboard.type("<b>Warm</b> ${1+1}")  # a, d, s, b and z are keys of the voting page
    page.keyboard.press("Enter")
    name = page.locator(".home-project:not([data-open=true]) strong")
    expect(name).to_have_text("<b>Warm</b> ${1+1}")
    page.get_by_role("button", name="Rename: <b>Warm</b> ${1+1}").click()
    page.get_by_label(home_say("home.renameLabel")).fill("Warm")
    page.keyboard.press("Enter")
    expect(name).to_have_text("Warm")
    with watched_page(browser, house.url) as other:
        open_tab(other, house, "vote")
        wait_board(other, "d.pair !== ''")
        other.keyboard.press("ArrowLeft")
        wait_board(other, "d.done === '1' && d.pending === '0'")
        open_project(page, "Warm")
        expect(page.locator(".home-stage[data-stage=candidates] .home-stage-value")).to_have_text("0")
        wait_board(other, "d.pair === '' && d.done === '0'")
    open_project(page, "My first project")
    expect(page.locator(".home-stage[data-stage=votes] .home-stage-value")).to_have_text("1")
    page.get_by_role("button", name="Archive: Warm").click()
    expect(page.locator(".home-archived summary")).to_contain_text("(1)")
    page.locator(".home-archived summary").click()
    page.get_by_role("button", name="Unarchive: Warm").click()
    expect(page.get_by_role("button", name="Open: Warm")).to_be_visible()


def test_a_project_goes_out_and_comes_in_as_a_zip(house: RunningStudio, page: Page, tmp_path: Path) -> None:
    page.locator(f".home-project[data-project={FIRST}]").get_by_role("button", name="Export").click()
    link = page.get_by_text(home_say("home.download"))
    expect(link).to_have_attribute("download", "")
    zipped = tmp_path / "mine.zip"
    # Asked for directly: a download in the browser has no time limit of its own.
    zipped.write_bytes(page.request.get(f"{house.url}{(link.get_attribute('href') or '').lstrip('/')}").body())
    projects = page.locator(".home-project").count()
    page.set_input_files("#project-file", zipped)
    expect(page.locator(".home-said[data-kind=good]")).to_contain_text("8 images")
    expect(page.locator(".home-project")).to_have_count(projects + 1)
    with zipfile.ZipFile(zipped, "a") as file:
        file.writestr("../evil.png", b"x")
    page.set_input_files("#project-file", zipped)
    expect(page.locator(".home-said[data-kind=bad]")).to_contain_text("points outside")
    expect(page.locator(".home-project")).to_have_count(projects + 1)


def test_the_house_is_kept_and_nothing_with_a_vote_goes(house: RunningStudio, page: Page) -> None:
    with Store(house.workspace) as store:
        if store.counts().votes == 0:  # else an earlier test has voted
            store.votes.cast("a vote of mine", store.pairs.open(purpose="train")[0].id, "left")
    page.get_by_role("button", name=home_say("home.keepHouse")).click()
    page.wait_for_selector(".sdpo-disk[data-ready=yes]")
    page.locator("[data-kind=unvoted]").click()
    dialog = page.locator(".disk-dialog")
    expect(dialog).to_contain_text("These images have no votes")
    expect(dialog.locator("img")).to_have_count(6)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.locator("[data-kind=unvoted]").click()
    page.click("#disk-act")
    expect(page.locator(".sdpo-disk .home-said[data-kind=good]")).to_contain_text("to the trash")
    with Store(house.workspace) as store:
        assert (store.counts().pairs, store.counts().votes) == (1, 1)
    page.locator("#disk-trash button").click()
    expect(page.locator("#disk-trash")).to_contain_text(disk_say("disk.trashEmpty"))
    with Store(house.workspace) as store:
        assert store.counts().open_pairs == 3
    page.locator("#disk-backups button").first.click()
    expect(dialog).to_contain_text("All votes go back")
    page.click("#disk-act")
    expect(page.locator("#disk-backups")).to_contain_text(disk_say("backupNames.before-restore"))

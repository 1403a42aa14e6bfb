"""Judge and Adapters in a real browser: a verdict, a grid, and what a card can do. A studio of its own."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from app.adapters.text import say as adapters_say
from app.judge.text import say as judge_say
from app.studio import Studio
from sdpo_core.adapters.file import save_adapter
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.models.lora import Lora
from sdpo_core.models.registry import load_model
from sdpo_core.runs.folder import list_runs
from sdpo_core.workspace.store import Store
from tests.app.browsing import (
    JOB_PATIENCE_MS,
    RunningStudio,
    barriers,
    open_tab,
    reload,
    running,
    wait_board,
    watched_page,
)
from tests.app.helpers import make_blind_test
from tests.app.shelves import add_adapter, judge_all, make_grid
from tests.models.test_lora import shake

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A studio with a judged adapter for a missing model, a grid of it, and one for the demo model."""
    shelf = RunningStudio(tmp_path_factory.mktemp("shelf") / "workspace")
    studio = Studio(shelf.workspace)
    record = add_adapter(studio, "lakes")
    judge_all(studio, make_blind_test(studio.desk.workspace, 2, "lakes", sha256=record.sha256, first=800), "wl")
    make_grid(studio, record, (0, 0), (0, 1), (1, 2))
    add_demo_adapter(studio)
    studio.close()
    with running(shelf):
        yield shelf


@pytest.fixture
def page(shelf: RunningStudio, browser: Browser) -> Iterator[Page]:
    with watched_page(browser, shelf.url, viewport={"width": 1280, "height": 900}) as page:
        yield page


def add_demo_adapter(studio: Studio) -> None:
    model = load_model("demo", device="cpu")
    lora = Lora.create(model, rank=2, alpha=2.0, targets="attention", seed=0)
    shake(lora)
    path = studio.desk.workspace / "adapters" / "warm.safetensors"
    save_adapter(path, lora, info=model.info, sdpo={"pairs": 40, "step": 100}, title="warm")
    base = model.info.sha256
    studio.desk.store.adapters.add(name="warm", path=path, sha256=sha256_file(path), base_sha256=base, run_id="gone")


def test_judging_continues_after_a_reload_and_ends_in_a_verdict(shelf: RunningStudio, page: Page) -> None:
    with Store(shelf.workspace) as store:
        sha256 = store.adapters.find("lakes").sha256
    run = make_blind_test(shelf.workspace, 4, "lakes", sha256=sha256)
    open_tab(page, shelf, "judge")
    wait_board(page, "d.pair !== '' && d.done === '0'", "judge")
    for done in (1, 2):
        page.keyboard.press("ArrowLeft")
        wait_board(page, f"d.done === '{done}' && d.pending === '0'", "judge")
    expect(page.locator(".sdpo-verdict")).to_be_hidden()
    reload(page)
    wait_board(page, "d.pair !== '' && d.done === '2'", "judge")
    page.keyboard.press("ArrowDown")
    wait_board(page, "d.done === '3' && d.pair !== ''", "judge")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".verdict-sentence")).to_contain_text("of 4 (1 tie counts half)")
    card = page.locator(".sdpo-verdict")
    assert card.locator(".verdict-bar").first.get_attribute("aria-label").startswith("You preferred the adapter in")  # type: ignore[union-attr]
    rows = card.get_by_role("table", name=judge_say("verdict.prompts")).locator("tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(2)).to_contain_text("0.5 of 1: equal")
    card.locator("summary").click()
    expect(card.locator(".verdict-images li")).to_have_count(4)
    card.get_by_role("button", name=judge_say("verdict.let")).click()
    expect(card.get_by_role("button", name=judge_say("verdict.takeBack"))).to_be_visible()
    with Store(shelf.workspace) as store:
        assert len(store.judged.pairs(run.id)) == 4
    reload(page)
    card.get_by_role("button", name=judge_say("verdict.takeBack")).click()
    expect(card.get_by_role("button", name=judge_say("verdict.let"))).to_be_visible()
    with Store(shelf.workspace) as store:
        assert store.judged.pairs(run.id) == []


def test_a_grid_is_drawn_and_its_best_image_is_recommended(shelf: RunningStudio, page: Page) -> None:
    open_tab(page, shelf, "judge")
    page.click("#grid-setup button")
    page.wait_for_timeout(300)
    expect(page.locator("#grid-adapter input")).to_have_value("warm")
    page.fill("#grid-strengths input", "half")
    page.click("#grid-start")
    expect(page.locator(".toast-body").first).to_contain_text("got 'half'")
    page.fill("#grid-strengths input", "0 0.75")
    page.click("#grid-start")
    page.wait_for_selector(".sdpo-strengths[data-drawn='2'][data-running='false']", timeout=JOB_PATIENCE_MS)
    table = page.get_by_role("table", name=judge_say("grid.label"))
    expect(table.get_by_role("columnheader").nth(1)).to_have_text(judge_say("grid.base"))
    table.get_by_role("button", name="Strength 0.75").click()
    page.get_by_role("button", name=judge_say("grid.choose")).click()
    expect(page.locator("#strength-grid [role=status]")).to_have_text(judge_say("picked", name="warm", strength=0.75))
    expect(table.locator("td.recommended")).to_have_count(1)
    page.click("#tab-adapters-button")
    card = page.locator('[data-adapter="warm"]')
    expect(card).to_contain_text("best at 0.75")
    expect(card.locator(".card-fit")).to_contain_text(re.compile(r"(\d+) of \1 modules match"))


def test_an_adapter_is_renamed_deleted_and_restored(shelf: RunningStudio, page: Page) -> None:
    open_tab(page, shelf, "adapters")
    page.get_by_role("button", name=f"{adapters_say('widget.edit')}: warm").click()
    form = page.locator(".card-form")
    form.locator("[name=name]").fill("lakes")
    form.locator("[name=name]").press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("An adapter named lakes already exists")
    form.locator("[name=name]").fill("evenings <b>")
    form.locator("[name=note]").fill("for ${evenings}")
    form.get_by_role("button", name=adapters_say("widget.save")).click()
    card = page.locator('[data-adapter="evenings <b>"]')
    expect(card.locator(".card-own")).to_have_text("for ${evenings}")
    card.get_by_role("button", name="Delete").click()
    expect(card).to_have_count(0)
    page.get_by_role("button", name=adapters_say("widget.undo")).click()
    expect(card).to_be_visible()
    card.get_by_role("button", name="Name, strength").click()
    form.locator("[name=name]").fill("warm")
    form.locator("[name=name]").press("Enter")
    expect(page.locator('[data-adapter="warm"]')).to_be_visible()


def test_an_adapter_goes_to_comfyui_and_out_as_a_file(shelf: RunningStudio, page: Page, tmp_path: Path) -> None:
    loras = tmp_path / "ComfyUI" / "models" / "loras"
    loras.mkdir(parents=True)
    open_tab(page, shelf, "adapters")
    tool = page.locator("[data-tool=comfyui]")
    tool.get_by_role("button", name="Choose").click()
    tool.locator("input").fill("/no/such/place")
    tool.locator("input").press("Enter")
    expect(tool.get_by_role("alert")).to_contain_text("/no/such/place doesn't exist")  # next to the field
    page.locator("[data-tool=a1111]").get_by_role("button", name="Choose").click()
    page.locator("[data-tool=comfyui]").get_by_role("button", name="Choose").click()
    expect(tool.locator("input")).to_have_value("/no/such/place")  # and what was typed is still there
    tool.locator("input").fill(str(tmp_path / "ComfyUI"))
    tool.locator("input").press("Enter")
    expect(tool).to_contain_text(str(loras))
    card = page.locator('[data-adapter="lakes"]')
    expect(page.locator('[data-adapter="warm"]').get_by_role("button", name="ComfyUI")).to_have_count(0)
    card.get_by_role("button", name="Copy to ComfyUI").click()
    expect(page.locator(".sdpo-adapters > [role=status]")).to_contain_text("1 of 1 modules match")
    expect(card.locator(".chip.good")).to_have_text("in ComfyUI")
    assert (loras / "lakes.safetensors").is_file()
    card.locator("summary").first.click()
    for kind, name in (("diffusers", "lakes-diffusers.safetensors"), ("card", "lakes.md")):
        with page.expect_download() as download:
            card.locator(f"[data-file={kind}]").click()
        assert download.value.suggested_filename == name


def test_round_two_and_judge_start_from_a_card(shelf: RunningStudio, page: Page) -> None:
    open_tab(page, shelf, "adapters")
    page.get_by_role("button", name="Blind test: lakes").click()
    page.wait_for_selector("#tab-judge-button[aria-selected=true]")
    expect(page.locator("#judge-adapter input")).to_have_value("lakes")
    page.click("#tab-adapters-button")
    page.get_by_role("button", name="Round two: warm").click()
    page.wait_for_selector("#tab-generate-button[aria-selected=true]")
    expect(page.locator("#generate-adapter input")).to_have_value("warm")
    expect(page.locator("#generate-strength input[type=number]")).to_have_value("1")


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_verdict_grid_and_cards_have_no_barrier_and_fit(shelf: RunningStudio, browser: Browser, look: str) -> None:
    view = {"width": 390, "height": 844} if look == "phone" else {"width": 1280, "height": 900}
    options: Any = {"viewport": view, "color_scheme": "dark" if look == "dark" else "light"}
    with watched_page(browser, shelf.url, **options) as page:
        open_tab(page, shelf, "judge")
        page.locator(".verdict-details summary").click()
        page.click("#grid-setup button")
        page.wait_for_timeout(1000)
        assert barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
        page.locator(".strengths button").last.click()
        page.wait_for_timeout(300)
        assert barriers(page) == []
        open_tab(page, shelf, "adapters")
        page.locator(".card-more summary").first.click()
        page.get_by_role("button", name=f"{adapters_say('widget.edit')}: warm").click()
        page.locator("[data-tool=a1111] button").first.click()
        page.wait_for_timeout(1000)
        assert barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_a_grid_goes_to_the_trash(shelf: RunningStudio, page: Page) -> None:
    grids = list_runs(shelf.workspace / "runs", "grid")
    open_tab(page, shelf, "judge")
    page.get_by_role("button", name=judge_say("grid.remove")).click()
    expect(page.locator("#strength-grid")).to_contain_text(judge_say("gridRemoved"))
    assert len(list_runs(shelf.workspace / "runs", "grid")) == len(grids) - 1

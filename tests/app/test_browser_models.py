"""Choosing a base model in a real browser: one that has to be downloaded, and one that has to be asked about."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from safetensors.torch import save_file

from app.models.text import say as models_say
from tests.app.browsing import RunningStudio, open_tab, running, wait_job, watched_page
from tests.hub_server import HubServer, serving
from tests.original_layout import essentials
from tests.tiny_model import build_tiny_pipeline

pytestmark = pytest.mark.browser

LAKES = "someone/lakes"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubServer]:
    build_tiny_pipeline(tmp_path / "hub" / LAKES)
    with serving(tmp_path / "hub") as server:
        yield server


@pytest.fixture
def studio(tmp_path: Path, hub: HubServer) -> Iterator[RunningStudio]:
    """A studio of its own, because its hub is."""
    environment = {**hub.environment(tmp_path / "cache"), "SDPO_CACHE": str(tmp_path / "own")}
    studio = RunningStudio(tmp_path / "workspace", environment=environment)
    with running(studio):
        yield studio


def test_a_model_is_downloaded_and_another_asked_about(
    studio: RunningStudio, hub: HubServer, browser: Browser, tmp_path: Path
) -> None:
    with watched_page(browser, studio.url, viewport={"width": 1280, "height": 900}) as page:
        open_tab(page, studio, "generate")
        download, note = page.locator("#model-download"), page.locator("#model-note")
        expect(note).to_contain_text("demo is ready")
        expect(download).to_be_hidden()
        page.fill("#model input", LAKES)
        page.press("#model input", "Enter")
        expect(note).to_contain_text(f"{LAKES} isn't on this machine yet. Downloading it takes")
        hub.slow_s = 0.03
        download.click()
        wait_job(page, "download", "running")
        expect(page.locator(".job-message")).to_contain_text(f"of {LAKES}")
        expect(note).to_contain_text(models_say("downloadRuns"))
        page.reload(wait_until="domcontentloaded")  # a reload finds it again, with its name in the field
        expect(page.locator("#model input")).to_have_value(LAKES)
        expect(note).to_contain_text(models_say("downloadRuns"))
        page.locator(".job-stop").click()
        wait_job(page, "download", "stopped")
        expect(note).to_contain_text("already here")
        hub.slow_s = 0
        hub.free_to_go.set()
        download.click()
        wait_job(page, "download", "done")
        expect(note).to_contain_text(f"{LAKES} is ready: 32 px images")
        expect(download).to_be_hidden()
        expect(page.locator(".top-facts")).to_contain_text(LAKES)

        save_file(essentials("sd20"), tmp_path / "v2-1_768.safetensors")
        page.fill("#model input", str(tmp_path / "v2-1_768.safetensors"))
        page.press("#model input", "Enter")
        question = page.locator("#model-prediction")
        expect(question).to_contain_text(models_say("predictionLabel"))
        expect(question.locator("input:checked")).to_have_count(0)
        question.get_by_label(models_say("predictions.v_prediction")).check()
        expect(note).to_contain_text("v2-1_768 is ready: 768 px images")
        page.reload(wait_until="domcontentloaded")
        expect(question.get_by_label(models_say("predictions.v_prediction"))).to_be_checked()
        page.wait_for_timeout(1500)  # a page that opens is refreshed more than once
        question.get_by_label(models_say("predictions.epsilon")).check()
        expect(note).to_contain_text("v2-1_768 is ready: 512 px images")
    assert "Traceback" not in studio.output()

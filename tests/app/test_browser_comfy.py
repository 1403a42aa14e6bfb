"""Drawing with a ComfyUI in a real browser, with a small ComfyUI on a port of its own."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from sdpo_core.workspace.store import Store
from tests.app.browsing import RunningStudio, barriers, open_tab, running, wait_job, watched_page
from tests.comfyui.server import running as running_comfy
from tests.comfyui.test_job import small

pytestmark = pytest.mark.browser


def test_a_pair_is_generated_with_a_pasted_workflow(browser: Browser, tmp_path: Path) -> None:
    with (
        running(RunningStudio(tmp_path / "workspace")) as studio,
        running_comfy() as comfy,
        watched_page(browser, studio.url) as page,
    ):
        open_tab(page, studio, "generate")
        panel = page.locator("#comfy-draw")
        panel.locator(".comfy-panel > summary").click()
        panel.locator("textarea").fill(json.dumps({"nodes": [], "links": []}))
        expect(panel.locator(".comfy-said")).to_contain_text("Workflow > Export (API)")
        panel.locator("textarea").fill(json.dumps(small()))
        expect(panel.locator(".comfy-found")).to_contain_text("6.text")
        panel.locator("#comfy-url").fill("http://127.0.0.1:1")
        panel.locator("#comfy-use").check()
        panel.get_by_role("button", name="Check workflow").click()
        expect(panel.locator(".comfy-said")).to_contain_text("No ComfyUI is answering at http://127.0.0.1:1")
        panel.locator("#comfy-url").fill(comfy.url)
        panel.get_by_role("button", name="Check workflow").click()
        expect(panel.locator(".comfy-said")).to_contain_text("the chosen model is demo")
        expect(panel.locator(".comfy-panel > summary .chip")).to_be_visible()
        assert barriers(page) == []
        page.fill("#prompts textarea", "a paper boat")
        page.fill("#pairs input", "1")
        page.click("#generate-start")
        wait_job(page, "generate", "done")
        assert comfy.texts() == ["a paper boat"] * 2
        with Store(studio.workspace) as store:
            assert "a paper boat" in {candidate.prompt for candidate in store.candidates.newest(limit=2)}
        page.reload(wait_until="domcontentloaded")  # what was chosen is still there
        expect(panel.locator(".comfy-name")).to_contain_text("pasted workflow")
        expect(panel.locator("#comfy-use")).to_be_checked()
        panel.locator("#comfy-use").uncheck()
        expect(panel.locator(".comfy-panel > summary .chip")).to_be_hidden()

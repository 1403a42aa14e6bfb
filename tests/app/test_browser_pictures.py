"""Models, prompts, imports, the queue and the page's title in a real browser, on a studio of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from safetensors.torch import save_file

from app.desk.text import say as desk_say
from app.generate.text import say as generate_say
from app.models.text import say as models_say
from app.train.text import say as train_say
from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.train import TrainConfig
from sdpo_core.workspace.store import Store
from tests.app.browsing import RunningStudio, open_settings, open_tab, running, wait_job, watched_page
from tests.app.helpers import add_pair
from tests.exchange.test_job import parameters
from tests.images.image_files import png, scene
from tests.original_layout import essentials

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    folder = tmp_path_factory.mktemp("pictures")
    checkpoints = folder / "ComfyUI" / "models" / "checkpoints"
    checkpoints.mkdir(parents=True)
    save_file(essentials("sd15"), checkpoints / "lakes.safetensors")
    (checkpoints / "old.ckpt").touch()
    (folder / "home").mkdir()
    environment = {
        "SDPO_CACHE": str(folder / "cache"),
        "HF_HUB_CACHE": str(folder / "hub"),
        "HOME": str(folder / "home"),
    }
    environment["COMFYUI_PATH"] = str(folder / "ComfyUI")
    with running(RunningStudio(folder / "workspace", environment=environment)) as studio:
        yield studio


@pytest.fixture
def page(studio: RunningStudio, browser: Browser) -> Iterator[Page]:
    with watched_page(browser, studio.url, viewport={"width": 1280, "height": 900}) as page:
        yield page


def test_a_model_is_found_and_chosen_with_a_click(studio: RunningStudio, page: Page, tmp_path: Path) -> None:
    open_tab(page, studio, "generate")
    finder = page.locator("#model-finder")
    finder.get_by_text(models_say("finder.open")).click()
    model = finder.locator(".finder-model", has_text="lakes.safetensors")
    expect(model).to_contain_text("Stable Diffusion 1.x")
    expect(model).to_contain_text("fp16")
    expect(finder).to_contain_text("Can't be used (1)")
    finder.get_by_text("Can't be used (1)").click()
    expect(finder.locator(".finder-unusable")).to_contain_text("is a pickle file")
    model.click()
    expect(page.locator("#model-note")).to_contain_text("lakes is ready: 512 px images")
    expect(page.locator("#model input")).to_have_value(
        str(studio.workspace.parent / "ComfyUI/models/checkpoints/lakes.safetensors")
    )
    expect(finder.locator(".finder-model[aria-pressed=true]")).to_contain_text("lakes.safetensors")
    expect(model).not_to_contain_text(models_say("finder.unread"))
    save_file(essentials("sdxl"), tmp_path / "seas.safetensors")
    finder.get_by_label(models_say("finder.newFolder")).fill(str(tmp_path))
    finder.get_by_role("button", name=models_say("finder.add"), exact=True).click()
    expect(finder.locator(".finder-model", has_text="seas.safetensors")).to_contain_text("Stable Diffusion XL")
    page.fill("#model input", "demo")
    page.press("#model input", "Enter")
    expect(page.locator("#model-note")).to_contain_text("demo is ready")


def test_prompts_come_from_sets_and_files_and_are_counted(studio: RunningStudio, page: Page, tmp_path: Path) -> None:
    open_tab(page, studio, "generate")
    plan = page.locator("#generate-plan")
    page.fill("#prompts textarea", "a {red|blue} lake\na sea")
    expect(plan).to_contain_text("2 prompts with choices, 3 combinations in all. 24 pairs: 48 images.")
    page.fill("#prompts textarea", "a {red|blue lake")
    expect(plan).to_contain_text("the { at character 3 is never closed")
    page.fill("#prompts textarea", "")
    (tmp_path / "prompts.txt").write_text("from a file\nلیل\n", encoding="utf-8")
    with page.expect_file_chooser() as chooser:
        page.click("#prompts-file")
    chooser.value.set_files(tmp_path / "prompts.txt")
    expect(page.locator("#prompts textarea")).to_have_value("from a file\nلیل")
    page.click("#use-starters")
    expect(plan).to_contain_text("62 prompts")


def test_pairs_are_kept_waiting_and_the_title_says_how_far_it_is(studio: RunningStudio, page: Page) -> None:
    open_tab(page, studio, "generate")
    page.fill("#prompts textarea", "a {lake|sea} at dawn")
    page.fill("#pairs input", "2")
    page.check("#generate-ahead input")
    expect(page.locator("#generate-plan")).to_contain_text("Keeps 2 pairs ready")
    page.click("#generate-start")
    expect(page.get_by_text(generate_say("startedAhead"))).to_be_visible()
    page.wait_for_function("document.title.includes('Generating')")
    wait_job(page, "generate", "done")  # it waits for votes
    with Store(studio.workspace) as store:
        assert store.counts().open_pairs == 2
    expect(page).to_have_title("SDPO Studio")
    expect(page.locator(".top-job")).to_contain_text("2 pairs ready. More are generated as you vote.")
    page.locator(".job-stop").click()
    wait_job(page, "generate", "stopped")


def test_images_are_imported_and_the_missing_prompt_is_asked_for(
    studio: RunningStudio, page: Page, tmp_path: Path
) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(png(parameters("<b>${7*7}</b> hill"), image=scene(number)))
    (tmp_path / "bare.png").write_bytes(png(image=scene(9)))
    (tmp_path / "notes.pdf").write_bytes(b"x")
    open_tab(page, studio, "generate")
    section = page.locator("#import-images")
    section.locator("input[type=file]").first.set_input_files(sorted(tmp_path.iterdir()))
    expect(section).to_contain_text("3 of 4 images imported (A1111/Forge 3); 2 new pairs")
    expect(section).to_contain_text("1 image has no prompt.")
    section.get_by_label(generate_say("import.prompt")).fill("a bare hill")
    section.get_by_role("button", name=generate_say("import.give")).click()
    expect(section).to_contain_text("1 of 4 images imported")
    with Store(studio.workspace) as store:
        assert {"<b>${7*7}</b> hill", "a bare hill"} <= {candidate.prompt for candidate in store.candidates.newest()}
    section.get_by_label(generate_say("import.path")).fill(str(tmp_path / "gone"))
    section.get_by_role("button", name=generate_say("import.take")).click()
    expect(section).to_contain_text("Can't open the folder")


def drop(page: Page, onto: str, name: str, data: bytes) -> None:
    """Drop a file on an element as a person does."""
    carried = page.evaluate_handle(
        """([name, bytes]) => {
          const carried = new DataTransfer();
          carried.items.add(new File([new Uint8Array(bytes)], name));
          return carried;
        }""",
        [name, list(data)],
    )
    page.dispatch_event(onto, "drop", {"dataTransfer": carried})


def test_settings_are_taken_from_a_file(studio: RunningStudio, page: Page) -> None:
    open_tab(page, studio, "train")
    open_settings(page, "train")
    page.click("#train-all button")
    zone, text_field = "#train-toml-file .import-zone", page.locator("#train-toml textarea")
    expect(page.locator(zone)).to_be_visible()
    drop(page, zone, "mine.toml", b"steps = 77\nbeta = 300.0\n")
    expect(text_field).to_have_value("steps = 77\nbeta = 300.0\n")
    expect(page.locator("#train-steps input")).to_have_value("77")
    drop(page, zone, "mine.png", b"\x89PNG\xff")
    expect(page.locator("#train-toml-file [role=alert]")).to_contain_text("mine.png isn't a readable text file")
    expect(page.locator("#train-steps input")).to_have_value("77")
    drop(page, zone, "slip.toml", b"stpes = 3\n")
    expect(text_field).to_have_value("stpes = 3\n")
    expect(page.locator(".toast-body", has_text="stpes")).to_be_visible()
    expect(page.locator("#train-steps input")).to_have_value("77")


def test_a_second_run_waits_and_is_taken_out_of_the_queue(studio: RunningStudio, page: Page) -> None:
    demo = inspect_model("demo").sha256  # of pairs by any other model nothing could train
    with Store(studio.workspace) as store:
        for number in range(4):
            pair = add_pair(store, 700 + number, f"a queue {number}", demo)
            store.votes.cast(f"vote-{pair.id}", pair.id, "left")
    training = RunFolder.create(studio.workspace / "runs", "train", TrainConfig().model_dump(mode="json"))
    reporter = Reporter(training, "train", 100)
    reporter.say(42, "Working", force=True)  # this very process plays a training
    open_tab(page, studio, "train")
    expect(page.locator("#train-start")).to_have_text(train_say("queueButton"))
    page.wait_for_function("document.title.startsWith('42 % Training')")
    page.click("#train-advanced button")
    page.wait_for_timeout(300)
    for name in ("first", "second"):
        page.fill("#train-adapter_name input, #train-adapter_name textarea", name)
        page.click("#train-start")
        page.wait_for_timeout(500)
    queue = page.locator("#run-queue")
    expect(queue).to_contain_text("2 runs queued")
    queue.locator("li").nth(1).get_by_role("button", name=desk_say("queue.up")).click()
    expect(queue.locator("li").first).to_contain_text("second")
    for _ in range(2):
        queue.locator("li").first.get_by_role("button", name=desk_say("queue.remove")).click()
        page.wait_for_timeout(300)
    expect(queue.locator("li")).to_have_count(0)
    page.evaluate("document.hasFocus = () => false")
    reporter.say(60, "Out of memory", state="failed", force=True)
    page.wait_for_function("document.title.startsWith('✗ Training failed')")
    assert "favicon-failed" in str(page.locator("link[rel~=icon]").get_attribute("href"))
    page.evaluate("() => { delete document.hasFocus; window.dispatchEvent(new Event('focus')); }")
    expect(page).to_have_title("SDPO Studio")

"""What buttons and refreshes of the built page do, asked without a browser."""

import inspect
import json
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import gradio as gr
import pytest
from gradio.blocks import Block, postprocess_update_dict
from PIL import Image
from safetensors.torch import save_file

import app
from app.generate.prompts import start_sentence
from app.generate.remembered import FILE
from app.generate.text import say as generate_say
from app.models.text import say as models_say
from app.pages import PAGES
from app.studio import Studio
from app.train.text import say as train_say
from app.ui.words import moment
from sdpo_core.errors import ModelNotHere, PredictionUnknown, RunError
from sdpo_core.hub.fetch import download
from sdpo_core.hub.plan import plan_download, readable_size
from sdpo_core.runs.folder import RunFolder
from sdpo_core.settings.base import leaves
from sdpo_core.settings.train import TrainConfig
from tests.app.built import built
from tests.app.helpers import add_pair, make_blind_test, wait_for
from tests.app.shelves import add_adapter, judge_all, make_grid
from tests.hub_server import HubServer, serving
from tests.original_layout import essentials
from tests.tiny_model import build_tiny_pipeline


def _dashed(name: str | None) -> str:
    return (name or "").replace("_", "-")


class BuiltPage:
    """The page's components by `elem_id`, and its events."""

    def __init__(self, studio: Studio) -> None:
        self._demo = built(studio)

    def component(self, elem_id: str) -> Block:
        return next(block for block in self._demo.blocks.values() if block.elem_id == elem_id)

    def on_load(self, request: gr.Request) -> list[dict[Block, Any]]:
        """The answers to a page that is opened: of the load itself, then of what follows it."""
        fns = [one for one in self._demo.fns.values() if one.fn and "request" in inspect.signature(one.fn).parameters]
        return [one.fn({it: cast(Any, it).value for it in one.inputs}, request) for one in fns if one.inputs and one.fn]

    def refreshed_by_tab(self, name: str) -> set[str | None]:
        """What opening a page refreshes; nothing if it isn't one."""
        if name not in PAGES:
            return set()
        return {one.elem_id for one, update in self.fire(f"tab-{name}", "select").items() if update != gr.skip()}

    def fire(self, elem_id: str, event: str, **given: Any) -> dict[Block, Any]:
        """Run the event with what its inputs hold; `given` says so by `elem_id`, "-" or "_" alike."""
        component = self.component(elem_id)
        target = (component._id, event)
        functions = [function for function in self._demo.fns.values() if target in function.targets and function.fn]
        known = {_dashed(name): value for name, value in given.items()}
        updates: dict[Block, Any] = {}
        for function in functions:
            values = {one: known.get(_dashed(one.elem_id), cast(Any, one).value) for one in function.inputs}
            assert function.fn
            updates |= function.fn(values) or {}  # an event without outputs answers nothing
        return updates

    def blocks(self) -> list[Block]:
        return list(self._demo.blocks.values())

    def after(self, elem_id: str, event: str) -> list[Any]:
        """The functions that run after the event's own."""
        target = (self.component(elem_id)._id, event)
        first = [number for number, function in self._demo.fns.items() if target in function.targets]
        return [function for function in self._demo.fns.values() if function.trigger_after in first]


@pytest.fixture
def page(studio: Studio) -> BuiltPage:
    return BuiltPage(studio)


def test_stop_ends_the_running_training_while_an_earlier_one_is_shown(page: BuiltPage, studio: Studio) -> None:
    earlier = RunFolder.create(studio.desk.jobs.root, "train", {"model": "demo"})
    earlier.write_status(earlier.status().model_copy(update={"state": "done"}))
    pair = add_pair(studio.desk.store, 1, base_sha256=studio.desk.models.chosen().sha256)
    studio.desk.store.votes.cast("a vote of mine", pair.id, "left")
    running = studio.training.start({})
    wait_for(lambda: studio.desk.jobs.status(running).state == "running")
    page.fire("train-run", "input", train_run=earlier.id)
    page.fire("train-stop", "click", train_run=earlier.id)
    wait_for(lambda: studio.desk.jobs.status(running).state == "stopped")


def test_runs_are_listed_by_name_and_date(page: BuiltPage, studio: Studio) -> None:
    """Nobody reads an id: it is called after its adapter, as that is called now, or after what it was to be called."""
    unnamed, named = (RunFolder.create(studio.desk.jobs.root, "train", {"adapter_name": name}) for name in (None, "a"))
    for run, state in ((unnamed, "failed"), (named, "stopped")):
        run.write_status(run.status().model_copy(update={"state": state}))
    record = add_adapter(studio, "lakes")
    studio.desk.store.adapters.rename(record.id, "warm evenings")
    listed = page.fire("tab-train", "select")[page.component("train-run")].choices
    made = studio.desk.jobs.open(record.run_id, "train")
    assert {run_id: name for name, run_id in listed} == {
        made.id: f"warm evenings, {moment(made.began_at)}: done",
        named.id: f"a, {moment(named.began_at)}: stopped",
        unnamed.id: f"Training, {moment(unnamed.began_at)}: failed",
    }


def test_train_continues_the_round_that_was_voted_on(page: BuiltPage, studio: Studio) -> None:
    base = studio.desk.models.chosen().sha256
    start, marker = page.component("train-continue_from"), page.component("train-round")
    assert page.fire("tab-train", "select")[start].value == ""
    warm = add_adapter(studio, "warm", model="demo")
    pair = add_pair(studio.desk.store, 1, base_sha256=base, adapter=warm.sha256)
    studio.desk.store.votes.cast("a vote of mine", pair.id, "left")
    told = page.fire("tab-train", "select")
    assert (told[start].value, told[marker]) == ("warm", "warm")
    assert "1 pair can be used" in str(told[page.component("train-plan")])
    chosen = page.fire("tab-train", "select", train_round="warm", train_continue_from="")
    assert "value" not in chosen[start]._constructor_args[0], "a person's own choice stays"
    add_pair(studio.desk.store, 2, base_sha256=base)
    assert page.fire("tab-train", "select", train_round="warm", train_continue_from="warm")[start].value == ""


def test_votes_on_other_models_images_are_included_by_a_button(page: BuiltPage, studio: Studio) -> None:
    pair = add_pair(studio.desk.store, 1)
    studio.desk.store.votes.cast("a vote of mine", pair.id, "left")
    button, source = page.component("train-include"), page.component("train-pairs_from")
    told = page.fire("tab-train", "select")
    assert told[button].visible
    assert told[button].value == "Include 1 vote on images of another model"
    assert page.fire("train-include", "click") == {source: "all"}
    told = page.fire("train-pairs_from", "change", train_pairs_from="all")
    assert not told[button].visible
    assert "1 pair can be used" in str(told[page.component("train-plan")])


def test_what_was_asked_for_is_kept_in_the_project(page: BuiltPage, studio: Studio) -> None:
    prompts, pairs, sampler = page.component("prompts"), page.component("pairs"), page.component("generate-sampler")
    told = page.fire("tab-generate", "select")
    assert prompts not in told, "nothing was asked for yet"
    marker = {"generate_remembered": "1"}
    page.fire("prompts", "change", prompts="never seen", generate_remembered="")
    assert not (studio.desk.workspace / FILE).exists(), "a page that wasn't filled in yet keeps nothing"
    page.fire("prompts", "change", prompts="a lake\na sea", pairs=7, generate_sampler="euler", **marker)
    again = BuiltPage(studio).fire("tab-generate", "select")
    assert {one.elem_id: again[one] for one in again if one.elem_id in ("prompts", "pairs", "generate-sampler")} == {
        "prompts": "a lake\na sea",
        "pairs": 7,
        "generate-sampler": "euler",
    }
    assert prompts not in page.fire("tab-generate", "select", **marker), "what is typed meanwhile stays"
    for damaged in ('{"prompts": 3, "pairs": "x", "generate-sampler": "none", "sampler": "none"}', "[1", "[]"):
        (studio.desk.workspace / FILE).write_text(damaged, encoding="utf-8")
        told = page.fire("tab-generate", "select")
        assert not {prompts, pairs, sampler} & told.keys()


def test_nothing_is_kept_where_the_workspace_is_gone(page: BuiltPage, studio: Studio) -> None:
    workspace = studio.desk.workspace
    away = workspace.rename(workspace.with_name("away"))
    page.fire("prompts", "change", prompts="a lake", generate_remembered="1")
    assert not workspace.exists(), "the folder of a disconnected drive isn't made again elsewhere"
    away.rename(workspace)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limits to a file's size")
def test_a_full_disk_leaves_what_was_kept_before(page: BuiltPage, studio: Studio) -> None:
    import resource

    kept = {"generate_remembered": "1"}
    page.fire("prompts", "change", prompts="a lake", **kept)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        page.fire("prompts", "change", prompts="a sea", **kept)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert json.loads((studio.desk.workspace / FILE).read_text(encoding="utf-8"))["prompts"] == "a lake"


def test_no_field_is_explained_by_its_own_name(page: BuiltPage) -> None:
    said = [(one.label, one.info) for one in page.blocks() if isinstance(one, gr.Textbox | gr.Number | gr.Dropdown)]
    assert len(said) > 40
    assert not [label for label, info in said if str(label).casefold().rstrip(".") == str(info).casefold().rstrip(".")]


@pytest.mark.parametrize("asked", ["train", "judge", "home", "nowhere", ""])
def test_the_page_that_is_asked_for_is_refreshed_first_and_each_other_one_by_itself(
    page: BuiltPage, asked: str
) -> None:
    request = gr.Request(query_params={"tab": asked})
    first, *others = page.on_load(request)
    told = {component.elem_id for component, update in first.items() if update != gr.skip()}
    assert told == page.refreshed_by_tab(asked)
    for answer in others:
        changed = {component.elem_id for component, update in answer.items() if update != gr.skip()}
        assert changed.isdisjoint(told)
        told |= changed
    assert told == set.union(*(page.refreshed_by_tab(name) for name in ("generate", "train", "judge")))
    assert len(others) == 3


def test_no_widget_needs_what_an_event_that_skips_it_would_empty(page: BuiltPage) -> None:
    """See `_script` in app/ui/widget.py, and that Gradio still does what it says there."""
    widgets = [one for one in page.blocks() if isinstance(one, gr.HTML)]
    assert len(widgets) > 20
    assert not [one.elem_id for one in widgets if one.props]
    assert "props" in postprocess_update_dict(widgets[0], gr.skip())


def test_a_date_has_one_form_on_all_pages(studio: Studio) -> None:
    record = add_adapter(studio)
    (card,) = studio.adapters.snapshot()["cards"]
    told = moment(record.created_at)
    assert re.fullmatch(r"\d\d \w+ 20\d\d, \d\d:\d\d", told)
    assert told in card["chips"]
    pair = add_pair(studio.desk.store, 1)
    studio.desk.store.votes.cast("one", pair.id, "left")
    assert re.fullmatch(r"\d\d \w+ 20\d\d, \d\d:\d\d", studio.review.page({})["votes"][0]["when"])
    written = [path.name for path in Path(app.__file__).parent.rglob("*.py") if "%b" in path.read_text("utf-8")]
    assert written == ["words.py"]


@pytest.mark.parametrize("elem_id", ["train-run", "judge-adapter", "judge-run", "grid-adapter", "grid-run"])
def test_a_page_that_was_open_before_a_restart_is_understood(page: BuiltPage, elem_id: str) -> None:
    """It sends what it shows; the restarted studio has put nothing into its lists yet."""
    dropdown = cast(gr.Dropdown, page.component(elem_id))
    assert dropdown.choices == []
    assert dropdown.preprocess("of an earlier life") == "of an earlier life"


def test_what_is_judged_and_drawn_stays_chosen(page: BuiltPage, studio: Studio) -> None:
    for number, name in enumerate(("warm", "cool")):
        add_adapter(studio, name, number + 1, model="demo")
    shown = page.fire("tab-judge", "select", judge_adapter="warm", grid_adapter="warm", grid_checkpoints=["50", "75"])
    assert shown[page.component("judge-adapter")].value == shown[page.component("grid-adapter")].value == "warm"
    assert shown[page.component("grid-checkpoints")].value == ["50"], "75 isn't one of its checkpoints"
    assert not shown[page.component("judge-run")].visible
    made = [make_blind_test(studio.desk.workspace, 1, "warm", first=number) for number in (500, 600)]
    first, second = sorted(made, key=lambda run: run.id)
    judge_all(studio, first, "w")
    shown = page.fire("judge-run", "input", judge_run=first.id)
    assert shown[page.component("judge-board")] == first.id
    assert json.loads(shown[page.component("verdict-card")])["run"] == first.id
    shown = page.fire("tab-judge", "select", judge_run="of an earlier life")
    assert shown[page.component("judge-board")] == second.id, "the newest"
    assert shown[page.component("verdict-card")] == ""
    assert shown[page.component("judge-run")].visible
    bases = [one.id for one in studio.desk.store.candidates.newest() if one.recipe and not one.recipe.adapters]
    pair = studio.desk.store.pairs.add(bases[0], _same_prompt(studio, bases[0]), purpose="judge", run_id=second.id)
    studio.desk.store.votes.cast("a vote on two images of the base", pair.id, "left")
    judge_all(studio, second, "w")
    shown = page.fire("judge-run", "input", judge_run=second.id)
    assert "isn't one image with and one without the adapter" in shown[page.component("judge-title")]
    assert page.fire("judge-run", "input", judge_run=first.id)[page.component("verdict-card")]


def test_the_slider_shows_what_its_strength_does(page: BuiltPage, studio: Studio) -> None:
    record = add_adapter(studio, "mine", model="demo")
    preview = page.component("judge-strength-preview")
    shown = page.fire("judge-adapter", "input", judge_adapter="mine")
    assert json.loads(shown[preview]) == {"adapter": "mine", "cell": None, "waits": False}
    run = make_grid(studio, record, (1, 0), (1, 1), (1, 2))
    for strength, column in ((0.4, 1), (1.6, 2), (-2, 1)):
        shown = page.fire("judge-strength", "change", judge_adapter="mine", judge_strength=strength)
        assert json.loads(shown[preview])["cell"]["address"] == f"/sdpo/grid/{run.id}/1/{column}"
    assert (
        page.fire("generate-adapter", "input", generate_adapter="none")[page.component("generate-strength-preview")]
        == ""
    ), "the base model alone has no strength"


def _same_prompt(studio: Studio, candidate_id: int) -> int:
    """Another image of the base model, of the same prompt."""
    recipe = studio.desk.store.candidates.get(candidate_id).recipe
    assert recipe
    made = recipe.model_copy(update={"seed": recipe.seed + 77})
    return studio.desk.store.candidates.add(Image.new("RGB", (64, 64), (1, 2, 3)), made).id


def test_the_note_stays_with_the_text_in_the_model_field(page: BuiltPage) -> None:
    note = page.component("model-note")
    assert "/nowhere" in page.fire("model", "blur", model="/nowhere")[note]
    assert note not in page.fire("tab-generate", "select", model="/nowhere")
    assert "demo is ready" in page.fire("tab-generate", "select", model="demo")[note]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    build_tiny_pipeline(tmp_path / "hub" / "someone" / "lakes")
    monkeypatch.setenv("SDPO_CACHE", str(tmp_path / "own"))
    with serving(tmp_path / "hub") as server:
        server.use(monkeypatch, tmp_path / "cache")
        yield server


def test_a_model_of_the_hub_is_offered_downloaded_and_chosen(page: BuiltPage, studio: Studio, hub: HubServer) -> None:
    note, button, name = page.component("model-note"), page.component("model-download"), "someone/lakes"
    offered = page.fire("model", "blur", model=f" {name} ")
    size = readable_size(plan_download(name).total).replace(" ", "\u00a0")
    assert f"Downloading it takes {size} from 127.0.0.1" in offered[note]
    assert offered[button].visible
    assert studio.desk.models.source() == "demo"
    with pytest.raises(ModelNotHere, match="Select it on the Generate page to download it"):
        studio.drawing.start({"prompts": "a lake", "pairs": 1, "model": name})
    hub.asked.clear()
    page.fire("model", "submit", model=name)
    assert not hub.asked  # remembered for a while
    started = page.fire("model-download", "click", model=name)
    assert models_say("downloadRuns") in started[note]
    assert not started[button].visible
    run, _ = studio.downloads.newest() or pytest.fail("no download")
    assert run.config() == {"model": name}
    assert studio.downloads.running() == name
    with pytest.raises(RunError, match="Downloading is still running"):
        studio.drawing.start({"prompts": "a lake", "pairs": 1, "model": "demo"})
    studio.desk.stop(run.id)
    wait_for(lambda: not studio.downloads.running())
    again = page.fire("status-bar", "job_changed", model=name)
    assert again[button].visible
    download(plan_download(name), lambda _: None)
    run.write_status(run.status().model_copy(update={"state": "done"}))
    assert f"{name} is ready" in page.fire("status-bar", "job_changed", model=name)[note]
    assert studio.desk.models.source() == name


def test_a_name_that_the_hub_does_not_know_is_reported(page: BuiltPage, hub: HubServer) -> None:
    shown = page.fire("model", "blur", model="someone/laks")
    assert "someone/laks isn't on this machine. " in shown[page.component("model-note")]
    assert not shown[page.component("model-download")].visible


def test_what_a_file_does_not_say_is_asked_and_can_be_corrected(
    page: BuiltPage, studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDPO_CACHE", str(tmp_path / "own"))
    file, question = str(tmp_path / "v2.safetensors"), page.component("model-prediction")
    save_file(essentials("sd20"), file)
    asked = page.fire("model", "blur", model=file)
    assert (asked[question].visible, asked[question].value) == (True, None)
    assert models_say("predictionAsked") in asked[page.component("model-note")]
    seen = {"": file}  # the page's own state, which has no name
    assert question not in page.fire("model", "blur", model=file, **seen)  # it may be the click on an answer
    with pytest.raises(PredictionUnknown, match="answer one question"):
        studio.drawing.start({"prompts": "a lake", "pairs": 1, "model": file})
    for kind, size_px in (("v_prediction", 768), ("epsilon", 512)):
        answered = page.fire("model-prediction", "input", model=file, model_prediction=kind)
        assert f"v2 is ready: {size_px} px" in answered[page.component("model-note")]
        assert (answered[question].visible, answered[question].value) == (True, kind)
    assert studio.desk.models.source() == file
    assert not page.fire("model", "blur", model="demo")[question].visible
    other = page.fire("model-prediction", "input", model=file, model_prediction="<img src=x>")
    assert other[question].value == "epsilon"


def test_an_error_is_shown_as_text(page: BuiltPage) -> None:
    with pytest.warns(UserWarning, match="&lt;img src=elsewhere&gt;"):
        page.fire("generate-start", "click", prompts="a lake", model="<img src=elsewhere>")


def test_prompts_that_get_no_pair_are_mentioned() -> None:
    assert start_sentence(24, 24) == generate_say("started")
    assert "(60)" in start_sentence(60, 24)


def test_every_setting_of_a_training_is_on_its_page(page: BuiltPage) -> None:
    """Those of the model and the machine's threads stand elsewhere."""
    for name in leaves(TrainConfig).keys() - {"model", "prediction_type", "threads"}:
        assert page.component(f"train-{name}")


def test_a_preset_fills_the_fields_and_the_next_one_starts_afresh(page: BuiltPage) -> None:
    found = page.fire("train-preset", "input", train_preset="faithful-sd15")
    assert found[page.component("train-scope")] == "batch"
    assert found[page.component("train-steps")] == 2000
    found = page.fire("train-preset", "input", train_preset="quick")
    assert found[page.component("train-steps")] == 40
    assert found[page.component("train-scope")] == "pair"
    (taken,) = (block for block in found if isinstance(block, gr.State))
    assert found[taken] == "quick"
    past = page.fire("train-preset", "input", train_preset=train_say("noPreset"))
    assert past == {taken: train_say("noPreset")}, "Tab went past it: what was typed in the fields stays"
    taken.value = "quick"
    found = page.fire("train-preset", "input", train_preset=train_say("noPreset"))
    assert found[page.component("train-steps")] == ""


def test_settings_go_out_as_text_and_come_back(page: BuiltPage, studio: Studio) -> None:
    given = {"train_steps": "40", "train_loss": "ipo", "train_adapter_name": 'a "quoted" näme', "train_tau": 2.0}
    written = page.fire("train-toml-write", "click", **given)[page.component("train-toml")]
    assert "steps = 40\n" in written
    assert tomllib.loads(written)["lora"]["adapter_name"] == 'a "quoted" näme'
    found = page.fire("train-toml-read", "click", train_toml=written)
    again = {str(component.elem_id).removeprefix("train-"): value for component, value in found.items()}
    again["continue_from"] = None
    assert studio.training.settings(again) == studio.training.settings({"steps": 40, "loss": "ipo", "tau": 2.0}) | {
        "adapter_name": 'a "quoted" näme'
    }


def test_a_chosen_file_of_settings_is_shown_and_understood(page: BuiltPage) -> None:
    written = 'steps = 40\nloss = "ipo"\n'
    shown = page.fire("train-toml-file", "chosen", train_toml_file=written)
    assert shown[page.component("train-toml")] == written
    (then,) = [one for one in page.after("train-toml-file", "chosen") if one.fn]
    found = then.fn({page.component("train-toml"): written})
    assert (found[page.component("train-steps")], found[page.component("train-loss")]) == (40, "ipo")
    assert len(page.fire("train-toml-file", "chosen", train_toml_file="x" * 30_000).popitem()[1]) == 20_000


def test_save_now_reaches_the_running_training_and_nothing_else(page: BuiltPage, studio: Studio) -> None:
    with pytest.raises(RunError, match="No training run is active"):
        studio.training.ask("save-now")
    pair = add_pair(studio.desk.store, 1, base_sha256=studio.desk.models.chosen().sha256)
    studio.desk.store.votes.cast("a vote of mine", pair.id, "left")
    running = studio.training.start({})
    wait_for(lambda: studio.desk.jobs.status(running).state == "running")
    page.fire("train-save", "click")
    page.fire("train-sample", "click")
    assert running.signalled("save-now")
    assert running.signalled("sample-now")
    studio.desk.stop(running.id)
    wait_for(lambda: studio.desk.jobs.status(running).state == "stopped")

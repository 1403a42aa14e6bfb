"""Generate: prompts in, pairs of images out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block

from app.desk.context import Context
from app.desk.jobs import Jobs
from app.generate.comfyui import ComfyDraw
from app.generate.image_grid import image_grid
from app.generate.importing import MOST_FILES, MOST_IMAGE_BYTES, SUFFIXES, Imports
from app.generate.messages import MOST_FILE_BYTES
from app.generate.prompt_list import PromptList
from app.generate.prompts import prompt_plan, start_sentence
from app.generate.remembered import Remembered
from app.generate.service import Drawing
from app.generate.text import say
from app.judge.adapter_fields import StrengthSlider, follow_adapter, where_choice
from app.judge.grids import Grids
from app.models.choice import ModelChoice
from app.ui.config_form import ConfigForm
from app.ui.forms import prompt_lines
from app.ui.note import note, note_value
from app.ui.page import BUSY, QUIET, Page, Updates, Values, choice, now, told
from app.ui.widget import widget
from sdpo_core.errors import SdpoError
from sdpo_core.exchange.importers.found import IMAGE_SUFFIXES
from sdpo_core.settings.generate import GenerateConfig

_SETTINGS = ("seed", "sampling_steps", "guidance", "sampler", "size_px", "clip_skip", "negative")
_DEFAULT_PAIRS = 24


@dataclass(frozen=True, kw_only=True)
class GeneratePage(Page):
    """The page, which another one may set for a round of voting on an adapter's images."""

    begin_round: Callable[[str], Updates]  # by the adapter's name
    round_fields: list[Block]  # that it fills in


def build(
    context: Context,
    drawing: Drawing,
    comfy: ComfyDraw,
    imports: Imports,
    grids: Grids,
    choose_model: Callable[[], ModelChoice],
) -> GeneratePage:
    """The page and its handlers; `choose_model` builds the choice of the base model."""
    adapters, jobs, bar = context.desk.adapters, context.desk.jobs, context.bar
    with gr.Row(elem_classes="page-columns"):
        with gr.Column(scale=2, min_width=320):
            with gr.Column(variant="panel"):
                gr.Markdown(say("intro"), elem_classes="page-intro")
                prompts = PromptList(drawing)
                pairs = gr.Number(_DEFAULT_PAIRS, label=say("pairsLabel"), info=say("pairsInfo"), elem_id="pairs")
                ahead = _switch("ahead")
                telling = _switch("telling")
                model = choose_model()
                _with_comfyui(comfy)
                with gr.Row(elem_classes="form-grid"):
                    adapter = choice(say("adapterLabel"), "generate-adapter", info=say("adapterInfo"))
                    strength = StrengthSlider("generate", say("strengthInfo"), grids)
                    where = where_choice("generate")
                with gr.Accordion(say("advanced"), open=False, elem_id="generate-advanced"):
                    form = ConfigForm(GenerateConfig, _SETTINGS, prefix="generate")
                with gr.Column(elem_id="generate-bar"):
                    plan = note("generate-plan")
                    start = gr.Button(say("button"), variant="primary", elem_id="generate-start")
            _import_images(imports)
        with gr.Column(scale=3, min_width=320, elem_id="generate-images"):
            image_grid(drawing)

    asked_for = {"prompts": prompts.field, "pairs": pairs, "ahead": ahead, "telling": telling, **form.fields}
    remembered = Remembered(context.desk, asked_for)
    follow = follow_adapter(adapters, adapter, strength)

    def generate(values: Values) -> Updates:
        name = values[adapter]
        asked = {
            **form.values(values),
            "strength": values[strength.field],
            "unconditional_strength": values[where],
            "adapter": None if name == say("noAdapter") else name,
            "prompts": values[prompts.field],
            "pairs": values[pairs],
            "ahead": values[ahead],
            "telling": values[telling],
            "model": values[model.field],
        }
        drawing.start_as_chosen(asked)
        gr.Info(_started(values[prompts.field], values[pairs], ahead=values[ahead]), duration=8)
        return {bar: now(), start: _button(drawing=True)}

    def refresh(values: Values) -> Updates:
        names = [say("noAdapter"), *adapters.names()]
        chosen = values[adapter] if values[adapter] in names else say("noAdapter")
        shown = {adapter: gr.Dropdown(names, value=chosen), start: _button(drawing=_is_drawing(jobs))}
        followed = follow({**values, adapter: chosen})
        return {**shown, **followed, **model.refresh(values), **remembered.restore(values)}

    def begin_round(name: str) -> Updates:
        """Only what the adapter makes alone and at strength 1 can train it further."""
        chosen = gr.Dropdown([say("noAdapter"), *adapters.names()], value=name)
        return {adapter: chosen, where: "", **strength.put(1.0, name, adapters.recommended_strength(name))}

    counted: set[Any] = {prompts.field, pairs, ahead}
    changed = [prompts.field.change, pairs.change, ahead.change]
    planned = _planning(prompts.field, pairs, ahead, plan)
    gr.on(changed, planned, counted, [plan], trigger_mode="always_last", **QUIET)
    inputs = {*counted, telling, adapter, model.field, *form.inputs, strength.field, where}
    start.click(told(generate), inputs, [bar, start], **BUSY)
    return GeneratePage(
        outputs=[start, adapter, *strength.blocks, *model.outputs, *remembered.blocks],
        inputs={adapter, *strength.blocks, model.field, model.seen, remembered.marker},
        refresh=refresh,
        begin_round=begin_round,
        round_fields=[adapter, where, *strength.blocks],
    )


def _switch(name: str) -> gr.Checkbox:
    return gr.Checkbox(
        label=say(f"switch.{name}"), info=say(f"switchInfo.{name}"), interactive=True, elem_id=f"generate-{name}"
    )


def _started(prompts: str, pairs: float, *, ahead: bool) -> str:
    return say("startedAhead") if ahead else start_sentence(len(prompt_lines(prompts)), int(pairs))


def _planning(prompts: gr.Textbox, pairs: gr.Number, ahead: gr.Checkbox, plan: gr.HTML) -> Callable[[Values], Updates]:
    """The note about what would be generated."""

    def plan_now(values: Values) -> Updates:
        try:
            return {plan: note_value(prompt_plan(values[prompts], values[pairs], ahead=values[ahead]))}
        except SdpoError as error:
            return {plan: note_value(str(error), "bad")}

    return plan_now


def _with_comfyui(comfy: ComfyDraw) -> None:
    """Another program that may generate instead."""
    widget(
        "generate/comfy_draw.js",
        role="sdpo-comfy-draw",
        elem_id="comfy-draw",
        strings=say.rows("comfyDraw"),
        server={"state": comfy.state, "choose": comfy.choose, "look": comfy.look, "take": comfy.take},
        most_bytes=MOST_FILE_BYTES,
    )


def _import_images(imports: Imports) -> None:
    """Images that the person made elsewhere."""
    widget(
        "generate/import_images.js",
        role="sdpo-import",
        elem_id="import-images",
        strings=say.rows("import"),
        server={
            "begin": imports.begin,
            "start": imports.start,
            "start_folder": imports.start_folder,
            "with_prompt": imports.with_prompt,
            "state": imports.state,
        },
        suffixes=SUFFIXES,
        image_suffixes=sorted(IMAGE_SUFFIXES),
        most_files=MOST_FILES,
        most_bytes=MOST_IMAGE_BYTES,
    )


def _is_drawing(jobs: Jobs) -> bool:
    current = jobs.current()
    return current is not None and current[1].verb == "generate" and not jobs.is_idle(*current)


def _button(*, drawing: bool) -> gr.Button:
    return gr.Button(say("drawingButton") if drawing else say("button"), interactive=not drawing)

"""Generate: prompts in, pairs of images out."""

from typing import Any

import gradio as gr

from app import text, text_comfy, text_import
from app import text_generate as words
from app.comfy_draw import MOST_FILE_BYTES
from app.components.adapter_fields import StrengthSlider, where_choice
from app.components.config_form import ConfigForm
from app.components.note import note, note_value
from app.components.results import image_grid
from app.components.widget import widget
from app.forms import prompt_lines
from app.generating import prompt_plan
from app.grids import Grids
from app.importing import MOST_FILES, MOST_IMAGE_BYTES, SUFFIXES
from app.pages import model_choice
from app.pages.common import BUSY, QUIET, Context, Page, Updates, Values, choice, follow_adapter, now, told
from app.pages.prompt_list import PromptList
from app.studio import Studio
from sdpo_core.errors import SdpoError
from sdpo_core.exchange.importers.found import IMAGE_SUFFIXES
from sdpo_core.settings.generate import GenerateConfig

_SETTINGS = ("seed", "sampling_steps", "guidance", "sampler", "size_px", "clip_skip", "negative")
_DEFAULT_PAIRS = 24


def build(context: Context) -> Page:
    """The page and its handlers."""
    studio, bar = context.studio, context.status_bar
    with gr.Row(elem_classes="page-columns"):
        with gr.Column(scale=2, min_width=320):
            with gr.Column(variant="panel"):
                gr.Markdown(text.GENERATE_INTRO, elem_classes="page-intro")
                prompts = PromptList(studio)
                pairs = gr.Number(_DEFAULT_PAIRS, label=text.PAIRS_LABEL, info=text.PAIRS_INFO, elem_id="pairs")
                ahead = gr.Checkbox(
                    label=words.AHEAD_LABEL, info=words.AHEAD_INFO, interactive=True, elem_id="generate-ahead"
                )
                telling = gr.Checkbox(
                    label=words.TELLING_LABEL, info=words.TELLING_INFO, interactive=True, elem_id="generate-telling"
                )
                plan = note("generate-plan")
                model = model_choice.build(context)
                _with_comfyui(studio)
                with gr.Row(elem_classes="form-grid"):
                    adapter = choice(words.ADAPTER_LABEL, "generate-adapter", info=words.ADAPTER_INFO)
                    strength = StrengthSlider("generate", words.STRENGTH_INFO, Grids(studio))
                    where = where_choice("generate")
                with gr.Accordion(text.GENERATE_ADVANCED, open=False, elem_id="generate-advanced"):
                    form = ConfigForm(GenerateConfig, _SETTINGS, prefix="generate")
                start = gr.Button(text.GENERATE_BUTTON, variant="primary", elem_id="generate-start")
            _import_images(studio)
        with gr.Column(scale=3, min_width=320):
            image_grid(studio)

    follow = follow_adapter(studio, adapter, strength)

    def generate(values: Values) -> Updates:
        name = values[adapter]
        asked = {
            **form.values(values),
            "strength": values[strength.field],
            "unconditional_strength": values[where],
            "adapter": None if name == words.NO_ADAPTER else name,
            "prompts": values[prompts.field],
            "pairs": values[pairs],
            "ahead": values[ahead],
            "telling": values[telling],
            "model": values[model.field],
        }
        studio.draw(asked)
        told_prompts = len(prompt_lines(values[prompts.field]))
        started = words.STARTED_AHEAD if values[ahead] else words.started_generate(int(values[pairs]), told_prompts)
        gr.Info(started, duration=8)
        return {bar: now(), start: _button(drawing=True)}

    def plan_now(values: Values) -> Updates:
        try:
            return {plan: note_value(prompt_plan(values[prompts.field], values[pairs], ahead=values[ahead]))}
        except SdpoError as error:
            return {plan: note_value(str(error), "bad")}

    def refresh(values: Values) -> Updates:
        names = [words.NO_ADAPTER, *studio.adapter_names()]
        chosen = values[adapter] if values[adapter] in names else words.NO_ADAPTER
        shown = {adapter: gr.Dropdown(names, value=chosen), start: _button(drawing=_is_drawing(studio))}
        return {**shown, **follow({**values, adapter: chosen}), **model.refresh(values)}

    counted: set[Any] = {prompts.field, pairs, ahead}
    changes = [prompts.field.change, pairs.change, ahead.change]
    gr.on(changes, plan_now, counted, [plan], trigger_mode="always_last", **QUIET)
    inputs = {*counted, telling, adapter, model.field, *form.inputs, strength.field, where}
    start.click(told(generate), inputs, [bar, start], **BUSY)
    return Page(
        outputs=[start, adapter, *strength.blocks, *model.outputs],
        inputs={adapter, *strength.blocks, model.field, model.seen},
        refresh=refresh,
    )


def _with_comfyui(studio: Studio) -> None:
    """Another program that may draw instead."""
    comfy = studio.comfy
    widget(
        "comfy_draw.js",
        role="sdpo-comfy-draw",
        elem_id="comfy-draw",
        strings=text_comfy.DRAW,
        server={"state": comfy.state, "choose": comfy.choose, "look": comfy.look, "take": comfy.take},
        most_bytes=MOST_FILE_BYTES,
    )


def _import_images(studio: Studio) -> None:
    """Images that the person made elsewhere."""
    imports = studio.imports
    widget(
        "import_images.js",
        role="sdpo-import",
        elem_id="import-images",
        strings=text_import.IMPORT,
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


def _is_drawing(studio: Studio) -> bool:
    current = studio.jobs.current()
    return current is not None and current[1].verb == "generate" and not studio.jobs.is_idle(*current)


def _button(*, drawing: bool) -> gr.Button:
    return gr.Button(text.GENERATING_BUTTON if drawing else text.GENERATE_BUTTON, interactive=not drawing)

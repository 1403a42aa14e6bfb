"""Generate: prompts in, pairs of images out."""

import gradio as gr

from app import text
from app.components.config_form import ConfigForm
from app.components.results import image_grid
from app.forms import prompt_lines
from app.pages import model_choice
from app.pages.common import BUSY, Context, Page, Updates, Values, now, told
from app.studio import Studio
from sdpo_core.config import GenerateConfig

_SETTINGS = ("seed", "sampling_steps", "guidance", "sampler", "size_px", "clip_skip", "negative")
_DEFAULT_PAIRS = 24


def build(context: Context) -> Page:
    """The page and its handlers."""
    studio, bar = context.studio, context.status_bar
    with gr.Row(elem_classes="page-columns"):
        with gr.Column(scale=2, min_width=320, variant="panel"):
            gr.Markdown(text.GENERATE_INTRO, elem_classes="page-intro")
            prompts = gr.Textbox(
                label=text.PROMPTS_LABEL,
                info=text.PROMPTS_INFO,
                placeholder=text.PROMPTS_PLACEHOLDER,
                lines=5,
                max_lines=8,
                elem_id="prompts",
            )
            starters = gr.Button(text.USE_STARTERS, size="sm", elem_id="use-starters", elem_classes="inline-button")
            pairs = gr.Number(_DEFAULT_PAIRS, label=text.PAIRS_LABEL, info=text.PAIRS_INFO, elem_id="pairs")
            model = model_choice.build(context)
            with gr.Accordion(text.GENERATE_ADVANCED, open=False, elem_id="generate-advanced"):
                form = ConfigForm(GenerateConfig, _SETTINGS, prefix="generate")
            start = gr.Button(text.GENERATE_BUTTON, variant="primary", elem_id="generate-start")
        with gr.Column(scale=3, min_width=320):
            image_grid(studio)

    def use_starters(_: Values) -> Updates:
        return {prompts: "\n".join(studio.starter_prompts())}

    def generate(values: Values) -> Updates:
        asked = {
            **form.values(values),
            "prompts": values[prompts],
            "pairs": values[pairs],
            "model": values[model.field],
        }
        studio.generate(asked)
        gr.Info(text.started_generate(int(values[pairs]), len(prompt_lines(values[prompts]))), duration=8)
        return {bar: now(), start: _button(drawing=True)}

    def refresh(values: Values) -> Updates:
        return {start: _button(drawing=_is_drawing(studio)), **model.refresh(values)}

    starters.click(told(use_starters), {prompts}, [prompts], **BUSY)
    start.click(told(generate), {prompts, pairs, model.field, *form.inputs}, [bar, start], **BUSY)
    return Page(outputs=[start, *model.outputs], inputs={model.field, model.seen}, refresh=refresh)


def _is_drawing(studio: Studio) -> bool:
    current = studio.jobs.current()
    return current is not None and current[1].verb == "generate" and not studio.jobs.is_idle(*current)


def _button(*, drawing: bool) -> gr.Button:
    return gr.Button(text.GENERATING_BUTTON if drawing else text.GENERATE_BUTTON, interactive=not drawing)

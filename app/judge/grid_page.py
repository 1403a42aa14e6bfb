"""The part of the Judge page that generates grids: strengths of an adapter, and steps of its training."""

import gradio as gr
from gradio.blocks import Block

from app.desk.context import Context
from app.desk.queue_panel import queued
from app.judge.adapter_fields import where_choice
from app.judge.grids import Grids
from app.judge.strength_grid import strength_grid
from app.judge.text import say
from app.ui.page import BUSY, Page, Updates, Values, choice, now, told
from sdpo_core.settings.base import leaves
from sdpo_core.settings.judge import Cells, GridConfig

_STRENGTHS = ", ".join(f"{strength:g}" for strength in Cells().strengths)
_LABELS = {name: leaf.shown.label for name, leaf in leaves(GridConfig).items()}


def build_grid(context: Context, grids: Grids, queue: gr.HTML) -> Page:
    """The form, the list of grids, and the grid that is shown. `queue` shows what waits."""
    desk, bar = context.desk, context.bar
    with gr.Accordion(say("gridSetup"), open=False, elem_id="grid-setup"):
        gr.Markdown(say("gridIntro"), elem_classes="page-intro")
        with gr.Row(elem_classes="form-grid"):
            adapter = choice(say("adapterLabel"), "grid-adapter", info=say("adapterInfo"))
            strengths = _field("strengths", _STRENGTHS, say("strengthsInfo"))
            checkpoints = choice(
                _LABELS["checkpoints"], "grid-checkpoints", info=say("checkpointsInfo"), multiselect=True
            )
            where = where_choice("grid")
            prompt = _field("prompt", "", say("promptInfo"))
            negative = _field("negative", "", say("negativeInfo"))
            seed = gr.Number(Cells().seed, label=_LABELS["seed"], info=say("seedInfo"), elem_id="grid-seed")
        start = gr.Button(say("gridButton"), elem_id="grid-start", elem_classes="wide-button")
    chosen = choice(say("gridRunLabel"), "grid-run", visible=False)
    grid = strength_grid(grids)
    shown: list[Block] = [adapter, checkpoints, start, chosen, grid]

    def view(values: Values, run_id: str | None) -> Updates:
        names = desk.adapters.names()
        kept = values[adapter] if values[adapter] in names else next(iter(names), None)
        steps = [str(step) for step in grids.steps(kept)]
        run, listed = grids.find(run_id), grids.choices()
        return {
            adapter: gr.Dropdown(names, value=kept),
            checkpoints: gr.Dropdown(steps, value=_among(steps, values[checkpoints]), multiselect=True),
            start: gr.Button(interactive=bool(names)),
            chosen: gr.Dropdown(listed, value=run.id if run else None, visible=len(listed) > 1),
            grid: run.id if run else "",
        }

    def draw(values: Values) -> Updates:
        form = {
            "strengths": values[strengths],
            "checkpoints": values[checkpoints] or [],
            "unconditional_strength": values[where],
            "prompt": values[prompt],
            "negative": values[negative],
            "seed": values[seed],
        }
        run = grids.start(values[adapter], form)
        if run is None:
            return queued(queue, bar)
        gr.Info(say("startedGrid"), duration=5)
        return {**view(values, run.id), bar: now()}

    def look(values: Values) -> Updates:
        return view(values, values[chosen])

    def refresh(values: Values) -> Updates:
        current = desk.jobs.current()
        return view(values, current[0].id if current and current[1].verb == "grid" else values[chosen])

    fields: set[Block] = {adapter, checkpoints, chosen}
    start.click(told(draw), {*fields, strengths, where, prompt, negative, seed}, [*shown, queue, bar], **BUSY)
    adapter.input(told(look), fields, shown, **BUSY)
    chosen.input(told(look), fields, shown, **BUSY)
    grid.removed(told(look), fields, shown, **BUSY)
    return Page(outputs=shown, inputs=fields, refresh=refresh)


def _among(steps: list[str], chosen: object) -> list[str]:
    """What is still there of the chosen steps; a page may have sent anything."""
    return [step for step in steps if step in chosen] if isinstance(chosen, list) else []


def _field(name: str, value: str, info: str) -> gr.Textbox:
    label = _LABELS[name]
    return gr.Textbox(value, label=label, info=info, max_lines=1, max_length=10_000, elem_id=f"grid-{name}")

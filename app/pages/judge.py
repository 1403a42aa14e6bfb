"""Judge: a blind test of an adapter against its base model, its verdict, and grids of strengths and checkpoints."""

import gradio as gr
from gradio.blocks import Block

from app import text
from app import text_judge as words
from app.components.adapter_fields import StrengthSlider, where_choice
from app.components.note import note, note_value
from app.components.pair_board import pair_board
from app.components.results import verdict_card, verdict_value
from app.components.run_queue import queued, run_queue
from app.grids import Grids
from app.judging import Judging
from app.pages.common import BUSY, Context, Page, Updates, Values, choice, follow_adapter, now, told
from app.pages.judge_grid import build_grid
from sdpo_core.errors import SdpoError
from sdpo_core.settings.judge import JudgeConfig

_COMPARISONS: int = JudgeConfig.model_fields["comparisons"].default


def build(context: Context) -> Page:
    """The page and its handlers."""
    studio, bar, judging = context.studio, context.status_bar, Judging(context.studio)
    with gr.Accordion(words.SETUP, elem_id="judge-setup") as setup:
        gr.Markdown(words.INTRO, elem_classes="page-intro")
        with gr.Row(elem_classes="form-grid"):
            adapter = choice(words.ADAPTER_LABEL, "judge-adapter", info=words.ADAPTER_INFO)
            comparisons = _comparisons()
            strength, where = StrengthSlider("judge", words.STRENGTH_INFO, Grids(studio)), where_choice("judge")
            negative = _negative()
        start = gr.Button(words.BUTTON, variant="primary", elem_id="judge-start", elem_classes="wide-button")
    queue = run_queue(studio, "judge-queue")
    context.links["judge-adapter"] = adapter
    chosen_run = choice(words.RUN_LABEL, "judge-run", visible=False)
    title = note("judge-title")
    board = pair_board(studio.judge_votes)
    verdict = verdict_card(judging)
    shown: list[Block] = [setup, adapter, *strength.blocks, start, chosen_run, title, board, verdict]
    grid = build_grid(context, queue)
    follow = follow_adapter(studio, adapter, strength)

    def view(values: Values, run_id: str | None) -> Updates:
        names = studio.adapter_names()
        run = judging.find(run_id)
        verdict_now, problem = None, ""
        try:
            verdict_now = judging.shown(run) if run else None
        except SdpoError as error:  # this one is damaged; another can still be chosen
            problem = str(error)
        status = studio.jobs.status(run) if run else None
        listed = judging.choices()
        if run is None:
            sentence = note_value("" if names else words.NO_ADAPTER)
        elif problem:
            sentence = note_value(problem, "bad")
        elif status and status.state == "failed":
            sentence = note_value(status.message, "bad", run.log_tail(12))
        else:
            sentence = note_value(judging.title(run))
        kept = _kept(values[adapter], names)
        return {
            setup: gr.Accordion(open=status is None or status.state == "failed" or verdict_now is not None),
            adapter: gr.Dropdown(names, value=kept),
            **follow({**values, adapter: kept}),
            start: gr.Button(interactive=bool(names)),
            chosen_run: gr.Dropdown(listed, value=run.id if run else None, visible=len(listed) > 1),
            title: sentence,
            board: run.id if run else "",
            verdict: verdict_value(verdict_now),
        }

    def judge(values: Values) -> Updates:
        how = {"unconditional_strength": values[where], "negative": values[negative]}
        run = studio.judge(values[adapter], values[comparisons], values[strength.field], how)
        if run is None:
            return queued(queue, bar)
        gr.Info(words.STARTED, duration=5)
        return {**view(values, run.id), bar: now()}

    def look(values: Values) -> Updates:
        return view(values, values[chosen_run])

    def refresh(values: Values) -> Updates:
        """A blind test that is being drawn is shown, whichever was looked at."""
        current = studio.jobs.current()
        drawing = current[0].id if current and current[1].verb == "judge" else values[chosen_run]
        return {**view(values, drawing), **grid.refresh(values)}

    chosen: set[Block] = {adapter, *strength.blocks}
    start.click(told(judge), {*chosen, comparisons, where, negative}, [*shown, queue, bar], **BUSY)
    chosen_run.input(told(look), {*chosen, chosen_run}, shown, **BUSY)
    board.complete(told(look), {*chosen, chosen_run}, shown, **BUSY)
    return Page(
        outputs=[*shown, *grid.outputs],
        inputs={*chosen, chosen_run, *grid.inputs},
        refresh=refresh,
    )


def _comparisons() -> gr.Number:
    label = text.FIELD_LABELS["comparisons"]
    return gr.Number(_COMPARISONS, label=label, info=words.COMPARISONS_INFO, elem_id="judge-comparisons")


def _negative() -> gr.Textbox:
    return gr.Textbox(
        label=text.FIELD_LABELS["negative"],
        info=words.NEGATIVE_INFO,
        placeholder=text.UNSET,
        max_lines=1,
        elem_id="judge-negative",
    )


def _kept(chosen: object, names: list[str]) -> str | None:
    """What was chosen, if it is still there, else the first."""
    return chosen if isinstance(chosen, str) and chosen in names else next(iter(names), None)

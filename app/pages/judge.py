"""Judge: a blind test of an adapter against its base model."""

import gradio as gr
from gradio.blocks import Block

from app import text
from app.components.note import note, note_value
from app.components.pair_board import pair_board
from app.components.results import verdict_card, verdict_value
from app.pages.common import BUSY, Context, Page, Updates, Values, choice, now, told
from sdpo_core.config import JudgeConfig

_COMPARISONS: int = JudgeConfig.model_fields["comparisons"].default


def build(context: Context) -> Page:
    """The page and its handlers."""
    studio, bar = context.studio, context.status_bar
    with gr.Accordion(text.JUDGE_SETUP, elem_id="judge-setup") as setup:
        gr.Markdown(text.JUDGE_INTRO, elem_classes="page-intro")
        with gr.Row(elem_classes="form-grid"):
            adapter = choice(text.ADAPTER_LABEL, "judge-adapter", info=text.ADAPTER_INFO)
            comparisons = gr.Number(
                _COMPARISONS,
                label=text.FIELD_LABELS["comparisons"],
                info=text.COMPARISONS_INFO,
                elem_id="judge-comparisons",
            )
        start = gr.Button(text.JUDGE_BUTTON, variant="primary", elem_id="judge-start", elem_classes="wide-button")
    title = note("judge-title")
    board = pair_board(studio.judge_votes)
    verdict = verdict_card()
    shown: list[Block] = [setup, adapter, start, title, board, verdict]

    def refresh(values: Values) -> Updates:
        names = studio.adapter_names()
        chosen = values[adapter] if values[adapter] in names else (names[0] if names else None)
        runs = studio.judge_runs()
        run = runs[0] if runs else None
        told_verdict = studio.verdict(run) if run else None
        status = studio.jobs.status(run) if run else None
        if run is None:
            sentence = note_value("" if names else text.NO_ADAPTER)
        elif status and status.state == "failed":
            sentence = note_value(status.message, "bad", run.log_tail(12))
        else:
            sentence = note_value(text.JUDGING.format(name=run.config()["adapter"]))
        return {
            setup: gr.Accordion(open=status is None or status.state == "failed" or told_verdict is not None),
            adapter: gr.Dropdown(names, value=chosen),
            start: gr.Button(interactive=bool(names)),
            title: sentence,
            board: run.id if run else "",
            verdict: verdict_value(told_verdict),
        }

    def judge(values: Values) -> Updates:
        studio.judge(values[adapter], values[comparisons])
        gr.Info(text.STARTED_JUDGE, duration=5)
        return {**refresh(values), bar: now()}

    start.click(told(judge), {adapter, comparisons}, [*shown, bar], **BUSY)
    board.complete(told(refresh), {adapter}, shown, **BUSY)
    return Page(outputs=shown, inputs={adapter}, refresh=refresh)

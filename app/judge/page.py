"""Judge: a blind test of an adapter against its base model, its verdict, and grids of strengths and checkpoints."""

from dataclasses import dataclass

import gradio as gr
from gradio.blocks import Block

from app.desk.context import Context
from app.desk.queue_panel import queue_panel, queued
from app.desk.text import say as desk_say
from app.judge.adapter_fields import StrengthSlider, follow_adapter, where_choice
from app.judge.grid_page import build_grid
from app.judge.grids import Grids
from app.judge.service import Judging
from app.judge.text import say
from app.judge.verdict_card import verdict_card, verdict_value
from app.ui.note import note, note_value
from app.ui.page import BUSY, Page, Updates, Values, choice, now, told
from app.ui.text import say as ui_say
from app.vote.boards import pair_board
from app.vote.votes import VotingService
from sdpo_core.errors import SdpoError
from sdpo_core.settings.base import leaves
from sdpo_core.settings.judge import BlindTest, JudgeConfig

_SETTINGS = leaves(JudgeConfig)


@dataclass(frozen=True, kw_only=True)
class JudgePage(Page):
    """The page, with the field that another page may fill in."""

    adapter: gr.Dropdown


def build(context: Context, judging: Judging, votes: VotingService, grids: Grids) -> JudgePage:
    """The page and its handlers."""
    desk, bar = context.desk, context.bar
    with gr.Accordion(say("setup"), elem_id="judge-setup") as setup:
        gr.Markdown(say("intro"), elem_classes="page-intro")
        with gr.Row(elem_classes="form-grid"):
            adapter = choice(say("adapterLabel"), "judge-adapter", info=say("adapterInfo"))
            comparisons = _comparisons()
            strength, where = StrengthSlider("judge", say("strengthInfo"), grids), where_choice("judge")
            negative = _negative()
        start = gr.Button(say("button"), variant="primary", elem_id="judge-start", elem_classes="wide-button")
    queue = queue_panel(desk.queue, "judge-queue")
    chosen_run = choice(say("runLabel"), "judge-run", visible=False)
    title = note("judge-title")
    board = pair_board(votes)
    verdict = verdict_card(judging)
    shown: list[Block] = [setup, adapter, *strength.blocks, start, chosen_run, title, board, verdict]
    grid = build_grid(context, grids, queue)
    follow = follow_adapter(desk.adapters, adapter, strength)

    def view(values: Values, run_id: str | None) -> Updates:
        names = desk.adapters.names()
        run = judging.find(run_id)
        verdict_now, problem = None, ""
        try:
            verdict_now = judging.shown(run) if run else None
        except SdpoError as error:  # this one is damaged; another can still be chosen
            problem = str(error)
        status = desk.jobs.status(run) if run else None
        listed = judging.choices()
        if run is None:
            sentence = note_value("" if names else desk_say("noAdapter"))
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
        run = judging.start(values[adapter], values[comparisons], values[strength.field], how)
        if run is None:
            return queued(queue, bar)
        gr.Info(say("started"), duration=5)
        return {**view(values, run.id), bar: now()}

    def look(values: Values) -> Updates:
        return view(values, values[chosen_run])

    def refresh(values: Values) -> Updates:
        """A blind test being generated is shown, whichever was open."""
        current = desk.jobs.current()
        drawing = current[0].id if current and current[1].verb == "judge" else values[chosen_run]
        return {**view(values, drawing), **grid.refresh(values)}

    chosen: set[Block] = {adapter, *strength.blocks}
    start.click(told(judge), {*chosen, comparisons, where, negative}, [*shown, queue, bar], **BUSY)
    chosen_run.input(told(look), {*chosen, chosen_run}, shown, **BUSY)
    board.complete(told(look), {*chosen, chosen_run}, shown, **BUSY)
    return JudgePage(
        outputs=[*shown, *grid.outputs],
        inputs={*chosen, chosen_run, *grid.inputs},
        refresh=refresh,
        adapter=adapter,
    )


def _comparisons() -> gr.Number:
    label, usual = _SETTINGS["comparisons"].shown.label, BlindTest().comparisons
    return gr.Number(usual, label=label, info=say("comparisonsInfo"), elem_id="judge-comparisons")


def _negative() -> gr.Textbox:
    return gr.Textbox(
        label=_SETTINGS["negative"].shown.label,
        info=say("negativeInfo"),
        placeholder=ui_say("unset"),
        max_lines=1,
        elem_id="judge-negative",
    )


def _kept(chosen: object, names: list[str]) -> str | None:
    """What was chosen, if it is still there, else the first."""
    return chosen if isinstance(chosen, str) and chosen in names else next(iter(names), None)

"""Train: one button that says beforehand what it will do, and shows what happens."""

from collections.abc import Callable
from typing import Any, Literal

import gradio as gr
from gradio.blocks import Block

from app import text, text_train
from app.components.live_chart import live_chart, log_view, previews
from app.components.note import note, note_value
from app.components.run_queue import queued, run_queue
from app.pages.common import BUSY, QUIET, Context, Page, Updates, Values, choice, now, told
from app.pages.train_settings import TrainSettings
from app.progress import RunProgress
from app.studio import Studio
from sdpo_core.errors import SdpoError
from sdpo_core.runs.folder import RunFolder

_LOG_LINES = 12


def build(context: Context) -> Page:
    """The page and its handlers."""
    studio, bar, progress = context.studio, context.status_bar, RunProgress(context.studio)
    with gr.Column(variant="panel"):
        gr.Markdown(text.TRAIN_INTRO, elem_classes="page-intro")
        plan = note("train-plan")
        with gr.Row(elem_classes="actions"):
            start = gr.Button(text.TRAIN_BUTTON, variant="primary", elem_id="train-start")
            measure = gr.Button(text_train.MEASURE_BUTTON, visible=False, elem_id="train-measure")
            resume = gr.Button(text.RESUME_BUTTON, visible=False, elem_id="train-resume")
            stop = gr.Button(text.STOP_AND_KEEP, visible=False, elem_id="train-stop")
            save = gr.Button(text_train.SAVE_NOW, visible=False, elem_id="train-save")
            sample = gr.Button(text_train.SAMPLE_NOW, visible=False, elem_id="train-sample")
        queue = run_queue(studio, "run-queue")
        with gr.Accordion(text.TRAIN_ADVANCED, open=False, elem_id="train-advanced"):
            gr.Markdown(text.TRAIN_ADVANCED_NOTE)
            settings = TrainSettings(studio)
    context.links["train-continue_from"] = settings.start
    run = choice(text.RUN_LABEL, "train-run", visible=False)
    outcome = note("train-outcome")
    chart, images = live_chart(progress), previews(progress)
    with gr.Accordion(text.LOG_LABEL, open=False, elem_id="train-log"):
        log = log_view(progress)
    shown: list[Block] = [start, resume, stop, save, sample, run, outcome, chart, images, log, settings.start]

    def view(selected: str | None) -> Updates:
        runs = studio.training_runs()
        folder = next((folder for folder in runs if folder.id == selected), runs[0] if runs else None)
        running = _training(studio) is not None
        run_id = folder.id if folder else ""
        followed: Updates = dict.fromkeys((chart, images, log), run_id)
        return {
            **followed,
            start: gr.Button(text_train.QUEUE_BUTTON if running else text.TRAIN_BUTTON),
            **{button: gr.Button(visible=running) for button in (stop, save, sample)},
            settings.start: gr.Dropdown(["", *studio.adapter_names()]),
            resume: gr.Button(visible=bool(folder) and not running and studio.resumable(folder)),
            run: gr.Dropdown(_listed(studio, runs), value=run_id or None, visible=len(runs) > 1),
            outcome: _outcome(studio, folder) if folder else note_value(""),
        }

    def plan_now(values: Values) -> Updates:
        try:
            planned = studio.plan(settings.values(values))
            unknown = planned.possible and not planned.measured
            return {plan: note_value(planned.sentence), measure: gr.Button(visible=unknown)}
        except SdpoError as error:
            return {plan: note_value(str(error), "bad"), measure: gr.Button(visible=False)}

    def train(values: Values) -> Updates:
        started = studio.train_or_wait(settings.values(values))
        if started is None:
            return queued(queue, bar)
        return {**view(started.id), bar: now()}

    def go_on(values: Values) -> Updates:
        studio.resume(str(values[run]))
        return {**view(values[run]), bar: now()}

    def refresh(values: Values) -> Updates:
        training = _training(studio)
        return {**view(training.id if training else values[run]), **plan_now(values)}

    def select(values: Values) -> Updates:
        return view(values[run])

    start.click(told(train), settings.fields, [*shown, queue, bar], **BUSY)
    measure.click(told(_measuring(context, settings)), settings.fields, [bar], **BUSY)
    resume.click(told(go_on), {run}, [*shown, bar], **BUSY)
    stop.click(told(_stopping(context)), set(), [bar], **BUSY)
    save.click(told(_asking(context, "save-now", text_train.SAVE_ASKED)), set(), [bar], **BUSY)
    sample.click(told(_asking(context, "sample-now", text_train.SAMPLE_ASKED)), set(), [bar], **BUSY)
    run.input(told(select), {run}, shown, **BUSY)
    # One event for all fields: of two, the earlier one's answer might come last and stay.
    fields: set[Any] = {*settings.fields}
    gr.on(settings.changes, plan_now, fields, [plan, measure], trigger_mode="always_last", **QUIET)
    return Page(outputs=[*shown, plan, measure], inputs={run, *settings.fields}, refresh=refresh)


def _measuring(context: Context, settings: TrainSettings) -> Callable[[Values], Updates]:
    def measure(values: Values) -> Updates:
        context.studio.measure(settings.values(values))
        gr.Info(text_train.MEASURING, duration=6)
        return {context.status_bar: now()}

    return measure


def _stopping(context: Context) -> Callable[[Values], Updates]:
    def stop(_: Values) -> Updates:
        training = _training(context.studio)  # not the run that is looked at, which may be an earlier one
        if training:
            context.studio.stop(training.id)
        return {context.status_bar: now()}

    return stop


def _asking(context: Context, signal: Literal["save-now", "sample-now"], answer: str) -> Callable[[Values], Updates]:
    def ask(_: Values) -> Updates:
        context.studio.ask(signal)
        gr.Info(answer, duration=5)
        return {context.status_bar: now()}

    return ask


def _training(studio: Studio) -> RunFolder | None:
    """The training run that is going on."""
    current = studio.jobs.current()
    return current[0] if current and current[1].verb == "train" else None


def _listed(studio: Studio, runs: list[RunFolder]) -> list[tuple[str, str]]:
    """The runs for a list: what they are called, and their id."""
    adapters = {record.run_id: record.name for record in reversed(studio.store.adapters())}
    return [
        (
            text_train.run_listed(
                adapters.get(run.id) or run.config().get("adapter_name"),
                text.moment(run.began_at),
                studio.jobs.status(run).state,
            ),
            run.id,
        )
        for run in runs
    ]


def _outcome(studio: Studio, run: RunFolder) -> str:
    """How the run ended, with the end of its log when it failed; nothing while it goes on."""
    status = studio.jobs.status(run)
    if status.state == "failed":
        return note_value(status.message, "bad", run.log_tail(_LOG_LINES))
    if status.state in ("done", "stopped"):
        return note_value(status.message, "good" if status.state == "done" else "plain")
    return note_value("")

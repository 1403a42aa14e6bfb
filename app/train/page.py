"""Train: one button that says beforehand what it will do, and shows what happens."""

from collections.abc import Callable
from typing import Any, Literal

import gradio as gr
from gradio.blocks import Block

from app.desk.context import Context
from app.desk.desk import Desk
from app.desk.queue_panel import queue_panel, queued
from app.desk.text import say as desk_say
from app.train.live_view import live_chart, log_view, previews
from app.train.progress import RunProgress
from app.train.service import Training
from app.train.settings_form import TrainSettings
from app.train.text import say
from app.ui.note import note, note_value
from app.ui.page import BUSY, QUIET, Page, Updates, Values, choice, now, told
from app.ui.words import moment
from sdpo_core.errors import SdpoError
from sdpo_core.runs.folder import RunFolder

_LOG_LINES = 12


def build(context: Context, training: Training, progress: RunProgress) -> Page:
    """The page and its handlers."""
    desk, bar = context.desk, context.bar
    with gr.Column(variant="panel"):
        gr.Markdown(say("intro"), elem_classes="page-intro")
        plan = note("train-plan")
        with gr.Row(elem_classes="actions"):
            start = gr.Button(say("button"), variant="primary", elem_id="train-start")
            include = gr.Button("", visible=False, elem_id="train-include")
            measure = gr.Button(say("measureButton"), visible=False, elem_id="train-measure")
            resume = gr.Button(say("resumeButton"), visible=False, elem_id="train-resume")
            stop = gr.Button(say("stopAndKeep"), visible=False, elem_id="train-stop")
            save = gr.Button(say("saveNow"), visible=False, elem_id="train-save")
            sample = gr.Button(say("sampleNow"), visible=False, elem_id="train-sample")
        queue = queue_panel(desk.queue, "run-queue")
        with gr.Accordion(say("advanced"), open=False, elem_id="train-advanced"):
            gr.Markdown(say("advancedNote"))
            settings = TrainSettings(training)
    run = choice(say("runLabel"), "train-run", visible=False)
    outcome = note("train-outcome")
    chart, images = live_chart(progress), previews(progress)
    with gr.Accordion(say("logLabel"), open=False, elem_id="train-log"):
        log = log_view(progress)
    shown: list[Block] = [start, resume, stop, save, sample, run, outcome, chart, images, log]

    def view(selected: str | None) -> Updates:
        runs = training.runs()
        folder = next((folder for folder in runs if folder.id == selected), runs[0] if runs else None)
        running = _running(desk) is not None
        run_id = folder.id if folder else ""
        goes_on = bool(folder) and not running and training.resumable(folder)
        followed: Updates = dict.fromkeys((chart, images, log), run_id)
        return {
            **followed,
            start: gr.Button(
                say("queueButton") if running else say("button"), variant="secondary" if goes_on else "primary"
            ),
            **{button: gr.Button(visible=running) for button in (stop, save, sample)},
            resume: gr.Button(visible=goes_on, variant="primary"),
            run: gr.Dropdown(_listed(desk, runs), value=run_id or None, visible=len(runs) > 1),
            outcome: _outcome(desk, folder) if folder else note_value(""),
        }

    plan_now = _planning(training, settings, plan, measure, include)

    def train(values: Values) -> Updates:
        started = training.start_or_wait(settings.values(values))
        if started is None:
            return queued(queue, bar)
        return {**view(started.id), bar: now()}

    def resume_run(values: Values) -> Updates:
        training.resume(str(values[run]))
        return {**view(values[run]), bar: now()}

    def refresh(values: Values) -> Updates:
        running, begun = _running(desk), desk.standing().round_of
        name = begun.name if begun else None
        followed = settings.follow(values, desk.adapters.names(), name)
        if values[settings.round] != followed[settings.round]:
            values = {**values, settings.start: name}
        return {**view(running.id if running else values[run]), **followed, **plan_now(values)}

    def select(values: Values) -> Updates:
        return view(values[run])

    start.click(told(train), settings.fields, [*shown, queue, bar], **BUSY)
    measure.click(told(_measuring(context, training, settings)), settings.fields, [bar], **BUSY)
    resume.click(told(resume_run), {run}, [*shown, bar], **BUSY)
    stop.click(told(_stopping(context)), set(), [bar], **BUSY)
    save.click(told(_asking(context, training, "save-now", say("saveAsked"))), set(), [bar], **BUSY)
    sample.click(told(_asking(context, training, "sample-now", say("sampleAsked"))), set(), [bar], **BUSY)
    run.input(told(select), {run}, shown, **BUSY)
    # One event for all fields: of two, the earlier one's answer might come last and stay.
    fields: set[Any] = {*settings.fields}
    included = settings.put({"pairs_from": "all"})
    include.click(lambda _: included, set(), [*included], **QUIET)
    gr.on(settings.changes, plan_now, fields, [plan, measure, include], trigger_mode="always_last", **QUIET)
    outputs = [*shown, *settings.following, plan, measure, include]
    return Page(outputs, {run, settings.round, *settings.fields}, refresh)


def _planning(
    training: Training, settings: TrainSettings, plan: gr.HTML, measure: gr.Button, include: gr.Button
) -> Callable[[Values], Updates]:
    """What would be trained, and the buttons for what is still to be found out or may be included."""

    def plan_now(values: Values) -> Updates:
        try:
            planned = training.plan(settings.values(values))
            unknown = planned.possible and not planned.measured
            more = gr.Button(say("include", n=planned.foreign), visible=planned.foreign > 0)
            return {plan: note_value(planned.sentence), measure: gr.Button(visible=unknown), include: more}
        except SdpoError as error:
            hidden = gr.Button(visible=False)
            return {plan: note_value(str(error), "bad"), measure: hidden, include: hidden}

    return plan_now


def _measuring(context: Context, training: Training, settings: TrainSettings) -> Callable[[Values], Updates]:
    def measure(values: Values) -> Updates:
        training.measure(settings.values(values))
        gr.Info(say("measuring"), duration=6)
        return {context.bar: now()}

    return measure


def _stopping(context: Context) -> Callable[[Values], Updates]:
    def stop(_: Values) -> Updates:
        running = _running(context.desk)  # not the run that is shown, which may be an earlier one
        if running:
            context.desk.stop(running.id)
        return {context.bar: now()}

    return stop


def _asking(
    context: Context, training: Training, signal: Literal["save-now", "sample-now"], answer: str
) -> Callable[[Values], Updates]:
    def ask(_: Values) -> Updates:
        training.ask(signal)
        gr.Info(answer, duration=5)
        return {context.bar: now()}

    return ask


def _running(desk: Desk) -> RunFolder | None:
    """The active training run."""
    current = desk.jobs.current()
    return current[0] if current and current[1].verb == "train" else None


def _listed(desk: Desk, runs: list[RunFolder]) -> list[tuple[str, str]]:
    """The runs for a list: what they are called, and their id."""
    adapters = {record.run_id: record.name for record in reversed(desk.store.adapters.all())}
    return [
        (
            say(
                "listed",
                name=adapters.get(run.id) or run.settings().get("adapter_name") or say("unnamedRun"),
                moment=moment(run.began_at),
                state=desk_say(f"state.{desk.jobs.status(run).state}"),
            ),
            run.id,
        )
        for run in runs
    ]


def _outcome(desk: Desk, run: RunFolder) -> str:
    """How the run ended, with the end of its log when it failed; nothing while it runs."""
    status = desk.jobs.status(run)
    if status.state == "failed":
        return note_value(status.message, "bad", run.log_tail(_LOG_LINES))
    if status.state in ("done", "stopped"):
        return note_value(status.message, "good" if status.state == "done" else "plain")
    return note_value("")

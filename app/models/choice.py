"""The choice of the base model: a field, a sentence about its value, and what that may need first."""

from dataclasses import dataclass

import gradio as gr
from gradio.blocks import Block

from app.desk.context import Context
from app.desk.model_reader import ModelUnread
from app.desk.models import Models, written_source
from app.desk.queue_panel import queue_panel, queued
from app.models.downloads import Downloads
from app.models.finder import ModelFinder
from app.models.text import say
from app.ui.note import note, note_value
from app.ui.page import BUSY, Updates, Values, now, told
from app.ui.widget import widget
from sdpo_core.errors import ModelNotHere, PredictionUnknown, SdpoError
from sdpo_core.families.family import Predicts


@dataclass(frozen=True)
class ModelChoice:
    """The built fields; `field` holds the model's name."""

    models: Models
    downloads: Downloads
    field: gr.Textbox
    note: gr.HTML
    download: gr.Button
    prediction: gr.Radio
    seen: gr.State  # the name the others refer to
    queue: gr.HTML  # what waits for its turn
    found: gr.HTML  # the list of the models on this machine
    finder: ModelFinder

    @property
    def outputs(self) -> list[Block]:
        """What `refresh` may change."""
        return [self.field, self.note, self.download, self.prediction, self.seen]

    def refresh(self, values: Values) -> Updates:
        """What is there now; a page that was just opened has an empty field, which is filled in.

        A name that is not chosen is left alone, unless its download ran last.
        """
        return {block: update for block, update in self._now(values).items() if block is not self.found}

    def _now(self, values: Values) -> Updates:
        written = written_source(str(values[self.field]))
        chosen = self.models.source()
        source = written or self.downloads.running() or self.models.reader.source() or chosen
        filled: Updates = {} if written else {self.field: source}
        if source == chosen:
            shown = self._shown(source, fresh=False)
            if values[self.seen] == source:
                del shown[self.prediction]  # it shows the answer, or a newer one that is on its way here
            return {**filled, **shown}
        if self.models.reader.source() == source:
            return {**filled, **self._shown(source)}
        run, status = self.downloads.newest() or (None, None)
        if run is None or status is None or run.settings().get("model") != source:
            return filled
        return {**filled, **self._shown(source, ask_hub=status.state in ("stopped", "failed"))}

    def check(self, values: Values) -> Updates:
        """Choose what is in the field, or say what it needs. An empty field means the one that was chosen."""
        written = written_source(str(values[self.field]))
        source = written or self.models.source()
        filled: Updates = {} if written else {self.field: source}  # don't interrupt someone who is still typing
        return {**filled, **self._shown(source, ask_hub=True)}

    def left(self, values: Values) -> Updates:
        """The field lost the focus. What was checked stays: it may be the click on the question's answer."""
        return {} if str(values[self.field]).strip() == values[self.seen] else self.check(values)

    def answer(self, values: Values) -> Updates:
        """Choose it with the person's answer to the question."""
        answers: dict[str, Predicts] = {"epsilon": "epsilon", "v_prediction": "v_prediction"}
        try:
            self.models.choose(str(values[self.field]), answers.get(str(values[self.prediction])))
        except SdpoError as error:
            return {self.note: note_value(str(error), "bad")}
        return self.check(values)

    def picked(self, values: Values) -> Updates:
        """Choose a model of the list."""
        source = self.finder.source_of(values[self.found])
        return {self.field: source, **self._shown(source)}

    def was_read(self, values: Values) -> Updates:
        """Reading a model has ended, successfully or not."""
        source = written_source(str(values[self.field]))
        trouble = self.models.reader.trouble(source)
        return {self.note: note_value(trouble, "bad")} if trouble else self.check(values)

    def start(self, values: Values) -> Updates:
        """Start the download."""
        if self.downloads.start(str(values[self.field])) is None:
            return {**self.check(values), **queued(self.queue)}
        gr.Info(say("startedDownload"), duration=8)
        return self.check(values)

    def _shown(self, source: str, *, ask_hub: bool = False, fresh: bool = True) -> Updates:
        """The sentence, and next to it the button or the question that it calls for."""
        button, answer, asks = False, None, False
        try:
            info = self.models.choose(source) if fresh else self.models.chosen()
        except ModelNotHere as error:
            sentence, button = self._offer(source, str(error), ask_hub=ask_hub)
        except ModelUnread:
            return {self.note: note_value(""), self.found: f"read {now()}", self.seen: source}
        except PredictionUnknown:
            sentence, asks = note_value(say("predictionAsked")), True
        except SdpoError as error:
            sentence = note_value(str(error), "bad")
        else:
            words = say(
                "readyDemo" if info.is_demo else "ready",
                name=info.name,
                size_px=info.native_size_px,
                guidance=info.default_guidance,
            )
            sentence, asks = note_value(words, "good"), self.models.was_asked(info)
            answer = info.prediction_type if asks else None
        return {
            self.note: sentence,
            self.download: gr.Button(visible=button),
            self.prediction: gr.Radio(visible=asks, value=answer),
            self.seen: source,
        }

    def _offer(self, source: str, why: str, *, ask_hub: bool) -> tuple[str, bool]:
        """The sentence about a model of the Hub that isn't on this machine, and whether it can be downloaded now."""
        if self.downloads.waits(source):
            return note_value(say("downloadWaits")), False
        if self.downloads.running() == source:
            return note_value(say("downloadRuns")), False
        if not ask_hub:
            return note_value(why, "bad"), False
        try:
            plan = self.models.offer(source)
        except SdpoError as error:
            return note_value(say("noOffer", source=source, why=error), "bad"), False
        unbroken = plan.sentence.replace(" GB", "\u00a0GB").replace(" MB", "\u00a0MB")
        return note_value(say("offer", source=source, plan=unbroken), "plain" if plan.fits else "bad"), plan.fits


def build(context: Context, finder: ModelFinder, downloads: Downloads) -> ModelChoice:
    """The fields and their handlers."""
    desk, bar = context.desk, context.bar
    choice = ModelChoice(
        models=desk.models,
        downloads=downloads,
        finder=finder,
        field=gr.Textbox(
            label=say("modelLabel"),
            info=say("modelInfo"),
            max_lines=1,
            elem_id="model",
        ),
        note=note("model-note"),
        download=gr.Button(
            say("downloadButton"), size="sm", visible=False, elem_id="model-download", elem_classes="inline-button"
        ),
        prediction=gr.Radio(
            [(words, kind) for kind, words in say.rows("predictions").items()],
            label=say("predictionLabel"),
            info=say("predictionInfo"),
            visible=False,
            interactive=True,
            elem_id="model-prediction",
        ),
        seen=gr.State(""),
        queue=queue_panel(desk.queue, "model-queue"),
        found=widget(
            "models/model_finder.js",
            role="sdpo-finder",
            elem_id="model-finder",
            events=("picked", "read"),
            strings=say.rows("finder"),
            server={
                "finder": finder.state,
                "find": finder.find,
                "halt": finder.halt,
                "stop_reading": finder.stop_reading,
                "add_folder": finder.add_folder,
                "forget_folder": finder.forget_folder,
            },
            value="",
        ),
    )

    def with_bar(updates: Updates) -> Updates:
        return {**updates, bar: now()}

    outputs = [*choice.outputs, choice.queue, choice.found, bar]
    choice.found.picked(told(lambda v: with_bar(choice.picked(v))), {choice.found}, outputs, **BUSY)
    choice.found.read(lambda v: with_bar(choice.was_read(v)), {choice.field}, outputs, **BUSY)
    choice.field.submit(lambda v: with_bar(choice.check(v)), {choice.field}, outputs, **BUSY)
    choice.field.blur(lambda v: with_bar(choice.left(v)), {choice.field, choice.seen}, outputs, **BUSY)
    choice.download.click(told(lambda v: with_bar(choice.start(v))), {choice.field}, outputs, **BUSY)
    choice.prediction.input(lambda v: with_bar(choice.answer(v)), {choice.field, choice.prediction}, outputs, **BUSY)
    return choice

"""The settings of a training as a form: the usual ones, all others by group, presets, and the whole as text."""

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.blocks import Block

from app.train.service import Training
from app.train.text import say
from app.ui.config_form import ConfigForm
from app.ui.page import BUSY, QUIET, Updates, Values, choice, told
from app.ui.widget import widget
from sdpo_core.families import demo
from sdpo_core.settings.base import leaves
from sdpo_core.settings.presets import preset_names, read_preset, read_settings_text, settings_text
from sdpo_core.settings.shown import Section
from sdpo_core.settings.train import TrainConfig

_LONGEST_TOML = 20_000


class TrainSettings:
    """All fields of a training's settings, as several forms, with presets and as text."""

    def __init__(self, training: Training) -> None:
        with gr.Row(elem_classes="form-grid"):
            preset = gr.Dropdown(
                [say("noPreset"), *preset_names()],
                label=say("presetLabel"),
                info=say("presetInfo"),
                elem_id="train-preset",
                interactive=True,
            )
            taken = gr.State(say("noPreset"))  # the preset that the fields were filled from last
            info = say("roundTwoInfo")
            self.round = gr.Textbox(label=info, visible=False, elem_id="train-round")  # that `start` was last put to
            self.start = choice(leaves(TrainConfig)["continue_from"].shown.label, "train-continue_from", info=info)
        self._forms = [_form(Section.USUAL)]
        with gr.Accordion(say("allSettings"), open=False, elem_id="train-all"):
            gr.Markdown(say("allSettingsNote"))
            for section in Section:
                if section is not Section.USUAL:
                    gr.Markdown(f"### {section.value}")
                    self._forms.append(_form(section))
            toml = gr.Textbox(
                label=say("tomlLabel"),
                info=say("tomlInfo"),
                lines=4,
                max_lines=16,
                max_length=_LONGEST_TOML,
                buttons=["copy"],
                elem_id="train-toml",
            )
            file = widget(
                "train/settings_file.js",
                role="sdpo-settings-file",
                elem_id="train-toml-file",
                events=("chosen",),
                strings=say.rows("tomlFile"),
                value="",
                most_bytes=_LONGEST_TOML,
            )
            with gr.Row(elem_classes="actions"):
                write = gr.Button(say("tomlWrite"), elem_id="train-toml-write")
                read = gr.Button(say("tomlRead"), elem_id="train-toml-read")

        def take_preset(values: Values) -> Updates:
            name = values[preset]
            if name == values[taken]:  # Tab only went past; an answer now would empty what was typed since
                return {taken: name}
            return {taken: name} | self.fill({} if name == say("noPreset") else read_preset(name).values)

        def write_down(values: Values) -> Updates:
            return {toml: settings_text(training.settings(self.values(values)), TrainConfig)}

        def read_back(values: Values) -> Updates:
            found = read_settings_text(values[toml] or "", TrainConfig)
            gr.Info(say("tomlFilled"), duration=5)
            return self.fill(found)

        def take_file(values: Values) -> Updates:
            return {toml: str(values[file] or "")[:_LONGEST_TOML]}

        filled = [*self.fields]
        preset.input(told(take_preset), {preset, taken}, [*filled, taken], **BUSY)
        write.click(told(write_down), self.fields, [toml], **BUSY)
        read.click(told(read_back), {toml}, filled, **BUSY)
        # What a file says is shown before it is understood, so that a slip in it can be put right.
        file.chosen(take_file, {file}, [toml], **QUIET).then(told(read_back), {toml}, filled, **BUSY)

    @property
    def following(self) -> list[Block]:
        """What `follow` reads and changes."""
        return [self.start, self.round]

    def follow(self, given: Values, adapters: list[str], begun: str | None) -> Updates:
        """The adapter to continue: the one whose round has begun, until a person chooses differently."""
        choices, now = ["", *adapters], begun or ""
        start = gr.Dropdown(choices) if given[self.round] == now else gr.Dropdown(choices, value=now)
        return {self.start: start, self.round: now}

    @property
    def fields(self) -> set[Block]:
        """What the settings are filled in with."""
        return {self.start, *(component for form in self._forms for component in form.inputs)}

    @property
    def changes(self) -> list[Any]:
        """The change event of every field."""
        return [self.start.change, *(change for form in self._forms for change in form.changes)]

    def values(self, given: Values) -> dict[str, Any]:
        """What the person filled in, by name of the setting."""
        filled = {name: value for form in self._forms for name, value in form.values(given).items()}
        return {**filled, "continue_from": given[self.start]}

    def put(self, settings: Mapping[str, Any]) -> Updates:
        """The fields of these settings, in whichever form they are; all others stay."""
        return {field: value for form in self._forms for field, value in form.put(settings).items()}

    def fill(self, settings: Mapping[str, Any]) -> Updates:
        """Every field as `settings` have it, and as at the start where they don't say."""
        filled = {field: value for form in self._forms for field, value in form.fill(settings).items()}
        return {**filled, self.start: gr.Dropdown(value=settings.get("continue_from"))}


def _form(section: Section) -> ConfigForm:
    shown = {name: leaf.shown for name, leaf in leaves(TrainConfig).items() if leaf.shown.section is section}
    names = sorted(shown, key=lambda name: shown[name].order)
    with gr.Row(elem_classes="form-grid"):
        return ConfigForm(TrainConfig, names, prefix="train", empty=[*demo.TRAINING])

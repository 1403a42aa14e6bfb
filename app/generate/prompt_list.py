"""The field of prompts: typed, pasted, from a file, or from a set that ships with the studio."""

from pathlib import Path

import gradio as gr

from app.generate.prompts import prompts_of_file
from app.generate.service import Drawing
from app.generate.text import say
from app.ui.page import BUSY, Updates, Values, told

_BY_ITSELF = ""
"""The set that suits the model."""


class PromptList:
    """The field and the ways to fill it; a set or a file is added below what is there."""

    def __init__(self, drawing: Drawing) -> None:
        self.field = gr.Textbox(
            label=say("promptsLabel"),
            info=say("promptsInfo"),
            placeholder=say("promptsPlaceholder"),
            lines=5,
            max_lines=12,
            elem_id="prompts",
        )
        with gr.Row(elem_classes="actions"):
            chosen = gr.Dropdown(
                [(say("useStarters"), _BY_ITSELF), *((title, name) for name, title in say.rows("starters").items())],
                value=_BY_ITSELF,
                show_label=False,
                label=say("startersLabel"),
                container=False,
                interactive=True,
                elem_id="starter-set",
            )
            add = gr.Button(say("addStarters"), size="md", scale=0, min_width=90, elem_id="use-starters")
            file = gr.UploadButton(say("openFile"), file_types=[".txt"], size="sm", elem_id="prompts-file")

        def use_starters(values: Values) -> Updates:
            return self._filled(values, drawing.starter_prompts(str(values[chosen] or "")))

        def open_file(values: Values) -> Updates:
            return self._filled(values, prompts_of_file(Path(str(values[file]))))

        add.click(told(use_starters), {self.field, chosen}, [self.field], **BUSY)
        file.upload(told(open_file), {self.field, file}, [self.field], **BUSY)

    def _filled(self, values: Values, more: list[str]) -> Updates:
        known = str(values[self.field] or "").strip()
        return {self.field: "\n".join([*([known] if known else []), *more])}

"""The field of prompts: typed, pasted, from a file, or from a set that ships with the studio."""

from pathlib import Path

import gradio as gr

from app.generate import text
from app.generate.prompts import prompts_of_file
from app.generate.service import Drawing
from app.ui.page import BUSY, Updates, Values, told

_BY_ITSELF = ""
"""The set that suits the model."""


class PromptList:
    """The field and the ways to fill it; a set or a file is added below what is there."""

    def __init__(self, drawing: Drawing) -> None:
        self.field = gr.Textbox(
            label=text.PROMPTS_LABEL,
            info=text.PROMPTS_INFO,
            placeholder=text.PROMPTS_PLACEHOLDER,
            lines=5,
            max_lines=12,
            elem_id="prompts",
        )
        with gr.Row(elem_classes="actions"):
            chosen = gr.Dropdown(
                [(text.USE_STARTERS, _BY_ITSELF), *((title, name) for name, title in text.STARTERS.items())],
                value=_BY_ITSELF,
                show_label=False,
                label=text.STARTERS_LABEL,
                container=False,
                interactive=True,
                elem_id="starter-set",
            )
            add = gr.Button(text.ADD_STARTERS, size="md", scale=0, min_width=90, elem_id="use-starters")
            file = gr.UploadButton(text.OPEN_FILE, file_types=[".txt"], size="sm", elem_id="prompts-file")

        def use_starters(values: Values) -> Updates:
            return self._filled(values, drawing.starter_prompts(str(values[chosen] or "")))

        def open_file(values: Values) -> Updates:
            return self._filled(values, prompts_of_file(Path(str(values[file]))))

        add.click(told(use_starters), {self.field, chosen}, [self.field], **BUSY)
        file.upload(told(open_file), {self.field, file}, [self.field], **BUSY)

    def _filled(self, values: Values, more: list[str]) -> Updates:
        known = str(values[self.field] or "").strip()
        return {self.field: "\n".join([*([known] if known else []), *more])}

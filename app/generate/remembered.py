"""What the Generate page last held, kept in the project: it survives a reload, another tab and a restart.

The file is a convenience: where it is gone or damaged, or a value is no longer one of its field, that field begins as
it always does.
"""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.blocks import Block

from app.desk.desk import Desk
from app.ui.page import QUIET, Updates, Values
from sdpo_core.atomic import write_json
from sdpo_core.errors import DiskError

FILE = "generate.json"
"""In the project's folder."""

RememberedField = gr.Textbox | gr.Number | gr.Checkbox | gr.Dropdown

_LONGEST = 200_000  # characters of a field; more is nobody's list of prompts, and would slow every page down
_SIMPLE = (str, int, float, bool, type(None))


class Remembered:
    """Fields of a page, restored once when it is opened and kept at every change. Made while the page is built."""

    def __init__(self, desk: Desk, fields: Mapping[str, RememberedField]) -> None:
        self._desk, self._fields = desk, fields
        # Whether this page's fields have been restored; not a State, which has no name on the page.
        self.marker = gr.Textbox("", label=FILE, visible=False, elem_id="generate-remembered")

        def keep(values: Values) -> None:
            if values[self.marker]:
                self._keep({name: values[field] for name, field in self._fields.items()})

        changes: list[Any] = [field.change for field in fields.values()]
        gr.on(changes, keep, {*fields.values(), self.marker}, None, trigger_mode="always_last", **QUIET)

    @property
    def blocks(self) -> list[Block]:
        """What `restore` fills in."""
        return [*self._fields.values(), self.marker]

    def restore(self, values: Values) -> Updates:
        """The fields as they were, where the page has only just been opened; else nothing."""
        if values[self.marker]:
            return {}
        kept = self._read()
        shown: Updates = {self.marker: "1"}
        for name, field in self._fields.items():
            if name in kept and _fits(kept[name], field):
                shown[field] = kept[name]
        return shown

    def _keep(self, values: Mapping[str, Any]) -> None:
        if not self._desk.workspace.is_dir():  # else the folder of a disconnected drive would be made again elsewhere
            return
        simple = {name: value for name, value in values.items() if isinstance(value, _SIMPLE)}
        short = {name: value for name, value in simple.items() if len(str(value)) <= _LONGEST}
        with contextlib.suppress(DiskError):  # what a person asks for next says that the disk is full
            write_json(self._desk.workspace / FILE, short)

    def _read(self) -> dict[str, Any]:
        try:
            kept = json.loads((self._desk.workspace / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(kept, dict):
            return {}
        return {str(name): value for name, value in kept.items() if isinstance(value, _SIMPLE)}


def _fits(value: Any, field: RememberedField) -> bool:
    """Whether a field can show a value that may have been edited by hand."""
    match field:
        case gr.Checkbox():
            return isinstance(value, bool)
        case gr.Number():
            return isinstance(value, int | float) and not isinstance(value, bool)
        case gr.Dropdown():
            return value in [choice[1] for choice in field.choices]
        case _:
            return isinstance(value, str)

"""A sentence on the page: what will happen, what happened, what is wrong."""

import json
from collections.abc import Callable
from typing import Literal

import gradio as gr

from app.ui.widget import widget

Kind = Literal["plain", "good", "bad"]


def note(elem_id: str, value: str | Callable[[], str] = "") -> gr.HTML:
    """Shows text as text, whatever it contains; its value is made by `note_value`."""
    return widget("ui/note.js", role="sdpo-note", elem_id=elem_id, strings={}, value=value)


def note_value(sentence: str, kind: Kind = "plain", details: str = "") -> str:
    """A sentence for a `note`, with `details` (a log) under it; an empty one hides it."""
    return json.dumps({"sentence": sentence, "kind": kind, "details": details}, ensure_ascii=False)

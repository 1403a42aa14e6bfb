"""What the pages share: their inputs, their outputs, and how an error is reported."""

import functools
import html
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from gradio.blocks import Block

from sdpo_core.errors import SdpoError

Values = Mapping[Block, Any]
"""What the inputs of an event hold, by component."""

Updates = dict[Block, Any]
"""What outputs of an event should show, by component; the others keep what they show."""

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
"""Options of an event that answers immediately, shows no spinner and never fails: without the queue a toast is lost."""

BUSY: dict[str, Any] = {"show_progress": "minimal", "api_visibility": "private"}
"""Options of an event that may take a moment, or fail and say so."""


def _nothing(_: Values) -> Updates:
    return {}


@dataclass(frozen=True)
class Page:
    """A built page: `refresh` takes the values of `inputs` and returns what `outputs` should show now."""

    outputs: list[Block] = field(default_factory=list[Block])
    inputs: set[Block] = field(default_factory=set[Block])
    refresh: Callable[[Values], Updates] = _nothing


def told(handler: Callable[[Values], Updates]) -> Callable[[Values], Any]:
    """A handler whose deliberate errors appear as a sentence on the screen; the page keeps what it shows."""

    @functools.wraps(handler)
    def wrapped(values: Values) -> Any:
        try:
            return handler(values)
        except SdpoError as error:
            gr.Warning(html.escape(str(error)), duration=12)  # a toast shows HTML, even images from elsewhere
            return gr.skip()

    return wrapped


def choice(label: str, elem_id: str, **options: Any) -> gr.Dropdown:
    """A choice whose list comes from the workspace; what arrives may be anything, so its handler looks it up.

    Gradio would refuse what is not in its own list, which is empty again after a restart: every open page would stand
    still until it is reloaded.
    """
    return gr.Dropdown([], label=label, elem_id=elem_id, interactive=True, allow_custom_value=True, **options)


def now() -> float:
    """A new value for the status bar: it looks immediately."""
    return time.time()

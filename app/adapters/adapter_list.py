"""One card per adapter, and the folders of other tools."""

import gradio as gr

from app.adapters.service import Adapters
from app.adapters.text import say
from app.ui.widget import widget


def adapter_list(adapters: Adapters) -> gr.HTML:
    """The cards.

    Events `round_two` and `judge`, with the `name` of an adapter: to start round two from it, or a blind test.
    """
    return widget(
        "adapters/adapter_list.js",
        role="sdpo-adapters",
        elem_id="adapter-list",
        events=("round_two", "judge"),
        strings=say.rows("widget"),
        server={"shelf": adapters.snapshot, "act": adapters.act},
    )

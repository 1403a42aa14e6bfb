"""What a page is built with."""

from dataclasses import dataclass

import gradio as gr

from app.desk.desk import Desk


@dataclass(frozen=True)
class Context:
    """The desk, and the bar above all pages, which looks immediately when it gets a new value (`ui.page.now`)."""

    desk: Desk
    bar: gr.HTML

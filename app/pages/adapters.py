"""Adapters: what the votes became, where it lies, and what is known about it."""

import gradio as gr

from app import text
from app.components.results import adapter_list, adapters_value
from app.pages.common import Context, Page, Updates, Values


def build(context: Context) -> Page:
    """The page."""
    gr.Markdown(text.ADAPTERS_INTRO, elem_classes="page-intro")
    cards = adapter_list()

    def refresh(_: Values) -> Updates:
        return {cards: adapters_value(context.studio.adapters())}

    return Page(outputs=[cards], refresh=refresh)

"""Vote: two images, one choice."""

import gradio as gr

from app import text
from app.components.pair_board import pair_board
from app.pages.common import Context, Page


def build(context: Context) -> Page:
    """The page; the board does everything itself."""
    gr.Markdown(text.VOTE_INTRO, elem_classes="page-intro centered")
    pair_board(context.studio.votes)
    return Page()

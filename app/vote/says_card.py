"""The card “What your votes say”."""

import gradio as gr

from app.ui.widget import widget
from app.vote.says import Says
from app.vote.text import say


def says_card(says: Says) -> gr.HTML:
    """Folded away until somebody opens it, which is remembered; nothing is fitted before."""
    return widget(
        "vote/says_card.js",
        role="sdpo-says",
        elem_id="votes-say",
        strings=say.rows("says"),
        server={"look": says.look, "ask_first": says.ask_first},
    )

"""The pair board: two images, one click or one key, the next pair paints at once."""

import gradio as gr

from app import text
from app.components.widget import widget
from app.studio import WANTED_VOTES
from app.voting import VotingService


def pair_board(service: VotingService) -> gr.HTML:
    """A board on a service. Its value is the judge run's id; voting needs none.

    Event `complete`: the last planned comparison got its vote.
    """
    return widget(
        "outbox.js",
        "keys.js",
        "stage.js",
        "standing.js",
        "pair_board.js",
        role="sdpo-board",
        elem_id=f"{service.purpose}-board",
        strings=text.BOARD,
        server={"deck": service.deck, "vote": service.vote, "undo": service.undo},
        value="",
        board=service.purpose,
        choices=list(service.choices),
        finish_lines=[WANTED_VOTES * times for times in (1, 2, 4, 8)],
    )

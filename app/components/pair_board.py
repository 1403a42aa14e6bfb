"""The boards on which a person chooses, one on two images and one on several, and the choice between them."""

import gradio as gr

from app import text
from app.components.widget import widget
from app.ranking import RankVotes
from app.studio import WANTED_VOTES
from app.voting import VotingService

_FINISH_LINES = [WANTED_VOTES * times for times in (1, 2, 4, 8)]


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
        finish_lines=_FINISH_LINES,
    )


def best_board(service: RankVotes) -> gr.HTML:
    """Several images of one prompt: the best, then the worst."""
    return widget(
        "outbox.js",
        "keys.js",
        "best_board.js",
        role="sdpo-board",
        elem_id="best-board",
        strings=text.BOARD,
        server={"sets": service.sets, "rank": service.rank, "undo": service.undo},
        value="",
    )


def vote_modes() -> gr.HTML:
    """The choice between the ways to vote; it is remembered."""
    return widget("vote_modes.js", role="sdpo-modes", elem_id="vote-modes", strings=text.VOTE_MODES)

"""The boards on which a person chooses, on two images or on several, the review of all votes, and the way to each."""

import gradio as gr

from app.desk.standing import WANTED_VOTES
from app.ui.widget import widget
from app.vote.guarded import GuardedRankings
from app.vote.review import Review
from app.vote.text import say
from app.vote.votes import VotingService

_FINISH_LINES = [WANTED_VOTES * times for times in (1, 2, 4, 8)]


def pair_board(service: VotingService) -> gr.HTML:
    """A board on a service. Its value is the blind test's id; voting needs none.

    Event `complete`: the last planned comparison got its vote.
    """
    return widget(
        "vote/pair_board.js",
        role="sdpo-board",
        elem_id=f"{service.purpose}-board",
        events=("complete",),
        strings=say.rows("board"),
        server={"deck": service.deck, "vote": service.vote, "undo": service.undo},
        value="",
        board=service.purpose,
        choices=list(service.choices),
        finish_lines=_FINISH_LINES,
    )


def best_board(service: GuardedRankings) -> gr.HTML:
    """Several images of one prompt: the best, then the worst."""
    return widget(
        "vote/best_board.js",
        role="sdpo-board",
        elem_id="best-board",
        strings=say.rows("board"),
        server={"sets": service.sets, "rank": service.rank, "undo": service.undo},
        value="",
    )


def review_grid(review: Review, service: VotingService) -> gr.HTML:
    """All votes that train; a change is a vote, a deletion an undo, through the boards' own service."""
    return widget(
        "vote/review.js",
        role="sdpo-review",
        elem_id="review-grid",
        strings={**say.rows("board"), **say.rows("review")},
        server={"look_up": review.page, "vote": service.vote, "undo": service.undo},
        choices=list(service.choices),
    )


def vote_modes() -> gr.HTML:
    """The choice between the ways to vote; it is remembered."""
    return widget("vote/vote_modes.js", role="sdpo-modes", elem_id="vote-modes", strings=say.rows("voteModes"))

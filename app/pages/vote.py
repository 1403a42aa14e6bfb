"""Vote: two images, one choice; or several images, the best and the worst."""

from app.components.pair_board import best_board, pair_board, vote_modes
from app.pages.common import Context, Page


def build(context: Context) -> Page:
    """The page; the boards do everything themselves."""
    vote_modes()
    pair_board(context.studio.votes)
    best_board(context.studio.rankings)
    return Page()

"""Vote: two images, one choice; or several images, the best and the worst. And all votes once more."""

from app.components.pair_board import best_board, pair_board, review_grid, vote_modes
from app.pages.common import Context, Page


def build(context: Context) -> Page:
    """The page; the boards do everything themselves."""
    studio = context.studio
    vote_modes()
    pair_board(studio.votes)
    best_board(studio.rankings)
    review_grid(studio.review, studio.votes)
    return Page()

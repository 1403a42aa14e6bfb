"""Vote: two images, one choice; or several images, the best and the worst. All votes once more, and what they say."""

from app.components.pair_board import best_board, pair_board, review_grid, vote_modes
from app.components.says_card import says_card
from app.pages.common import Context, Page


def build(context: Context) -> Page:
    """The page; the boards do everything themselves."""
    studio = context.studio
    vote_modes()
    pair_board(studio.votes)
    best_board(studio.rankings)
    review_grid(studio.review, studio.votes)
    says_card(studio.says)
    return Page()

"""Vote: two images, one choice; or several images, the best and the worst. All votes once more, and what they say."""

from app.ui.page import Page
from app.vote.boards import best_board, pair_board, review_grid, vote_modes
from app.vote.guarded import GuardedRankings
from app.vote.review import Review
from app.vote.says import Says
from app.vote.says_card import says_card
from app.vote.votes import VotingService


def build(votes: VotingService, rankings: GuardedRankings, review: Review, says: Says) -> Page:
    """The page; the boards do everything themselves."""
    vote_modes()
    pair_board(votes)
    best_board(rankings)
    review_grid(review, votes)
    says_card(says)
    return Page()

"""What the review of all votes asks of Python. Changes are votes and undos like any other, through `app.vote.votes`."""

from datetime import UTC, datetime

from app.ui.replies import Reply, Sent
from app.ui.words import moment
from app.vote.messages import PageRequest, PastVote, ReviewPage, board_answered
from sdpo_core.workspace.store import Store
from sdpo_core.workspace.votes import ReviewedVote, VoteFilter

_PAGE = 60


class Review:
    """All votes that train, newest first."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(self, message: Sent[PageRequest]) -> Reply[ReviewPage]:
        """The next votes that fit, and how many fit in all."""
        return board_answered(PageRequest, message, self._page)

    def _page(self, asked: PageRequest) -> ReviewPage:
        wanted = VoteFilter(
            prompt=asked.prompt.strip(),
            choice=asked.choice or None,
            much_better=asked.only == "much-better",
            unsteady=asked.only == "unsteady",
            since=_utc(asked.since),
            until=_utc(asked.until),
        )
        votes, total = self._store.votes.review(wanted, limit=_PAGE, before=asked.before)
        return {"votes": [_shown(one) for one in votes], "total": total, "more": len(votes) == _PAGE}


def _utc(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None


def _shown(one: ReviewedVote) -> PastVote:
    pair, vote = one.pair, one.vote
    return {
        "uuid": vote.uuid,
        "pair": pair.id,
        "prompt": pair.left.prompt,
        "images": (pair.left.image_sha256, pair.right.image_sha256),
        "choice": vote.choice,
        "strength": vote.strength,
        "when": moment(vote.created_at),
        "again": one.again,
        "ranked": vote.ranking is not None,
    }

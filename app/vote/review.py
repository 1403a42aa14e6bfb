"""What the review of all votes asks of Python. Changes are votes and undos like any other, through `app.vote.votes`."""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field, ValidationError

from app.ui.replies import Reply
from app.ui.words import moment
from app.vote.messages import Message, refusal
from sdpo_core.errors import SdpoError
from sdpo_core.workspace.records import Choice
from sdpo_core.workspace.review import ReviewedVote, VoteFilter
from sdpo_core.workspace.store import Store

_PAGE = 60
_LONGEST_SEARCH = 2000


class PageRequest(Message):
    """Votes wanted: those that fit, older than the vote named `before`."""

    prompt: str = Field(default="", max_length=_LONGEST_SEARCH)
    choice: Choice | Literal[""] = ""
    only: Literal["", "much-better", "unsteady"] = ""
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    before: str | None = Field(default=None, max_length=64)


class Review:
    """All votes that train, newest first."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(self, message: Any) -> Reply:
        """The next votes that fit, and how many fit in all."""
        try:
            asked = PageRequest.model_validate(message)
            wanted = VoteFilter(
                prompt=asked.prompt.strip(),
                choice=asked.choice or None,
                much_better=asked.only == "much-better",
                unsteady=asked.only == "unsteady",
                since=_utc(asked.since),
                until=_utc(asked.until),
            )
            votes, total = self._store.review(wanted, limit=_PAGE, before=asked.before)
            return {"ok": True, "votes": [_shown(one) for one in votes], "total": total, "more": len(votes) == _PAGE}
        except (SdpoError, ValidationError) as error:
            return refusal(error)


def _utc(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None


def _shown(one: ReviewedVote) -> Reply:
    pair, vote = one.pair, one.vote
    return {
        "uuid": vote.uuid,
        "pair": pair.id,
        "prompt": pair.left.prompt,
        "images": [pair.left.image_sha256, pair.right.image_sha256],
        "choice": vote.choice,
        "strength": vote.strength,
        "when": moment(vote.created_at),
        "again": one.again,
        "ranked": vote.ranking is not None,
    }

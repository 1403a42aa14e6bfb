"""What a board for several images asks of Python: images of one prompt, best and worst of them, an undo."""

from typing import Any

from pydantic import Field, ValidationError

from app.ui.replies import Reply
from app.vote import text
from app.vote.messages import Count, Message, Sha, UndoMessage, refusal
from sdpo_core.errors import RunError, SdpoError
from sdpo_core.workspace.rankings import FEWEST, MOST, Ranking
from sdpo_core.workspace.records import Candidate
from sdpo_core.workspace.store import Store


class SetsRequest(Message):
    """Images wanted, besides those that the board has."""

    have: list[Count] = Field(default=[], max_length=2000)  # ids of candidates
    size: int = Field(default=4, ge=FEWEST, le=MOST)


class RankMessage(Message):
    """The best of several images and, where one was named, the worst."""

    uuid: str = Field(min_length=8, max_length=60)
    candidates: list[Count] = Field(min_length=FEWEST, max_length=MOST)
    images: list[Sha] = Field(min_length=FEWEST, max_length=MOST)
    best: Count
    worst: Count | None = None
    ms: Count | None = None


class RankVotes:
    """Votes from several images at the same time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def sets(self, message: Any) -> Reply:
        """The next images, and how far the person is."""
        try:
            asked = SetsRequest.model_validate(message)
            groups = self._store.sets(asked.size, exclude=set(asked.have))
            counts = self._store.counts()
            numbers = {"done": counts.votes, "decided": counts.decided}
            return {"ok": True, "sets": [_shown(group) for group in groups], **numbers, "last": self._last()}
        except (SdpoError, ValidationError) as error:
            return refusal(error)

    def rank(self, message: Any) -> Reply:
        """Record an answer; once the reply is there, it survives a power cut. A refusal is a reply too, not raised."""
        try:
            answer = RankMessage.model_validate(message)
            if [self._store.candidate(one).image_sha256 for one in answer.candidates] != answer.images:
                raise RunError(text.FOREIGN_PAIR)
            ranking = Ranking(answer.uuid, tuple(answer.candidates), answer.best, answer.worst, answer.ms)
            return {"ok": True, "votes": len(self._store.rank(ranking))}
        except (SdpoError, ValidationError) as error:
            return refusal(error)

    def undo(self, message: Any) -> Reply:
        """Take an answer back; its images come with the reply."""
        try:
            undo = UndoMessage.model_validate(message)
            images = self._store.undo_ranking(undo.uuid, undo.vote)
            return {"ok": True, "set": _shown(images), "last": self._last()}
        except (SdpoError, ValidationError) as error:
            return refusal(error)

    def _last(self) -> Reply | None:
        """The newest answer, so that undo works after a reload."""
        ranking = self._store.last_ranking()
        return {"uuid": ranking, "set": _shown(self._store.ranked(ranking))} if ranking else None


def _shown(group: list[Candidate]) -> Reply:
    """What a board may know of a group of images."""
    images = [one.image_sha256 for one in group]
    return {"prompt": group[0].prompt, "candidates": [one.id for one in group], "images": images}

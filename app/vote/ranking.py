"""What a board for several images asks of Python: images of one prompt, best and worst of them, an undo."""

from collections.abc import Callable

from app.ui.replies import Reply, Sent
from app.vote.messages import (
    LastRanking,
    RankedVotes,
    RankMessage,
    Sets,
    SetsRequest,
    ShownSet,
    UndoMessage,
    UndoneRanking,
    board_answered,
)
from app.vote.text import say
from sdpo_core.errors import RunError
from sdpo_core.workspace.rankings import Ranking
from sdpo_core.workspace.records import Candidate
from sdpo_core.workspace.store import Store


class RankVotes:
    """Votes from several images at the same time."""

    def __init__(self, store: Store, usable: Callable[[], int] | None = None) -> None:
        """`usable` counts the votes that can train; without it (in a project that isn't open) it's those for a side."""
        self._store = store
        self._usable = usable or (lambda: store.counts().decided)

    def sets(self, message: Sent[SetsRequest]) -> Reply[Sets]:
        """The next images, and how far the person is."""
        return board_answered(SetsRequest, message, self._sets)

    def rank(self, message: Sent[RankMessage]) -> Reply[RankedVotes]:
        """Record an answer; once the reply is there, it survives a power cut. A refusal is a reply too, not raised."""
        return board_answered(RankMessage, message, self._rank)

    def undo(self, message: Sent[UndoMessage]) -> Reply[UndoneRanking]:
        """Take an answer back; its images come with the reply."""
        return board_answered(UndoMessage, message, self._undo)

    def _sets(self, asked: SetsRequest) -> Sets:
        groups = self._store.rankings.sets(asked.size, exclude=set(asked.have))
        counts = self._store.counts()
        return {
            "sets": [_shown(group) for group in groups],
            "done": counts.votes,
            "decided": self._usable(),
            "last": self._last(),
        }

    def _rank(self, answer: RankMessage) -> RankedVotes:
        if [self._store.candidates.get(one).image_sha256 for one in answer.candidates] != answer.images:
            raise RunError(say("foreignPair"))
        ranking = Ranking(answer.uuid, tuple(answer.candidates), answer.best, answer.worst, answer.ms)
        return {"votes": len(self._store.rankings.record(ranking))}

    def _undo(self, undo: UndoMessage) -> UndoneRanking:
        images = self._store.rankings.undo(undo.uuid, undo.vote)
        return {"set": _shown(images), "last": self._last()}

    def _last(self) -> LastRanking | None:
        """The newest answer, so that undo works after a reload."""
        ranking = self._store.rankings.newest()
        return {"uuid": ranking, "set": _shown(self._store.rankings.ranked(ranking))} if ranking else None


def _shown(group: list[Candidate]) -> ShownSet:
    """What a board may know of a group of images."""
    images = [one.image_sha256 for one in group]
    return {"prompt": group[0].prompt, "candidates": [one.id for one in group], "images": images}

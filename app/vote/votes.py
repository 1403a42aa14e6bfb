"""What a pair board asks of Python: the next pairs, a vote, an undo; the same for both kinds of votes.

Pairs are named by their id together with both image hashes, so that a vote that waited in a browser can't land on
another workspace's pair of the same number.
"""

from typing import Protocol

from app.ui.replies import Reply, Sent
from app.vote.kinds import Kind
from app.vote.messages import (
    BoardMessage,
    Deck,
    DeckRequest,
    LastVote,
    ShownPair,
    UndoMessage,
    Undone,
    Voted,
    VoteMessage,
    board_answered,
    images_of,
    shown,
)
from app.vote.text import say
from sdpo_core.errors import RunError
from sdpo_core.workspace.records import Choice, Pair, Purpose, Vote
from sdpo_core.workspace.store import Store

_OTHER_SIDE: dict[Choice, Choice] = {"left": "right", "right": "left"}


class VotingService(Protocol):
    """What a pair board needs. A reply is always truthy; without one the board keeps its vote and tries again."""

    @property
    def choices(self) -> tuple[Choice, ...]:
        """What may be chosen."""
        ...

    @property
    def purpose(self) -> Purpose:
        """What the votes are for."""
        ...

    def deck(self, message: Sent[DeckRequest]) -> Reply[Deck]:
        """The next pairs, and how far the person is."""
        ...

    def vote(self, message: Sent[VoteMessage]) -> Reply[Voted]:
        """Record a choice."""
        ...

    def undo(self, message: Sent[UndoMessage]) -> Reply[Undone]:
        """Take a choice back; the pair comes with the reply."""
        ...


class Votes:
    """Votes of one kind in one store."""

    def __init__(self, store: Store, kind: Kind) -> None:
        self._store, self._kind = store, kind

    @property
    def choices(self) -> tuple[Choice, ...]:
        """What may be chosen."""
        return self._kind.choices

    @property
    def purpose(self) -> Purpose:
        """What the votes are for."""
        return self._kind.purpose

    def deck(self, message: Sent[DeckRequest]) -> Reply[Deck]:
        """The next pairs, and how far the person is."""
        return board_answered(DeckRequest, message, self._deck)

    def vote(self, message: Sent[VoteMessage]) -> Reply[Voted]:
        """Record a choice; once the reply is there, it survives a power cut. A refusal is a reply too, not raised."""
        return board_answered(VoteMessage, message, self._vote)

    def undo(self, message: Sent[UndoMessage]) -> Reply[Undone]:
        """Take a choice back; the pair comes with the reply."""
        return board_answered(UndoMessage, message, self._undo)

    def _deck(self, asked: DeckRequest) -> Deck:
        pairs, numbers = self._kind.next(asked)
        last = None if numbers.get("complete") else self._last(asked)
        both = [shown(pair) for pair in pairs] + self._kind.again(asked, len(pairs))
        return {"pairs": both, **numbers, "last": last}

    def _vote(self, vote: VoteMessage) -> Voted:
        if vote.choice not in self.choices:
            raise RunError(say("noSuchChoice", choice=vote.choice, choices=", ".join(self.choices)))
        pair = self._store.pairs.get(vote.pair)
        if vote.images != images_of(pair, swapped=vote.swapped):
            raise RunError(say("foreignPair"))
        self._kind.require_open(vote)
        self._refuse_foreign(pair, vote)
        self._store.votes.cast(
            vote.uuid,
            vote.pair,
            _OTHER_SIDE.get(vote.choice, vote.choice) if vote.swapped else vote.choice,
            vote.ms,
            strength=vote.strength,
            swapped=vote.swapped,
            repeat_of=vote.repeat_of,
        )
        return self._kind.after_vote(vote)

    def _undo(self, undo: UndoMessage) -> Undone:
        self._kind.require_open(undo)
        self._refuse_foreign(self._store.votes.pair_of(undo.vote), undo)
        self._store.votes.undo(undo.uuid, undo.vote)
        pair = self._shown_again(self._store.votes.find(undo.vote))
        return {"pair": pair, "last": self._last(undo), **self._kind.after_undo()}

    def _refuse_foreign(self, pair: Pair, message: BoardMessage) -> None:
        """Raise for a pair of another board: a blind test that is closed must not be opened from outside."""
        if pair.purpose != self.purpose or self._kind.run_id(message) not in (None, pair.run_id):
            raise RunError(say("otherBoard"))

    def _last(self, message: BoardMessage) -> LastVote | None:
        """The newest vote, so that undo works after a reload."""
        vote = self._store.votes.newest(purpose=self.purpose, run_id=self._kind.run_id(message))
        if vote is None:
            return None
        return {"uuid": vote.uuid, "side": vote.choice in _OTHER_SIDE, "pair": self._shown_again(vote)}

    def _shown_again(self, vote: Vote) -> ShownPair:
        """The pair of a vote as it was shown."""
        return shown(self._store.pairs.get(vote.pair_id), swapped=vote.swapped, repeat_of=vote.repeat_of)

"""Votes of an open page while projects change: a vote that waited in a browser still reaches its own project."""

import contextlib
from collections.abc import Callable

from app.desk.projects import StudioProjects
from app.ui.replies import A, Reply, Sent
from app.vote.messages import (
    Deck,
    DeckRequest,
    RankedVotes,
    RankMessage,
    Sets,
    SetsRequest,
    UndoMessage,
    Undone,
    UndoneRanking,
    Voted,
    VoteMessage,
)
from app.vote.ranking import RankVotes
from app.vote.votes import VotingService
from sdpo_core.errors import SdpoError
from sdpo_core.workspace.records import Choice, Purpose
from sdpo_core.workspace.store import Store


class GuardedVotes:
    """A `VotingService` whose refusals for good are offered to the other projects."""

    def __init__(self, here: VotingService, of: Callable[[Store], VotingService], projects: StudioProjects) -> None:
        """`here` is the open project's service, `of` gives that of another one's store."""
        self._here, self._of, self._projects = here, of, projects

    @property
    def choices(self) -> tuple[Choice, ...]:
        """What may be chosen."""
        return self._here.choices

    @property
    def purpose(self) -> Purpose:
        """What the votes are for."""
        return self._here.purpose

    def deck(self, message: Sent[DeckRequest]) -> Reply[Deck]:
        """The next pairs, and how far the person is."""
        return self._here.deck(message)

    def vote(self, message: Sent[VoteMessage]) -> Reply[Voted]:
        """Record a choice, here or where its pair is."""
        return _or_elsewhere(self._projects, lambda: self._here.vote(message), lambda s: self._of(s).vote(message))

    def undo(self, message: Sent[UndoMessage]) -> Reply[Undone]:
        """Take a choice back, here or where it was made."""
        return _or_elsewhere(self._projects, lambda: self._here.undo(message), lambda s: self._of(s).undo(message))


class GuardedRankings:
    """Best and worst of several images, with the same guard."""

    def __init__(self, store: Store, projects: StudioProjects, usable: Callable[[], int]) -> None:
        self._here, self._projects = RankVotes(store, usable), projects

    def sets(self, message: Sent[SetsRequest]) -> Reply[Sets]:
        """The next images, and how far the person is."""
        return self._here.sets(message)

    def rank(self, message: Sent[RankMessage]) -> Reply[RankedVotes]:
        """Record an answer, here or where its images are."""
        return _or_elsewhere(self._projects, lambda: self._here.rank(message), lambda s: RankVotes(s).rank(message))

    def undo(self, message: Sent[UndoMessage]) -> Reply[UndoneRanking]:
        """Take an answer back, here or where it was given."""
        return _or_elsewhere(self._projects, lambda: self._here.undo(message), lambda s: RankVotes(s).undo(message))


def _or_elsewhere(projects: StudioProjects, here: Callable[[], Reply[A]], ask: Callable[[Store], Reply[A]]) -> Reply[A]:
    """The reply of the open project, unless it refuses for good what another takes.

    While it answers no other project is opened, so that a pair is read and its vote cast in the same one.
    """
    with projects.moving:
        reply = here()
    if reply.get("ok") or reply.get("retry"):
        return reply
    for workspace in projects.others():
        with contextlib.suppress(SdpoError), Store(workspace) as store:  # one that can't be opened has no such pair
            told = ask(store)
            if told.get("ok"):
                return Reply(ok=True)  # the rest of it mentions another project than the page shows
            if told.get("retry"):
                return told
    return reply

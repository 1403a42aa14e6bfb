"""Votes of an open page while projects change: a vote that waited in a browser still reaches its own project."""

import contextlib
from collections.abc import Callable
from typing import Any, ClassVar

from app.projects import StudioProjects
from app.ranking import RankVotes
from app.voting import JudgeVotes, Reply, TrainVotes
from sdpo_core.errors import SdpoError
from sdpo_core.workspace.store import Store


class _ProjectVotes(TrainVotes):
    """In front of a service in the bases of a class: what it refuses for good is offered to the other projects."""

    _service: ClassVar[type[TrainVotes]]  # what to ask elsewhere

    def __init__(self, store: Store, projects: StudioProjects) -> None:
        super().__init__(store)
        self._projects = projects

    def vote(self, message: Any) -> Reply:
        """Record a choice, here or where its pair is."""
        here = super().vote
        return or_elsewhere(self._projects, lambda: here(message), lambda store: self._service(store).vote(message))

    def undo(self, message: Any) -> Reply:
        """Take a choice back, here or where it was made."""
        here = super().undo
        return or_elsewhere(self._projects, lambda: here(message), lambda store: self._service(store).undo(message))


class ProjectTrainVotes(_ProjectVotes, TrainVotes):
    """Votes that train."""

    _service = TrainVotes


class ProjectJudgeVotes(_ProjectVotes, JudgeVotes):
    """Blind votes."""

    _service = JudgeVotes


class ProjectRankVotes(RankVotes):
    """Best and worst of several images."""

    def __init__(self, store: Store, projects: StudioProjects) -> None:
        super().__init__(store)
        self._projects = projects

    def rank(self, message: Any) -> Reply:
        """Record an answer, here or where its images are."""
        here = super().rank
        return or_elsewhere(self._projects, lambda: here(message), lambda store: RankVotes(store).rank(message))

    def undo(self, message: Any) -> Reply:
        """Take an answer back, here or where it was given."""
        here = super().undo
        return or_elsewhere(self._projects, lambda: here(message), lambda store: RankVotes(store).undo(message))


def or_elsewhere(projects: StudioProjects, here: Callable[[], Reply], ask: Callable[[Store], Reply]) -> Reply:
    """The reply of the open project, unless it refuses for good what another takes.

    While it answers no other project is opened, so that a vote is looked at and cast in one.
    """
    with projects.moving:
        reply = here()
    if reply.get("ok") or reply.get("retry"):
        return reply
    for workspace in projects.others():
        with contextlib.suppress(SdpoError), Store(workspace) as store:  # one that can't be opened has no such pair
            told = ask(store)
            if told.get("ok"):
                return {"ok": True}  # the rest of it speaks of another project than the page shows
            if told.get("retry"):
                return told
    return reply

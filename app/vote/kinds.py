"""The two kinds of votes on pairs: those that adapters are trained from, and those of a blind test."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from app.vote.messages import (
    BoardMessage,
    Consistency,
    DeckRequest,
    Numbers,
    ShownPair,
    Undone,
    Voted,
    VoteMessage,
    shown,
)
from app.vote.text import say
from sdpo_core.errors import RunError
from sdpo_core.judging.verdict import verdict
from sdpo_core.runs.folder import RunFolder, list_runs
from sdpo_core.workspace.records import CHOICES, Choice, Pair, Purpose
from sdpo_core.workspace.store import Store


class Kind(Protocol):
    """What sets one kind of votes apart. A `RunError` refuses what can't be done."""

    choices: tuple[Choice, ...]
    purpose: Purpose

    def run_id(self, message: BoardMessage) -> str | None:
        """The run whose pairs are voted on; None where they come from all runs. Raises `RunError` for none."""
        ...

    def require_open(self, message: BoardMessage) -> None:
        """Raise `RunError` when voting is over."""
        ...

    def next(self, asked: DeckRequest) -> tuple[list[Pair], Numbers]:
        """The next pairs, and how far the person is; `complete` means there's nothing left to undo."""
        ...

    def again(self, asked: DeckRequest, new: int) -> list[ShownPair]:
        """Pairs that were voted on and are shown once more, behind `new` ones."""
        ...

    def after_vote(self, vote: VoteMessage) -> Voted:
        """More that a board needs."""
        ...

    def after_undo(self) -> Undone:
        """More that a board needs."""
        ...


class Training:
    """Votes that adapters are trained from."""

    choices: tuple[Choice, ...] = CHOICES["train"]
    purpose: Purpose = "train"

    def __init__(self, store: Store, usable: Callable[[], int] | None = None) -> None:
        """`usable` counts the votes that can train; without it (in a project that isn't open) it's those for a side."""
        self._store = store
        self._usable = usable or (lambda: store.counts().decided)
        self._first: dict[Path, tuple[int, ...]] = {}  # by workspace: ids of pairs that come before all others

    def show_first(self, pair_ids: Sequence[int]) -> None:
        """Show these pairs of the open project before all others while they wait for a vote, to every board."""
        self._first[self._store.workspace] = tuple(pair_ids)

    def run_id(self, message: BoardMessage) -> str | None:  # noqa: ARG002 - they come from all runs
        """None: they come from all runs."""
        return None

    def require_open(self, message: BoardMessage) -> None:
        """Voting never ends."""

    def next(self, asked: DeckRequest) -> tuple[list[Pair], Numbers]:
        """The next open pairs (those that were asked for first, then the oldest), or those of a tournament."""
        counts, exclude = self._store.counts(), set(asked.have)
        numbers = Numbers(
            done=counts.votes, open=counts.open_pairs, decided=self._usable(), consistency=self._consistency()
        )
        if asked.mode == "swiss":
            pairs, left = self._store.rankings.swiss_pairs(limit=asked.n, exclude=exclude)
            return pairs, {**numbers, "open": left}
        wanted = self._first.get(self._store.workspace, ())
        known = [pair for pair in self._store.questions.waiting(wanted) if pair.id not in exclude] if wanted else []
        first = [pair for pair in known if all(map(self._store.images.has, pair.images))][: asked.n]
        rest, without = asked.n - len(first), exclude.union(wanted)
        return [*first, *self._store.pairs.open(purpose="train", run_id=None, limit=rest, exclude=without)], numbers

    def again(self, asked: DeckRequest, new: int) -> list[ShownPair]:
        """A pair that was voted on, as if it were new, where it is time for one; its sides may be exchanged."""
        ahead = len(asked.have) + new
        if not asked.again or not ahead:
            return []
        voted = self._store.votes.to_ask_again(asked.have, ahead)
        if voted is None:
            return []
        swapped = bool(hashlib.sha256(voted.vote.uuid.encode()).digest()[0] & 1)
        return [shown(voted.pair, swapped=swapped, repeat_of=voted.vote.uuid)]

    def after_vote(self, vote: VoteMessage) -> Voted:
        """How often the person chooses alike, when a pair was asked about again."""
        return {"consistency": self._consistency()} if vote.repeat_of else {}

    def after_undo(self) -> Undone:
        """How often the person chooses alike."""
        return {"consistency": self._consistency()}

    def _consistency(self) -> Consistency:
        known = self._store.votes.consistency()
        return {"asked": known.asked, "same": known.same}


class Judgement:
    """Blind votes, base against adapter. Their number is fixed; when it is reached, the vote is closed."""

    choices: tuple[Choice, ...] = CHOICES["judge"]
    purpose: Purpose = "judge"

    def __init__(self, store: Store) -> None:
        self._store = store

    def run_id(self, message: BoardMessage) -> str | None:
        """The blind test of a message; raises `RunError` when it is not in the workspace."""
        return self._run(message).id

    def require_open(self, message: BoardMessage) -> None:
        """Raise `RunError` when the verdict is known."""
        if self._is_complete(message):
            raise RunError(say("judgementClosed"))

    def next(self, asked: DeckRequest) -> tuple[list[Pair], Numbers]:
        """The next open pairs of the blind test."""
        run = self._run(asked)
        pairs = self._store.pairs.open(purpose="judge", run_id=run.id, limit=asked.n, exclude=set(asked.have))
        done, total = len(self._store.pairs.voted(purpose="judge", run_id=run.id)), int(run.settings()["comparisons"])
        return pairs, {"done": done, "open": total - done, "total": total, "complete": self._is_complete(asked)}

    def again(self, asked: DeckRequest, new: int) -> list[ShownPair]:  # noqa: ARG002 - their number is fixed
        """None: their number is fixed."""
        return []

    def after_vote(self, vote: VoteMessage) -> Voted:
        """Whether that was the last one."""
        return {"complete": self._is_complete(vote)}

    def after_undo(self) -> Undone:
        """Nothing: how steadily somebody chooses is not asked here."""
        return {}

    def _is_complete(self, message: BoardMessage) -> bool:
        return verdict(self._store, self._run(message)) is not None

    def _run(self, message: BoardMessage) -> RunFolder:
        runs = list_runs(self._store.workspace / "runs", "judge")
        run = next((run for run in runs if run.id == message.run), None)
        if run is None:
            raise RunError(say("judgementGone"))
        return run

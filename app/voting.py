"""What a pair board asks of Python: the next pairs, a vote, an undo. One service for voting, one for blind judging.

Everything that arrives comes from a browser and may be anything; everything that leaves is plain JSON. Pairs are
named by their id together with both image hashes, so that a vote that waited in a browser can't land on another
workspace's pair of the same number.
"""

import sqlite3
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app import text
from sdpo_core.errors import DiskError, RunError, SdpoError
from sdpo_core.evaluation.judge import verdict
from sdpo_core.preferences.records import CHOICES, Choice, Pair, Purpose, Strength
from sdpo_core.preferences.store import Store
from sdpo_core.training.runs import RunFolder, list_runs

_LARGEST_DECK = 24
_LONGEST_ID = 64

Sha = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, lt=2**63)]  # what SQLite can hold


class _Message(BaseModel):
    """Something a pair board sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str = Field(default="", max_length=120)  # the judge run; empty when voting


class DeckRequest(_Message):
    """Pairs wanted, besides those that the board has."""

    have: list[Count] = Field(default=[], max_length=2000)
    n: int = Field(default=12, ge=1, le=_LARGEST_DECK)


class VoteMessage(_Message):
    """One choice on one pair."""

    uuid: str = Field(min_length=8, max_length=_LONGEST_ID)
    pair: Count
    images: tuple[Sha, Sha]
    choice: Literal["left", "right", "tie", "both-bad", "skip"]
    ms: Count | None = None
    strength: Strength = 1


class UndoMessage(_Message):
    """Take a choice back."""

    uuid: str = Field(min_length=8, max_length=_LONGEST_ID)
    vote: str = Field(min_length=8, max_length=_LONGEST_ID)


Reply = dict[str, Any]


class VotingService(Protocol):
    """What a pair board needs. A reply is always truthy; without one the board keeps its vote and tries again."""

    choices: tuple[Choice, ...]
    purpose: Purpose

    def deck(self, message: Any) -> Reply:
        """The next pairs, and how far the person is."""
        ...

    def vote(self, message: Any) -> Reply:
        """Record a choice."""
        ...

    def undo(self, message: Any) -> Reply:
        """Take a choice back; the pair comes with the reply."""
        ...


class TrainVotes:
    """Votes that adapters are trained from."""

    choices: tuple[Choice, ...] = CHOICES["train"]
    purpose: Purpose = "train"

    def __init__(self, store: Store) -> None:
        self._store = store

    def deck(self, message: Any) -> Reply:
        """The next pairs, and how far the person is."""
        try:
            asked = DeckRequest.model_validate(message)
            pairs = self._store.open_pairs(
                purpose=self.purpose, run_id=self._run_id(asked), limit=asked.n, exclude=set(asked.have)
            )
            return {"ok": True, "pairs": [_shown(pair) for pair in pairs], **self._progress(asked)}
        except (SdpoError, ValidationError) as error:
            return _refusal(error)

    def vote(self, message: Any) -> Reply:
        """Record a choice; once the reply is there, it survives a power cut."""
        try:
            vote = VoteMessage.model_validate(message)
            if vote.choice not in self.choices:
                raise RunError(text.no_such_choice(vote.choice, self.choices))
            pair = self._store.pair(vote.pair)
            if (pair.left.image_sha256, pair.right.image_sha256) != vote.images:
                raise RunError(text.FOREIGN_PAIR)
            self._check_open(vote)
            self._refuse_foreign(pair, vote)
            self._store.vote(vote.uuid, vote.pair, vote.choice, vote.ms, strength=vote.strength)
            return {"ok": True, **self._after_vote(vote)}
        except (SdpoError, ValidationError) as error:
            return _refusal(error)

    def undo(self, message: Any) -> Reply:
        """Take a choice back; the pair comes with the reply."""
        try:
            undo = UndoMessage.model_validate(message)
            self._check_open(undo)
            self._refuse_foreign(self._store.pair_of_vote(undo.vote), undo)
            pair = self._store.undo(undo.uuid, undo.vote)
            return {"ok": True, "pair": _shown(pair), "last": self._last(undo)}
        except (SdpoError, ValidationError) as error:
            return _refusal(error)

    def _run_id(self, message: _Message) -> str | None:  # noqa: ARG002 - votes for training come from all runs
        return None

    def _check_open(self, message: _Message) -> None:
        """Raise when voting is over."""

    def _refuse_foreign(self, pair: Pair, message: _Message) -> None:
        """Raise for a pair of another board: a judgement that is closed must not be opened from outside."""
        if pair.purpose != self.purpose or self._run_id(message) not in (None, pair.run_id):
            raise RunError(text.OTHER_BOARD)

    def _after_vote(self, vote: VoteMessage) -> Reply:  # noqa: ARG002 - judging has something to say here
        return {}

    def _progress(self, asked: DeckRequest) -> Reply:
        counts = self._store.counts()
        return {"done": counts.votes, "open": counts.open_pairs, "last": self._last(asked)}

    def _last(self, message: _Message) -> Reply | None:
        """The newest vote, so that undo works after a reload."""
        vote = self._store.last_vote(purpose=self.purpose, run_id=self._run_id(message))
        return {"uuid": vote.uuid, "pair": _shown(self._store.pair(vote.pair_id))} if vote else None


class JudgeVotes(TrainVotes):
    """Blind votes, base against adapter. Their number is fixed; when it is reached, the vote is closed."""

    choices: tuple[Choice, ...] = CHOICES["judge"]
    purpose: Purpose = "judge"

    def _run_id(self, message: _Message) -> str | None:
        return self._run(message).id

    def _check_open(self, message: _Message) -> None:
        if verdict(self._store, self._run(message)) is not None:
            raise RunError(text.JUDGEMENT_CLOSED)

    def _after_vote(self, vote: VoteMessage) -> Reply:
        return {"complete": verdict(self._store, self._run(vote)) is not None}

    def _progress(self, asked: DeckRequest) -> Reply:
        run = self._run(asked)
        done = len(self._store.voted_pairs(purpose="judge", run_id=run.id))
        total = int(run.config()["comparisons"])
        complete = verdict(self._store, run) is not None
        return {
            "done": done,
            "open": total - done,
            "total": total,
            "complete": complete,
            "last": None if complete else self._last(asked),
        }

    def _run(self, message: _Message) -> RunFolder:
        runs = list_runs(self._store.workspace / "runs", "judge")
        run = next((run for run in runs if run.id == message.run), None)
        if run is None:
            raise RunError(text.JUDGEMENT_GONE)
        return run


def _shown(pair: Pair) -> Reply:
    """What a board may know of a pair: nothing that tells one side from the other."""
    return {"id": pair.id, "prompt": pair.left.prompt, "images": [pair.left.image_sha256, pair.right.image_sha256]}


def _refusal(error: SdpoError | ValidationError) -> Reply:
    """`retry` tells the board to keep what it sent: disk or database refused, and may not do so in a moment."""
    if isinstance(error, ValidationError):
        return {"ok": False, "retry": False, "error": text.UNEXPECTED_MESSAGE}
    retry = isinstance(error, DiskError) or isinstance(error.__cause__, sqlite3.Error)
    return {"ok": False, "retry": retry, "error": str(error)}

"""What a pair board asks of Python: the next pairs, a vote, an undo. One service for voting, one for blind judging.

Everything that arrives comes from a browser and may be anything; everything that leaves is plain JSON. Pairs are
named by their id together with both image hashes, so that a vote that waited in a browser can't land on another
workspace's pair of the same number.
"""

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app import text
from app.replies import Reply
from sdpo_core.errors import DiskError, RunError, SdpoError
from sdpo_core.judging.verdict import verdict
from sdpo_core.runs.folder import RunFolder, list_runs
from sdpo_core.workspace.records import CHOICES, Choice, Pair, Purpose, Strength, Vote
from sdpo_core.workspace.store import Store

_LARGEST_DECK = 24
_LONGEST_ID = 64
_OTHER_SIDE: dict[Choice, Choice] = {"left": "right", "right": "left"}

Sha = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, lt=2**63)]  # what SQLite can hold


class Message(BaseModel):
    """Something a pair board sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str = Field(default="", max_length=120)  # the judge run; empty when voting


class DeckRequest(Message):
    """Pairs wanted, besides those that the board has."""

    have: list[Count] = Field(default=[], max_length=2000)
    n: int = Field(default=12, ge=1, le=_LARGEST_DECK)
    again: bool = True  # whether some pairs may be asked again
    mode: Literal["pairs", "swiss"] = "pairs"


class VoteMessage(Message):
    """One choice on one pair."""

    uuid: str = Field(min_length=8, max_length=_LONGEST_ID)
    pair: Count
    images: tuple[Sha, Sha]
    choice: Literal["left", "right", "tie", "both-bad", "skip"]
    ms: Count | None = None
    strength: Strength = 1
    swapped: bool = False  # `images` and `choice` are as shown, with the pair's sides exchanged
    repeat_of: str | None = Field(default=None, min_length=1, max_length=_LONGEST_ID)


class UndoMessage(Message):
    """Take a choice back."""

    uuid: str = Field(min_length=8, max_length=_LONGEST_ID)
    vote: str = Field(min_length=8, max_length=_LONGEST_ID)


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
        self._first: dict[Path, tuple[int, ...]] = {}  # by workspace: ids of pairs that come before all others

    def show_first(self, pair_ids: Sequence[int]) -> None:
        """Show these pairs of the open project before all others while they wait for a vote, to every board."""
        self._first[self._store.workspace] = tuple(pair_ids)

    def deck(self, message: Any) -> Reply:
        """The next pairs, and how far the person is."""
        try:
            asked = DeckRequest.model_validate(message)
            exclude = set(asked.have)
            if asked.mode == "swiss" and self.purpose == "train":
                pairs, left = self._store.swiss_pairs(limit=asked.n, exclude=exclude)
                numbers = {**self._progress(asked), "open": left}
            else:
                pairs = self._waiting(asked, exclude)
                numbers = self._progress(asked)
            shown = [_shown(pair) for pair in pairs] + self._asked_again(asked, len(pairs))
            return {"ok": True, "pairs": shown, **numbers}
        except (SdpoError, ValidationError) as error:
            return refusal(error)

    def vote(self, message: Any) -> Reply:
        """Record a choice; once the reply is there, it survives a power cut."""
        try:
            vote = VoteMessage.model_validate(message)
            if vote.choice not in self.choices:
                raise RunError(text.no_such_choice(vote.choice, self.choices))
            pair = self._store.pair(vote.pair)
            if vote.images != _images(pair, swapped=vote.swapped):
                raise RunError(text.FOREIGN_PAIR)
            self._check_open(vote)
            self._refuse_foreign(pair, vote)
            self._store.vote(
                vote.uuid,
                vote.pair,
                _OTHER_SIDE.get(vote.choice, vote.choice) if vote.swapped else vote.choice,
                vote.ms,
                strength=vote.strength,
                swapped=vote.swapped,
                repeat_of=vote.repeat_of,
            )
            return {"ok": True, **self._after_vote(vote)}
        except (SdpoError, ValidationError) as error:
            return refusal(error)

    def undo(self, message: Any) -> Reply:
        """Take a choice back; the pair comes with the reply."""
        try:
            undo = UndoMessage.model_validate(message)
            self._check_open(undo)
            self._refuse_foreign(self._store.pair_of_vote(undo.vote), undo)
            self._store.undo(undo.uuid, undo.vote)
            shown = self._shown_again(self._store.find_vote(undo.vote))
            return {"ok": True, "pair": shown, "last": self._last(undo), **self._steadiness()}
        except (SdpoError, ValidationError) as error:
            return refusal(error)

    def _waiting(self, asked: DeckRequest, exclude: set[int]) -> list[Pair]:
        """The next open pairs: those that were asked for first, then the oldest."""
        wanted = self._first.get(self._store.workspace, ())
        known = [pair for pair in self._store.questions.waiting(wanted) if pair.id not in exclude] if wanted else []
        first = [pair for pair in known if all(map(self._store.has_image, (pair.left, pair.right)))][: asked.n]
        rest, without = asked.n - len(first), exclude.union(wanted)
        run_id = self._run_id(asked)
        return [*first, *self._store.open_pairs(purpose=self.purpose, run_id=run_id, limit=rest, exclude=without)]

    def _run_id(self, message: Message) -> str | None:  # noqa: ARG002 - votes for training come from all runs
        return None

    def _check_open(self, message: Message) -> None:
        """Raise when voting is over."""

    def _refuse_foreign(self, pair: Pair, message: Message) -> None:
        """Raise for a pair of another board: a judgement that is closed must not be opened from outside."""
        if pair.purpose != self.purpose or self._run_id(message) not in (None, pair.run_id):
            raise RunError(text.OTHER_BOARD)

    def _asked_again(self, asked: DeckRequest, new: int) -> list[Reply]:
        """A pair that was voted on, as if it were new, where it is time for one; its sides may be exchanged."""
        ahead = len(asked.have) + new
        if not asked.again or not ahead:
            return []
        voted = self._store.pair_to_ask_again(asked.have, ahead)
        if voted is None:
            return []
        swapped = bool(hashlib.sha256(voted.vote.uuid.encode()).digest()[0] & 1)
        return [_shown(voted.pair, swapped=swapped, repeat_of=voted.vote.uuid)]

    def _after_vote(self, vote: VoteMessage) -> Reply:
        return self._steadiness() if vote.repeat_of else {}

    def _steadiness(self) -> Reply:
        return {"consistency": self._store.consistency().model_dump()}

    def _progress(self, asked: DeckRequest) -> Reply:
        counts = self._store.counts()
        numbers = {"done": counts.votes, "open": counts.open_pairs, "decided": counts.decided}
        return {**numbers, "last": self._last(asked), **self._steadiness()}

    def _last(self, message: Message) -> Reply | None:
        """The newest vote, so that undo works after a reload."""
        vote = self._store.last_vote(purpose=self.purpose, run_id=self._run_id(message))
        if vote is None:
            return None
        return {"uuid": vote.uuid, "side": vote.choice in _OTHER_SIDE, "pair": self._shown_again(vote)}

    def _shown_again(self, vote: Vote) -> Reply:
        """The pair of a vote as it was shown."""
        return _shown(self._store.pair(vote.pair_id), swapped=vote.swapped, repeat_of=vote.repeat_of)


class JudgeVotes(TrainVotes):
    """Blind votes, base against adapter. Their number is fixed; when it is reached, the vote is closed."""

    choices: tuple[Choice, ...] = CHOICES["judge"]
    purpose: Purpose = "judge"

    def _run_id(self, message: Message) -> str | None:
        return self._run(message).id

    def _check_open(self, message: Message) -> None:
        if verdict(self._store, self._run(message)) is not None:
            raise RunError(text.JUDGEMENT_CLOSED)

    def _asked_again(self, asked: DeckRequest, new: int) -> list[Reply]:  # noqa: ARG002 - their number is fixed
        return []

    def _steadiness(self) -> Reply:
        return {}

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

    def _run(self, message: Message) -> RunFolder:
        runs = list_runs(self._store.workspace / "runs", "judge")
        run = next((run for run in runs if run.id == message.run), None)
        if run is None:
            raise RunError(text.JUDGEMENT_GONE)
        return run


def _shown(pair: Pair, *, swapped: bool = False, repeat_of: str | None = None) -> Reply:
    """What a board may know of a pair: nothing that tells one side from the other."""
    shown = {"id": pair.id, "prompt": pair.left.prompt, "images": list(_images(pair, swapped=swapped))}
    return {**shown, "swapped": swapped, "repeat_of": repeat_of} if swapped or repeat_of else shown


def _images(pair: Pair, *, swapped: bool) -> tuple[str, str]:
    """The images from left to right as shown."""
    left, right = pair.left.image_sha256, pair.right.image_sha256
    return (right, left) if swapped else (left, right)


def refusal(error: SdpoError | ValidationError) -> Reply:
    """The answer to what could not be done.

    `retry` tells the board to keep what it sent: disk or database refused, and may not do so in a moment.
    """
    if isinstance(error, ValidationError):
        return {"ok": False, "retry": False, "error": text.UNEXPECTED_MESSAGE}
    retry = isinstance(error, DiskError) or isinstance(error.__cause__, sqlite3.Error)
    return {"ok": False, "retry": retry, "error": str(error)}

"""What the Vote page and the boards send and are answered. What arrives may be anything; what leaves is plain JSON."""

import sqlite3
from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AwareDatetime, Field, ValidationError

from app.ui.replies import A, Answer, M, Message, Reply, Sent, answered_to, reason
from sdpo_core.errors import DiskError, SdpoError
from sdpo_core.workspace.rankings import FEWEST, MOST
from sdpo_core.workspace.records import Choice, Pair, Strength

_LARGEST_DECK = 24
_LONGEST_ID = 64
_LONGEST_SEARCH = 2000
_MOST_ASKED = 24

Sha = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, lt=2**63)]  # what SQLite can hold

# --- the pair board --------------------------------------------------------------------------------------------------


class BoardMessage(Message):
    """Something a board sent."""

    run: str = Field(default="", max_length=120)  # the blind test; empty when voting


class DeckRequest(BoardMessage):
    """Pairs wanted, besides those that the board has."""

    have: list[Count] = Field(default=[], max_length=2000)
    n: int = Field(default=12, ge=1, le=_LARGEST_DECK)
    again: bool = True  # whether some pairs may be asked again
    mode: Literal["pairs", "swiss"] = "pairs"


class VoteMessage(BoardMessage):
    """One choice on one pair."""

    uuid: str = Field(min_length=8, max_length=_LONGEST_ID)
    pair: Count
    images: tuple[Sha, Sha]
    choice: Choice
    ms: Count | None = None
    strength: Strength = 1
    swapped: bool = False  # `images` and `choice` are as shown, with the pair's sides exchanged
    repeat_of: str | None = Field(default=None, min_length=1, max_length=_LONGEST_ID)


class UndoMessage(BoardMessage):
    """Take a choice back."""

    uuid: str = Field(min_length=8, max_length=_LONGEST_ID)
    vote: str = Field(min_length=8, max_length=_LONGEST_ID)


class ShownPair(Answer):
    """Two images from left to right as shown; a pair that is asked again names the vote that it repeats."""

    id: int
    prompt: str
    images: tuple[str, str]
    swapped: NotRequired[bool]
    repeat_of: NotRequired[str | None]


class Consistency(Answer):
    """How often a person who was asked again chose the same."""

    asked: int
    same: int


class LastVote(Answer):
    """The newest vote, so that undo works after a reload; `side`: it was for one of the two."""

    uuid: str
    side: bool
    pair: ShownPair


class Numbers(Answer):
    """How far the person is: `decided` are votes that can train, `total` and `complete` those of a blind test."""

    done: int
    open: int
    decided: NotRequired[int]
    consistency: NotRequired[Consistency]
    total: NotRequired[int]
    complete: NotRequired[bool]


class Deck(Numbers):
    """The next pairs, and how far the person is."""

    pairs: list[ShownPair]
    last: LastVote | None


class Voted(Answer, total=False):
    """A choice is saved; `consistency` comes with a pair that was asked about again, `complete` with a blind test."""

    consistency: Consistency
    complete: bool


class Undone(Answer, total=False):
    """A choice is taken back; empty where it was one of another project than the page shows."""

    pair: ShownPair
    last: LastVote | None
    consistency: Consistency


# --- the best of several ---------------------------------------------------------------------------------------------


class SetsRequest(BoardMessage):
    """Images wanted, besides those that the board has."""

    have: list[Count] = Field(default=[], max_length=2000)  # ids of candidates
    size: int = Field(default=4, ge=FEWEST, le=MOST)


class RankMessage(BoardMessage):
    """The best of several images and, where one was named, the worst."""

    uuid: str = Field(min_length=8, max_length=60)
    candidates: list[Count] = Field(min_length=FEWEST, max_length=MOST)
    images: list[Sha] = Field(min_length=FEWEST, max_length=MOST)
    best: Count
    worst: Count | None = None
    ms: Count | None = None


class ShownSet(Answer):
    """Several images of one prompt."""

    prompt: str
    candidates: list[int]
    images: list[str]


class LastRanking(Answer):
    """The newest answer, so that undo works after a reload."""

    uuid: str
    set: ShownSet


class Sets(Answer):
    """The next images, and how far the person is."""

    sets: list[ShownSet]
    done: int
    decided: int
    last: LastRanking | None


class RankedVotes(Answer, total=False):
    """An answer is saved, as so many votes; untold where they are another project's."""

    votes: int


class UndoneRanking(Answer, total=False):
    """An answer is taken back; empty where it was one of another project than the page shows."""

    set: ShownSet
    last: LastRanking | None


# --- the review of all votes -----------------------------------------------------------------------------------------


class PageRequest(BoardMessage):
    """Votes wanted: those that fit, older than the vote named `before`."""

    prompt: str = Field(default="", max_length=_LONGEST_SEARCH)
    choice: Choice | Literal[""] = ""
    only: Literal["", "much-better", "unsteady"] = ""
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    before: str | None = Field(default=None, max_length=64)


class PastVote(Answer):
    """A vote as it was cast; `again` is what was chosen when its pair was asked about again."""

    uuid: str
    pair: int
    prompt: str
    images: tuple[str, str]
    choice: Choice
    strength: Strength
    when: str
    again: Choice | None
    ranked: bool


class ReviewPage(Answer):
    """The next votes that fit, how many fit in all, and whether there are more."""

    votes: list[PastVote]
    total: int
    more: bool


# --- what the votes say ----------------------------------------------------------------------------------------------


class Unsure(Message):
    """A pair of images as the card showed it."""

    candidates: tuple[Count, Count]
    images: tuple[Sha, Sha]


class AskFirst(Message):
    """The wish to vote on these pairs now."""

    pairs: list[Unsure] = Field(min_length=1, max_length=_MOST_ASKED)


class ShownImage(Answer):
    """An image and its prompt."""

    sha256: str
    prompt: str


class Agreement(Answer):
    """How the votes on a prompt fit those on the others."""

    prompt: str
    sentence: str


class Doubt(Answer):
    """Two images that the model is unsure about."""

    candidates: tuple[int, int]
    images: tuple[str, str]
    prompt: str


class Findings(Answer):
    """Everything that the card shows."""

    sentences: list[str]
    most: list[ShownImage]
    least: list[ShownImage]
    prompts: list[Agreement]
    prompts_note: str
    unsure: list[Doubt]
    press: str


class Looking(Answer):
    """The votes are being read, for the first time."""

    looking: bool


class Card(Findings):
    """What is known. `looking`: the votes are being read again."""

    looking: bool


class Asked(Answer):
    """So many pairs come first now."""

    sentence: str
    pairs: int


# --- how it is said --------------------------------------------------------------------------------------------------


def shown(pair: Pair, *, swapped: bool = False, repeat_of: str | None = None) -> ShownPair:
    """What a board may know of a pair: nothing that tells one side from the other."""
    shown = ShownPair(id=pair.id, prompt=pair.left.prompt, images=images_of(pair, swapped=swapped))
    return {**shown, "swapped": swapped, "repeat_of": repeat_of} if swapped or repeat_of else shown


def images_of(pair: Pair, *, swapped: bool) -> tuple[str, str]:
    """The images from left to right as shown."""
    left, right = pair.left.image_sha256, pair.right.image_sha256
    return (right, left) if swapped else (left, right)


def board_answered(model: type[M], message: Sent[M], act: Callable[[M], A]) -> Reply[A]:
    """What `act` gives for a message of a board; or why not."""
    return answered_to(model, message, act, _refused)


def _refused(error: SdpoError | ValidationError) -> Reply[Any]:
    """`retry` tells the board to keep what it sent: disk or database refused, and may not do so in a moment."""
    retry = isinstance(error, DiskError) or isinstance(error.__cause__, sqlite3.Error)
    return Reply(ok=False, retry=retry, error=reason(error))

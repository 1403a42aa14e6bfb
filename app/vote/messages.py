"""What a board sends and what it is answered. Everything that arrives may be anything; what leaves is plain JSON."""

import sqlite3
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.ui import text as ui_text
from app.ui.replies import Reply
from sdpo_core.errors import DiskError, SdpoError
from sdpo_core.workspace.records import Pair, Strength

_LARGEST_DECK = 24
_LONGEST_ID = 64

Sha = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, lt=2**63)]  # what SQLite can hold


class Message(BaseModel):
    """Something a pair board sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str = Field(default="", max_length=120)  # the blind test; empty when voting


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


def shown(pair: Pair, *, swapped: bool = False, repeat_of: str | None = None) -> Reply:
    """What a board may know of a pair: nothing that tells one side from the other."""
    shown = {"id": pair.id, "prompt": pair.left.prompt, "images": list(images_of(pair, swapped=swapped))}
    return {**shown, "swapped": swapped, "repeat_of": repeat_of} if swapped or repeat_of else shown


def images_of(pair: Pair, *, swapped: bool) -> tuple[str, str]:
    """The images from left to right as shown."""
    left, right = pair.left.image_sha256, pair.right.image_sha256
    return (right, left) if swapped else (left, right)


def refusal(error: SdpoError | ValidationError) -> Reply:
    """The answer to what could not be done.

    `retry` tells the board to keep what it sent: disk or database refused, and may not do so in a moment.
    """
    if isinstance(error, ValidationError):
        return {"ok": False, "retry": False, "error": ui_text.UNEXPECTED_MESSAGE}
    retry = isinstance(error, DiskError) or isinstance(error.__cause__, sqlite3.Error)
    return {"ok": False, "retry": retry, "error": str(error)}

"""What the Disk page's script sends and is answered. What arrives may be anything; what leaves is plain JSON."""

from typing import NotRequired

from pydantic import Field

from app.ui.replies import Answer, Message
from sdpo_core.workspace.disk import Kind


class NameMessage(Message):
    """What is asked: a kind of clearing, an entry of the trash, or a backup by its name."""

    name: str = Field(max_length=120)


class ClearingOffer(Answer):
    """A kind of clearing that would free something."""

    kind: Kind
    label: str


class Part(Answer):
    """What a part of the project takes, and what of it can go."""

    key: str
    name: str
    hint: str
    size: str
    share: float
    clearings: list[ClearingOffer]


class TrashEntry(Answer):
    """Something in the trash."""

    id: str
    name: str
    facts: str
    made: str


class BackupCopy(Answer):
    """A copy of the votes."""

    name: str
    title: str
    made: str
    facts: str
    usable: bool


class House(Answer):
    """What everything takes, what is in the trash, which copies there are."""

    total: str
    parts: list[Part]
    trash: list[TrashEntry]
    backups: list[BackupCopy]


class Question(Answer):
    """What restoring a copy or clearing something would mean.

    Clearing also shows some of the images and how many `more` there are; with an empty `button` nothing would go.
    """

    title: str
    sentence: str
    button: NotRequired[str]
    images: NotRequired[list[str]]
    more: NotRequired[int]
    final: NotRequired[bool]


class Cleared(Answer):
    """What happened; `entry` of the trash is what can be restored, if anything."""

    sentence: str
    entry: str

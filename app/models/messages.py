"""What the list of models sends and is answered. What arrives may be anything; what leaves is plain JSON."""

from typing import NotRequired

from pydantic import Field

from app.ui.replies import Answer, Message


class FolderWish(Message):
    """A folder to look in, as a person wrote it."""

    path: str = Field(max_length=4000)


class IdWish(Message):
    """A folder that the page was told of."""

    id: str = Field(max_length=40)


class StateWish(Message):
    """Which state of the list the page has."""

    version: int = -1


class FoundModel(Answer):
    """A model that can be chosen."""

    id: str
    name: str
    facts: list[str]
    hash: str
    tool: str
    place: str


class UnusableModel(Answer):
    """A model that can't be chosen, and why."""

    name: str
    why: str


class SearchedFolder(Answer):
    """A folder that the person added."""

    id: str
    path: str


class FinderState(Answer):
    """How far the search is; and, where `version` was another, the lists."""

    version: int
    looking: str
    looked: bool
    reading: str
    chosen: str
    models: NotRequired[list[FoundModel]]
    unusable: NotRequired[list[UnusableModel]]
    unseen: NotRequired[list[str]]
    folders: NotRequired[list[SearchedFolder]]

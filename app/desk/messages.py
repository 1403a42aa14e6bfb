"""What the list of queued jobs sends and is answered. What arrives may be anything; what leaves is plain JSON."""

from typing import Literal

from pydantic import Field

from app.ui.replies import Answer, Message

Waits = Literal["train", "import", "judge", "grid", "download"]


class QueueMessage(Message):
    """What a page wants done with a run that waits."""

    action: Literal["up", "down", "remove"]
    id: str = Field(max_length=40)


class QueuedRun(Answer):
    """A run that waits."""

    id: str
    title: str
    verb: Waits


class Queue(Answer):
    """What waits, the next one first."""

    waiting: list[QueuedRun]
    sentence: str

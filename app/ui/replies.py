"""What the page's scripts and the studio say to each other: messages in, answers out, or why nothing could be done.

Each room's `messages.py` declares its own. The scripts get the same declarations, generated from the signatures of the
server functions: `python -m tests.app.message_types`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import TypedDict

from app.ui.text import say
from sdpo_core.errors import SdpoError


class Message(BaseModel):
    """What a page's script sends."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(TypedDict):
    """What the studio answers, and a part of it: plain JSON."""


class Said(Answer):
    """What happened."""

    sentence: str


class Nothing(Answer):
    """Nothing more than that it was done."""


M = TypeVar("M", bound=BaseModel)
A = TypeVar("A", bound=Mapping[str, object])

Sent: TypeAlias = M | Any
"""What a server function takes: it should be the message, and may be anything."""


class Reply(dict[str, Any], Generic[A]):
    """An answer with `ok`: true, or false with the sentence `error` in its place."""


def answered(act: Callable[[], A]) -> Reply[A]:
    """What `act` gives, as done; or why not. There is no message here that could be wrong."""
    try:
        return done(act)
    except SdpoError as error:
        return refused(error)


def refused(error: SdpoError | ValidationError) -> Reply[Any]:
    """The answer to what couldn't be done."""
    return Reply(ok=False, error=reason(error))


def answered_to(
    model: type[M],
    message: Sent[M],
    act: Callable[[M], A],
    refuse: Callable[[SdpoError | ValidationError], Reply[Any]] = refused,
) -> Reply[A]:
    """What `act` gives for a message; or why not, which is also what one that isn't a `model` gets."""
    try:
        return done(act, model.model_validate(message))
    except (SdpoError, ValidationError) as error:
        return refuse(error)


def done(act: Callable[..., A], *arguments: Any) -> Reply[A]:
    """What `act` gives, as done; the tests hold that it is what its signature says."""
    return Reply({"ok": True, **act(*arguments)})


def reason(error: SdpoError | ValidationError) -> str:
    """The sentence about an error; what is wrong with a message that no page of ours sends helps nobody."""
    return say("unexpectedMessage") if isinstance(error, ValidationError) else str(error)

"""What the status bar sends and is answered. What arrives may be anything; what leaves is plain JSON."""

from pydantic import Field

from app.ui.replies import Answer, Message
from sdpo_core.runs.folder import State, Verb


class StopMessage(Message):
    """The job that should stop, by its run's id."""

    run: str = Field(max_length=120)


class Stopping(Answer):
    """The job's state once it was told."""

    state: State


class Job(Answer):
    """The job that runs, or the newest one. `waiting`: it generates again as soon as somebody votes."""

    id: str
    verb: Verb
    state: State
    step: int
    total: int
    eta: str
    message: str
    running: bool
    waiting: bool


class CountsNow(Answer):
    """How much there is to vote on."""

    candidates: int
    pairs: int
    open: int


class ShownStep(Answer):
    """The one obvious thing to do now, and the page to do it on."""

    text: str
    button: str
    tab: str


class Snapshot(Answer):
    """Everything that the bar shows; all other widgets hear it, too."""

    project: str
    job: Job | None
    facts: list[tuple[str, str]]
    counts: CountsNow
    next: ShownStep | None
    warnings: list[str]

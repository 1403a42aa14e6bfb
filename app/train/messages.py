"""What the Train page's scripts send and are answered. What arrives may be anything; what leaves is plain JSON."""

from typing import Literal

from pydantic import Field

from app.ui.replies import Answer, Message

Point = tuple[int, float]
"""A step and a value."""

Check = tuple[int, float, float | None]
"""A step, the winner error, and half the width of its band, or None where nobody measured it."""


class MetricsRequest(Message):
    """Points since a position in the run's metrics."""

    run: str = Field(max_length=120)
    offset: int = Field(default=0, ge=0, lt=2**53)
    file: str = Field(default="", max_length=40)


class RunRequest(Message):
    """A run by its id."""

    run: str = Field(max_length=120)


class Health(Answer):
    """The gauge: a level, a sentence in plain words, and the figures behind it."""

    level: Literal["healthy", "drifting", "damaged"]
    sentence: str
    figures: str


class Metrics(Answer):
    """New points of each curve, and the latest health. `restart`: what was drawn is void, the file is another one."""

    restart: bool
    offset: int
    file: str
    total: int
    budget: float
    loss: list[Point]
    margin: list[Point]
    scale: list[Point]
    memory: list[Point]
    winner_error: list[Check]
    health: Health | None


class PreviewStep(Answer):
    """Addresses of the previews of a step; step 0 is the base model."""

    step: int
    images: list[str]


class Previews(Answer):
    """The previews of a run, by step."""

    steps: list[PreviewStep]


class LogLines(Answer):
    """The last lines of a log."""

    log: str

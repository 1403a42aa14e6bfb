"""What the Judge page's scripts send and are answered. What arrives may be anything; what leaves is plain JSON."""

from typing import NotRequired

from pydantic import Field

from app.ui.replies import Answer, Message
from sdpo_core.judging.verdict import Outcome

# --- the verdict -----------------------------------------------------------------------------------------------------


class LetTrain(Message):
    """Whether the votes of a blind test should train."""

    run: str = Field(max_length=120)
    trains: bool


class Training(Answer):
    """Whether the votes of a blind test train."""

    trains: bool
    trains_sentence: str


class Interval(Answer):
    """How often the adapter won, and how sure that is; `plot` says in text what the bar shows."""

    win_rate: float
    low: float
    high: float
    interval: str
    plot: str


class PromptScore(Answer):
    """How the comparisons of one prompt ended."""

    prompt: str
    score: str
    marks: list[Outcome]


class Round(Interval):
    """A blind test among all; `now`: it is the one that is shown."""

    name: str
    score: str
    now: bool


class ShownComparison(Answer):
    """One blind comparison, revealed: the hashes of both images, and how it ended for the adapter."""

    prompt: str
    base: str
    adapter: str
    outcome: Outcome


class ShownVerdict(Interval, Training):
    """Everything that the verdict shows; the value of its widget."""

    run: str
    sentence: str
    counts: str
    prompts: list[PromptScore]
    rounds: list[Round]
    comparisons: list[ShownComparison]


# --- grids -----------------------------------------------------------------------------------------------------------


class GridRequest(Message):
    """A grid by its run's id."""

    run: str = Field(max_length=120)


class Pick(GridRequest):
    """An image of a grid."""

    row: int
    column: int


class StrengthsRequest(Message):
    """An adapter by its name."""

    adapter: str = Field(max_length=200)


class GridRow(Answer):
    """A checkpoint: which of its images there are, and its recommended strength."""

    step: int | None
    drawn: list[bool]
    recommended: float | None


class Grid(Answer):
    """A grid as far as it is generated. Before its plan is written there are no rows."""

    run: str
    running: bool
    rows: list[GridRow]
    prompt: NotRequired[str]
    seed: NotRequired[int]
    strengths: NotRequired[list[float]]


class PickedGrid(Grid):
    """The grid, with what its adapter is recommended with now."""

    sentence: str


class NearCell(Answer):
    """An image at a strength."""

    address: str
    strength: str


class BaseCell(Answer):
    """The base model's image."""

    address: str


class NearImage(Answer):
    """What is shown next to a slider."""

    adapter: str
    prompt: str
    cell: NearCell
    base: BaseCell | None


class NoImage(Answer):
    """There is no such image; `waits`: a grid of it is being generated."""

    adapter: str
    cell: None
    waits: bool

"""What the Adapters page's scripts send and are answered. What arrives may be anything; what leaves is plain JSON."""

from typing import Literal, NotRequired

from pydantic import Field

from app.ui.replies import Answer, Message

# --- the cards -------------------------------------------------------------------------------------------------------


class AdapterMessage(Message):
    """A wish about an adapter, or about a tool's folder."""

    action: Literal["edit", "delete", "put_back", "place", "folder", "forget"]
    id: int = Field(default=0, ge=0, lt=2**63)
    name: str = Field(default="", max_length=1000)
    note: str = Field(default="", max_length=10_000)
    strength: str = Field(default="", max_length=40)
    entry: str = Field(default="", max_length=120)  # of the trash
    tool: str = Field(default="", max_length=40)
    how: Literal["copy", "link"] = "copy"
    folder: str = Field(default="", max_length=4000)


class JudgedShare(Answer):
    """The newest verdict; `plot` says in text what the bar shows."""

    win_rate: float
    low: float
    high: float
    plot: str
    sentence: str


class CurvePoint(Answer):
    """What was measured at one strength; `chosen`: it was kept."""

    strength: str
    gain: float
    error: float
    upper: float
    chosen: bool


class Curve(Answer):
    """Gain against drift; `words` says in text what it shows."""

    points: list[CurvePoint]
    budget: float
    gate: str
    words: str


class Effect(Answer):
    """What was measured at several strengths, and what is predicted at the one that was kept."""

    strength: str
    predicted: str
    curve: Curve | None


class Files(Answer, total=False):
    """Addresses of the files that can be downloaded."""

    kohya: str
    diffusers: str
    card: str
    card_prompts: str


class Placing(Answer):
    """A tool that the adapter could go to; `there` says so where it is."""

    tool: str
    label: str
    there: str


class ShownAdapter(Answer):
    """Everything that a card shows."""

    id: int
    name: str
    chips: list[str]
    note: str
    strength: float | None
    verdict: JudgedShare | None
    not_judged: str
    error: str
    effect: Effect | None
    fit: str
    proven: bool
    warning: str
    problem: str
    path: str
    preview: str | None
    files: Files
    places: list[Placing]


class Tool(Answer):
    """Another tool and its folder; empty where none is set."""

    id: str
    label: str
    folder: str
    suggestions: list[str]


class Shelf(Answer):
    """All cards, and the folders of other tools."""

    cards: list[ShownAdapter]
    tools: list[Tool]


class ActionDone(Answer):
    """What happened; `entry` of the trash is what can be restored."""

    sentence: str
    entry: NotRequired[str]


# --- the nodes in ComfyUI --------------------------------------------------------------------------------------------


class PackMessage(Message):
    """A wish: a ComfyUI that was found, by its id, or a folder that the person typed."""

    action: Literal["install", "remove"]
    id: str = Field(default="", max_length=40)
    folder: str = Field(default="", max_length=4000)


class FoundComfy(Answer):
    """A ComfyUI of this machine."""

    id: str
    folder: str
    installed: bool
    problem: str


class FoundComfys(Answer):
    """The ComfyUIs of this machine, and which of them has the nodes."""

    found: list[FoundComfy]


class PackDone(FoundComfys):
    """What happened, and the new state."""

    sentence: str

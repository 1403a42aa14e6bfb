"""What the Home page's scripts send and are answered. What arrives may be anything; what leaves is plain JSON."""

from typing import Literal, NotRequired

from pydantic import Field

from app.ui.replies import Answer, Message

StageKey = Literal["model", "candidates", "votes", "runs", "adapters"]

# --- the page --------------------------------------------------------------------------------------------------------


class Stage(Answer):
    """A stage of the loop: how far it is, and the page that takes it further."""

    key: StageKey
    title: str
    value: str
    hint: str
    tab: str
    done: bool


class MachinePart(Answer):
    """A part of the machine, and the share of it that is taken."""

    label: str
    hint: str
    share: float | None
    tab: NotRequired[str]


class ShownProject(Answer):
    """A project as the list shows it."""

    id: str
    name: str
    open: bool
    archived: bool
    facts: str


class Shown(Answer):
    """Everything that the page shows beyond the bar's own snapshot."""

    stages: list[Stage]
    machine: list[MachinePart]
    projects: list[ShownProject]


class ProjectMessage(Message):
    """A wish about a project."""

    action: Literal["make", "rename", "archive", "unarchive", "open", "export"]
    id: str = Field(default="", max_length=80)
    name: str = Field(default="", max_length=1000)


class ProjectDone(Answer, total=False):
    """What happened, and the id of a new project or the address of an export."""

    id: str
    sentence: str
    download: str


# --- the phone -------------------------------------------------------------------------------------------------------


class DoorWish(Message):
    """Open the door, at an address or at the first one, or close it."""

    on: bool
    address: str = Field(default="", max_length=80)


class OpenDoor(Answer):
    """Where the studio is open: what a phone scans, or a person types."""

    url: str
    password: str
    code: str


class DoorState(Answer):
    """Where the studio could be opened, and where it is."""

    addresses: list[str]
    door: OpenDoor | None

"""How a setting is shown to a person: what is said about a field besides its type, its limits and its docstring.

rank: Annotated[int, Shown("LoRA rank", Topic.LORA, Section.USUAL, order=8)] = Field(default=8, ge=1)
"""

from dataclasses import dataclass
from enum import StrEnum


class Topic(StrEnum):
    """The groups of a job's settings in `--help`, in order."""

    DATA = "data: which pairs, and which images"
    COMFYUI = "ComfyUI: generate with your own workflow"
    COMPARISON = "comparison"
    OBJECTIVE = "objective: what is learned from a pair"
    SAFEGUARD = "safeguard: how the loser is kept from harming the winner"
    LABELS = "labels: learn more from the same votes"
    LORA = "LoRA: what is trained"
    SCHEDULE = "schedule"
    HEALTH = "health: what is measured during training"
    MACHINE = "memory and device"
    IMAGES = "images: how they are sampled"


class Section(StrEnum):
    """The groups of a form that shows all settings of a training run, in order; `USUAL` comes without a title."""

    USUAL = ""
    OBJECTIVE = "Objective"
    SAFEGUARD = "Safeguard"
    ADAPTER = "Adapter and optimiser"
    PAIRS = "Pairs"
    LABELS = "Learn more from your votes"
    MACHINE = "Speed and memory"
    CHECKPOINTS = "Checkpoints, health and previews"


@dataclass(frozen=True)
class Shown:
    """What a form and `--help` need to know of a setting."""

    name: str  # a short one, in English
    topic: Topic
    section: Section | None = None  # None: a form that shows everything leaves it out
    order: int = 0  # within the section; of equals, the one that is declared first comes first
    unit: str = ""

    @property
    def label(self) -> str:
        """The name, with the unit where there is one."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

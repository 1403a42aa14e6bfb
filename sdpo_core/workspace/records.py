"""The typed records of the store: what a person made and chose.

Up to `sdpo_core.training.dataset` there is only left and right; winner and loser exist from there on.
"""

import hashlib
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

Choice = Literal["left", "right", "tie", "both-bad", "skip"]
Purpose = Literal["train", "judge"]
ChosenBy = Literal["chance", "taste"]
"""What chose a pair as a question: image order or chance, or the taste model. It can't be tested on such a pair,
because it asks about what it doesn't know."""
Branch = Literal["both", "conditional"]
"""In which predictions of guidance an adapter acts."""
Strength = Literal[1, 2]
"""1: better. 2: much better. On a side only; everything else has 1."""
CHOICES: dict[Purpose, tuple[Choice, ...]] = {
    "train": ("left", "right", "tie", "both-bad", "skip"),
    "judge": ("left", "right", "tie"),
}
"""What may be chosen; a blind comparison that is left out would change how many were planned."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AdapterUse(_Record):
    """One adapter in a recipe."""

    sha256: str  # of the adapter file; empty: not known
    strength: float = 1.0
    # "both": as every other tool samples; "conditional": adapter off in the unconditional branch of guidance
    branch: Branch = "both"
    unconditional: float | None = None  # any other strength there, in parts of `strength`; None: as `branch` says

    @classmethod
    def at(cls, sha256: str, strength: float, branch: Branch = "both", unconditional: float | None = None) -> Self:
        """The adapter as settings ask for it: the same images have the same recipe, however they were asked for.

        `unconditional` is the strength in the unconditional branch in parts of `strength`; 1 is the branch "both" and 0
        is "conditional", and None leaves it to `branch`.
        """
        if unconditional in (0, 1):
            branch, unconditional = ("both" if unconditional else "conditional"), None
        return cls(sha256=sha256, strength=strength, branch=branch, unconditional=unconditional)

    @property
    def unconditional_share(self) -> float:
        """What part of `strength` acts in the unconditional branch: 1 in both alike, 0 off, negative opposed."""
        if self.unconditional is not None:
            return self.unconditional
        return 0.0 if self.branch == "conditional" else 1.0

    @model_serializer(mode="wrap")
    def _leave_out_what_is_not_set(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without `unconditional` where it is None: recipes, and so their keys, stay what they were before it."""
        told: dict[str, Any] = handler(self)
        if told["unconditional"] is None:
            del told["unconditional"]
        return told


class NamedLora(_Record):
    """A LoRA by the name under which another tool knew it."""

    name: str  # without folder and suffix
    strength: float = 1.0
    hash: str = ""  # as that tool computes it


class WorkflowUse(_Record):
    """The ComfyUI workflow that drew an image, and how it names what it drew with."""

    sha256: str  # of the workflow without the texts and the seed that are put into it
    image: int  # which of the images that one run of it gave, counted from 0
    model: str = ""  # without folder and suffix
    loras: tuple[NamedLora, ...] = ()


class Recipe(_Record):
    """Everything that decides an image's pixels: the same recipe gives the same image.

    Of an image that a ComfyUI drew (`workflow`), what the workflow does not tell is empty or 0.
    """

    prompt: str
    negative: str = ""
    seed: int
    noise: str = "torch-cpu-float32"  # which generator drew the initial noise, and in which dtype
    sampler: str
    steps: int
    guidance: float
    width_px: int
    height_px: int
    base_sha256: str  # `ModelInfo.sha256` of the base model; empty: not known
    adapters: tuple[AdapterUse, ...] = ()
    clip_skip: int = 1  # which hidden state of the text encoder, counted from the last; 0: not known
    device: str
    dtype: str
    threads: int
    batch: int  # images sampled together: arithmetic, hence the last bits, depend on it
    scheduler: str  # canonical JSON of the scheduler's config; of a workflow the scheduler's name
    workflow: WorkflowUse | None = None

    def key(self) -> str:
        """SHA-256 of the recipe's canonical JSON: a generated candidate's identity."""
        unused = None if self.workflow else {"workflow"}  # so that it changes no key that was there before it
        return hashlib.sha256(self.model_dump_json(exclude=unused).encode()).hexdigest()


class MadeWith(_Record):
    """What an imported image's file says about its making. Nobody vouches for it, and anything may be missing."""

    tool: str
    prompt: str = ""
    negative: str = ""
    seed: int | None = None
    width_px: int | None = None
    height_px: int | None = None
    steps: int | None = None
    guidance: float | None = None
    sampler: str = ""
    scheduler: str = ""
    model: str = ""  # without folder and suffix
    model_hash: str = ""  # as that tool computes it: mostly the first digits of a SHA-256
    loras: tuple[NamedLora, ...] = ()


class Candidate(_Record):
    """An image with its recipe (None when imported without one)."""

    id: int
    key: str  # the recipe's hash, or the image's content hash when imported
    prompt: str
    negative: str
    image_sha256: str
    width_px: int
    height_px: int
    recipe: Recipe | None
    created_at: datetime
    made_with: MadeWith | None = None  # of an imported image whose file says so


class Pair(_Record):
    """Two candidates of one prompt, shown together. `left` is what the person sees on the left."""

    id: int
    left: Candidate
    right: Candidate
    purpose: Purpose
    run_id: str | None  # the run that made the pair
    created_at: datetime
    chosen_by: ChosenBy = "chance"

    @property
    def images(self) -> tuple[str, str]:
        """SHA-256 of the two images, in the pair's own order."""
        return self.left.image_sha256, self.right.image_sha256


class Vote(_Record):
    """One person's choice on a pair (votes that were undone are not handed out)."""

    uuid: str
    pair_id: int
    choice: Choice  # by the pair's own sides, however it was shown
    response_ms: int | None
    created_at: datetime
    strength: Strength = 1
    swapped: bool = False  # the pair was shown with its sides exchanged
    repeat_of: str | None = None  # uuid of the vote that was asked for again; such a vote never stands
    ranking: str | None = None  # what the votes share that one answer on several images gave


class VotedPair(_Record):
    """A pair together with its current vote."""

    pair: Pair
    vote: Vote

    @property
    def sides(self) -> tuple[Candidate, Candidate]:
        """The two images, in the pair's own order."""
        return self.pair.left, self.pair.right


class Consistency(_Record):
    """How often a person, asked again, chose the same image of a pair."""

    asked: int
    same: int


class Fit(_Record):
    """The load proof of an adapter on its own base model."""

    modules: int  # layers that the file adapts
    matched: int  # of them, layers that the network has, in the right shape


class AdapterRecord(_Record):
    """A trained adapter known to the workspace."""

    id: int
    name: str
    path: str  # relative to the workspace
    sha256: str
    base_sha256: str
    run_id: str
    created_at: datetime
    note: str = ""  # the person's own words
    strength: float | None = None  # what the person recommends; None: nothing yet
    fit: Fit | None = None  # None: nobody has tried it yet

"""Parts of a training run's settings: what is learned, and what it is learned into."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sdpo_core.families import demo
from sdpo_core.methods.losses import LOSSES
from sdpo_core.settings.base import Settings
from sdpo_core.settings.shown import Section, Shown, Topic

Safeguard = Literal["none", "output", "constant", "lora"]
Scope = Literal["pair", "batch"]
Noise = Literal["fresh", "own"]
if TYPE_CHECKING:
    LossName = str
else:  # the names of the table, which no type checker can follow
    LossName = Literal[*LOSSES]


class Objective(Settings):
    """What is learned from a pair."""

    loss: Annotated[LossName, Shown("Objective", Topic.OBJECTIVE, Section.USUAL, order=3)] = Field(
        default="diffusion-dpo",
        description=f"Objective: {'; '.join(f'`{loss.name}`, {loss.label}' for loss in LOSSES.values())}.",
    )
    beta: Annotated[
        Annotated[float, Field(gt=0.0)] | Literal["auto"], Shown("β", Topic.OBJECTIVE, Section.OBJECTIVE, order=1)
    ] = demo.TRAINING["beta"]
    """β in the paper's convention: u = −(β/2)·(difference of mean squared errors); `auto` starts at 2000 and keeps the
    running |u| near 1.4, where a pair's gradient is about a fifth of what it was at the start."""
    alpha: Annotated[float, Shown("DMPO target α", Topic.OBJECTIVE, Section.OBJECTIVE, order=4)] = Field(
        default=0.01, gt=0.0, lt=0.5
    )
    """DMPO: target probability of the loser."""
    tau: Annotated[float, Shown("IPO target τ", Topic.OBJECTIVE, Section.OBJECTIVE, order=5)] = Field(
        default=1.0, gt=0.0
    )
    """IPO: target margin."""
    smoothing: Annotated[float, Shown("Label smoothing", Topic.OBJECTIVE, Section.OBJECTIVE, order=3)] = Field(
        default=0.0, ge=0.0, lt=0.5
    )
    """Label smoothing of `diffusion-dpo`: the share of votes assumed to be mistakes."""
    anchor: Annotated[float, Shown("Winner anchor", Topic.OBJECTIVE, Section.OBJECTIVE, order=2)] = Field(
        default=0.0, ge=0.0
    )
    """Weight of the winner's own error, added to the loss to keep it low (in units of β/2)."""
    noise: Annotated[Noise, Shown("Noise", Topic.OBJECTIVE, Section.PAIRS, order=3)] = "fresh"
    """Noise added to a pair's images in training: `fresh`, the same for both and new each time; or each image's `own`,
    the noise it was generated from (PNAPO, arXiv 2605.09433). Pairs whose noise isn't known get fresh noise."""
    caption_dropout: Annotated[float, Shown("Caption dropout", Topic.OBJECTIVE, Section.SAFEGUARD, order=4)] = Field(
        default=0.1, ge=0.0, lt=1.0
    )
    """Share of draws with an empty prompt, the same for winner and loser. Guidance subtracts this prediction."""
    hold_unconditional: Annotated[float, Shown("Unconditional hold κ", Topic.OBJECTIVE, Section.SAFEGUARD, order=3)] = (
        Field(default=0.0, ge=0.0)
    )
    """Weight κ that keeps the prediction with an empty prompt close to the base model's. It weakens the whole effect; 0
    trains the preference there too."""


class Safeguarding(Settings):
    """How the loser is kept from harming the winner."""

    safeguard: Annotated[Safeguard, Shown("Safeguard", Topic.SAFEGUARD, Section.USUAL, order=4)] = "lora"
    """How the loser's gradient is held back: `lora` (exact, on the adapter's own parameters), `output` (the paper's
    approximation), `constant` (a fixed weight) or `none` (plain DPO)."""
    mu: Annotated[float, Shown("Safety margin μ", Topic.SAFEGUARD, Section.USUAL, order=5)] = Field(
        default=0.5, ge=0.0, lt=1.0
    )
    """Safety margin μ of the safeguards `lora` and `output`: 0 forbids only a first-order rise of the error. With
    `lora` it hardly acts by default: nothing is held back up to half the drift budget, then μ rises to .9."""
    scope: Annotated[Scope, Shown("Scope of λ", Topic.SAFEGUARD, Section.SAFEGUARD, order=1)] = "pair"
    """Scope of λ for the safeguard `output`: one per `pair`, or one per micro-`batch` as in the official code."""
    loser_weight: Annotated[float, Shown("Loser weight", Topic.SAFEGUARD, Section.SAFEGUARD, order=2)] = Field(
        default=0.25, ge=0.0, le=1.0
    )
    """Weight of the loser's gradient for the safeguard `constant`."""
    drift_budget: Annotated[float, Shown("Drift budget δ", Topic.SAFEGUARD, Section.USUAL, order=6)] = Field(
        default=0.02, ge=0.0, le=1.0
    )
    """How much δ the held-out winner error may rise above the reference's; the safeguard `lora` acts above δ/2, and
    always if this is 0."""


class Labelling(Settings):
    """Pairs that the run generates and labels itself, to learn more from the same votes."""

    label_pairs: Annotated[
        Annotated[int, Field(ge=0, le=20_000)] | Literal["auto"],
        Shown("Extra pairs to label", Topic.LABELS, Section.LABELS),
    ] = "auto"
    """Extra pairs the run generates itself and labels with what it learned about your taste from the votes: a number, 0
    for none, or `auto`: as many as `label_effort` allows."""
    label_effort: Annotated[float, Shown("Effort for extra pairs", Topic.LABELS, Section.LABELS)] = Field(
        default=3.0, gt=0.0, le=100.0
    )
    """With `label_pairs` on auto: how long generating them may take, as a multiple of the training itself; at most
    twice as many pairs per vote."""
    label_minutes: Annotated[float | None, Shown("Minutes to generate them", Topic.LABELS, Section.LABELS)] = Field(
        default=None, gt=0, le=10_000
    )
    """Time limit for generating them, in minutes; with `label_pairs` on auto, all of it is used."""
    label_share: Annotated[float, Shown("Share to label", Topic.LABELS, Section.LABELS)] = Field(
        default=0.25, gt=0.0, le=1.0
    )
    """Share of the generated pairs that gets a label: those the taste model is most certain about."""
    label_threshold: Annotated[float, Shown("Minimum label confidence", Topic.LABELS, Section.LABELS)] = Field(
        default=0.5, ge=0.5, lt=1.0
    )
    """Minimum probability, according to the taste model, that you would choose what the label says."""
    label_weight: Annotated[float, Shown("Labelled pair weight", Topic.LABELS, Section.LABELS)] = Field(
        default=1.0, gt=0.0, le=10.0
    )
    """How much a labelled pair counts in training; a vote counts 1."""


class NewAdapter(Settings):
    """The LoRA that is trained."""

    rank: Annotated[int, Shown("LoRA rank", Topic.LORA, Section.USUAL, order=8)] = Field(
        default=demo.TRAINING["rank"], ge=1, le=256
    )
    """How many directions each layer can change in. Higher ranks need more memory and give a larger file."""
    lora_alpha: Annotated[float, Shown("LoRA α", Topic.LORA, Section.ADAPTER, order=1)] = Field(
        default=demo.TRAINING["lora_alpha"], gt=0.0
    )
    """LoRA α; the update is scaled by α/rank."""
    targets: Annotated[Literal["attention", "wide"], Shown("Layers", Topic.LORA, Section.ADAPTER, order=2)] = (
        "attention"
    )
    """Layers that get LoRA: `attention` projections, or `wide`: also feed-forward, projections and convolutions."""
    continue_from: Annotated[str | None, Shown("Continue from (round two)", Topic.LORA)] = Field(
        default=None, min_length=1
    )
    """Adapter to continue from (round two): a name in the workspace, `latest`, or a file. Training uses pairs generated
    with it, and a frozen copy of it as the reference; rank, α and layers are taken from it."""
    adapter_name: Annotated[str | None, Shown("Adapter name", Topic.LORA, Section.USUAL, order=1)] = Field(
        default=None, max_length=80
    )
    """Name of the adapter; unset uses the model's name and the date."""

"""Settings of the job `train`, which `measure` shares."""

import itertools
from collections.abc import Container, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from sdpo_core.errors import ConfigError
from sdpo_core.families import demo
from sdpo_core.methods.losses import LOSSES, losses_with
from sdpo_core.methods.optimizers import OPTIMIZERS, Optimizer
from sdpo_core.settings.sampling import Sampling

Safeguard = Literal["none", "output", "constant", "lora"]
Noise = Literal["fresh", "own"]
if TYPE_CHECKING:
    LossName = str
    OptimizerName = str
else:  # the names of the tables, which no type checker can follow
    LossName = Literal[*LOSSES]
    OptimizerName = Literal[*OPTIMIZERS]


_DEMO = demo.TRAINING
# Settings that do nothing but with one choice of another. No preset sets one, so that a flag can change the choice.
_BELONGS = (
    *((option, "loss", losses_with(option)) for loss in LOSSES.values() for option in loss.options),
    ("loser_weight", "safeguard", ["constant"]),
    ("scope", "safeguard", ["output"]),
)


def _optimizer_in_words(row: Optimizer) -> str:
    needs = f" (needs the package {row.package})" if row.package else ""
    return f"`{row.name}`, {row.label}{needs}"


class TrainConfig(Sampling):
    """Settings of `train`; the sampling settings are those of the previews.

    Some defaults depend on the model (`Family.training`). They are the demo model's here; for another model they have
    to be given, which `presets.train_config` does.
    """

    size_px: int | None = Field(default=None, ge=64, le=2048, multiple_of=8)
    """Side in pixels of the squares that all images are cut to, and of the previews. Unset: each pair trains at a size
    of about its own shape, as large as the model was made for or as its images are, and previews have the model's
    size."""
    loss: LossName = Field(
        default="diffusion-dpo",
        description=f"Objective: {'; '.join(f'`{loss.name}`, {loss.label}' for loss in LOSSES.values())}.",
    )
    safeguard: Safeguard = "lora"
    """How the loser's gradient is held back: `lora` (exact, on the adapter's own parameters), `output` (the
    paper's approximation), `constant` (a fixed weight) or `none` (plain DPO)."""
    mu: float = Field(default=0.5, ge=0.0, lt=1.0)
    """Safety margin μ of the safeguards `lora` and `output`: 0 forbids only a first-order rise of the error. With
    `lora` it hardly acts by default: nothing is held back up to half the drift budget, then μ rises to .9."""
    scope: Literal["pair", "batch"] = "pair"
    """Scope of λ for the safeguard `output`: one per `pair`, or one per micro-`batch` as in the official code."""
    loser_weight: float = Field(default=0.25, ge=0.0, le=1.0)
    """Weight of the loser's gradient for the safeguard `constant`."""
    drift_budget: float = Field(default=0.02, ge=0.0, le=1.0)
    """Allowed rise δ of the held-out winner error over the reference; the safeguard `lora` acts from δ/2 on, and
    always when this is 0."""
    gate: Literal["upper", "estimate"] = "upper"
    """What has to be inside the budget for a checkpoint to be healthy: the `upper` end of the winner error's interval
    (estimate + 2 standard errors), or the `estimate` alone."""
    final_strength: Literal["calibrated", "trained"] = "calibrated"
    """How strong the finished adapter is at strength 1: `calibrated` to the largest strength inside the gate, measured
    after training, or as it was `trained`."""
    beta: Annotated[float, Field(gt=0.0)] | Literal["auto"] = 2000.0
    """β in the paper's convention: u = −(β/2)·(difference of mean squared errors); `auto` starts at 2000 and keeps the
    running |u| near 1.4, so that pairs weigh about a fifth of what they did at the start."""
    alpha: float = Field(default=0.01, gt=0.0, lt=0.5)
    """DMPO: target probability of the loser."""
    tau: float = Field(default=1.0, gt=0.0)
    """IPO: target margin."""
    smoothing: float = Field(default=0.0, ge=0.0, lt=0.5)
    """Label smoothing of `diffusion-dpo`: the assumed share of mistaken votes."""
    anchor: float = Field(default=0.0, ge=0.0)
    """Weight of the winner's own error added to the loss (in units of β/2), holding it down."""
    rank: int = Field(default=_DEMO["rank"], ge=1, le=256)
    """How many directions each layer may change in; the file and what training takes grow with it."""
    lora_alpha: float = Field(default=_DEMO["lora_alpha"], gt=0.0)
    """LoRA α; the update is scaled by α/rank."""
    targets: Literal["attention", "wide"] = "attention"
    """Layers that get LoRA: `attention` projections, or `wide`: also feed-forward, projections and convolutions."""
    learning_rate: float = Field(default=_DEMO["learning_rate"], gt=0.0, le=1.0)
    """AdamW's peak learning rate; it rises over the warm-up steps and falls linearly to 0 at the end. With `rate` on
    auto only where the run starts."""
    rate: Literal["auto", "fixed"] = "auto"
    """Who chooses the learning rate: `auto` lets the run find its own, such that it ends at `displacement`, or `fixed`
    keeps `learning_rate`."""
    displacement: float = Field(default=0.01, gt=0.0, le=1.0)
    """How far the predictions on unseen draws shall have moved from the reference's at the end, with `rate` on auto:
    mean squared distance as a share of the reference's error."""
    steps: int | None = Field(default=None, ge=1, le=100_000)
    """Optimiser steps; unset follows the number of pairs (120 up to 30, 150 at 60, 200 from 240 on)."""
    pairs_per_step: int = Field(default=_DEMO["pairs_per_step"], ge=1, le=4096)
    """Pairs whose gradients make one optimiser step."""
    pairs_per_micro_step: int | None = Field(default=_DEMO["pairs_per_micro_step"], ge=1, le=4096)
    """Pairs computed at once; fewer need less memory and give the same gradient. Unset: all of `pairs_per_step`."""
    memory: Literal["auto", "joint", "split"] = "auto"
    """How a micro-step goes: winners and losers `joint`, or `split`: one pair at a time, the winner's pass finished
    before the loser's starts, which needs less memory and gives the same gradient. `auto` takes what fits."""
    checkpointing: Literal["auto", "none", "selective", "all"] = "auto"
    """Which activations are computed again in the backward pass instead of kept: `none`, those of the two outer
    resolutions (`selective`), or `all`. `auto` takes the first that fits the device."""
    optimizer: OptimizerName = Field(
        default="adamw",
        description=f"Optimiser: {'; '.join(map(_optimizer_in_words, OPTIMIZERS.values()))}.",
    )
    noise: Noise = "fresh"
    """Noise that a pair's images get in training: `fresh`, the same for both and new each time, or each image's `own`,
    from which it was drawn (PNAPO, arXiv 2605.09433). Pairs whose noise is not known get fresh noise."""
    noise_bank: int | None = Field(default=None, ge=1, le=1024)
    """Draws (t, ε) kept per pair instead of a fresh one each time; the reference's errors on them are computed once,
    which spares two of a pair's four forward passes from the second visit on. Unset draws afresh."""
    label_pairs: Annotated[int, Field(ge=0, le=20_000)] | Literal["auto"] = "auto"
    """Further pairs that the run draws itself and labels by what it learned of your taste from the votes: a number, 0
    for none, or `auto`: as many as cost no more than the training itself, at most two for each vote."""
    label_minutes: float | None = Field(default=None, gt=0, le=10_000)
    """Minutes that the run may draw; with `label_pairs` on auto it draws as long as that."""
    label_share: float = Field(default=0.5, gt=0.0, le=1.0)
    """Share of the drawn pairs that gets a label: those that the taste model is surest of."""
    label_threshold: float = Field(default=0.5, ge=0.5, lt=1.0)
    """Least probability, in the taste model's eyes, that you would choose as a label says."""
    label_weight: float = Field(default=1.0, gt=0.0, le=10.0)
    """How much a labelled pair counts in training, against a vote's 1."""
    warmup_steps: int = Field(default=10, ge=0)
    """Steps over which the learning rate rises from 0."""
    caption_dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of draws with the empty prompt, the same for winner and loser: what guidance subtracts."""
    hold_unconditional: float = Field(default=0.0, ge=0.0)
    """Weight κ that holds the empty prompt's prediction to the base model's on those draws. It holds the whole effect
    down; 0 trains the preference there too."""
    checkpoint_every_steps: int = Field(default=50, ge=1)
    """Steps between checkpoints with previews and a health check."""
    bank_draws_per_pair: int = Field(default=16, ge=2, le=64)
    """(t, ε) draws per held-out pair of the bank on which health is measured, stratified in t."""
    held_out_fraction: float = Field(default=0.2, gt=0.0, le=0.5)
    """Share of the pairs (by prompt) kept out of training to measure health, from 40 pairs on."""
    preview_prompts: int = Field(default=4, ge=0, le=16)
    """Prompts drawn with the same seeds at every checkpoint."""
    negative: str | None = Field(default=None, max_length=20_000)
    """Negative prompt of the previews; unset takes the one that most of the pairs were made with."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the run: initial LoRA, order of the pairs, noise and timesteps."""
    pairs_from: Literal["own", "all"] = "own"
    """Pairs to train on: `own` ones, made by this model without an adapter, or `all`: also imported ones of unknown
    models and those made by others or with an adapter. They say what you like, but less about how this model errs."""
    continue_from: str | None = Field(default=None, min_length=1)
    """Adapter to go on with (round two): a name in the workspace, `latest`, or a file. It trains on pairs made with it;
    the reference is a frozen copy of it, and rank, α and layers are its own."""
    adapter_name: str | None = Field(default=None, max_length=80)
    """Name of the adapter; unset takes the model's name and the day."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_to_guess_for_the_model(cls, values: dict[str, Any]) -> dict[str, Any]:
        missing = [name for name in _DEMO if name not in values]
        if values.get("model", "demo") != "demo" and missing:
            raise ValueError(
                f"the defaults of {', '.join(missing)} depend on the family of the model, which these settings don't "
                "know; give them, or let sdpo_core.settings.presets.train_config look at the model"
            )
        return values

    def refuse_what_does_nothing(self, given: Container[str]) -> None:
        """Raise `ConfigError` for a setting, of those that a person just gave, that does nothing with the others.

        A run folder may hold such a one from earlier, and its run goes on; so may a preset, whose choice was overruled.
        """
        for name, choice, only in _BELONGS:
            if name not in given:
                continue
            if getattr(self, name) != TrainConfig.model_fields[name].default and getattr(self, choice) not in only:
                raise ConfigError(f"{_belongs(name, choice, only)}, not to '{getattr(self, choice)}'.")

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        if self.safeguard == "lora" and self.scope == "batch":
            raise ValueError("scope 'batch' belongs to safeguard 'output'; the safeguard 'lora' always acts per step")
        for problem in self._problems_of_loss():
            raise ValueError(problem)
        if self.scope == "batch" and self.memory == "split":
            raise ValueError("scope 'batch' takes one λ from a whole micro-batch, so memory must be 'joint'")
        if self.pairs_per_micro_step and self.pairs_per_step % self.pairs_per_micro_step:
            raise ValueError("pairs_per_step must be a multiple of pairs_per_micro_step")
        return self

    def _problems_of_loss(self) -> Iterator[str]:
        """What the chosen loss can't be combined with, as sentences."""
        loss, name = LOSSES[self.loss], self.loss
        if not loss.has_loser and self.safeguard not in ("none", "lora"):
            yield f"loss '{name}' has no loser, so safeguard 'output' or 'constant' can't act; use 'none'"
        if self.smoothing and "smoothing" not in loss.options:
            yield f"{_belongs('smoothing', 'loss', losses_with('smoothing'))}, not to '{name}'"
        if loss.fits_winner and self.anchor:
            yield f"anchor adds the winner's own error, which is what loss '{name}' consists of; use 0"
        if loss.needs_predictions and self.memory == "split":
            yield f"loss '{name}' looks at predictions of both passes together, so memory must be 'joint'"
        if loss.needs_predictions and self.noise_bank:
            yield f"loss '{name}' needs the reference's predictions, so a noise_bank can't spare them; unset it"


def _belongs(name: str, choice: str, owners: list[str]) -> str:
    return f"{name} belongs to {choice} {' or '.join(repr(owner) for owner in owners)}"


def steps_for_pairs(pairs: int) -> int:
    """Default length of a run: 120 steps up to 30 pairs, 150 at 60, 200 from 240 on, linear between."""
    knots = ((30, 120), (60, 150), (240, 200))
    if pairs <= knots[0][0]:
        return knots[0][1]
    for (few, short), (many, long) in itertools.pairwise(knots):
        if pairs <= many:
            return round(short + (long - short) * (pairs - few) / (many - few))
    return knots[-1][1]

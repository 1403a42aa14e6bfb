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
    """How the loser's gradient is held back: `lora` (exact, on the adapter's own parameters), `output` (the paper's
    approximation), `constant` (a fixed weight) or `none` (plain DPO)."""
    mu: float = Field(default=0.5, ge=0.0, lt=1.0)
    """Safety margin μ of the safeguards `lora` and `output`: 0 forbids only a first-order rise of the error. With
    `lora` it hardly acts by default: nothing is held back up to half the drift budget, then μ rises to .9."""
    scope: Literal["pair", "batch"] = "pair"
    """Scope of λ for the safeguard `output`: one per `pair`, or one per micro-`batch` as in the official code."""
    loser_weight: float = Field(default=0.25, ge=0.0, le=1.0)
    """Weight of the loser's gradient for the safeguard `constant`."""
    drift_budget: float = Field(default=0.02, ge=0.0, le=1.0)
    """How much δ the held-out winner error may rise above the reference's; the safeguard `lora` acts above δ/2, and
    always if this is 0."""
    gate: Literal["upper", "estimate"] = "upper"
    """What must be within the budget for a checkpoint to count as healthy: the `upper` end of the winner error's
    interval (estimate + 2 standard errors), or just the `estimate`."""
    final_strength: Literal["calibrated", "trained"] = "calibrated"
    """What strength 1 means for the finished adapter: `calibrated`, the largest strength within the gate, measured
    after training; or as `trained`."""
    beta: Annotated[float, Field(gt=0.0)] | Literal["auto"] = 2000.0
    """β in the paper's convention: u = −(β/2)·(difference of mean squared errors); `auto` starts at 2000 and keeps the
    running |u| near 1.4, where a pair's gradient is about a fifth of what it was at the start."""
    alpha: float = Field(default=0.01, gt=0.0, lt=0.5)
    """DMPO: target probability of the loser."""
    tau: float = Field(default=1.0, gt=0.0)
    """IPO: target margin."""
    smoothing: float = Field(default=0.0, ge=0.0, lt=0.5)
    """Label smoothing of `diffusion-dpo`: the share of votes assumed to be mistakes."""
    anchor: float = Field(default=0.0, ge=0.0)
    """Weight of the winner's own error, added to the loss to keep it low (in units of β/2)."""
    rank: int = Field(default=_DEMO["rank"], ge=1, le=256)
    """How many directions each layer can change in. Higher ranks need more memory and give a larger file."""
    lora_alpha: float = Field(default=_DEMO["lora_alpha"], gt=0.0)
    """LoRA α; the update is scaled by α/rank."""
    targets: Literal["attention", "wide"] = "attention"
    """Layers that get LoRA: `attention` projections, or `wide`: also feed-forward, projections and convolutions."""
    learning_rate: float = Field(default=_DEMO["learning_rate"], gt=0.0, le=1.0)
    """AdamW's peak learning rate: it rises over the warm-up steps and falls linearly to 0 at the end. If `rate` is
    auto, it's only the starting point."""
    rate: Literal["auto", "fixed"] = "auto"
    """How the learning rate is chosen: `auto` adjusts it during the run to end at `displacement`; `fixed` keeps
    `learning_rate`."""
    displacement: float = Field(default=0.01, gt=0.0, le=1.0)
    """With `rate` on auto: how far the predictions on unseen draws should move from the reference's by the end of the
    run, as mean squared distance relative to the reference's error."""
    steps: int | None = Field(default=None, ge=1, le=100_000)
    """Optimiser steps; unset depends on the number of pairs (120 up to 30 pairs, 150 at 60, 200 at 240 or more)."""
    pairs_per_step: int = Field(default=_DEMO["pairs_per_step"], ge=1, le=4096)
    """Pairs whose gradients make one optimiser step."""
    pairs_per_micro_step: int | None = Field(default=_DEMO["pairs_per_micro_step"], ge=1, le=4096)
    """Pairs computed together; fewer need less memory and give the same gradient. Unset: all of `pairs_per_step`."""
    memory: Literal["auto", "joint", "split"] = "auto"
    """How a micro-step is computed: winners and losers together (`joint`), or one pair at a time with the winner's pass
    finished before the loser's starts (`split`), which needs less memory and gives the same gradient. `auto` uses what
    fits."""
    checkpointing: Literal["auto", "none", "selective", "all"] = "auto"
    """Which activations are recomputed in the backward pass instead of kept: `none`, those of the two outer resolutions
    (`selective`), or `all`. `auto` uses the first that fits the device."""
    optimizer: OptimizerName = Field(
        default="adamw",
        description=f"Optimiser: {'; '.join(map(_optimizer_in_words, OPTIMIZERS.values()))}.",
    )
    noise: Noise = "fresh"
    """Noise added to a pair's images in training: `fresh`, the same for both and new each time; or each image's `own`,
    the noise it was generated from (PNAPO, arXiv 2605.09433). Pairs whose noise isn't known get fresh noise."""
    noise_bank: int | None = Field(default=None, ge=1, le=1024)
    """Number of draws (t, ε) kept per pair and reused. The reference's errors on them are computed only once, which
    saves two of a pair's four forward passes whenever a draw is reused. Unset: a new draw each time."""
    label_pairs: Annotated[int, Field(ge=0, le=20_000)] | Literal["auto"] = "auto"
    """Extra pairs the run generates itself and labels with what it learned about your taste from the votes: a number, 0
    for none, or `auto`: as many as take no longer than the training itself, at most two per vote."""
    label_minutes: float | None = Field(default=None, gt=0, le=10_000)
    """Time limit for generating them, in minutes; with `label_pairs` on auto, all of it is used."""
    label_share: float = Field(default=0.5, gt=0.0, le=1.0)
    """Share of the generated pairs that gets a label: those the taste model is most certain about."""
    label_threshold: float = Field(default=0.5, ge=0.5, lt=1.0)
    """Minimum probability, according to the taste model, that you would choose what the label says."""
    label_weight: float = Field(default=1.0, gt=0.0, le=10.0)
    """How much a labelled pair counts in training; a vote counts 1."""
    warmup_steps: int = Field(default=10, ge=0)
    """Steps over which the learning rate rises from 0."""
    caption_dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of draws with an empty prompt, the same for winner and loser. Guidance subtracts this prediction."""
    hold_unconditional: float = Field(default=0.0, ge=0.0)
    """Weight κ that keeps the prediction with an empty prompt close to the base model's. It weakens the whole effect; 0
    trains the preference there too."""
    checkpoint_every_steps: int = Field(default=50, ge=1)
    """Steps between checkpoints with previews and a health check."""
    bank_draws_per_pair: int = Field(default=16, ge=2, le=64)
    """Draws (t, ε) per held-out pair, stratified in t, on which the run's health is measured."""
    held_out_fraction: float = Field(default=0.2, gt=0.0, le=0.5)
    """Share of the pairs (by prompt) kept out of training to measure its health, if there are at least 40 pairs."""
    preview_prompts: int = Field(default=4, ge=0, le=16)
    """Number of prompts for the previews, generated with the same seeds at every checkpoint."""
    negative: str | None = Field(default=None, max_length=20_000)
    """Negative prompt of the previews; unset uses the one most of the pairs were generated with."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the run: initial LoRA weights, order of the pairs, noise and timesteps."""
    pairs_from: Literal["own", "all"] = "own"
    """Pairs to train on: your `own`, generated by this model without an adapter, or `all`: also imported ones and those
    generated by other models or with an adapter. They show what you like, but less about this model's mistakes."""
    continue_from: str | None = Field(default=None, min_length=1)
    """Adapter to continue from (round two): a name in the workspace, `latest`, or a file. Training uses pairs generated
    with it, and a frozen copy of it as the reference; rank, α and layers are taken from it."""
    adapter_name: str | None = Field(default=None, max_length=80)
    """Name of the adapter; unset uses the model's name and the date."""

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

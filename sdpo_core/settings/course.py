"""Parts of a training run's settings: its course, from which pairs it learns to how its health is measured."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sdpo_core.families import demo
from sdpo_core.methods.optimizers import OPTIMIZERS, Optimizer
from sdpo_core.settings.base import Settings
from sdpo_core.settings.sampling import Sampling
from sdpo_core.settings.shown import Section, Shown, Topic

Gate = Literal["upper", "estimate"]
if TYPE_CHECKING:
    OptimizerName = str
else:  # the names of the table, which no type checker can follow
    OptimizerName = Literal[*OPTIMIZERS]


def _describe_optimizer(row: Optimizer) -> str:
    needs = f" (needs the package {row.package})" if row.package else ""
    return f"`{row.name}`, {row.label}{needs}"


class Schedule(Settings):
    """How long and how fast a run learns."""

    steps: Annotated[int | None, Shown("Steps", Topic.SCHEDULE, Section.USUAL, order=2)] = Field(
        default=None, ge=1, le=100_000
    )
    """Optimiser steps; unset depends on the number of pairs (120 up to 30 pairs, 150 at 60, 200 at 240 or more)."""
    pairs_per_step: Annotated[int, Shown("Pairs per step", Topic.SCHEDULE, Section.PAIRS, order=2)] = Field(
        default=demo.TRAINING["pairs_per_step"], ge=1, le=4096
    )
    """Pairs whose gradients make one optimiser step."""
    learning_rate: Annotated[float, Shown("Learning rate", Topic.SCHEDULE, Section.USUAL, order=7)] = Field(
        default=demo.TRAINING["learning_rate"], gt=0.0, le=1.0
    )
    """AdamW's peak learning rate: it rises over the warm-up steps and falls linearly to 0 at the end. If `rate` is
    auto, it's only the starting point."""
    rate: Annotated[
        Literal["auto", "fixed"], Shown("How the learning rate is chosen", Topic.SCHEDULE, Section.ADAPTER, order=4)
    ] = "auto"
    """How the learning rate is chosen: `auto` adjusts it during the run to end at `displacement`; `fixed` keeps
    `learning_rate`."""
    displacement: Annotated[float, Shown("Target displacement", Topic.SCHEDULE, Section.ADAPTER, order=5)] = Field(
        default=0.01, gt=0.0, le=1.0
    )
    """With `rate` on auto: how far the predictions on unseen draws should move from the reference's by the end of the
    run, as mean squared distance relative to the reference's error."""
    warmup_steps: Annotated[int, Shown("Warm-up steps", Topic.SCHEDULE, Section.ADAPTER, order=6)] = Field(
        default=10, ge=0
    )
    """Steps over which the learning rate rises from 0."""
    checkpoint_every_steps: Annotated[int, Shown("Steps between checkpoints", Topic.SCHEDULE, Section.CHECKPOINTS)] = (
        Field(default=50, ge=1)
    )
    """Steps between checkpoints with previews and a health check."""
    seed: Annotated[int, Shown("Seed", Topic.SCHEDULE, Section.USUAL, order=9)] = Field(default=0, ge=0, lt=2**32)
    """Seed of the run: initial LoRA weights, order of the pairs, noise and timesteps."""


class Health(Settings):
    """What is measured during a run, and what it decides."""

    gate: Annotated[Gate, Shown("What must stay within the budget", Topic.HEALTH, Section.CHECKPOINTS)] = "upper"
    """What must be within the budget for a checkpoint to count as healthy: the `upper` end of the winner error's
    interval (estimate + 2 standard errors), or just the `estimate`."""
    final_strength: Annotated[
        Literal["calibrated", "trained"], Shown("Final strength", Topic.HEALTH, Section.CHECKPOINTS)
    ] = "calibrated"
    """What strength 1 means for the finished adapter: `calibrated`, the largest strength within the gate, measured
    after training; or as `trained`."""
    held_out_fraction: Annotated[float, Shown("Held-out fraction", Topic.HEALTH, Section.PAIRS, order=4)] = Field(
        default=0.2, gt=0.0, le=0.5
    )
    """Share of the pairs (by prompt) kept out of training to measure its health, if there are at least 40 pairs."""
    bank_draws_per_pair: Annotated[int, Shown("Draws per held-out pair", Topic.HEALTH, Section.CHECKPOINTS)] = Field(
        default=16, ge=2, le=64
    )
    """Draws (t, ε) per held-out pair, stratified in t, on which the run's health is measured."""
    preview_prompts: Annotated[int, Shown("Preview prompts", Topic.HEALTH, Section.CHECKPOINTS)] = Field(
        default=4, ge=0, le=16
    )
    """Number of prompts for the previews, generated with the same seeds at every checkpoint."""


class Computing(Settings):
    """How a step is computed."""

    memory: Annotated[Literal["auto", "joint", "split"], Shown("Memory", Topic.MACHINE, Section.MACHINE)] = "auto"
    """How a micro-step is computed: winners and losers together (`joint`), or one pair at a time with the winner's pass
    finished before the loser's starts (`split`), which needs less memory and gives the same gradient. `auto` uses what
    fits."""
    checkpointing: Annotated[
        Literal["auto", "none", "selective", "all"], Shown("Checkpointing", Topic.MACHINE, Section.MACHINE)
    ] = "auto"
    """Which activations are recomputed in the backward pass instead of kept: `none`, those of the two outer resolutions
    (`selective`), or `all`. `auto` uses the first that fits the device."""
    optimizer: Annotated[OptimizerName, Shown("Optimiser", Topic.MACHINE, Section.ADAPTER, order=3)] = Field(
        default="adamw",
        description=f"Optimiser: {'; '.join(map(_describe_optimizer, OPTIMIZERS.values()))}.",
    )
    pairs_per_micro_step: Annotated[int | None, Shown("Pairs per micro-step", Topic.MACHINE, Section.MACHINE)] = Field(
        default=demo.TRAINING["pairs_per_micro_step"], ge=1, le=4096
    )
    """Pairs computed together; fewer need less memory and give the same gradient. Unset: all of `pairs_per_step`."""
    noise_bank: Annotated[int | None, Shown("Noise bank", Topic.MACHINE, Section.MACHINE)] = Field(
        default=None, ge=1, le=1024
    )
    """Number of draws (t, ε) kept per pair and reused. The reference's errors on them are computed only once, which
    saves two of a pair's four forward passes whenever a draw is reused. Unset: a new draw each time."""


class Data(Settings):
    """From which pairs a run learns, and how it generates images of its own."""

    negative: Annotated[str | None, Shown("Negative prompt", Topic.DATA, Section.CHECKPOINTS)] = Field(
        default=None, max_length=20_000
    )
    """Negative prompt of the previews; unset uses the one most of the pairs were generated with."""
    pairs_from: Annotated[Literal["own", "all"], Shown("Pairs to learn from", Topic.DATA, Section.PAIRS, order=1)] = (
        "own"
    )
    """Pairs to train on: your `own`, generated by this model without an adapter, or `all`: also imported ones and those
    generated by other models or with an adapter. They show what you like, but less about this model's mistakes."""


class TrainingSampling(Sampling):
    """How the previews are sampled, and at which size pairs train."""

    size_px: Annotated[int | None, Shown("Size", Topic.IMAGES, Section.PAIRS, order=5, unit="px")] = Field(
        default=None, ge=64, le=2048, multiple_of=8
    )
    """Side in pixels of the squares that all images are cut to, and of the previews. Unset: each pair trains at a size
    of about its own shape, as large as the model was made for or as its images are, and previews have the model's
    size."""

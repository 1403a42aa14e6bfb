"""Settings of the jobs that look at an adapter: `judge` and `grid`."""

from typing import Annotated

from pydantic import Field, field_validator

from sdpo_core.settings.base import Settings
from sdpo_core.settings.sampling import AdapterSampling, Runtime
from sdpo_core.settings.shown import Shown, Topic


class BlindTest(Settings):
    """What a blind test compares."""

    adapter: Annotated[str, Shown("Adapter", Topic.DATA)] = Field(default="latest", min_length=1)
    """Adapter to test: a file, an adapter's name in the workspace, or `latest`."""
    prompts: Annotated[tuple[str, ...], Shown("Prompts", Topic.DATA)] = Field(default=(), max_length=10_000)
    """Judge prompts; empty uses the built-in set for the model. Prompts used in training are refused."""
    negative: Annotated[str | None, Shown("Negative prompt", Topic.DATA)] = Field(default=None, max_length=20_000)
    """Negative prompt of all comparisons; unset uses the one most of the voted pairs were generated with."""
    comparisons: Annotated[int, Shown("Comparisons", Topic.COMPARISON)] = Field(default=20, ge=1, le=1000)
    """Pairs to judge. Fixed before the first vote, because stopping when the result looks good inflates errors."""
    strength: Annotated[float, Shown("Adapter strength", Topic.COMPARISON)] = Field(default=1.0, ge=-2.0, le=2.0)
    """0 is the base model alone, 1 the adapter as trained; from −2 to 2."""
    seed: Annotated[int, Shown("Seed", Topic.SCHEDULE)] = Field(default=900_000, ge=0, lt=2**32)
    """Seed of the first comparison; each further one adds one."""


class JudgeConfig(Settings):
    """Settings of `judge`: blind same-seed pairs, base against adapter."""

    runtime: Runtime = Runtime()
    blind_test: BlindTest = BlindTest()
    sampling: AdapterSampling = AdapterSampling()


class Cells(Settings):
    """What a grid shows."""

    adapter: Annotated[str, Shown("Adapter", Topic.DATA)] = Field(default="latest", min_length=1)
    """Adapter to use: a file, an adapter's name in the workspace, or `latest`."""
    prompt: Annotated[str, Shown("Prompt", Topic.DATA)] = Field(default="", max_length=10_000)
    """The prompt of all images; empty uses the first built-in starter prompt for the model."""
    negative: Annotated[str | None, Shown("Negative prompt", Topic.DATA)] = Field(default=None, max_length=10_000)
    """Negative prompt of all images; unset uses the one most of the voted pairs were generated with."""
    strengths: Annotated[tuple[Annotated[float, Field(ge=-2.0, le=2.0)], ...], Shown("Strengths", Topic.COMPARISON)] = (
        Field(default=(0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5), min_length=1, max_length=16)
    )
    """Strengths of the adapter, one per column; 0 is the base model."""
    checkpoints: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Shown("Checkpoints", Topic.COMPARISON)] = Field(
        default=(), max_length=16
    )
    """Steps of the adapter's training run, one per row; unset uses only the adapter's file."""
    seed: Annotated[int, Shown("Seed", Topic.SCHEDULE)] = Field(default=800_000, ge=0, lt=2**32)
    """The seed of all images."""

    @field_validator("strengths", "checkpoints")
    @classmethod
    def _once_and_in_order(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(sorted(set(values)))


class GridConfig(Settings):
    """Settings of `grid`: one prompt and seed, over strengths of an adapter and steps of its training."""

    runtime: Runtime = Runtime()
    cells: Cells = Cells()
    sampling: AdapterSampling = AdapterSampling()

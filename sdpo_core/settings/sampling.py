"""Parts that most jobs have: where a job runs, and how images are sampled."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sdpo_core.settings.base import Settings
from sdpo_core.settings.shown import Section, Shown, Topic

Sampler = Literal["ddim", "euler", "dpm++2m"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16", "fp16", "fp64"]


class Runtime(Settings):
    """Where a job runs, and with which base model."""

    model: Annotated[str, Shown("Base model", Topic.DATA)] = "demo"
    """Base model: `demo`, a checkpoint (.safetensors), a folder in diffusers format, or the hub id of a model that
    `download` has fetched."""
    prediction_type: Annotated[
        Literal["auto", "epsilon", "v_prediction"], Shown("What the base model predicts", Topic.DATA)
    ] = "auto"
    """What the base model predicts; `auto` uses what its files say. Checkpoints of Stable Diffusion 2 don't say it: set
    it once, and it's remembered for that file."""
    device: Annotated[Device, Shown("Device", Topic.MACHINE, Section.MACHINE)] = "auto"
    """Device to run on; `auto` uses CUDA if available, then Apple's MPS, then the CPU."""
    precision: Annotated[Precision, Shown("Precision", Topic.MACHINE, Section.MACHINE)] = "auto"
    """Number format of the network: `auto` uses bf16 on CUDA GPUs that support it, fp16 on those that don't, and fp32
    elsewhere. Losses, the adapter and its optimiser always use at least fp32."""
    threads: Annotated[int, Shown("CPU threads", Topic.MACHINE)] = Field(default=1, ge=1, le=256)
    """CPU threads of the job. Fixed for a run, because the last bits of a sum depend on it."""


class Sampling(Settings):
    """How images are sampled."""

    sampler: Annotated[Sampler, Shown("Sampler", Topic.IMAGES, Section.CHECKPOINTS)] = "ddim"
    """Sampler that turns noise into an image."""
    sampling_steps: Annotated[int, Shown("Sampling steps", Topic.IMAGES, Section.CHECKPOINTS)] = Field(
        default=20, ge=1, le=200
    )
    """Sampler steps per image."""
    guidance: Annotated[float | None, Shown("Guidance", Topic.IMAGES, Section.CHECKPOINTS)] = Field(
        default=None, ge=1.0, le=30.0
    )
    """Classifier-free guidance scale; unset uses the model's default (3 for the demo model, 7 for SD1.5, 5 for
    SDXL)."""
    size_px: Annotated[int | None, Shown("Size", Topic.IMAGES, Section.PAIRS, order=5, unit="px")] = Field(
        default=None, ge=64, le=2048, multiple_of=8
    )
    """Side of the square image in pixels; unset uses the model's native size."""
    clip_skip: Annotated[int | None, Shown("Clip skip", Topic.IMAGES, Section.PAIRS, order=6)] = Field(
        default=None, ge=1, le=12
    )
    """Which layer of the text encoder the prompt is read from, counted from the last (1). Unset uses what the adapter
    was trained with, or the model's default (1 for SD1.5, 2 for SDXL); in training, what most of the images were
    generated with."""


class AdapterSampling(Sampling):
    """How images are sampled with an adapter."""

    adapter_branch: Annotated[Literal["both", "conditional"], Shown("Branches with the adapter", Topic.COMPARISON)] = (
        "both"
    )
    """Where the adapter acts: in `both` branches of guidance, as in every other tool, or only in the `conditional` one,
    with your prompt."""
    unconditional_strength: Annotated[float | None, Shown("Where the adapter acts", Topic.COMPARISON)] = Field(
        default=None, ge=-1.0, le=1.0
    )
    """Strength in the unconditional branch (the negative prompt), relative to the adapter's strength: 1 is the same as
    in the other branch, 0 is off, below 0 is opposed, which strengthens the effect. Unset follows `adapter_branch`."""

    @model_validator(mode="after")
    def _check_that_the_branches_agree(self) -> Self:
        if self.adapter_branch == "conditional" and self.unconditional_strength:
            raise ValueError(
                "adapter_branch 'conditional' means an unconditional_strength of 0, and it is "
                f"{self.unconditional_strength:g}; give one of the two"
            )
        return self

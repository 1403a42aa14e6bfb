"""Where a job runs, and how images are sampled."""

from typing import Literal, Self

from pydantic import Field, model_validator

from sdpo_core.settings.base import Settings

Sampler = Literal["ddim", "euler", "dpm++2m"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16", "fp16", "fp64"]


class Runtime(Settings):
    """Where a job runs."""

    model: str = "demo"
    """Base model: `demo`, a checkpoint (.safetensors), a folder in diffusers format, or the hub id of a model that
    `download` has fetched."""
    prediction_type: Literal["auto", "epsilon", "v_prediction"] = "auto"
    """What the base model predicts; `auto` takes what it says of itself. Checkpoints of Stable Diffusion 2 don't say
    it: give it once, and it is remembered for the file."""
    device: Device = "auto"
    """Device to run on; `auto` takes CUDA, then Apple's MPS, then the CPU."""
    threads: int = Field(default=1, ge=1, le=256)
    """CPU threads of the job. Fixed for a run, because the last bits of a sum depend on it."""

    precision: Precision = "auto"
    """Numbers the network computes with: `auto` takes bf16 on a CUDA card that has it, fp16 on one that has not, and
    fp32 elsewhere. Losses, the adapter and its optimiser are in fp32 at least, whatever this says."""


class Sampling(Runtime):
    """How images are sampled."""

    sampler: Sampler = "ddim"
    """Sampler that turns noise into an image."""
    sampling_steps: int = Field(default=20, ge=1, le=200)
    """Sampler steps per image."""
    guidance: float | None = Field(default=None, ge=1.0, le=30.0)
    """Classifier-free guidance scale; unset takes the model's own (3 for the demo model, 7 for SD1.5, 5 for SDXL)."""
    clip_skip: int | None = Field(default=None, ge=1, le=12)
    """Which of the text encoder's layers the prompt is read from, counted from the last (1); unset takes what the
    adapter was trained with, or what the model was made for (1 for SD1.5, 2 for SDXL), in training what most of the
    images were made with."""
    size_px: int | None = Field(default=None, ge=64, le=2048, multiple_of=8)
    """Side of the square image in pixels; unset takes the size the model was made for."""


class AdapterSampling(Sampling):
    """How images are sampled with an adapter."""

    adapter_branch: Literal["both", "conditional"] = "both"
    """Where the adapter acts: in `both` branches of guidance as in every other tool, or only in the `conditional` one,
    that of your prompt."""
    unconditional_strength: float | None = Field(default=None, ge=-1.0, le=1.0)
    """Strength in the unconditional branch, that of the negative prompt, in parts of the adapter's strength: 1 is as in
    the other branch, 0 is off, less than 0 is opposed, which strengthens the effect. Unset follows `adapter_branch`."""

    @model_validator(mode="after")
    def _check_that_the_branches_agree(self) -> Self:
        if self.adapter_branch == "conditional" and self.unconditional_strength:
            raise ValueError(
                "adapter_branch 'conditional' means an unconditional_strength of 0, and it is "
                f"{self.unconditional_strength:g}; give one of the two"
            )
        return self

"""Settings of the job `generate`."""

from typing import Literal, Self

from pydantic import Field, model_validator

from sdpo_core.settings.comfyui import ComfySettings
from sdpo_core.settings.sampling import AdapterSampling

Pairing = Literal["neighbours", "telling"]


class GenerateConfig(AdapterSampling, ComfySettings):
    """Settings of `generate`: images to choose between."""

    prompts: tuple[str, ...] = Field(default=(), max_length=10_000)
    """Prompts; each gets `candidates_per_prompt` images every time it's listed. `{a|b}` is a choice: a prompt listed
    again gets another of its wordings, and the images of a pair share one."""
    negative: str = ""
    """Negative prompt shared by all."""
    candidates_per_prompt: int = Field(default=2, ge=2, le=16)
    """Images per prompt, from which `pairing` makes pairs."""
    pairing: Pairing = "neighbours"
    """Which of a prompt's images become pairs: all `neighbours` (2 images: 1 pair), or only the most `telling` pair:
    once your votes show a taste, the two images whose comparison says most about it, and for a quarter of the prompts a
    random pair. Before that, two images are generated."""
    seed: int | None = Field(default=None, ge=0, lt=2**32)
    """Seed of the first image; each further image adds one. Unset uses random seeds."""
    keep_ahead: int | None = Field(default=None, ge=1, le=200)
    """Number of pairs to keep ready for a vote: the prompts are generated again and again while fewer are ready. It
    ends after `keep_warm_s` without a vote. Unset: each listed prompt is generated once."""
    adapter: str | None = None
    """Adapter to generate with: a file, or an adapter's name in the workspace."""
    strength: float = Field(default=1.0, ge=-2.0, le=2.0)
    """0 is the base model alone, 1 the adapter as trained; from −2 to 2."""
    keep_warm_s: float = Field(default=0.0, ge=0.0, le=3600.0)
    """Seconds the job stays loaded after its last image, waiting for requests in its `control/` folder."""

    @model_validator(mode="after")
    def _check_that_there_is_something_to_do(self) -> Self:
        if not self.prompts and (self.keep_ahead or not self.keep_warm_s):
            raise ValueError("there is nothing to generate: prompts is empty. Give at least one prompt")
        if self.pairing == "telling" and self.candidates_per_prompt == 2:
            raise ValueError("pairing 'telling' chooses two of more images, and candidates_per_prompt is 2; give 4")
        if self.pairing == "telling" and self.comfy:
            raise ValueError("pairing 'telling' needs the model itself, which a ComfyUI keeps; take 'neighbours'")
        return self

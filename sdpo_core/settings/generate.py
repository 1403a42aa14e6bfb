"""Settings of the job `generate`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sdpo_core.settings.base import Settings, leaves
from sdpo_core.settings.comfyui import ComfyUI
from sdpo_core.settings.sampling import AdapterSampling, Runtime
from sdpo_core.settings.shown import Shown, Topic

Pairing = Literal["neighbours", "telling"]
_NOT_WITH_COMFY = (
    *("sampler", "sampling_steps", "guidance", "clip_skip"),
    *("adapter", "strength", "adapter_branch", "unconditional_strength"),
    *("device", "precision", "prediction_type"),
)
_ONLY_WITH_COMFY = ("workflow", "prompt_slot", "negative_slot", "seed_slot", "image_node")


class NewPairs(Settings):
    """Which images are generated, and which of them become pairs."""

    adapter: Annotated[str | None, Shown("Adapter", Topic.DATA)] = None
    """Adapter to generate with: a file, or an adapter's name in the workspace."""
    prompts: Annotated[tuple[str, ...], Shown("Prompts", Topic.DATA)] = Field(default=(), max_length=10_000)
    """Prompts; each gets `candidates_per_prompt` images every time it's listed. `{a|b}` is a choice: a prompt listed
    again gets another of its wordings, and the images of a pair share one."""
    negative: Annotated[str, Shown("Negative prompt", Topic.DATA)] = ""
    """Negative prompt shared by all."""
    candidates_per_prompt: Annotated[int, Shown("Images per prompt", Topic.DATA)] = Field(default=2, ge=2, le=16)
    """Images per prompt, from which `pairing` makes pairs."""
    pairing: Annotated[Pairing, Shown("Pairing", Topic.DATA)] = "neighbours"
    """Which of a prompt's images become pairs: all `neighbours` (2 images: 1 pair), or only the most `telling` pair:
    once your votes show a taste, the two images whose comparison says most about it, and for a quarter of the prompts a
    random pair. Before that, two images are generated."""
    strength: Annotated[float, Shown("Adapter strength", Topic.COMPARISON)] = Field(default=1.0, ge=-2.0, le=2.0)
    """0 is the base model alone, 1 the adapter as trained; from −2 to 2."""
    seed: Annotated[int | None, Shown("Seed", Topic.SCHEDULE)] = Field(default=None, ge=0, lt=2**32)
    """Seed of the first image; each further image adds one. Unset uses random seeds."""


class Ahead(Settings):
    """How long the job stays, and what it generates meanwhile."""

    keep_ahead: Annotated[int | None, Shown("Pairs to keep ready", Topic.DATA)] = Field(default=None, ge=1, le=200)
    """Number of pairs to keep ready for a vote: the prompts are generated again and again while fewer are ready. It
    ends after `keep_warm_s` without a vote. Unset: each listed prompt is generated once."""
    keep_warm_s: Annotated[float, Shown("Stay loaded", Topic.MACHINE, unit="s")] = Field(default=0.0, ge=0.0, le=3600.0)
    """Seconds the job stays loaded after its last image, waiting for requests in its `control/` folder."""


class GenerateConfig(Settings):
    """Settings of `generate`: images to choose between."""

    runtime: Runtime = Runtime()
    pairs: NewPairs = NewPairs()
    ahead: Ahead = Ahead()
    comfyui: ComfyUI = ComfyUI()
    sampling: AdapterSampling = AdapterSampling()

    @model_validator(mode="after")
    def _check_what_a_comfyui_takes(self) -> Self:
        known, values = leaves(type(self)), self.flat()
        given = [name for name in (*_NOT_WITH_COMFY, *_ONLY_WITH_COMFY) if values[name] != known[name].field.default]
        if self.comfyui.comfy is None:
            for name in given:
                if name in _ONLY_WITH_COMFY:
                    raise ValueError(f"{name} belongs to comfy, the address of a ComfyUI; give that too")
            return self
        if not self.comfyui.workflow:
            raise ValueError("comfy needs workflow: the file of a workflow that ComfyUI exported in the API format")
        for name in given:
            if name in _NOT_WITH_COMFY:
                raise ValueError(
                    f"{name} is the workflow's own where a ComfyUI draws; change it there, and leave it out"
                )
        return self

    @model_validator(mode="after")
    def _check_that_there_is_something_to_do(self) -> Self:
        pairs = self.pairs
        if not pairs.prompts and (self.ahead.keep_ahead or not self.ahead.keep_warm_s):
            raise ValueError("there is nothing to generate: prompts is empty. Give at least one prompt")
        if pairs.pairing == "telling" and pairs.candidates_per_prompt == 2:
            raise ValueError("pairing 'telling' chooses two of more images, and candidates_per_prompt is 2; give 4")
        if pairs.pairing == "telling" and self.comfyui.comfy:
            raise ValueError("pairing 'telling' needs the model itself, which a ComfyUI keeps; take 'neighbours'")
        return self

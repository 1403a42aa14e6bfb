"""The settings of `generate` for a running ComfyUI that draws; `GenerateConfig` inherits them."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_Slots = tuple[Annotated[str, Field(min_length=1, max_length=500)], ...]
_NOT_WITH_COMFY = (
    *(
        "sampler",
        "sampling_steps",
        "guidance",
        "clip_skip",
        "adapter",
        "strength",
        "adapter_branch",
        "unconditional_strength",
    ),
    *("device", "precision", "prediction_type"),
)
_ONLY_WITH_COMFY = ("workflow", "prompt_slot", "negative_slot", "seed_slot", "image_node")


class ComfySettings(BaseModel):
    """Which ComfyUI draws, with which workflow."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    comfy: str | None = Field(default=None, max_length=500)
    """Address of a running ComfyUI that draws the images with `workflow`, such as http://127.0.0.1:8188. `model` is
    then the one that they count for in training. Unset: this machine draws with `model`."""
    workflow: str | None = Field(default=None, max_length=4000)
    """File of the ComfyUI workflow, exported in the API format, or an image that ComfyUI saved with it."""
    prompt_slot: _Slots = Field(default=(), max_length=16)
    """Where the prompt goes in the workflow, as NODE.INPUT (`6.text`); unset finds it by the links."""
    negative_slot: _Slots = Field(default=(), max_length=16)
    """Where the negative prompt goes; unset finds it. Without a `negative` the workflow keeps its own."""
    seed_slot: _Slots = Field(default=(), max_length=16)
    """Where the seed goes, as NODE.INPUT; unset finds those of all samplers."""
    image_node: str | None = Field(default=None, max_length=500)
    """The node whose images are taken; unset takes the one that saves or shows them."""
    comfy_wait_s: float = Field(default=120.0, ge=0.0, le=86_400.0)
    """Seconds for which a ComfyUI that stops answering is tried again before the job ends; what it drew is kept."""

    @model_validator(mode="after")
    def _check_what_a_comfyui_takes(self) -> Self:
        fields = type(self).model_fields
        given = [name for name in (*_NOT_WITH_COMFY, *_ONLY_WITH_COMFY) if getattr(self, name) != fields[name].default]
        if self.comfy is None:
            for name in given:
                if name in _ONLY_WITH_COMFY:
                    raise ValueError(f"{name} belongs to comfy, the address of a ComfyUI; give that too")
            return self
        if not self.workflow:
            raise ValueError("comfy needs workflow: the file of a workflow that ComfyUI exported in the API format")
        for name in given:
            if name in _NOT_WITH_COMFY:
                raise ValueError(
                    f"{name} is the workflow's own where a ComfyUI draws; change it there, and leave it out"
                )
        return self

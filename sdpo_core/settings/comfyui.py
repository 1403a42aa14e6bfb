"""The part of `generate` that is about a running ComfyUI which generates the images."""

from typing import Annotated

from pydantic import Field

from sdpo_core.settings.base import Settings
from sdpo_core.settings.shown import Shown, Topic

_Slots = tuple[Annotated[str, Field(min_length=1, max_length=500)], ...]


class ComfyUI(Settings):
    """Which ComfyUI generates, with which workflow."""

    comfy: Annotated[str | None, Shown("Address of ComfyUI", Topic.COMFYUI)] = Field(default=None, max_length=500)
    """Address of a running ComfyUI that generates the images with `workflow`, such as http://127.0.0.1:8188. `model` is
    then the model they count for in training. Unset: this machine generates with `model`."""
    workflow: Annotated[str | None, Shown("Workflow", Topic.COMFYUI)] = Field(default=None, max_length=4000)
    """File of the ComfyUI workflow, exported in the API format, or an image that ComfyUI saved with it."""
    prompt_slot: Annotated[_Slots, Shown("Prompt input", Topic.COMFYUI)] = Field(default=(), max_length=16)
    """Where the prompt goes in the workflow, as NODE.INPUT (`6.text`); unset finds it by the links."""
    negative_slot: Annotated[_Slots, Shown("Negative prompt input", Topic.COMFYUI)] = Field(default=(), max_length=16)
    """Where the negative prompt goes; unset finds it. Without a `negative` the workflow keeps its own."""
    seed_slot: Annotated[_Slots, Shown("Seed input", Topic.COMFYUI)] = Field(default=(), max_length=16)
    """Where the seed goes, as NODE.INPUT; unset finds those of all samplers."""
    image_node: Annotated[str | None, Shown("Image node", Topic.COMFYUI)] = Field(default=None, max_length=500)
    """The node whose images are taken; unset takes the one that saves or shows them."""
    comfy_wait_s: Annotated[float, Shown("Wait for ComfyUI", Topic.COMFYUI, unit="s")] = Field(
        default=120.0, ge=0.0, le=86_400.0
    )
    """Seconds for which a ComfyUI that stops answering is tried again before the job ends; finished images are kept."""

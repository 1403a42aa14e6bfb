"""Settings of the jobs that bring something in: `download` and `import`."""

from typing import Annotated

from pydantic import Field

from sdpo_core.settings.base import Settings
from sdpo_core.settings.shown import Shown, Topic


class DownloadConfig(Settings):
    """Settings of `download`: a model from the Hugging Face Hub, into the shared cache."""

    model: Annotated[str, Shown("Model", Topic.DATA)] = Field(default="", min_length=1, validate_default=True)
    """Hub id of the model: `owner/name`, or `owner/name/file.safetensors` for one of several checkpoints."""


class ImportConfig(Settings):
    """Settings of the job `import`: a folder of images or pairs from other tools."""

    folder: Annotated[str, Shown("Folder", Topic.DATA)] = Field(default="", min_length=1, validate_default=True)
    """The folder that holds the images or pairs."""
    layout: Annotated[str | None, Shown("Layout", Topic.DATA)] = None
    """How the folder is organised; unset detects it."""
    winners: Annotated[str | None, Shown("Folder of the winners", Topic.DATA)] = None
    """Layout `two-folders`: the subfolder with the better images."""
    prompt: Annotated[str | None, Shown("Prompt", Topic.DATA)] = Field(default=None, max_length=20_000)
    """The prompt for images without one."""

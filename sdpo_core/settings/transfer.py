"""Settings of the jobs that bring something in: `download` and `import`."""

from pydantic import Field

from sdpo_core.settings.base import Settings


class DownloadConfig(Settings):
    """Settings of `download`: a model from the Hugging Face Hub, into the shared cache."""

    model: str = Field(default="", min_length=1, validate_default=True)
    """Hub id of the model: `owner/name`, or `owner/name/file.safetensors` for one of several checkpoints."""


class ImportConfig(Settings):
    """Settings of the job `import`: a folder of images or pairs from other tools."""

    folder: str = Field(default="", min_length=1, validate_default=True)
    """The folder that holds the images or pairs."""
    layout: str | None = None
    """How the folder is organised; unset detects it."""
    winners: str | None = None
    """Layout `two-folders`: the subfolder with the better images."""
    prompt: str | None = Field(default=None, max_length=20_000)
    """The prompt for images without one."""

"""What the Generate page's scripts send and are answered. What arrives may be anything; what leaves is plain JSON."""

from pydantic import ConfigDict, Field

from app.ui.replies import Answer, Message
from sdpo_core.runs.folder import State

MOST_FILE_BYTES = 8 * 2**20
"""Of a workflow."""

DEFAULT_URL = "http://127.0.0.1:8188"

# --- the newest images -----------------------------------------------------------------------------------------------


class NewestImage(Answer):
    """An image, its prompt, and what else is known about how it was made: label and value."""

    sha256: str
    prompt: str
    facts: list[tuple[str, str]]


class NewestImages(Answer):
    """The newest images, the newest first."""

    images: list[NewestImage]


# --- generating with ComfyUI -----------------------------------------------------------------------------------------


class ComfyWish(Message):
    """What is on the page."""

    model_config = ConfigDict(strict=True)

    on: bool = False
    url: str = Field(default=DEFAULT_URL, max_length=500)
    prompt_slot: str = Field(default="", max_length=500)
    negative_slot: str = Field(default="", max_length=500)
    seed_slot: str = Field(default="", max_length=500)
    image_node: str = Field(default="", max_length=200)


class WorkflowMessage(Message):
    """A file that the person opened, dropped or pasted."""

    model_config = ConfigDict(strict=True)

    name: str = Field(max_length=200)
    content: str = Field(max_length=MOST_FILE_BYTES * 4 // 3 + 8)  # base64


class ComfyLine(Answer):
    """Something that was found in a workflow."""

    what: str
    where: str
    value: str


class ComfyState(Answer):
    """What was chosen, and what is found in the workflow."""

    on: bool
    url: str
    prompt_slot: str
    negative_slot: str
    seed_slot: str
    image_node: str
    workflow: str
    name: str
    found: list[ComfyLine]
    notes: list[str]
    problems: list[str]


# --- importing images ------------------------------------------------------------------------------------------------


class StartMessage(Message):
    """What was sent is complete."""

    id: str = Field(pattern="^[0-9a-f]{16}$")


class FolderMessage(Message):
    """A folder on this machine, as a person wrote it."""

    path: str = Field(max_length=4000)


class PromptMessage(Message):
    """The prompt for images that had none."""

    run: str = Field(max_length=120)
    prompt: str = Field(max_length=20_000)


class Draft(Answer):
    """There is room for files under this id."""

    id: str


class Started(Answer):
    """An import runs, or waits for its turn; then there is a sentence in place of a run."""

    run: str
    sentence: str


class ImportTrouble(Answer):
    """A file that could not be imported."""

    name: str
    reason: str


class NoImport(Answer):
    """Nothing was imported yet."""

    run: str


class ImportState(Answer):
    """The newest import: whether it runs, and its report when it is over."""

    run: str
    running: bool
    state: State
    sentence: str
    troubles: list[ImportTrouble]
    question: str

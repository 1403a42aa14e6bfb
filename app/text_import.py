"""Every string about importing images on the page Generate."""

from app.text import number

IMPORT = {
    "title": "Import your own images",
    "hint": (
        "From ComfyUI, A1111, Forge, InvokeAI, Fooocus, SwarmUI or NovelAI, prompts included. Images of one prompt "
        "become pairs to vote on; of near duplicates one is kept. Those whose files name the hash of your model "
        "(A1111, Forge) train like your own; the others when you ask for it (Train, All settings, Pairs to learn from)."
    ),
    "drop": "Drop images or a folder here",
    "files": "Choose images…",
    "folder": "Choose a folder…",
    "path": "Or a folder on this machine",
    "take": "Import it",
    "sending": "Sending {done} of {total}…",
    "cancel": "Cancel",
    "cancelled": "Cancelled. Nothing was taken in.",
    "nothing": "There is no PNG, JPEG or WebP image in what you chose.",
    "wrongKind": "{name}: neither PNG, JPEG, WebP nor a text beside an image",
    "tooLarge": "{name}: larger than {most} MiB",
    "tooMany": "More than {most} files: take a folder on this machine instead, below.",
    "leftOut": "Left out ({count})",
    "prompt": "Their prompt",
    "give": "Take them in",
    "lost": "The studio did not answer. Try again.",
}
QUEUED = "Another job is running. The import waits for its turn and starts by itself."
NO_DRAFT = "What was sent is gone. Choose the images again."
DISK_FULL = "The disk is nearly full. Free some space, then try again."
EMPTY_PROMPT = "Write the prompt that these images were made with, or what they show."
FOLDER_GONE = "The images are not there any more. Choose them again."


def too_large(name: str, most: int) -> str:
    """A file is larger than any that is taken."""
    return f"{name} is larger than {most >> 20 or most / 2**20} MiB. Save it smaller, then try again."


def wrong_kind(name: str) -> str:
    """A file is of a kind that is not read."""
    return f"{name} is neither PNG, JPEG nor WebP. Save it as one of these."


def too_many(most: int) -> str:
    """More files than a browser should send."""
    return f"At most {most:,} files can be sent at once. Import them as a folder on this machine instead."


def no_such_folder(path: str) -> str:
    """A folder that can't be imported."""
    if not path:
        return "Write where the folder lies."
    return f"There is no folder {path[:200]} that the studio may enter. Check the spelling, the drive and its rights."


def which_prompt(count: int) -> str:
    """Images came without a prompt."""
    has = number(count, "image has", "images have")
    return f"{has} no prompt. What were they made with, or what do they show? Images of one prompt become pairs."


def queue_title(folder: str) -> str:
    """An import that waits."""
    return f"Import of {folder}"

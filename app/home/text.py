"""Strings of the Home page: progress, the machine, projects, the phone."""

from app.desk import text as desk_text
from app.ui.words import number, size

PAGE = "Home"

# --- progress --------------------------------------------------------------------------------------------------------

HOME = {
    "loop": "Your progress",
    "next": "Next step",
    "working": "{name} is running. Meanwhile, you can vote on any pairs left, or close this page.",
    "look": "Show it",
    "allDone": "You're all caught up.",
    "machine": "This machine",
    "keepHouse": "Manage storage",
    "projects": "Projects",
    "projectsHint": "A project keeps its own base model, prompts, votes and adapters, separate from other projects.",
    "new": "New project",
    "newName": "Project name",
    "make": "Create",
    "import": "Import a zip",
    "importHint": "A zip exported from SDPO Studio. Its contents are checked first.",
    "uploading": "Uploading the zip: {percent} %",
    "checking": "Unpacking and verifying every image…",
    "lost": "The studio didn't respond. Try again.",
    "cancel": "Cancel",
    "open": "Open",
    "isOpen": "Open",
    "rename": "Rename",
    "renameLabel": "New name",
    "save": "Save",
    "export": "Export",
    "exporting": "Exporting…",
    "download": "Download the zip",
    "archive": "Archive",
    "unarchive": "Unarchive",
    "archived": "Archived projects ({count})",
    "opening": "Opening…",
    "loading": "Loading…",
}

STAGES = {
    "model": "Base model",
    "candidates": "Images",
    "votes": "Votes",
    "runs": "Training runs",
    "adapters": "Adapters",
}
"""The loop, in order."""

NO_IMAGES_YET = "Generate some, or import your own"
ALL_VOTED = "you've voted on every pair"
NO_VOTES = "No votes yet"
ENOUGH_VOTES = "enough to learn a clear taste"
NO_RUN = "Nothing trained yet"
NO_ADAPTER = "Trained from your votes"
JUDGED = "latest one tested"
NOT_JUDGED = "latest one not tested yet"
MODEL_TROUBLE = "can't be used"
RUNNING = "running: step {step} of {total}"
NEWEST = "latest: {state}"
NO_GPU = "No NVIDIA GPU found"
NO_GPU_HINT = "Everything also runs on the CPU, just slower."
GPU_HINT = "{used} of {total} in use"
GPU_BUSY = ", {busy} % busy"
DISK_LABEL = "Disk"
DISK_HINT = "{free} free of {total}"
DEMO_MODEL = "tiny, for trying things out"


def model_hint(family: str, size_px: int) -> str:
    """What a base model is."""
    return f"{family}, {size_px} px"


def waiting(pairs: int) -> str:
    """How many pairs have no vote yet."""
    return number(pairs, "pair waiting", "pairs waiting") if pairs else ALL_VOTED


def more_votes(count: int) -> str:
    """How many more votes it takes."""
    return f"{count:,} more for a clear taste"


# --- projects --------------------------------------------------------------------------------------------------------

SENT_ZIP = "The file"
TOO_LARGE = "The zip is larger than the free space on the disk. Free some space, then try again."
MODEL_KNOWN = "Its base model, {name}, is on this machine and selected."
MODEL_EARLIER_DEMO = (
    "It was made with an earlier version of the demo model. To train the current one on its votes, set “{field}” to "
    "“all”. New pairs work without that."
)
MODEL_UNKNOWN = "It was made with {name}. Select that model on the Generate page before you continue."


def exported(file: str, size_bytes: int, left_out: int) -> str:
    """An export has finished."""
    message = f"{file} is ready ({size(size_bytes)})."
    if left_out:
        gone = number(left_out, "pair or adapter", "pairs or adapters")
        return f"{message} Left out {gone} with missing or damaged files."
    return message


def imported(name: str, images: int, votes: int, adapters: int) -> str:
    """An import has finished."""
    return f"Imported {name}: {desk_text.project_facts(images, votes, adapters)}."


# --- the phone -------------------------------------------------------------------------------------------------------


PHONE = {
    "title": "On your phone",
    "about": (
        "Vote from the sofa. The studio becomes available on your home network, behind a password, until you turn this "
        "off or close the studio."
    ),
    "open": "Use on my phone",
    "opening": "Opening…",
    "address": "This computer's network address",
    "scan": "Scan this code with your phone, or enter the address and password there.",
    "codeAlt": "QR code with the address and password shown below",
    "url": "Address",
    "password": "Password",
    "close": "Turn it off",
    "careful": (
        "Phone and computer must be on the same network. Anyone with the password can do everything you can, and the "
        "connection isn't encrypted: use this at home, not in a café."
    ),
    "lost": "The studio didn't respond. Try again.",
}

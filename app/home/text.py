"""Every string of the page Home: where the person stands, the machine, projects, the phone."""

from app.desk import text as desk_text
from app.ui.words import number, size

# --- where the person stands -----------------------------------------------------------------------------------------

HOME = {
    "loop": "Where you stand",
    "next": "Next step",
    "working": "{name} is running. There is nothing to do for you until it is done.",
    "look": "Look at it",
    "allDone": "Nothing waits for you.",
    "machine": "This machine",
    "keepHouse": "Keep house",
    "projects": "Projects",
    "projectsHint": "A project is a base model with its prompts, votes and adapters. Projects never mix.",
    "new": "New project",
    "newName": "Name of the new project",
    "make": "Make it",
    "import": "Import a zip",
    "importHint": "A zip that a studio exported. Everything in it is checked first.",
    "uploading": "Reading the zip: {percent} %",
    "checking": "Checking and unpacking. Every image is compared with its hash.",
    "lost": "The studio did not answer. Try again.",
    "cancel": "Cancel",
    "open": "Open",
    "isOpen": "Open now",
    "rename": "Rename",
    "renameLabel": "New name",
    "save": "Save",
    "export": "Export",
    "exporting": "Exporting…",
    "download": "Download the zip",
    "archive": "Archive",
    "unarchive": "Bring back",
    "archived": "Archived projects ({count})",
    "opening": "Opening…",
    "loading": "Looking…",
}

STAGES = {
    "model": "Base model",
    "candidates": "Images",
    "votes": "Votes",
    "runs": "Training runs",
    "adapters": "Adapters",
}
"""The loop, in its order."""

NO_IMAGES_YET = "Draw some, or import your own"
ALL_VOTED = "every pair has your vote"
NO_VOTES = "No choice made yet"
ENOUGH_VOTES = "enough for a clear taste"
NO_RUN = "Nothing trained yet"
NO_ADAPTER = "What your votes become"
JUDGED = "the newest is judged"
NOT_JUDGED = "the newest is not judged yet"
MODEL_TROUBLE = "can't be used"
RUNNING = "running: step {step} of {total}"
NEWEST = "newest: {state}"
NO_GPU = "No NVIDIA card answers"
NO_GPU_HINT = "Everything works on the processor too, only slower."
GPU_HINT = "{used} of {total} in use"
GPU_BUSY = ", {busy} % busy"
DISK_LABEL = "Disk"
DISK_HINT = "{free} free of {total}"

DEMO_MODEL = "tiny, for trying out"


def model_hint(family: str, size_px: int) -> str:
    """What a base model is."""
    return f"{family}, {size_px} px"


def waiting(pairs: int) -> str:
    """Pairs without a vote."""
    return number(pairs, "pair waits", "pairs wait") if pairs else ALL_VOTED


def more_votes(count: int) -> str:
    """Votes that are missing."""
    return f"{count:,} more make a clear taste"


# --- projects --------------------------------------------------------------------------------------------------------

SENT_ZIP = "The file"
TOO_LARGE = "The zip is larger than what is free on the disk. Free some space, then try again."
MODEL_KNOWN = "Its base model, {name}, is on this machine and chosen."
MODEL_EARLIER_DEMO = (
    "It was made with the demo model of an earlier version. Its votes train today's demo model if “{field}” is set to "
    "“all”; new pairs need no setting."
)
MODEL_UNKNOWN = "It was made with {name}. Choose that model on the Generate page before you go on."


def exported(file: str, size_bytes: int, left_out: int) -> str:
    """An export is done."""
    told = f"{file} is ready ({size(size_bytes)})."
    if left_out:
        gone = number(left_out, "pair or adapter", "pairs or adapters")
        return f"{told} {gone} stayed behind, because their files are gone or damaged."
    return told


def imported(name: str, images: int, votes: int, adapters: int) -> str:
    """An import is done."""
    return f"{name} is here: {desk_text.project_facts(images, votes, adapters)}."


# --- keeping house ---------------------------------------------------------------------------------------------------


PHONE = {
    "title": "On your phone",
    "about": (
        "Vote from the sofa: the studio then also answers in your home network, behind a password, until you turn it "
        "off or close the studio."
    ),
    "open": "Use on my phone",
    "opening": "Opening…",
    "address": "Network address of this computer",
    "scan": "Point your phone's camera at this code, or type the address and the password there.",
    "codeAlt": "QR code with the address and the password below",
    "url": "Address",
    "password": "Password",
    "close": "Turn it off",
    "careful": (
        "Phone and computer must be in the same network. Whoever has the password can use the studio as you do, and "
        "the connection is not encrypted: do this at home, not in a café."
    ),
    "lost": "The studio did not answer. Try again.",
}

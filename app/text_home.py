"""Strings of the pages Home and Disk: where the person stands, projects, keeping house. The others stand in `text`."""

from app.text import number

GIB, MIB, KIB = 2**30, 2**20, 2**10


def size(size_bytes: int) -> str:
    """`1.4 GiB`, `230 MiB`, `12 KiB`."""
    if size_bytes >= GIB:
        return f"{size_bytes / GIB:.1f} GiB"
    if size_bytes >= MIB:
        return f"{size_bytes / MIB:.0f} MiB"
    return f"{max(1, round(size_bytes / KIB))} KiB" if size_bytes else "nothing"


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
STATES = {"done": "done", "stopped": "stopped", "failed": "failed", "queued": "starting", "running": "running"}
NO_GPU = "No NVIDIA card answers"
NO_GPU_HINT = "Everything works on the processor too, only slower."
GPU_HINT = "{used} of {total} in use"
GPU_BUSY = ", {busy} % busy"
DISK_LABEL = "Disk"
DISK_HINT = "{free} free of {total}"

DEMO_MODEL = "tiny, for trying out"
FAMILIES = {"sd15": "Stable Diffusion 1.x", "sd20": "Stable Diffusion 2.x", "sdxl": "Stable Diffusion XL"}


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

EMPTY_PROJECT = "Empty so far"
UNREADABLE_PROJECT = "This project can't be read: {why}"
NOTHING_TO_EXPORT = "{name} is empty, so there is nothing to export. Draw some images in it first."
NO_SUCH_EXPORT = "There is no such export any more. Export the project again."
IMPORTING_ALREADY = "Another zip is being imported. Wait until it is done."
TOO_LARGE = "The zip is larger than what is free on the disk. Free some space, then try again."
UNEXPECTED = "The page sent something unexpected. Reload it."
MODEL_KNOWN = "Its base model, {name}, is on this machine and chosen."
MODEL_UNKNOWN = "It was made with {name}. Choose that model on the Generate page before you go on."


def project_facts(images: int, votes: int, adapters: int) -> str:
    """How much a project holds."""
    parts = [number(images, "image", "images"), number(votes, "vote", "votes"), number(adapters, "adapter", "adapters")]
    return " · ".join(parts)


def exported(file: str, size_bytes: int, left_out: int) -> str:
    """An export is done."""
    told = f"{file} is ready ({size(size_bytes)})."
    if left_out:
        gone = number(left_out, "pair or adapter", "pairs or adapters")
        return f"{told} {gone} stayed behind, because their files are gone or damaged."
    return told


def imported(name: str, images: int, votes: int, adapters: int) -> str:
    """An import is done."""
    return f"{name} is here: {project_facts(images, votes, adapters)}."

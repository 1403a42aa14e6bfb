"""Strings of the pages Home and Disk: where the person stands, projects, keeping house. The others stand in `text`."""

from app.text import number
from sdpo_core.workspace.restoring import Voted

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
SENT_ZIP = "The file"
TOO_LARGE = "The zip is larger than what is free on the disk. Free some space, then try again."
MODEL_KNOWN = "Its base model, {name}, is on this machine and chosen."
MODEL_EARLIER_DEMO = (
    "It was made with the demo model of an earlier version. Its votes train today's demo model if “{field}” is set to "
    "“all”; new pairs need no setting."
)
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


# --- keeping house ---------------------------------------------------------------------------------------------------

DISK = {
    "title": "What this project takes",
    "total": "{size} in all, {free} free on the disk",
    "cancel": "Cancel",
    "more": "and {count} more",
    "trash": "Trash",
    "trashEmpty": "The trash is empty.",
    "putBack": "Put back",
    "backups": "Copies of your votes",
    "backupsHint": "One a day, made by itself, the newest seven; and one before everything that changes them all.",
    "noBackups": "There is no copy yet. The first one is made when there is something to lose.",
    "restore": "Restore…",
    "restoreDo": "Go back to this copy",
    "lost": "The studio did not answer. Try again.",
    "working": "Working…",
    "loading": "Looking…",
}
PARTS = {
    "images": ("Images", "every image once; those with a vote stay whatever you clear"),
    "checkpoints": ("Checkpoints", "the steps of your training runs"),
    "runs": ("Runs", "settings, curves, previews and logs"),
    "adapters": ("Adapters", "what your votes became"),
    "votes": ("Votes", "the database and its copies"),
    "exports": ("Exports", "projects as zips"),
    "cache": ("Cache", "what the pages put down for a while"),
    "trash": ("Trash", "what was cleared and can be put back"),
    "other": ("Other files", "settings, and what is not the studio's"),
}
CLEARINGS = {
    "unvoted": "Images without a vote",
    "strays": "Image files that belong to nothing",
    "checkpoints": "Checkpoints that nothing needs",
    "grids": "Grids",
    "drawn": "Images drawn for training",
    "exports": "Exported zips",
    "cache": "Cache",
    "trash": "Everything in the trash",
}
CLEAR_LABELS = {
    "unvoted": "Clear images without a vote",
    "strays": "Clear stray image files",
    "checkpoints": "Clear what nothing needs",
    "grids": "Clear finished grids",
    "drawn": "Clear images drawn for training",
    "exports": "Remove exported zips",
    "cache": "Clear the cache",
    "trash": "Empty the trash",
}
CLEAR_BUTTONS = dict.fromkeys(("unvoted", "strays", "checkpoints", "grids", "drawn"), "Move to the trash") | {
    "exports": "Remove",
    "cache": "Remove",
    "trash": "Remove for good",
}
BUSY = "A job is running. Wait until it is done, or stop it; then clear or restore."
UNREADABLE_BACKUP = "can't be read"
BACKUP_NAMES = {"day": "Daily copy", "before-version": "Before an update", "before-restore": "Before a restore"}


def would_go(kind: str, files: int, size_bytes: int, pairs: int, runs: int) -> str:
    """What a clearing would take away, and what that means."""
    if not files:
        return "There is nothing to clear here."
    takes = f"{size(size_bytes)} in {number(files, 'file', 'files')}."
    match kind:
        case "unvoted":
            told = f"{takes} Nobody voted on these images, here or in any copy."
            return f"{told} With them goes what waits for a vote: {number(pairs, 'pair', 'pairs')}." if pairs else told
        case "strays":
            return f"{takes} No pair and no recipe speaks of them."
        case "checkpoints":
            of_runs = number(runs, "finished run", "finished runs")
            return f"{takes} They are earlier steps of {of_runs}. The steps that became adapters stay, for round two."
        case "grids":
            told = f"{number(runs, 'grid', 'grids')}, {size(size_bytes)}."
            return f"{told} What you recommended after one stays: the adapter and its strength."
        case "drawn":
            of_runs = number(runs, "finished run", "finished runs")
            return (
                f"{size(size_bytes)}. {of_runs} drew these images to learn more from your votes; no run needs them now."
            )
        case "exports":
            return f"{takes} Their projects stay, and can be exported again."
        case "cache":
            return f"{takes} Older than an hour. Made again when needed."
        case _:
            return f"{takes} This can't be undone."


def cleared(kind: str, size_bytes: int) -> str:
    """A clearing is done."""
    if kind in ("exports", "cache", "trash"):
        return f"{size(size_bytes)} are free now."
    return f"{size(size_bytes)} are in the trash, from where you can put them back. Emptying it makes the space free."


def put_back(kind: str, adapters: list[str]) -> str:
    """A clearing, or the deletion of adapters, was undone."""
    return f"{thrown(kind, adapters)}: back in place."


def thrown(kind: str, adapters: list[str]) -> str:
    """What an entry of the trash is called: after the adapters in it, or after its kind."""
    return f"Adapter {', '.join(adapters)}" if adapters else CLEARINGS.get(kind, kind)


def in_trash(files: int, size_bytes: int) -> str:
    """What an entry of the trash holds."""
    return f"{number(files, 'file', 'files')}, {size(size_bytes)}"


def voted(there: Voted) -> str:
    """Votes, and those of blind tests, which are counted apart everywhere."""
    return number(there.votes, "vote", "votes") + (f" and {there.blind:,} in blind tests" if there.blind else "")


def backup_facts(there: Voted, size_bytes: int) -> str:
    """What a copy holds."""
    return f"{voted(there)}, {size(size_bytes)}"


def restore_question(made: str, there: Voted, now: Voted) -> str:
    """What restoring means."""
    return (
        f"The copy of {made} holds {voted(there)}; now there are {voted(now)}. Everything goes back to "
        "how it was then. What is there now is copied first, so you can come back."
    )


def restored(made: str) -> str:
    """A restore is done."""
    return f"Your votes are as they were on {made}. The copy “{BACKUP_NAMES['before-restore']}” leads back."


def copy_failed(why: str) -> str:
    """The day's copy could not be made; for the terminal."""
    return f"No copy of the votes was made: {why}"

"""Every string of the page Disk."""

from app.ui.words import number, size
from sdpo_core.workspace.restoring import Voted

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

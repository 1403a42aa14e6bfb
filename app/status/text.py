"""Strings of the status bar above every page."""

from app.desk import text as desk_text
from app.ui.words import NAME, TAGLINE, number

STATUS = {
    "stop": "Stop",
    "stopping": "Stopping…",
    "stopAndKeep": "Stop and keep",
    "dismiss": "Dismiss",
    "left": "left",
    "lost": "The studio isn't responding. Is it still running? This page reconnects by itself.",
    "done.download": "Download done",
    "done.generate": "Generating done",
    "done.import": "Import done",
    "done.measure": "Measuring done",
    "done.train": "Training done",
    "done.judge": "Blind test ready",
    "done.grid": "Grid done",
    "stopped.download": "Download stopped",
    "stopped.generate": "Generating stopped",
    "stopped.import": "Import stopped",
    "stopped.measure": "Measuring stopped",
    "stopped.train": "Training stopped",
    "stopped.judge": "Blind test stopped",
    "stopped.grid": "Grid stopped",
    "failed.download": "Download failed",
    "failed.generate": "Generating failed",
    "failed.import": "Import failed",
    "failed.measure": "Measuring failed",
    "failed.train": "Training failed",
    "failed.judge": "Blind test failed",
    "failed.grid": "Grid failed",
    **desk_text.JOB_STRINGS,
    "theme": "Switch between light and dark",
    "tagline": TAGLINE,
    "name": NAME,
    "nextLabel": "Next step",
    "factsLabel": "Your progress",
    "progressLabel": "Progress",
    "manyTabs": "The studio is open in five browser tabs; a sixth wouldn't load. Close some.",
}

GPU_LOST = "The GPU isn't being used."


def facts(model: str, pairs: int, votes: int, runs: int, adapters: int) -> list[tuple[str, str]]:
    """The home strip: label and value."""
    return [
        ("Model", model),
        ("Pairs", f"{pairs:,}"),
        ("Votes", f"{votes:,}"),
        ("Runs", f"{runs:,}"),
        ("Adapters", f"{adapters:,}"),
    ]


def missing_images(count: int) -> str:
    """Images the database lists but the disk no longer has."""
    missing = "1 image is" if count == 1 else f"{count:,} images are"
    return f"{missing} missing from the workspace's images folder. Their pairs are skipped until the files are back."


NEXT_GENERATE = ("Generate some images to choose between.", "Generate")
NEXT_MORE = ("You've voted on every pair. Generate more to continue.", "Generate more")
NEXT_JUDGE = ("Your adapter is ready. Run a blind test to see whether you prefer it.", "Judge")
NEXT_USE = ("Your adapter has its verdict. Use it elsewhere, or generate new pairs for another round.", "See adapters")


def next_vote(waiting: int, votes: int, wanted: int) -> tuple[str, str]:
    """There are pairs to vote on."""
    if votes == 0:
        return f"{number(waiting, 'pair is', 'pairs are')} ready for your first vote.", "Vote"
    more = number(wanted - votes, "more vote", "more votes")
    return f"{number(waiting, 'pair', 'pairs')} waiting. {more} for a clear taste.", "Vote"


def next_train(votes: int) -> tuple[str, str]:
    """Enough votes to train on."""
    return f"You have {number(votes, 'vote', 'votes')} to learn from. Train your adapter.", "Train"


NOTICES = {
    "notices": "Notify me when a job ends",
    "noticesOff": "Notify me when a job ends, even if this page is in the background",
    "noticesOn": "You'll be notified when a job ends. Click to turn this off.",
    "noticesRefused": (
        "Your browser blocks notifications for this page. Allow them in its site settings. Until then, the page title "
        "shows when a job ends."
    ),
}

"""Every string of the bar above all pages."""

from app.desk import text as desk_text
from app.ui.words import NAME, TAGLINE, number

STATUS = {
    "stop": "Stop",
    "stopping": "Stopping…",
    "stopAndKeep": "Stop and keep",
    "dismiss": "Dismiss",
    "left": "left",
    "lost": "The studio does not answer. Is its window still open? This page goes on by itself when it is back.",
    "done": {
        "download": "Download done",
        "generate": "Drawing done",
        "import": "Import done",
        "measure": "Measured",
        "train": "Training done",
        "judge": "Comparisons ready",
        "grid": "Grid drawn",
    },
    "stopped": {
        "download": "Download stopped",
        "generate": "Drawing stopped",
        "import": "Import stopped",
        "measure": "Measuring stopped",
        "train": "Training stopped",
        "judge": "Comparisons stopped",
        "grid": "Grid stopped",
    },
    "failed": {
        "download": "Download failed",
        "generate": "Drawing failed",
        "import": "Import failed",
        "measure": "Measuring failed",
        "train": "Training failed",
        "judge": "Comparisons failed",
        "grid": "Grid failed",
    },
    "names": desk_text.JOB_NAMES,
    "theme": "Switch between light and dark",
    "tagline": TAGLINE,
    "name": NAME,
    "nextLabel": "Next step",
    "factsLabel": "Where you stand",
    "progressLabel": "Progress",
    "manyTabs": "The studio is open in five browser tabs, and a sixth would not load. Close some.",
}

GPU_LOST = "The GPU is not used."


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
    """Images that the database knows and the disk does not have."""
    gone = "1 image is" if count == 1 else f"{count:,} images are"
    return f"{gone} gone from the workspace's images folder; their pairs are left out until the files are back."


NEXT_GENERATE = ("Draw some images to choose between.", "Generate")

NEXT_MORE = ("Every pair has your vote. Draw more to go on.", "Generate more")

NEXT_JUDGE = ("Your adapter is ready. Find out, blindly, whether you prefer it.", "Judge")

NEXT_USE = ("Your adapter is judged. Take its file, or draw new pairs and go another round.", "See adapters")


def next_vote(waiting: int, votes: int, wanted: int) -> tuple[str, str]:
    """Pairs wait for votes."""
    if votes == 0:
        return f"{number(waiting, 'pair waits', 'pairs wait')} for your first vote.", "Vote"
    more = number(wanted - votes, "more vote makes", "more votes make")
    return f"{number(waiting, 'pair waits', 'pairs wait')}. {more} a clear taste.", "Vote"


def next_train(votes: int) -> tuple[str, str]:
    """Enough votes to train on."""
    return f"{number(votes, 'vote', 'votes')} to learn from. Train your adapter.", "Train"


NOTICES = {
    "notices": "Notify me when a job ends",
    "noticesOff": "Notify me when a job ends, also when this page is out of sight",
    "noticesOn": "You are notified when a job ends. Click to switch it off.",
    "noticesRefused": (
        "The browser does not allow notifications for this page; its settings for the site do. The page's title still "
        "tells when a job ends."
    ),
}

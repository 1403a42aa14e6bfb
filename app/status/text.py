"""Strings of the status bar above every page."""

from app.ui.strings import Strings
from app.ui.words import NAME, TAGLINE

say = Strings(
    {
        "status.stop": "Stop",
        "status.stopping": "Stopping…",
        "status.stopAndKeep": "Stop and keep",
        "status.dismiss": "Dismiss",
        "status.left": "left",
        "status.lost": "The studio isn't responding. Is it still running? This page reconnects by itself.",
        "status.done.download": "Download done",
        "status.done.generate": "Generating done",
        "status.done.import": "Import done",
        "status.done.measure": "Measuring done",
        "status.done.train": "Training done",
        "status.done.judge": "Blind test ready",
        "status.done.grid": "Grid done",
        "status.stopped.download": "Download stopped",
        "status.stopped.generate": "Generating stopped",
        "status.stopped.import": "Import stopped",
        "status.stopped.measure": "Measuring stopped",
        "status.stopped.train": "Training stopped",
        "status.stopped.judge": "Blind test stopped",
        "status.stopped.grid": "Grid stopped",
        "status.failed.download": "Download failed",
        "status.failed.generate": "Generating failed",
        "status.failed.import": "Import failed",
        "status.failed.measure": "Measuring failed",
        "status.failed.train": "Training failed",
        "status.failed.judge": "Blind test failed",
        "status.failed.grid": "Grid failed",
        "status.theme": "Switch between light and dark",
        "status.tagline": TAGLINE,
        "status.name": NAME,
        "status.nextLabel": "Next step",
        "status.factsLabel": "Your progress",
        "status.progressLabel": "Progress",
        "status.manyTabs": "The studio is open in five browser tabs; a sixth wouldn't load. Close some.",
        "gpuLost": "The GPU isn't being used.",
        "notices.notices": "Notify me when a job ends",
        "notices.noticesOff": "Notify me when a job ends, even if this page is in the background",
        "notices.noticesOn": "You'll be notified when a job ends. Click to turn this off.",
        "notices.noticesRefused": (
            "Your browser blocks notifications for this page. Allow them in its site settings. Until then, the page "
            "title shows when a job ends."
        ),
        "missingImages.one": (
            "{n} image is missing from the workspace's images folder. Their pairs are skipped until the files are back."
        ),
        "missingImages.other": (
            "{n} images are missing from the workspace's images folder. Their pairs are skipped until the files are "
            "back."
        ),
        # --- the numbers of the loop ---
        "fact.model": "Model",
        "fact.pairs": "Pairs",
        "fact.votes": "Votes",
        "fact.runs": "Runs",
        "fact.adapters": "Adapters",
        # --- the next step, and its button ---
        "next.generate": "Generate some images to choose between.",
        "button.generate": "Generate",
        "next.more": "You've voted on every pair. Generate more to continue.",
        "button.more": "Generate more",
        "next.firstVote.one": "{n} pair is ready for your first vote.",
        "next.firstVote.other": "{n} pairs are ready for your first vote.",
        "next.vote": "{waiting} {more}",
        "next.waiting.one": "{n} pair waiting.",
        "next.waiting.other": "{n} pairs waiting.",
        "next.moreVotes.one": "{n} more vote for a clear taste.",
        "next.moreVotes.other": "{n} more votes for a clear taste.",
        "button.vote": "Vote",
        "next.train.one": "You have {n} vote to learn from. Train your adapter.",
        "next.train.other": "You have {n} votes to learn from. Train your adapter.",
        "button.train": "Train",
        "next.trainRound.one": "You have {n} vote on pairs generated with {name}. Train the next round on it.",
        "next.trainRound.other": "You have {n} votes on pairs generated with {name}. Train the next round on them.",
        "button.trainRound.one": "Train round {round} ({n} vote)",
        "button.trainRound.other": "Train round {round} ({n} votes)",
        "next.foreign.one": (
            "Your {n} vote is on images of another or an unknown model. It can train if you include it."
        ),
        "next.foreign.other": (
            "Your {n} votes are on images of another or an unknown model. They can train if you include them."
        ),
        "button.foreign": "Show how",
        "next.undecided": "Ties and skips can't train. Generate more pairs, and choose a side in some.",
        "button.undecided": "Generate more",
        "next.judge": "Your adapter is ready. Run a blind test to see whether you prefer it.",
        "button.judge": "Judge",
        "next.use": "Your adapter has its verdict. Use it elsewhere, or generate new pairs for another round.",
        "button.use": "See adapters",
    }
)

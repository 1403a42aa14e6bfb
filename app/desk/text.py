"""Strings that several pages share: jobs, the queue, projects, reading a model."""

from app.ui.strings import Strings

say = Strings(
    {
        # --- the workspace ---
        "openElsewhere": (
            "{workspace} is already open in another studio. Use that one, or choose another --workspace."
        ),
        "openElsewhereAt": (
            "{workspace} is already open in another studio: {url}. Use that one, or choose another --workspace."
        ),
        "cantLock": (
            "{workspace} can't be locked against a second studio ({why}). Some network drives don't support locks; "
            "choose a --workspace on a disk of this computer."
        ),
        "workspaceIsAFile": "{path} is a file, but the workspace must be a folder. Choose another --workspace.",
        "folderGone": (
            "The folder {folder} can't be reached: it was moved or deleted, or its drive was disconnected. Nothing is "
            "written elsewhere. Everything works again once it's back."
        ),
        "fileUnreadable": "{path} can't be read. Check that the file and its drive are there.",
        # --- jobs ---
        "job.download": "Downloading",
        "job.generate": "Generating",
        "job.import": "Importing",
        "job.measure": "Measuring",
        "job.train": "Training",
        "job.judge": "Preparing the blind test",
        "job.grid": "Generating the grid",
        "resuming": "Resuming…",
        "goingOn": "Continuing with the missing images…",
        "logEmpty": "The log is empty.",
        "diedImmediately": "The job failed to start. {last_line}",
        "killed": "The job was killed ({signal}) at step {step} of {total}.",
        "killedForMemory": "If you didn't do that, the computer probably ran out of memory.",
        "alreadyDrawing": "Images are already being generated. Wait for them, or stop that job first.",
        "inTheWay": "{job} is still running{where}. Only one job runs at a time: wait for it, or stop it first.",
        "inTheWay.steps": " ({step} of {total} steps)",
        "inTheWay.images": " ({step} of {total} images)",
        "inTheWay.megabytes": " ({step} of {total} MB)",
        "unknownRun": "No run named {id!r} in this workspace. Reload the page.",
        "notResumable": "This run is {state}; only a stopped or failed run can be resumed.",
        "noSuchPreview": "This preview doesn't exist.",
        "state.done": "done",
        "state.stopped": "stopped",
        "state.failed": "failed",
        "state.queued": "starting",
        "state.running": "running",
        "state.stopping": "stopping",
        # --- the queue ---
        "queue.label": "Queue",
        "queue.up": "Earlier",
        "queue.down": "Later",
        "queue.remove": "Remove",
        "queue.lost": "The studio didn't respond. Try again.",
        "queued": "Queued. It starts by itself, even if you close this page.",
        "queueFull": "The queue is full (50 runs). Remove one first.",
        "waitsAlready": "This run is already running or queued. Change a setting to start another.",
        "notWaiting": "This run is no longer queued. It may have just started.",
        "runsQueued.one": (
            "{n} run queued. The next starts when the current job ends, with the votes you have by then."
        ),
        "runsQueued.other": (
            "{n} runs queued. The next starts when the current job ends, with the votes you have by then."
        ),
        # --- reading a model ---
        "reading": "Reading {name}: {share:.0%}. The whole file is hashed once to identify it.",
        "readingStopped": "Reading this model was stopped. Select it again to continue.",
        "readingFailed": "This model couldn't be read completely. Check the drive, then select it again.",
        "predictionUnknown": ("Before this model can be used, answer one question about it on the Generate page."),
        "notHere": (
            "{source} isn't on this machine. Select it on the Generate page to download it, or check the spelling."
        ),
        # --- projects ---
        "facts": "{images} · {votes} · {adapters}",
        "facts.images.one": "{n} image",
        "facts.images.other": "{n} images",
        "facts.votes.one": "{n} vote",
        "facts.votes.other": "{n} votes",
        "facts.adapters.one": "{n} adapter",
        "facts.adapters.other": "{n} adapters",
        "emptyProject": "Empty",
        "unreadableProject": "This project can't be read: {why}",
        "nothingToExport": "{name} is empty: nothing to export yet. Generate some images in it first.",
        "noSuchExport": "This export no longer exists. Export the project again.",
        "importingAlready": "Another zip is being imported. Wait until it's done.",
        # --- adapters ---
        "noAdapter": "No adapters yet. Train one first, then test it here.",
        "chooseAdapter": "Choose an adapter to test.",
    }
)


def job_strings() -> dict[str, str]:
    """What scripts call the jobs, by `job.` and the verb."""
    return {f"job.{verb}": name for verb, name in say.rows("job").items()}


def project_facts(images: int, votes: int, adapters: int) -> str:
    """What a project contains."""
    return say(
        "facts",
        images=say("facts.images", n=images),
        votes=say("facts.votes", n=votes),
        adapters=say("facts.adapters", n=adapters),
    )

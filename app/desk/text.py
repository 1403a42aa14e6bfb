"""Every string of what the pages share: jobs, the queue, projects, reading a model."""

from pathlib import Path

from app.ui.words import number


def studio_running(workspace: str, url: str) -> str:
    """The workspace belongs to another studio; `url` is empty where that one does not say where it answers."""
    place = f"{workspace}: {url}" if url else workspace
    return f"A studio is already open on {place}. Use that one, or start this one with another --workspace."


def cant_lock(workspace: str, why: str) -> str:
    """Nothing would keep two studios from writing into the workspace at once."""
    return (
        f"{workspace} can't be locked against a second studio ({why}). Some network drives can't do that; choose a "
        "--workspace on a disk of this computer."
    )


def workspace_is_a_file(path: str) -> str:
    """The workspace can't be a folder."""
    return f"{path} is a file, but a workspace is a folder. Choose another --workspace."


RESUMING = "Resuming…"

LOG_EMPTY = "Its log is empty."

GOING_ON = "Going on with what is missing…"

ALREADY_DRAWING = "Images are being drawn already. Wait for them, or stop the drawing first."

JOB_NAMES = {
    "download": "Downloading",
    "generate": "Drawing",
    "import": "Importing",
    "measure": "Measuring",
    "train": "Training",
    "judge": "Drawing comparisons",
    "grid": "Drawing the grid",
}


def died_at_once(last_line: str) -> str:
    """A child process ended before its first word."""
    return f"The job ended before it began. {last_line}"


def job_in_the_way(verb: str, step: int, total: int) -> str:
    """One heavy job at a time."""
    unit = {"download": "MB", "import": "images"}.get(verb, "steps")
    where = f" ({step} of {total} {unit})" if total else ""
    return f"{JOB_NAMES[verb]} is still running{where}. One job runs at a time: wait for it, or stop it first."


def unknown_run(verb: str, run_id: str) -> str:
    """A run that the page knows and the workspace does not."""
    return f"There is no {f'{verb} run' if verb else 'run'} named {run_id[:80]!r} in this workspace. Reload the page."


def not_resumable(state: str) -> str:
    """Only stopped and failed runs go on."""
    return f"This run is {state}; only a stopped or failed run can be resumed."


def folder_gone(folder: Path) -> str:
    """A folder that was there when it was opened."""
    return (
        f"The folder {folder} can't be reached: it was moved or deleted, or its drive was taken out. Nothing is "
        "written elsewhere; bring it back, and everything goes on."
    )


NO_SUCH_PREVIEW = "There is no such preview."

RUN_STATES = {
    "done": "done",
    "stopped": "stopped",
    "failed": "failed",
    "queued": "starting",
    "running": "running",
    "stopping": "stopping",
}

QUEUE = {
    "label": "Runs that wait",
    "up": "Earlier",
    "down": "Later",
    "remove": "Remove",
    "lost": "The studio did not answer. Try again.",
}

QUEUED = "It waits for its turn and starts by itself, also when this page is closed."

QUEUE_FULL = "50 runs are waiting already. Remove one first."

WAITS_ALREADY = "This very run has just been started, or waits already. Change a setting to run another."

NOT_WAITING = "This run does not wait any more. It may have started just now."


def queued(count: int) -> str:
    """How many runs wait."""
    waits = "1 run waits" if count == 1 else f"{count} runs wait"
    return f"{waits}. The next one starts when what runs now has ended, with the votes that are there then."


READING_STOPPED = "Reading this model was stopped. Choose it again to go on."

READING_FAILED = "This model could not be read to its end. Check the drive, then choose it again."

PREDICTION_UNKNOWN = "One question before this model can be used; it stands where the model is chosen, under Generate."


def not_here(source: str) -> str:
    """A model of the hub that has to be downloaded first."""
    return f"{source} is not on this machine. Choose it under Generate to download it, or check the spelling."


def reading(name: str, share: float) -> str:
    """A model's bytes are read for its hash."""
    return f"Reading {name}: {share:.0%}. All of it is read once, to tell it from every other; then it is ready."


FAMILIES = {"sd15": "Stable Diffusion 1.x", "sd20": "Stable Diffusion 2.x", "sdxl": "Stable Diffusion XL"}

EMPTY_PROJECT = "Empty so far"

UNREADABLE_PROJECT = "This project can't be read: {why}"

NOTHING_TO_EXPORT = "{name} is empty, so there is nothing to export. Draw some images in it first."

NO_SUCH_EXPORT = "There is no such export any more. Export the project again."

IMPORTING_ALREADY = "Another zip is being imported. Wait until it is done."


def project_facts(images: int, votes: int, adapters: int) -> str:
    """How much a project holds."""
    parts = [number(images, "image", "images"), number(votes, "vote", "votes"), number(adapters, "adapter", "adapters")]
    return " · ".join(parts)


NO_ADAPTER = "There is no adapter yet. Train one first; then it is judged here."

CHOOSE_ADAPTER = "Choose an adapter to judge."

"""Strings that several pages share: jobs, the queue, projects, reading a model."""

from pathlib import Path

from app.ui.words import number
from sdpo_core.families.table import FAMILIES as _FAMILIES


def studio_running(workspace: str, url: str) -> str:
    """The workspace is open in another studio; `url` is empty where that one doesn't say its address."""
    place = f": {url}" if url else ""
    return f"{workspace} is already open in another studio{place}. Use that one, or choose another --workspace."


def cant_lock(workspace: str, why: str) -> str:
    """Nothing would stop two studios from writing into the workspace at the same time."""
    return (
        f"{workspace} can't be locked against a second studio ({why}). Some network drives don't support locks; choose "
        "a --workspace on a disk of this computer."
    )


def workspace_is_a_file(path: str) -> str:
    """The workspace path is a file."""
    return f"{path} is a file, but the workspace must be a folder. Choose another --workspace."


FILE_UNREADABLE = "{path} can't be read. Check that the file and its drive are there."
RESUMING = "Resuming…"
LOG_EMPTY = "The log is empty."
GOING_ON = "Continuing with the missing images…"
ALREADY_DRAWING = "Images are already being generated. Wait for them, or stop that job first."

JOB_NAMES = {
    "download": "Downloading",
    "generate": "Generating",
    "import": "Importing",
    "measure": "Measuring",
    "train": "Training",
    "judge": "Preparing the blind test",
    "grid": "Generating the grid",
}
JOB_STRINGS = {f"job.{verb}": name for verb, name in JOB_NAMES.items()}
"""The same as scripts are given them."""


def died_immediately(last_line: str) -> str:
    """A child process ended without any output."""
    return f"The job failed to start. {last_line}"


def job_in_the_way(verb: str, step: int, total: int) -> str:
    """One heavy job at a time."""
    unit = {"download": "MB", "import": "images"}.get(verb, "steps")
    where = f" ({step} of {total} {unit})" if total else ""
    return f"{JOB_NAMES[verb]} is still running{where}. Only one job runs at a time: wait for it, or stop it first."


def unknown_run(verb: str, run_id: str) -> str:
    """A run the page refers to but the workspace doesn't have."""
    return f"No {f'{verb} run' if verb else 'run'} named {run_id[:80]!r} in this workspace. Reload the page."


def not_resumable(state: str) -> str:
    """Only stopped and failed runs can be resumed."""
    return f"This run is {state}; only a stopped or failed run can be resumed."


def folder_gone(folder: Path) -> str:
    """A folder that has disappeared since it was opened."""
    return (
        f"The folder {folder} can't be reached: it was moved or deleted, or its drive was disconnected. Nothing is "
        "written elsewhere. Everything works again once it's back."
    )


NO_SUCH_PREVIEW = "This preview doesn't exist."

RUN_STATES = {
    "done": "done",
    "stopped": "stopped",
    "failed": "failed",
    "queued": "starting",
    "running": "running",
    "stopping": "stopping",
}

QUEUE = {
    "label": "Queue",
    "up": "Earlier",
    "down": "Later",
    "remove": "Remove",
    "lost": "The studio didn't respond. Try again.",
}

QUEUED = "Queued. It starts by itself, even if you close this page."
QUEUE_FULL = "The queue is full (50 runs). Remove one first."
WAITS_ALREADY = "This run is already running or queued. Change a setting to start another."
NOT_WAITING = "This run is no longer queued. It may have just started."


def queued(count: int) -> str:
    """How many runs are queued."""
    queued_runs = "1 run" if count == 1 else f"{count} runs"
    return f"{queued_runs} queued. The next starts when the current job ends, with the votes you have by then."


READING_STOPPED = "Reading this model was stopped. Select it again to continue."
READING_FAILED = "This model couldn't be read completely. Check the drive, then select it again."
PREDICTION_UNKNOWN = "Before this model can be used, answer one question about it on the Generate page."


def not_here(source: str) -> str:
    """A model that has to be downloaded from the Hugging Face Hub first."""
    return f"{source} isn't on this machine. Select it on the Generate page to download it, or check the spelling."


def reading(name: str, share: float) -> str:
    """A model's file is being hashed."""
    return f"Reading {name}: {share:.0%}. The whole file is hashed once to identify it."


FAMILIES = {name: family.title for name, family in _FAMILIES.items()}
EMPTY_PROJECT = "Empty"
UNREADABLE_PROJECT = "This project can't be read: {why}"
NOTHING_TO_EXPORT = "{name} is empty: nothing to export yet. Generate some images in it first."
NO_SUCH_EXPORT = "This export no longer exists. Export the project again."
IMPORTING_ALREADY = "Another zip is being imported. Wait until it's done."


def project_facts(images: int, votes: int, adapters: int) -> str:
    """What a project contains."""
    parts = [number(images, "image", "images"), number(votes, "vote", "votes"), number(adapters, "adapter", "adapters")]
    return " · ".join(parts)


NO_ADAPTER = "No adapters yet. Train one first, then test it here."
CHOOSE_ADAPTER = "Choose an adapter to test."

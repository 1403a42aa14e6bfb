"""Every string of the choice of a model."""

MODEL_LABEL = "Model"
MODEL_INFO = "demo, a checkpoint (.safetensors), a folder in diffusers format, or a hub id: owner/name"
DOWNLOAD_BUTTON = "Download"
PREDICTION_LABEL = "What does this model predict?"
PREDICTION_INFO = (
    "Its file does not say so, and Stable Diffusion 2 comes in two kinds. The file's name or its page usually tells. "
    "The answer is kept for this file. If images are nothing but noise, it was the other one: change it here."
)
PREDICTIONS = {
    "v_prediction": "v: a model for 768 px, named like 768-v or v2-1_768",
    "epsilon": "epsilon: a model for 512 px, named like 512-base or v2-1_512",
}
FINDER = {
    "open": "Find models on this machine",
    "close": "Close the list",
    "found": "Models that can be used",
    "filter": "Search the list",
    "none": "No model was found yet. Add the folder that holds your checkpoints, or type a path above.",
    "unread": "hash not read yet",
    "unusable": "Can't be used ({count})",
    "folders": "Your own folders",
    "newFolder": "A folder with checkpoints, or ComfyUI's or A1111's own",
    "add": "Add",
    "forget": "Remove",
    "again": "Look again",
    "halt": "Stop",
    "lost": "The studio did not answer. Try again.",
}
NO_SUCH_MODEL = "This model is not in the list any more. Look again."
TOO_MANY_FOLDERS = "There are 50 folders already. Remove one first."
PREDICTION_ASKED = "One question before this model can be used:"
DOWNLOAD_WAITS = "Its download waits for its turn and starts by itself."
DOWNLOAD_RUNS = "It is being downloaded; the bar above shows how far. You can leave this page."
STARTED_DOWNLOAD = "The download has started. The bar above shows how far it is, and stops it."


def offer(source: str, plan: str) -> str:
    """What a download would take; `plan` is the library's sentence."""
    unbroken = plan.replace(" GB", "\u00a0GB").replace(" MB", "\u00a0MB")
    return f"{source} is not on this machine yet. Downloading it takes {unbroken}"


def no_offer(source: str, why: str) -> str:
    """There is nothing under this name here, and the hub has no use for it either."""
    return f"There is no {source} on this machine. {why}"


def queue_title(model: str) -> str:
    """A download that waits."""
    return f"Download of {model}"


def looking(names: int, folder: str) -> str:
    """The search goes on."""
    return f"Looking… {names:,} names so far. {folder}"


def more_found(count: int) -> str:
    """More than the page shows."""
    return f"{count:,} more are not shown. Add a folder further in to see them."


def no_such_folder(path: str) -> str:
    """A folder that can't be looked in."""
    return f"There is no folder {path[:200]} that the studio may enter. Check the spelling, the drive and its rights."


def fits(name: str, size_px: int, guidance: float, *, is_demo: bool) -> str:
    """The sentence under a model that can be used."""
    what = f"{name} is ready: {size_px} px images, guidance {guidance:g}."
    return f"{what} A tiny model for trying everything out." if is_demo else what

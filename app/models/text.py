"""Strings for choosing the base model."""

MODEL_LABEL = "Model"
MODEL_INFO = "demo, a checkpoint (.safetensors), a diffusers folder, or a Hugging Face id: owner/name"
DOWNLOAD_BUTTON = "Download"
PREDICTION_LABEL = "What does this model predict?"
PREDICTION_INFO = (
    "Stable Diffusion 2 comes in two kinds, and this file doesn't say which. Its name or download page usually does. "
    "Your answer is remembered. If you get nothing but noise, switch to the other one here."
)
PREDICTIONS = {
    "v_prediction": "v: a model for 768 px, named like 768-v or v2-1_768",
    "epsilon": "epsilon: a model for 512 px, named like 512-base or v2-1_512",
}
FINDER = {
    "open": "Find models on this machine",
    "close": "Close the list",
    "found": "Usable models",
    "filter": "Search the list",
    "none": "No models found yet. Add your checkpoint folder, or enter a path above.",
    "unread": "not hashed yet",
    "unusable": "Can't be used ({count})",
    "folders": "Your own folders",
    "newFolder": "A checkpoint folder, or your ComfyUI or A1111 folder",
    "add": "Add",
    "forget": "Remove",
    "again": "Search again",
    "halt": "Stop",
    "lost": "The studio didn't respond. Try again.",
}
NO_SUCH_MODEL = "This model is no longer in the list. Search again."
TOO_MANY_FOLDERS = "At most 50 folders can be added. Remove one first."
PREDICTION_ASKED = "One question before this model can be used:"
DOWNLOAD_WAITS = "Its download is queued and starts by itself."
DOWNLOAD_RUNS = "Downloading; the bar above shows the progress. You can leave this page."
STARTED_DOWNLOAD = "Download started. The bar above shows the progress and lets you stop it."


def offer(source: str, plan: str) -> str:
    """The size of a download; `plan` is the library's sentence."""
    unbroken = plan.replace(" GB", "\u00a0GB").replace(" MB", "\u00a0MB")
    return f"{source} isn't on this machine yet. Downloading it takes {unbroken}"


def no_offer(source: str, why: str) -> str:
    """Neither this machine nor the Hugging Face Hub has a model of this name."""
    return f"{source} isn't on this machine. {why}"


def queue_title(model: str) -> str:
    """A queued download."""
    return f"Download of {model}"


def looking(names: int, folder: str) -> str:
    """The search is running."""
    return f"Searching… {names:,} files so far. {folder}"


def more_found(count: int) -> str:
    """More models were found than the page shows."""
    return f"{count:,} more not shown. Add a subfolder to see them."


def no_such_folder(path: str) -> str:
    """A folder that can't be opened."""
    return f"Can't open the folder {path[:200]}. Check the spelling, the drive and the folder's permissions."


def fits(name: str, size_px: int, guidance: float, *, is_demo: bool) -> str:
    """The sentence under a model that can be used."""
    what = f"{name} is ready: {size_px} px images, guidance {guidance:g}."
    return f"{what} It's a tiny model for trying everything out." if is_demo else what

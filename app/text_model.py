"""Every string about choosing a base model; `app.text` holds the others."""

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
PREDICTION_UNKNOWN = "One question before this model can be used; it stands where the model is chosen, under Generate."
PREDICTION_ASKED = "One question before this model can be used:"
DOWNLOAD_RUNS = "It is being downloaded; the bar above shows how far. You can leave this page."
STARTED_DOWNLOAD = "The download has started. The bar above shows how far it is, and stops it."


def not_here(source: str) -> str:
    """A model of the hub that has to be downloaded first."""
    return f"{source} is not on this machine. Choose it under Generate to download it, or check the spelling."


def offer(source: str, plan: str) -> str:
    """What a download would take; `plan` is the library's sentence."""
    unbroken = plan.replace(" GB", "\u00a0GB").replace(" MB", "\u00a0MB")
    return f"{source} is not on this machine yet. Downloading it takes {unbroken}"


def no_offer(source: str, why: str) -> str:
    """There is nothing under this name here, and the hub has no use for it either."""
    return f"There is no {source} on this machine. {why}"


def fits(name: str, size_px: int, guidance: float, *, is_demo: bool) -> str:
    """The sentence under a model that can be used."""
    what = f"{name} is ready: {size_px} px images, guidance {guidance:g}."
    return f"{what} A tiny model for trying everything out." if is_demo else what

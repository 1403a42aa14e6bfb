"""Strings of the Generate page: prompts, number of pairs, ComfyUI, importing images."""

from app.ui.words import number

PAGE = "Generate"

STARTERS = {
    "starter-demo": "For the demo model",
    "starter-general": "A bit of everything",
    "starter-portraits": "People",
    "starter-landscapes": "Landscapes",
    "starter-illustration": "Illustration",
}
"""Titles of the starter sets in assets/prompts, by file name."""

STARTERS_LABEL = "Starter prompts"
ADD_STARTERS = "Add"
OPEN_FILE = "Prompts from a file…"
PROMPTS_INFO = "One per line. {red|blue} picks one at random for each pair; both images get the same text."
AHEAD_LABEL = "Keep generating while I vote"
AHEAD_INFO = "Keeps this many pairs ready for you. Stops by itself after ten minutes without a vote."
TELLING_LABEL = "Ask the most informative questions"
TELLING_INFO = (
    "Once your votes show a taste, each pair is picked from 4 images: the two that tell the most about it. "
    "Generating takes twice as long, and in our tests it didn't clearly reduce the number of votes needed."
)
ADAPTER_LABEL = "Generate with an adapter"
ADAPTER_INFO = "For round two. None: base model only."
NO_ADAPTER = "none"
STRENGTH_INFO = "0 is the base model, 1 the adapter as trained. Defaults to the adapter's recommended strength."
AHEAD_RANGE = "To generate while you vote, the number of pairs kept ready must be a whole number from 1 to 200."
STARTED_AHEAD = "Generating has started and continues while you vote."
UNKNOWN_SET = "Unknown set of starter prompts. Reload the page."
FILE_TOO_LARGE = "This file is larger than 1 MB. Split it and open one part at a time."
FILE_NO_TEXT = "This file isn't readable text. Save it as plain text (UTF-8), one prompt per line."
FILE_EMPTY = "This file has no prompts. It needs one prompt per line."
FILE_GONE = "The upload failed. Open the file again."
TOO_MANY_PROMPTS = "At most 10,000 prompts can be used at a time. Remove some."


def prompt_too_long(prompt: str, most: int) -> str:
    """A prompt is over the limit."""
    return f"The prompt starting “{prompt[:50]}…” has {len(prompt):,} characters; the limit is {most:,}."


def long_prompt(prompt: str, most: int) -> str:
    """A prompt is unusually long, but accepted."""
    return (
        f"The prompt starting “{prompt[:50]}…” has {len(prompt):,} characters. Is it really one prompt? It's "
        f"used in full (up to {most:,}), encoded in chunks of 75 tokens (about 300 characters)."
    )


def started_generate(pairs: int, prompts: int) -> str:
    """Generating has started; warns if some prompts get no pair."""
    started = "Generating has started. You can vote as soon as the first pair is ready."
    left_out = f" There are more prompts ({prompts:,}) than pairs ({pairs:,}), so the last prompts are skipped."
    return started + left_out if prompts > pairs else started


def many(count: int) -> str:
    """A number that may be astronomical."""
    return f"{count:,}" if count < 10**6 else "more than a million"


def prompt_plan(prompts: int, wordings: int, pairs: int, *, ahead: bool) -> str:
    """What would be generated, shown before it starts."""
    summary = number(prompts, "prompt", "prompts")
    if wordings > prompts:
        summary = f"{summary} with choices, {many(wordings)} combinations in all"
    if ahead:
        return f"{summary}. Keeps {number(pairs, 'pair', 'pairs')} ready for you, one prompt after another."
    left_out = f" The last {prompts - pairs:,} won't be used." if prompts > pairs else ""
    return f"{summary}. {number(pairs, 'pair', 'pairs')}: {number(2 * pairs, 'image', 'images')}.{left_out}"


INTRO = "Describe what you want to see. Each pair is two images of the same prompt, for you to choose between."
PROMPTS_LABEL = "Prompts"
PROMPTS_PLACEHOLDER = "mountains at sunset\na quiet lake in the morning"
USE_STARTERS = "Starter prompts"
PAIRS_LABEL = "Pairs"
PAIRS_INFO = "Spread evenly over your prompts."
ADVANCED = "More settings"
BUTTON = "Generate pairs"
DRAWING_BUTTON = "Generating…"
NO_PROMPTS = "No prompts yet. Write at least one, one per line, or add “Starter prompts”."
NO_STARTERS = "The starter prompts are missing from assets/prompts. Write your own, one per line."
PAIRS_RANGE = "Pairs must be a whole number from 1 to 1000."

GALLERY = {
    "label": "Newest images",
    "empty": "Your images appear here as they're generated.",
    "gone": "This image is missing from disk.",
    "close": "Close",
}

COMFY_FOUND = {
    "prompt": "Prompt",
    "negative prompt": "Negative prompt",
    "seed": "Seed",
    "size": "Size",
    "model": "Model",
    "LoRAs": "LoRAs",
    "sampler": "Sampler",
    "images of": "Images of",
}
"""Labels, by the names `Workflow.found` uses."""

COMFY_DRAW: dict[str, str] = {
    "title": "Generate with ComfyUI",
    "on": "on",
    "hint": (
        "ComfyUI, running on this machine or your network, generates the pairs with your own workflow. Training "
        "uses the model selected above, so pick the one your workflow uses."
    ),
    "use": "Use ComfyUI",
    "url": "ComfyUI address",
    "workflow": "Workflow",
    "none": "none yet",
    "drop": "Drop a workflow here: exported with Workflow → Export (API), or an image saved by ComfyUI",
    "choose": "Choose a file…",
    "paste": "or paste it here",
    "look": "Check workflow",
    "working": "Asking ComfyUI…",
    "found": "Found in the workflow",
    "what": "Setting",
    "where": "Node and input",
    "value": "Current value",
    "point": "Choose the inputs yourself",
    "pointHint": "Node and input, such as 6.text; separate several with commas. Empty: found from the links.",
    "prompt_slot": "Prompt input",
    "negative_slot": "Negative prompt input",
    "seed_slot": "Seed input",
    "image_node": "Image node",
    "pasted": "pasted workflow",
    "tooLarge": "This file is over 8 MB, too large for a workflow.",
    "lost": "The studio didn't respond. Try again.",
}

NO_WORKFLOW = "ComfyUI is on, but there's no workflow yet. Add one under “Generate with ComfyUI”, or turn it off."
NOT_ARRIVED = "The upload was incomplete. Open the file again."

COMFY_ON_THE_PAGE = (
    "The ComfyUI address and workflow are set on the Generate page. A program can use the command line: "
    "generate --comfy URL --workflow FILE."
)

IMPORT = {
    "title": "Import your own images",
    "hint": (
        "From ComfyUI, A1111, Forge, InvokeAI, Fooocus, SwarmUI or NovelAI, prompts included. Images with the same "
        "prompt become pairs to vote on; near-duplicates are skipped. Images whose metadata has your model's hash "
        "(A1111, Forge) are used for training; others only if you opt in (Train, All settings, Pairs to learn from)."
    ),
    "drop": "Drop images or a folder here",
    "files": "Choose images…",
    "folder": "Choose a folder…",
    "path": "Or a folder on this machine",
    "take": "Import",
    "sending": "Uploading {done} of {total}…",
    "cancel": "Cancel",
    "cancelled": "Cancelled. Nothing was imported.",
    "nothing": "No PNG, JPEG or WebP images in your selection.",
    "wrongKind": "{name}: not a PNG, JPEG or WebP image, or a caption file for one",
    "tooLarge": "{name}: larger than {most} MiB",
    "tooMany": "More than {most} files. Use a folder on this machine instead, below.",
    "leftOut": "Skipped ({count})",
    "prompt": "Prompt for these images",
    "give": "Use this prompt",
    "lost": "The studio didn't respond. Try again.",
}

IMPORT_QUEUED = "Another job is running. The import is queued and starts by itself."
NO_DRAFT = "The upload has expired. Choose the images again."
DISK_FULL = "The disk is nearly full. Free some space, then try again."
EMPTY_PROMPT = "Enter the prompt these images were made with, or describe what they show."
FOLDER_GONE = "The images are no longer there. Choose them again."


def too_large(name: str, most: int) -> str:
    """A file is over the size limit."""
    return f"{name} is larger than {most >> 20 or most / 2**20} MiB. Save a smaller version, then try again."


def wrong_kind(name: str) -> str:
    """A file has an unsupported format."""
    return f"{name} isn't a PNG, JPEG or WebP image. Save it as one of these."


def too_many(most: int) -> str:
    """More files than a browser should send."""
    return f"At most {most:,} files can be uploaded at a time. Import a folder on this machine instead."


def no_such_folder(path: str) -> str:
    """A folder that can't be imported."""
    if not path:
        return "Enter the path of the folder."
    return f"Can't open the folder {path[:200]}. Check the spelling, the drive and the folder's permissions."


def which_prompt(count: int) -> str:
    """Some images have no prompt."""
    has = number(count, "image has", "images have")
    return f"{has} no prompt. What were they made with, or what do they show? Images with the same prompt become pairs."


def import_title(folder: str) -> str:
    """A queued import."""
    return f"Import from {folder}"

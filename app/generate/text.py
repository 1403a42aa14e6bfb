"""Every string of the page Generate: prompts, how many pairs, drawing with ComfyUI, importing images."""

from app.ui.words import number

STARTERS = {
    "starter-demo": "For the demo model",
    "starter-general": "A bit of everything",
    "starter-portraits": "People",
    "starter-landscapes": "Landscapes",
    "starter-illustration": "Illustration",
}
"""The sets in assets/prompts, by file."""

STARTERS_LABEL = "Starter prompts"
ADD_STARTERS = "Add"
OPEN_FILE = "Prompts from a file…"
PROMPTS_INFO = "One per line. {red|blue} is a choice: every pair gets one wording, the same for both images."
AHEAD_LABEL = "Go on drawing while I vote"
AHEAD_INFO = "That many pairs are kept waiting for you. It ends by itself when nobody has voted for ten minutes."
TELLING_LABEL = "Ask the most informative questions"
TELLING_INFO = (
    "Once your votes show what you like, each pair is picked from 4 images: the two whose comparison says most. "
    "Drawing takes twice as long, and the choices are harder."
)
ADAPTER_LABEL = "Draw with an adapter"
ADAPTER_INFO = "For round two. None: the base model alone."
NO_ADAPTER = "none"
STRENGTH_INFO = "0 is the base model, 1 the adapter as it was trained. It starts at what you recommend for the adapter."
AHEAD_RANGE = "To draw while you vote, the number of pairs kept waiting must be a whole number from 1 to 200."
STARTED_AHEAD = "Drawing has started, and goes on while you vote."
UNKNOWN_SET = "There is no such set of starter prompts. Reload the page."
FILE_TOO_LARGE = "This file holds more than a megabyte of prompts. Split it, and open one part at a time."
FILE_NO_TEXT = "This file is no text that can be read. Save it as plain text (UTF-8), one prompt a line."
FILE_EMPTY = "There is no prompt in this file. It needs one prompt a line."
FILE_GONE = "The file did not arrive. Open it again."
TOO_MANY_PROMPTS = "At most 10,000 prompts can be used at once. Leave some out."


def prompt_too_long(prompt: str, most: int) -> str:
    """One prompt is longer than any model reads."""
    return f"The prompt that begins “{prompt[:50]}…” has {len(prompt):,} characters; at most {most:,} are taken."


def long_prompt(prompt: str, most: int) -> str:
    """One prompt is much longer than people write them, and is taken all the same."""
    return (
        f"The prompt that begins “{prompt[:50]}…” has {len(prompt):,} characters; is it meant as one prompt? It "
        f"is taken whole (up to {most:,}), and read in parts of 75 tokens (some 300 characters)."
    )


def started_generate(pairs: int, prompts: int) -> str:
    """Drawing has begun; said too when there are prompts that get no pair."""
    started = "Drawing has started. You can vote as soon as the first pair is there."
    left_out = f" There are more prompts ({prompts:,}) than pairs ({pairs:,}), so the last prompts are left out."
    return started + left_out if prompts > pairs else started


def many(count: int) -> str:
    """A number that may be astronomical."""
    return f"{count:,}" if count < 10**6 else "more than a million"


def prompt_plan(prompts: int, wordings: int, pairs: int, *, ahead: bool) -> str:
    """What would be drawn, said before it starts."""
    told = number(prompts, "prompt", "prompts")
    if wordings > prompts:
        told = f"{told} with choices in them, {many(wordings)} wordings in all"
    if ahead:
        return f"{told}. {number(pairs, 'pair is', 'pairs are')} kept waiting for you, in turn."
    left_out = f" The last {prompts - pairs:,} get none." if prompts > pairs else ""
    return f"{told}. {number(pairs, 'pair', 'pairs')}: {number(2 * pairs, 'image', 'images')}.{left_out}"


INTRO = "Write what you like to see. Each pair is one prompt drawn twice, so that you can choose."

PROMPTS_LABEL = "Prompts"

PROMPTS_PLACEHOLDER = "mountains at sunset\na quiet lake in the morning"

USE_STARTERS = "Starter prompts"

PAIRS_LABEL = "Pairs to draw"

PAIRS_INFO = "Spread over your prompts in turn."

ADVANCED = "More settings"

BUTTON = "Generate pairs"

DRAWING_BUTTON = "Drawing…"

NO_PROMPTS = "There is no prompt yet. Write at least one, one per line, or add “Starter prompts”."

NO_STARTERS = "The starter prompts are missing from assets/prompts. Write your own, one per line."

PAIRS_RANGE = "Pairs to draw must be a whole number from 1 to 1000."

GALLERY = {
    "label": "Newest images",
    "empty": "Your images appear here while they are drawn.",
    "gone": "This image is gone from disk.",
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
"""By what `Workflow.found` calls it."""

COMFY_DRAW: dict[str, str] = {
    "title": "Draw with ComfyUI",
    "on": "on",
    "hint": (
        "A ComfyUI that runs on this machine or in your network draws the pairs, with a workflow of yours. Training "
        "uses the model that is chosen above; it should be the one that your workflow uses."
    ),
    "use": "Let ComfyUI draw",
    "url": "Address of ComfyUI",
    "workflow": "Workflow",
    "none": "none yet",
    "drop": "Drop a workflow here: exported with Workflow → Export (API), or an image that ComfyUI saved",
    "choose": "Choose a file…",
    "paste": "or paste it here",
    "look": "Look what it says",
    "working": "Asking ComfyUI…",
    "found": "What was found",
    "what": "What",
    "where": "Node and input",
    "value": "Now",
    "point": "Point at it yourself",
    "pointHint": "A node and its input, such as 6.text; several with a comma. Empty: it is found by the links.",
    "prompt_slot": "Prompt goes to",
    "negative_slot": "Negative prompt goes to",
    "seed_slot": "Seed goes to",
    "image_node": "Images of node",
    "pasted": "pasted workflow",
    "tooLarge": "This file is larger than 8 MB; a workflow is not.",
    "lost": "The studio did not answer. Try again.",
}

NO_WORKFLOW = (
    "ComfyUI is to draw, but there is no workflow yet. Give one under “Draw with ComfyUI”, or switch that off."
)

NOT_ARRIVED = "The file did not arrive whole. Open it again."

COMFY_ON_THE_PAGE = (
    "Which ComfyUI draws, and with which workflow, is chosen on the page Generate. A program can use the command line: "
    "generate --comfy URL --workflow FILE."
)

IMPORT = {
    "title": "Import your own images",
    "hint": (
        "From ComfyUI, A1111, Forge, InvokeAI, Fooocus, SwarmUI or NovelAI, prompts included. Images of one prompt "
        "become pairs to vote on; of near duplicates one is kept. Those whose files name the hash of your model "
        "(A1111, Forge) train like your own; the others when you ask for it (Train, All settings, Pairs to learn from)."
    ),
    "drop": "Drop images or a folder here",
    "files": "Choose images…",
    "folder": "Choose a folder…",
    "path": "Or a folder on this machine",
    "take": "Import it",
    "sending": "Sending {done} of {total}…",
    "cancel": "Cancel",
    "cancelled": "Cancelled. Nothing was taken in.",
    "nothing": "There is no PNG, JPEG or WebP image in what you chose.",
    "wrongKind": "{name}: neither PNG, JPEG, WebP nor a text beside an image",
    "tooLarge": "{name}: larger than {most} MiB",
    "tooMany": "More than {most} files: take a folder on this machine instead, below.",
    "leftOut": "Left out ({count})",
    "prompt": "Their prompt",
    "give": "Take them in",
    "lost": "The studio did not answer. Try again.",
}

IMPORT_QUEUED = "Another job is running. The import waits for its turn and starts by itself."

NO_DRAFT = "What was sent is gone. Choose the images again."

DISK_FULL = "The disk is nearly full. Free some space, then try again."

EMPTY_PROMPT = "Write the prompt that these images were made with, or what they show."

FOLDER_GONE = "The images are not there any more. Choose them again."


def too_large(name: str, most: int) -> str:
    """A file is larger than any that is taken."""
    return f"{name} is larger than {most >> 20 or most / 2**20} MiB. Save it smaller, then try again."


def wrong_kind(name: str) -> str:
    """A file is of a kind that is not read."""
    return f"{name} is neither PNG, JPEG nor WebP. Save it as one of these."


def too_many(most: int) -> str:
    """More files than a browser should send."""
    return f"At most {most:,} files can be sent at once. Import them as a folder on this machine instead."


def no_such_folder(path: str) -> str:
    """A folder that can't be imported."""
    if not path:
        return "Write where the folder lies."
    return f"There is no folder {path[:200]} that the studio may enter. Check the spelling, the drive and its rights."


def which_prompt(count: int) -> str:
    """Images came without a prompt."""
    has = number(count, "image has", "images have")
    return f"{has} no prompt. What were they made with, or what do they show? Images of one prompt become pairs."


def import_title(folder: str) -> str:
    """An import that waits."""
    return f"Import of {folder}"

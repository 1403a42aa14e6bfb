"""Strings about ComfyUI: the panel that puts the studio's nodes into it, and drawing with it."""

from typing import Any

COMFY: dict[str, Any] = {
    "title": "Nodes for ComfyUI",
    "about": (
        "They load your adapters by name and say whether all of it fits, send images to the studio to vote on, and let "
        "you choose while ComfyUI draws."
    ),
    "none": "No ComfyUI was found in the usual places.",
    "installed": "installed",
    "install": "Install",
    "remove": "Remove",
    "other": "Folder of another ComfyUI",
    "placeholder": "the folder that holds custom_nodes",
    "working": "Just a moment…",
    "lost": "The studio did not answer. Try again.",
}
GONE = "This ComfyUI is not there any more. Look again, or type its folder."
EMPTY = "Type the folder of your ComfyUI, the one that holds custom_nodes."
RELATIVE = "Type the whole path of the folder, from the root or the drive on; {given} is only a part of one."

FOUND = {
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

DRAW: dict[str, Any] = {
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
ON_THE_PAGE = (
    "Which ComfyUI draws, and with which workflow, is chosen on the page Generate. A program can use the command line: "
    "generate --comfy URL --workflow FILE."
)

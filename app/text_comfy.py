"""Strings of the panel that puts the studio's nodes into ComfyUI."""

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

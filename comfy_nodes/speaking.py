# ComfyUI's modules exist only inside ComfyUI.
# pyright: reportMissingImports=false
"""How the nodes speak: their place in ComfyUI's menu, and what they write on themselves."""

from typing import Any

CATEGORY = "SDPO Studio"


def draw(node: Any, text: str) -> None:
    """Write on the node; ComfyUI's page does that without a script of ours."""
    comfy_server().send_progress_text(text, node.hidden.unique_id)


def comfy_server() -> Any:
    """ComfyUI's server."""
    from server import PromptServer  # only here: it exists once ComfyUI's server runs

    return PromptServer.instance

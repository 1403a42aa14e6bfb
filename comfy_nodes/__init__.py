"""SDPO Studio for ComfyUI: use the adapters that the studio trained from your votes, and vote in ComfyUI.

ComfyUI asks for `comfy_entrypoint` when it starts; only then is anything of ComfyUI imported, so that the pack's own
logic can be read and tested without it.
"""

from typing import Any

WEB_DIRECTORY = "./web"  # help pages, and the panel of Choose Preferred

__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]


async def comfy_entrypoint() -> Any:
    """The extension: its nodes, their routes, and the studio's adapters in every LoRA list."""
    import os

    from .nodes import QUESTIONS, SdpoStudioExtension, join_lora_lists
    from .routes import add_routes

    join_lora_lists()  # here, because older ComfyUI never calls an extension's on_load
    add_routes(QUESTIONS, os.environ)
    return SdpoStudioExtension()

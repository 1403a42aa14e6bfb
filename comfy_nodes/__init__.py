"""SDPO Studio for ComfyUI: use the adapters that the studio trained from your votes.

ComfyUI asks for `comfy_entrypoint` when it starts; only then is anything of ComfyUI imported, so that the pack's own
logic can be read and tested without it.
"""

from typing import Any

WEB_DIRECTORY = "./web"  # help pages only, no scripts

__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]


async def comfy_entrypoint() -> Any:
    """The extension: one node, and the studio's adapters in every LoRA list."""
    from .nodes import SdpoStudioExtension, join_lora_lists

    join_lora_lists()  # here, because older ComfyUI never calls an extension's on_load
    return SdpoStudioExtension()

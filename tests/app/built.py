"""The studio's page as Gradio has it, without a server."""

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.main import build
from app.server.lan import Lan
from app.studio import Studio
from app.ui.widget import ServerFunction


@dataclass(frozen=True)
class BuiltWidget:
    """A widget: its module, what that is given, and the server functions it may call."""

    module: str
    given: dict[str, Any]
    functions: dict[str, ServerFunction]


def built(studio: Studio) -> gr.Blocks:
    """The whole page."""

    async def building() -> gr.Blocks:
        return build(studio, Lan(0))

    # Without a running loop Gradio makes one and leaves it open. The main thread may have that of the browser tests.
    with ThreadPoolExecutor(1) as other_thread:
        return other_thread.submit(asyncio.run, building()).result()


def built_widgets(studio: Studio) -> dict[str, BuiltWidget]:
    """All widgets of the page, by elem_id."""
    found: dict[str, BuiltWidget] = {}
    for block in built(studio).blocks.values():
        if isinstance(block, gr.HTML):
            assert block.html_template == ""  # the default would write a value into the page as HTML
            given, module = re.findall(r"^const given = (.*);$|new URL\((.*), document", block.js_on_load or "", re.M)
            module = "/".join(json.loads(module[1]).split("/")[-2:])
            functions = {function.__name__: function.__wrapped__ for function in block.server_fns}
            found[str(block.elem_id)] = BuiltWidget(module, json.loads(given[0]), functions)
    return found

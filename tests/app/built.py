"""The studio's page as Gradio has it, without a server."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import gradio as gr

from app.main import build
from app.server.lan import Lan
from app.studio import Studio


def built(studio: Studio) -> gr.Blocks:
    """The whole page."""

    async def building() -> gr.Blocks:
        return build(studio, Lan(0))

    # Without a running loop Gradio makes one and leaves it open. The main thread may have that of the browser tests.
    with ThreadPoolExecutor(1) as other_thread:
        return other_thread.submit(asyncio.run, building()).result()

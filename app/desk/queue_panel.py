"""What waits for its turn, wherever something can be put to it."""

import time
from typing import Any

import gradio as gr
from gradio.blocks import Block

from app.desk.queue import RunQueue
from app.desk.text import say
from app.ui.widget import widget


def queue_panel(queue: RunQueue, elem_id: str) -> gr.HTML:
    """The jobs that wait, hidden while there is none; a new value makes it look immediately."""
    return widget(
        "desk/run_queue.js",
        role="sdpo-queue",
        elem_id=elem_id,
        strings=say.rows("queue"),
        server={"queue": queue.state, "act": queue.act},
        value=0,
    )


def queued(*shown: Block) -> dict[Block, Any]:
    """Say that a job waits, and let what shows it look."""
    gr.Info(say("queued"), duration=8)
    return dict.fromkeys(shown, time.time())

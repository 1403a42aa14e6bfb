"""What waits for its turn, wherever something can be put to it."""

import time
from typing import Any

import gradio as gr
from gradio.blocks import Block

from app import text_train
from app.components.widget import widget
from app.studio import Studio


def run_queue(studio: Studio, elem_id: str) -> gr.HTML:
    """The jobs that wait, hidden while there is none; a new value makes it look at once."""
    return widget(
        "run_queue.js",
        role="sdpo-queue",
        elem_id=elem_id,
        strings=text_train.QUEUE,
        server={"queue": studio.queue.state, "act": studio.queue.act},
        value=0,
    )


def queued(*shown: Block) -> dict[Block, Any]:
    """Say that a job waits, and let what shows it look."""
    gr.Info(text_train.QUEUED, duration=8)
    return dict.fromkeys(shown, time.time())

"""What an adapter does at a slider's strength: the nearest image of its latest grid, next to the base model's."""

import json

import gradio as gr

from app.judge.grids import Grids
from app.judge.messages import NearImage, NoImage
from app.judge.text import say
from app.ui.widget import widget


def strength_preview(grids: Grids, prefix: str) -> gr.HTML:
    """Two images, or a button that generates them. Its value is made by `preview_value`."""
    return widget(
        "judge/strength_preview.js",
        role="sdpo-preview",
        elem_id=f"{prefix}-strength-preview",
        strings=say.rows("preview"),
        server={"draw": grids.draw_strengths},
        value="",
    )


def preview_value(shown: NearImage | NoImage | None) -> str:
    """What `Grids.near` tells, for `strength_preview`; None hides it."""
    return json.dumps(shown, ensure_ascii=False) if shown else ""

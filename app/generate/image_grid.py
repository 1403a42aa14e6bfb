"""The newest images."""

from typing import Any

import gradio as gr

from app.generate import text
from app.generate.messages import NewestImages
from app.generate.service import Drawing
from app.ui.replies import Trouble
from app.ui.widget import widget
from sdpo_core.errors import SdpoError


def image_grid(drawing: Drawing) -> gr.HTML:
    """The newest images; it grows while a job generates."""

    def newest(_: Any) -> NewestImages | Trouble:
        try:
            return {"images": drawing.newest_images()}
        except SdpoError as error:  # the bar says so too, and the grid asks again
            return {"error": str(error)}

    return widget(
        "generate/image_grid.js",
        role="sdpo-grid",
        elem_id="image-grid",
        strings=text.GALLERY,
        server={"newest": newest},
    )

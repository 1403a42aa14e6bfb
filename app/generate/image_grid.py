"""The newest images."""

from typing import Any

import gradio as gr

from app.generate.messages import NewestImages
from app.generate.service import Drawing
from app.generate.text import say
from app.ui.replies import Reply, answered
from app.ui.widget import widget


def image_grid(drawing: Drawing) -> gr.HTML:
    """The newest images; it grows while a job generates."""

    def images() -> NewestImages:
        return {"images": drawing.newest_images()}

    def newest(_: Any = None) -> Reply[NewestImages]:
        return answered(images)

    return widget(
        "generate/image_grid.js",
        role="sdpo-grid",
        elem_id="image-grid",
        strings=say.rows("gallery"),
        server={"newest": newest},
    )

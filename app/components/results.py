"""What the person gets to see at the end: the images, the verdict, the adapters."""

import json
from typing import Any

import gradio as gr

from app import text, text_adapters, text_judge
from app.adapters import Adapters
from app.components.widget import widget
from app.grids import Grids
from app.judging import Judging
from app.studio import Studio
from sdpo_core.errors import SdpoError


def image_grid(studio: Studio) -> gr.HTML:
    """The newest images; it grows while a job draws."""

    def newest(_: Any) -> dict[str, Any]:
        try:
            return {"images": studio.newest_images()}
        except SdpoError as error:  # the bar says so too, and the grid asks again
            return {"error": str(error)}

    return widget(
        "image_grid.js", role="sdpo-grid", elem_id="image-grid", strings=text.GALLERY, server={"newest": newest}
    )


def verdict_card(judging: Judging) -> gr.HTML:
    """The verdict of a blind test; its value is made by `verdict_value`."""
    return widget(
        "verdict_card.js",
        role="sdpo-verdict",
        elem_id="verdict-card",
        strings=text_judge.VERDICT,
        server={"let_train": judging.let_train},
        value="",
    )


def verdict_value(shown: dict[str, Any] | None) -> str:
    """What `Judging.shown` tells, for `verdict_card`; None hides it."""
    return json.dumps(shown, ensure_ascii=False) if shown else ""


def strength_grid(grids: Grids) -> gr.HTML:
    """Images of one prompt over strengths and checkpoints, and the choice of one. Value: the run's id.

    Event `removed`: the grid is in the trash.
    """
    return widget(
        "strength_grid.js",
        role="sdpo-strengths",
        elem_id="strength-grid",
        strings=text_judge.GRID,
        server={"shown": grids.shown, "pick": grids.pick, "remove": grids.remove},
        value="",
    )


def adapter_list(adapters: Adapters) -> gr.HTML:
    """One card per adapter, and the folders of other tools.

    Events `round_two` and `judge`, with the `name` of an adapter: the person wants to go on with it, or to judge it.
    """
    return widget(
        "gain_curve.js",
        "adapter_list.js",
        role="sdpo-adapters",
        elem_id="adapter-list",
        strings=text_adapters.WIDGET,
        server={"shelf": adapters.snapshot, "act": adapters.act},
    )

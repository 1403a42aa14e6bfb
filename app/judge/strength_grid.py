"""Images of one prompt over strengths and checkpoints, and the choice of one."""

import gradio as gr

from app.judge.grids import Grids
from app.judge.text import say
from app.ui.widget import widget


def strength_grid(grids: Grids) -> gr.HTML:
    """The grid that is shown. Value: the run's id. Event `removed`: the grid is in the trash."""
    return widget(
        "judge/strength_grid.js",
        role="sdpo-strengths",
        elem_id="strength-grid",
        events=("removed",),
        strings=say.rows("grid"),
        server={"shown": grids.shown, "pick": grids.pick, "remove": grids.remove},
        value="",
    )

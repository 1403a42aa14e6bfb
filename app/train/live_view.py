"""Shows a training run as it runs: curves with the health gauge, previews, the log. Value: the run's id."""

import gradio as gr

from app.train.progress import RunProgress
from app.train.text import say
from app.ui.widget import widget


def live_chart(progress: RunProgress) -> gr.HTML:
    """Winner error against its budget, loss, and the gauge "Still healthy?"; drawn with uPlot."""
    return widget(
        "train/live_chart.js",
        role="sdpo-chart",
        elem_id="live-chart",
        strings=say.rows("charts"),
        server={"metrics": progress.metrics},
        libraries=("vendor/uplot/uPlot.iife.min.js",),
        value="",
    )


def previews(progress: RunProgress) -> gr.HTML:
    """The base model's previews above those of a chosen step."""
    return widget(
        "train/previews.js",
        role="sdpo-previews",
        elem_id="previews",
        strings=say.rows("previews"),
        server={"previews": progress.previews},
        value="",
    )


def log_view(progress: RunProgress) -> gr.HTML:
    """The last lines of the log, read while somebody looks."""
    return widget(
        "train/log_view.js",
        role="sdpo-log",
        elem_id="log-view",
        strings=say.rows("log"),
        server={"log": progress.log},
        value="",
    )

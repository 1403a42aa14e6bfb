"""The bar above all pages. It asks for a snapshot once a second; everything else on the page listens to it."""

from typing import Any

import gradio as gr

from app.desk.desk import Desk
from app.desk.text import job_strings
from app.status.messages import Snapshot, StopMessage, Stopping
from app.status.overview import Overview
from app.status.text import say
from app.ui.replies import Reply, Sent, answered, answered_to
from app.ui.widget import widget


def status_bar(desk: Desk, overview: Overview) -> gr.HTML:
    """Name, how far the person is, what runs now, the next step. A new value makes it look immediately.

    Event `job_changed`: a job began, ended or changed its state.
    """

    def snapshot(_: Any = None) -> Reply[Snapshot]:  # where the workspace can't be read just now, it is asked again
        return answered(overview.snapshot)

    def stopped(wish: StopMessage) -> Stopping:
        return {"state": desk.stop(wish.run).state}

    def stop_job(message: Sent[StopMessage]) -> Reply[Stopping]:
        return answered_to(StopMessage, message, stopped)

    return widget(
        "status/status_bar.js",
        role="sdpo-top",
        elem_id="status-bar",
        events=("job_changed",),
        strings={**say.rows("status"), **job_strings(), **say.rows("notices")},
        server={"snapshot": snapshot, "stop_job": stop_job},
        value=0,
    )

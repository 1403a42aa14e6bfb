"""The bar above all pages. It asks for a snapshot once a second; everything else on the page listens to it."""

from typing import Any

import gradio as gr

from app.desk.desk import Desk
from app.status import text
from app.status.overview import Overview
from app.ui.widget import widget
from sdpo_core.errors import SdpoError


def status_bar(desk: Desk, overview: Overview) -> gr.HTML:
    """Name, how far the person is, what runs now, the next step. A new value makes it look immediately.

    Event `job_changed`: a job began, ended or changed its state.
    """

    def snapshot(_: Any) -> dict[str, Any]:
        try:
            return overview.snapshot()
        except SdpoError as error:  # the workspace can't be read just now; the page says so and asks again
            return {"error": str(error)}

    def stop_job(message: Any) -> dict[str, Any]:
        run_id = message.get("run") if isinstance(message, dict) else None
        try:
            return {"ok": True, "state": desk.stop(str(run_id)).state}
        except SdpoError as error:
            return {"ok": False, "error": str(error)}

    return widget(
        "status/status_bar.js",
        role="sdpo-top",
        elem_id="status-bar",
        events=("job_changed",),
        strings={**text.STATUS, **text.NOTICES},
        server={"snapshot": snapshot, "stop_job": stop_job},
        value=0,
    )

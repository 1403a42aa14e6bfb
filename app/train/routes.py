"""Previews of a training run: /sdpo/preview/<run>/<step>/<number>."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.desk.jobs import Jobs
from app.desk.text import say as desk_say
from app.server.files import send_file
from sdpo_core.errors import RunError


def preview_routes(jobs: Jobs) -> list[BaseRoute]:
    """The routes to previews."""

    def preview(request: Request) -> Response:
        path = request.path_params
        return send_file(lambda: preview_path(jobs, path["run"], path["step"], path["number"]))

    return [Route("/sdpo/preview/{run}/{step:int}/{number:int}", preview)]


def preview_path(jobs: Jobs, run_id: str, step: int, number: int) -> Path:
    """A preview of a training run; raises `RunError` when there is none."""
    previews = jobs.open(run_id, "train").previews().get(step, [])
    if not 0 <= number < len(previews):
        raise RunError(desk_say("noSuchPreview"))
    return previews[number]

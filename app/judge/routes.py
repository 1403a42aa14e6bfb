"""Images of grids: /sdpo/grid/<run>/<row>/<column>."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.judge.grids import Grids
from app.server.files import send_file


def grid_routes(grids: Grids) -> list[BaseRoute]:
    """The routes to images of grids."""

    def image(request: Request) -> Response:
        path = request.path_params
        return send_file(lambda: grids.image_path(path["run"], path["row"], path["column"]))

    return [Route("/sdpo/grid/{run}/{row:int}/{column:int}", image)]

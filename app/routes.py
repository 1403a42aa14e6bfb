"""Files that the browser may have: by id, never by path.

/sdpo/static/<file>                          the studio's own scripts, styles and fonts
/sdpo/image/<sha256>                         an image of the store
/sdpo/preview/<run>/<step>/<number>          a preview of a training run
"""

import mimetypes
from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from app.studio import Studio
from sdpo_core.errors import SdpoError

STATIC = Path(__file__).resolve().parent / "static"
STATIC_URL = "/sdpo/static"

_FOREVER = {"cache-control": "private, max-age=31536000, immutable"}  # what is named by its content never changes
_ASK_AGAIN = {"cache-control": "no-cache"}  # another workspace has other files under these names

# The registry of file types may be wrong on Windows, and a browser refuses a script with the wrong one.
for _type, _suffix in (("text/javascript", ".js"), ("text/css", ".css"), ("font/woff2", ".woff2")):
    mimetypes.add_type(_type, _suffix)


def routes(studio: Studio) -> list[BaseRoute]:
    """The studio's own routes, beside Gradio's."""

    def image(request: Request) -> Response:
        # Read here, not sent as a file: its date would tell which image of a blind pair was drawn second.
        try:
            data = studio.image_path(request.path_params["sha256"]).read_bytes()
        except (SdpoError, FileNotFoundError) as error:
            return PlainTextResponse(str(error), status_code=404)
        return Response(data, media_type="image/png", headers=_FOREVER)

    def preview(request: Request) -> Response:
        path = request.path_params
        return send_file(lambda: studio.preview_path(path["run"], path["step"], path["number"]))

    return [
        Mount(STATIC_URL, StaticFiles(directory=STATIC)),
        Route("/sdpo/image/{sha256}", image),
        Route("/sdpo/preview/{run}/{step:int}/{number:int}", preview),
    ]


def send_file(find: Callable[[], Path], *, name: Callable[[], str] | None = None) -> Response:
    """The file that `find` names, to be kept under `name` if there is one; a plain 404 in words when it raises."""
    try:
        path, kept = find(), name() if name else None
    except SdpoError as error:
        return PlainTextResponse(str(error), status_code=404)
    return FileResponse(path, headers=_ASK_AGAIN, filename=kept)

"""Files that the browser may have: by id, never by path.

/sdpo/static/<file>                          the studio's own scripts, styles and fonts
/sdpo/image/<sha256>                         an image of the store
"""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from app.ui.assets import STATIC, STATIC_URL
from sdpo_core.errors import SdpoError
from sdpo_core.workspace.store import Store

_FOREVER = {"cache-control": "private, max-age=31536000, immutable"}  # what is named by its content never changes


def routes(store: Store) -> list[BaseRoute]:
    """The studio's own routes, beside Gradio's."""

    def image(request: Request) -> Response:
        # Read here, not sent as a file: its date would tell which image of a blind pair was drawn second.
        try:
            data = store.image_path_by_sha(request.path_params["sha256"]).read_bytes()
        except (SdpoError, FileNotFoundError) as error:
            return PlainTextResponse(str(error), status_code=404)
        return Response(data, media_type="image/png", headers=_FOREVER)

    return [Mount(STATIC_URL, StaticFiles(directory=STATIC)), Route("/sdpo/image/{sha256}", image)]

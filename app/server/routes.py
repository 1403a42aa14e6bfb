"""Files that the browser may have: by id, never by path.

/sdpo/static/<file>                          the studio's own styles, fonts and icons
/sdpo/static/js/<version>/<room>/<module>         its scripts (ui/scripts.py)
/sdpo/image/<sha256>                         an image of the store
"""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.staticfiles import StaticFiles

from app.ui.assets import SCRIPTS, STATIC, STATIC_URL
from app.ui.text import say
from sdpo_core.errors import SdpoError
from sdpo_core.workspace.store import Store

_FOREVER = {"cache-control": "private, max-age=31536000, immutable"}  # what is named by its content never changes


def routes(store: Store) -> list[BaseRoute]:
    """The studio's own routes, in addition to Gradio's."""

    def image(request: Request) -> Response:
        # Read here, not sent as a file: its date would reveal which image of a blind pair was generated second.
        try:
            data = store.images.path(request.path_params["sha256"]).read_bytes()
        except (SdpoError, FileNotFoundError) as error:
            return PlainTextResponse(str(error), status_code=404)
        return Response(data, media_type="image/png", headers=_FOREVER)

    def script(request: Request) -> Response:
        content = SCRIPTS.find(**request.path_params)
        if content is None:
            return PlainTextResponse(say("noSuchScript"), status_code=404)
        return Response(content, media_type="text/javascript", headers=_FOREVER)

    # Not mounted: a mount looks for its files in vain where a proxy serves the studio below a path of its own.
    files = StaticFiles(directory=STATIC)

    async def static(request: Request) -> Response:
        return await files.get_response(request.path_params["path"], request.scope)

    return [
        Route(f"{STATIC_URL}/js/{{version}}/{{name:path}}", script),
        Route(f"{STATIC_URL}/{{path:path}}", static),
        Route("/sdpo/image/{sha256}", image),
    ]

"""Images over HTTP: each is sent as it is, one request a file.

POST /sdpo/import/<draft>?name=<relative name>      the body is the file; answers {"ok"} or {"ok", "error"}
"""

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.generate.importing import Imports
from sdpo_core.errors import SdpoError


def import_routes(imports: Imports) -> list[BaseRoute]:
    """The routes of imports."""

    async def receive(request: Request) -> Response:
        try:
            await imports.receive(request.path_params["draft"], request.query_params.get("name", ""), request.stream())
        except SdpoError as error:
            return JSONResponse({"ok": False, "error": str(error)})
        except ClientDisconnect:  # the page was closed; nobody reads an answer
            return Response(status_code=400)
        return JSONResponse({"ok": True})

    return [Route("/sdpo/import/{draft}", receive, methods=["POST"])]

"""Projects over HTTP: a zip is sent as it is, piece by piece, because it may be larger than any form takes.

POST /sdpo/project            the body is a project's zip; answers {"ok", "sentence"} or {"ok", "error"};
                              X-File-Name, where given, is its name, percent-encoded
GET  /sdpo/export/<name>      a zip that was exported
"""

import shutil
from urllib.parse import unquote

import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from app.desk.desk import Desk
from app.home.project_actions import ProjectActions
from app.home.text import say
from sdpo_core.atomic import disk_errors
from sdpo_core.errors import DiskError, ProjectError, SdpoError

_LONGEST_NAME = 1000
_RESERVE_BYTES = 2**28  # what an upload leaves free on the disk


def project_routes(desk: Desk, actions: ProjectActions) -> list[BaseRoute]:
    """The routes of projects."""

    async def receive(request: Request) -> Response:
        path = desk.projects.draft()
        try:
            with disk_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                room = shutil.disk_usage(path.parent).free - _RESERVE_BYTES
                with path.open("wb") as file:
                    async for piece in request.stream():
                        room -= len(piece)
                        if room < 0:
                            raise ProjectError(say("tooLarge"))
                        file.write(piece)
            name = unquote(request.headers.get("x-file-name", "")[:_LONGEST_NAME]) or say("sentZip")
            return JSONResponse(await anyio.to_thread.run_sync(actions.import_zip, path, name))
        except (ProjectError, DiskError) as error:
            return JSONResponse({"ok": False, "error": str(error)})
        except ClientDisconnect:  # the page was closed; nobody reads an answer
            return Response(status_code=400)
        finally:
            path.unlink(missing_ok=True)

    def send(request: Request) -> Response:
        try:
            path = desk.projects.export_path(request.path_params["name"])
        except SdpoError as error:
            return PlainTextResponse(str(error), status_code=404)
        return FileResponse(path, filename=path.name, media_type="application/zip")

    return [
        Route("/sdpo/project", receive, methods=["POST"]),
        Route("/sdpo/export/{name}", send),
    ]

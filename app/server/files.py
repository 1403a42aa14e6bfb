"""Sending a file that was found by an id."""

from collections.abc import Callable
from pathlib import Path

from starlette.responses import FileResponse, PlainTextResponse, Response

from sdpo_core.errors import SdpoError

_ASK_AGAIN = {"cache-control": "no-cache"}  # another workspace has other files under these names


def send_file(find: Callable[[], Path], *, name: Callable[[], str] | None = None) -> Response:
    """The file that `find` names, kept under `name` if there is one; a plain 404 with the message if it raises."""
    try:
        path, kept = find(), name() if name else None
    except SdpoError as error:
        return PlainTextResponse(str(error), status_code=404)
    return FileResponse(path, headers=_ASK_AGAIN, filename=kept)

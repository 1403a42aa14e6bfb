# ComfyUI's modules exist only inside ComfyUI.
# pyright: reportMissingImports=false
"""What the panel on the node asks of ComfyUI's server. Nothing here reads or writes a file that a caller names."""

from typing import Any

from .problem import PackProblem
from .questions import Questions
from .workspace import find_workspace, pack_folder, studio_address

_PATH = "/sdpo"


def add_routes(questions: Questions, environment: Any) -> None:
    """Join ComfyUI's server; with no server (a program that only lists nodes) nothing is added."""
    from aiohttp import web
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)
    if server is None:
        return

    @server.routes.get(f"{_PATH}/questions")
    async def waiting(_: Any) -> Any:
        return web.json_response(questions.told())

    @server.routes.get(_PATH + "/picture/{token}/{number}")
    async def picture(request: Any) -> Any:
        data = questions.picture(request.match_info["token"], request.match_info["number"])
        if data is None:
            return web.Response(status=404, text="This question has already been answered or has expired.")
        return web.Response(body=data, content_type="image/png", headers={"Cache-Control": "no-store"})

    @server.routes.post(f"{_PATH}/answer")
    async def answer(request: Any) -> Any:
        try:
            message = await request.json()
        except ValueError:
            message = None
        status, words = questions.answer(message)
        return web.json_response({"message": words}, status=status)

    @server.routes.get(f"{_PATH}/studio")
    async def studio(_: Any) -> Any:
        try:
            url = studio_address(find_workspace(pack_folder(), environment))
        except PackProblem as problem:
            return web.json_response({"url": "", "message": str(problem)})
        return web.json_response({"url": url, "message": ""})

    _ = waiting, picture, answer, studio  # the server has them now

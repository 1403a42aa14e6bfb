"""Files about adapters that the browser may have: by id, never by path.

/sdpo/adapter/<id>                   the adapter's file, which ComfyUI, A1111 and Forge read
/sdpo/adapter/<id>/diffusers         the same under diffusers' names
/sdpo/adapter/<id>/card              its model card; ?prompts=1 with the prompts that it was judged on
/sdpo/adapter/<id>/preview           the picture next to it
"""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from app.adapters.service import Adapters
from app.server.files import send_file
from sdpo_core.errors import SdpoError


def adapter_routes(adapters: Adapters) -> list[BaseRoute]:
    """The routes."""

    def file(request: Request) -> Response:
        number = request.path_params["id"]
        return send_file(lambda: adapters.file(number), name=lambda: f"{adapters.file_stem(number)}.safetensors")

    def diffusers_file(request: Request) -> Response:
        number = request.path_params["id"]
        return send_file(
            lambda: adapters.diffusers_file(number), name=lambda: f"{adapters.file_stem(number)}-diffusers.safetensors"
        )

    def preview(request: Request) -> Response:
        return send_file(lambda: adapters.preview(request.path_params["id"]))

    def card(request: Request) -> Response:
        prompts = request.query_params.get("prompts") == "1"
        try:
            name, content = adapters.model_card(request.path_params["id"], prompts=prompts)
        except SdpoError as error:
            return PlainTextResponse(str(error), status_code=404)
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(name)}", "cache-control": "no-cache"}
        return PlainTextResponse(content, headers=headers, media_type="text/markdown")

    return [
        Route("/sdpo/adapter/{id:int}", file),
        Route("/sdpo/adapter/{id:int}/diffusers", diffusers_file),
        Route("/sdpo/adapter/{id:int}/card", card),
        Route("/sdpo/adapter/{id:int}/preview", preview),
    ]

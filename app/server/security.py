"""Who may talk to the studio: pages that the studio itself served, and programs on this machine.

Without this, any web page a person has open could vote and upload through `/gradio_api/component_server` and
`/gradio_api/upload` (they take plain forms from any origin), and DNS rebinding would reach everything else.
"""

from collections.abc import Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
NETWORK_HOST = "sdpo.network_host"
"""Key of a request's scope: the address at which the gate to the network let it in. No client can set it."""

_SAFE_METHODS = ("GET", "HEAD")
_ADDED_HEADERS = (
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class LocalGuard:
    """Pure ASGI middleware: refuses foreign hosts, foreign origins and cross-site fetches with 403.

    To `hosts` comes, for requests that the gate to the network let in, the address that was opened there.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = LOOPBACK_HOSTS) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if not _allowed(scope, self._hosts | {scope[NETWORK_HOST]} if NETWORK_HOST in scope else self._hosts):
            await _refuse(scope, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_ADDED_HEADERS]
            await send(message)

        await self._app(scope, receive, send_guarded)


def _allowed(scope: MutableMapping[str, Any], hosts: frozenset[str]) -> bool:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get("host", "")
    if _host_name(f"//{host}") not in hosts:
        return False
    if scope["type"] == "http" and scope["method"] in _SAFE_METHODS and headers.get("sec-fetch-mode") == "navigate":
        return True  # a link on another page may open the studio; another page may not read or embed it
    origin = headers.get("origin")
    if origin is not None:
        return origin in (f"http://{host}", f"https://{host}")
    return headers.get("sec-fetch-site", "none") in ("same-origin", "none")  # another port here is "same-site"


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # "[::1" and other text that isn't an address
        return None


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    body = b"Refused: SDPO Studio answers only its own pages, opened from this machine."
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""Who comes in from the local network: whoever has the password, and nobody else sees as much as a picture.

Every request that arrives over the network passes here before it reaches the studio and its `security.LocalGuard`.
A login lasts as long as the gate.
"""

import asyncio
import html
import secrets
import time
from collections import deque
from string import Template
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.server.security import NETWORK_HOST
from app.server.text import say
from app.ui.assets import STATIC

ENTER = "/sdpo/enter"
COOKIE = "sdpo_login"
MOST_WRONG, WRONG_WITHIN_S = 10, 60.0
BODY_WITHIN_S = 10.0
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without what looks alike
_MOST_BODY = 1000


def make_password() -> str:
    """Twelve letters and digits in three groups: about 59 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3))


class Gate:
    """Pure ASGI: lets a browser with the right cookie through to `app`, shows everybody else the login.

    `host` is what the Host header has to be: the address that was opened, with its port.
    """

    def __init__(self, app: ASGIApp, host: str, password: str) -> None:
        self._app, self._host, self._password = app, host, password
        self._logins: set[str] = set()
        self._closing = asyncio.Event()
        self._wrong: deque[float] = deque(maxlen=MOST_WRONG)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, answer the login, or refuse."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = Headers(scope=scope)
        if headers.get("host") != self._host:
            await _answer(send, 403, say("wrongHost", host=self._host))
        elif scope["path"] == ENTER and scope["method"] == "POST":
            await self._enter(headers, receive, send)
        elif not self._logins.isdisjoint(_cookies(headers)):
            await self._pass_on({**scope, NETWORK_HOST: self._host.rsplit(":", 1)[0].strip("[]")}, receive, send)
        elif scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            await _show(send, 200, "")
        else:
            await _answer(send, 401, say("loginFirst"))

    def close(self) -> None:
        """End the streams that pages keep open, as if their browsers had gone. To be called in the loop."""
        self._closing.set()

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the studio answer; once the gate closes, report a disconnect to it, and end what it began to say."""
        begun, asked, unfinished = asyncio.Event(), False, False

        async def close() -> Message:
            await self._closing.wait()
            await begun.wait()  # what hasn't begun isn't a stream, and ends by itself
            return {"type": "http.disconnect"}

        async def receive_or_close() -> Message:
            nonlocal asked
            if not asked:  # the body is still to come
                message = await receive()
                asked = not message.get("more_body")
                return message
            arriving = [asyncio.ensure_future(receive()), asyncio.ensure_future(close())]
            try:
                done, _ = await asyncio.wait(arriving, return_when=asyncio.FIRST_COMPLETED)
                return done.pop().result()
            finally:
                for one in arriving:
                    one.cancel()

        async def note(message: Message) -> None:
            nonlocal unfinished
            unfinished = message["type"] == "http.response.start" or bool(message.get("more_body"))
            begun.set()
            await send(message)

        await self._app(scope, receive_or_close, note)
        if unfinished and self._closing.is_set():
            await send({"type": "http.response.body", "body": b""})

    async def _enter(self, headers: Headers, receive: Receive, send: Send) -> None:
        """Check a password that the login page sent. All guessers share one allowance."""
        if headers.get("origin") != f"http://{self._host}":
            await _answer(send, 403, say("loginFirst"))
            return
        try:
            body = await asyncio.wait_for(_body(receive), BODY_WITHIN_S)
        except TimeoutError:
            await _answer(send, 408, say("loginFirst"))
            return
        given = parse_qs(body.decode("utf-8", "replace")).get("password", [""])[0]
        now = time.monotonic()
        if len(self._wrong) == MOST_WRONG and now - self._wrong[0] < WRONG_WITHIN_S:
            await _show(send, 429, say("tooMany"))
        elif not secrets.compare_digest(_plain(given).encode(), _plain(self._password).encode()):
            self._wrong.append(now)
            await _show(send, 401, say("wrongPassword"))
        else:
            login = secrets.token_urlsafe(32)
            self._logins.add(login)
            cookie = f"{COOKIE}={login}; Path=/; HttpOnly; SameSite=Strict"
            await _answer(send, 303, "", (b"location", b"/"), (b"set-cookie", cookie.encode()))


def _plain(password: str) -> str:
    """As the person may type it: with or without groups, in capitals on some phones."""
    return password.replace("-", "").replace(" ", "").casefold()


def _cookies(headers: Headers) -> list[str]:
    """The logins that a browser sends. Read by hand: other programs on this machine set cookies too, and any form."""
    pieces = [piece.strip().partition("=") for piece in headers.get("cookie", "").split(";")]
    return [value for name, _, value in pieces if name == COOKIE]


async def _body(receive: Receive) -> bytes:
    body = b""
    while len(body) <= _MOST_BODY:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body[:_MOST_BODY]


async def _show(send: Send, status: int, sentence: str) -> None:
    """The login page."""
    nonce = secrets.token_urlsafe(16)
    page = Template((STATIC / "login.html").read_text(encoding="utf-8"))
    words = {name: html.escape(word) for name, word in say.rows("login").items()}
    filled = page.substitute(words, said=html.escape(sentence), nonce=nonce, enter=ENTER)
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; form-action 'self'"
    await _answer(send, status, filled, (b"content-security-policy", policy.encode()), kind="text/html")


async def _answer(send: Send, status: int, words: str, *more: tuple[bytes, bytes], kind: str = "text/plain") -> None:
    body = words.encode()
    headers = [
        (b"content-type", f"{kind}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-frame-options", b"DENY"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),  # without any, a form's Origin would be "null"
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

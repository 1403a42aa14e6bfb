"""The studio in the local network for as long as a person wants it: one address, one password.

A second listener, in addition to the local one. It runs in the same event loop, to which Gradio's queue
belongs, and every request that comes through it passes `gate.Gate`.
"""

import asyncio
import contextlib
import ipaddress
import os
import socket
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass

import psutil
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.server.gate import Gate, make_password
from app.server.text import say
from sdpo_core.errors import SdpoError

MOST_CONNECTIONS, REQUEST_WITHIN_S = 100, 10.0
_PATIENCE_S = 10.0
_ADDRESS_FOR_DOCUMENTS = "192.0.2.1"  # RFC 5737: nobody has it; asking for the way there sends nothing


class LanError(SdpoError):
    """The studio can't be opened to the network as asked."""


@dataclass(frozen=True)
class Door:
    """Where the studio answers in the network, and with which password."""

    address: str
    port: int
    password: str

    @property
    def host(self) -> str:
        """What a browser sends as Host."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    @property
    def url(self) -> str:
        """The address to type."""
        return f"http://{self.host}/"

    @property
    def link(self) -> str:
        """The address that logs in by itself; what follows # stays in the browser."""
        return f"{self.url}#{self.password}"


class Lan:
    """Opens and closes the door to the network, at the port of the studio on this machine.

    Its methods may be called from any thread but the loop's own.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._app: ASGIApp | None = None
        self._door: Door | None = None
        self._gate: Gate | None = None
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._changing = threading.Lock()

    @contextlib.asynccontextmanager
    async def lifespan(self, app: ASGIApp) -> AsyncIterator[None]:
        """Lifespan of the studio's web application: learns its loop, and shuts the door at the end."""
        self._loop, self._app = asyncio.get_running_loop(), app
        try:
            yield
        finally:
            await self._shut()

    @property
    def door(self) -> Door | None:
        """The open door; None when the studio answers only this machine."""
        return self._door

    def open(self, address: str | None = None) -> Door:
        """Answer at an address of this machine, too; left out, the first one of its local network.

        Raises `LanError`. A listener that is already open stays, password included.
        """
        with self._changing:
            if self._door is not None:
                return self._door
            if self._loop is None:
                raise LanError(say("stillStarting"))
            known = addresses()
            if address is None and not known:
                raise LanError(say("noAddress"))
            listener = _bound(known[0] if address is None else address, self._port, known)
            opening = self._listen(listener)
            return asyncio.run_coroutine_threadsafe(opening, self._loop).result(_PATIENCE_S)

    def close(self) -> None:
        """Answer only this machine again; who was logged in is out."""
        with self._changing:
            if self._loop is not None:
                asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(_PATIENCE_S)

    async def _listen(self, listener: socket.socket) -> Door:
        address, port = listener.getsockname()[:2]
        door = Door(address, port, make_password())
        assert self._app is not None
        gate = self._gate = Gate(self._app, door.host, door.password)
        settings = uvicorn.Config(
            gate, http=_BoundedConnection, lifespan="off", log_config=None, timeout_graceful_shutdown=2
        )
        self._server = uvicorn.Server(settings)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(0.01)
        self._door = door
        return door

    async def _shut(self) -> None:
        self._door = None
        if self._server is not None and self._serving is not None and self._gate is not None:
            self._gate.close()
            self._server.should_exit = True
            await self._serving
        self._gate = self._server = self._serving = None


class _BoundedConnection(H11Protocol):
    """A connection that a stranger can't hold: their number is limited, and none stays open without a request.

    They share the files that this process may open with the listener for this machine.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self.loop.call_later(REQUEST_WITHIN_S, self._end_if_nothing_is_asked)

    def _end_if_nothing_is_asked(self) -> None:
        if self.transport.is_closing():
            return
        if not self.cycle or self.cycle.response_complete:
            self.transport.abort()
        else:
            self.loop.call_later(REQUEST_WITHIN_S, self._end_if_nothing_is_asked)


def addresses() -> list[str]:
    """This machine's addresses in local networks, the one with the way outside first.

    SDPO_LAN_ADDRESS names one by hand, for networks that are built otherwise.
    """
    if chosen := os.environ.get("SDPO_LAN_ADDRESS"):
        return [chosen]
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = [
        entry.address
        for name, entries in psutil.net_if_addrs().items()
        if name in up
        for entry in entries
        if entry.family == socket.AF_INET and _is_local(entry.address)
    ]
    first = _way_outside()
    return sorted(set(found), key=lambda address: (address != first, address))


def check_address(address: str, port: int) -> None:
    """Raise `LanError` when the studio could not answer there; for whoever asks before it is up."""
    _bound(address, port, addresses()).close()


def _is_local(address: str) -> bool:
    known = ipaddress.ip_address(address)
    return known.is_private and not known.is_loopback and not known.is_link_local


def _way_outside() -> str:
    """This machine's own address on the way out; empty without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((_ADDRESS_FOR_DOCUMENTS, 9))
            return str(probe.getsockname()[0])
        except OSError:
            return ""


def _unknown(address: str, known: list[str]) -> str:
    return say("unknownAddress", address=address[:80], known=", ".join(known) or say("noNetwork"))


def _bound(address: str, port: int, known: list[str]) -> socket.socket:
    """A socket at this address of the machine; raises `LanError` unless it's a single address of ours."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError as error:
        raise LanError(_unknown(address, known)) from error
    if parsed.is_unspecified or parsed.is_multicast:
        raise LanError(_unknown(address, known))
    listener = socket.socket(socket.AF_INET6 if parsed.version == 6 else socket.AF_INET)
    try:
        if os.name != "nt":  # there the option means something else: take a port that another program has
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((str(parsed), port))
    except OSError as error:
        listener.close()
        raise LanError(say("cantListen", address=address, why=error.strerror or error)) from error
    return listener

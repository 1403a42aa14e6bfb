"""A job in a ComfyUI's queue: queueing it, listening to it, waiting for it, taking it out again.

The websocket is for progress alone. Whether a job has ended is asked over HTTP each time, so a websocket that breaks,
or that a proxy blocks, costs the steps in the bar and nothing else.
"""

import contextlib
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import quote, urlencode

import websocket

from sdpo_core.comfyui.client import CANCELLED, Client, complaints, reason
from sdpo_core.comfyui.workflow import Graph
from sdpo_core.errors import ComfyUIError
from sdpo_core.exchange.metadata import values

_CONNECT_S = 5.0
_AGAIN_AFTER_S = 5.0  # before the next attempt to listen
_MOST_BYTES = 32 * 2**20  # of one message; the largest are previews


class Picture(NamedTuple):
    """An image as ComfyUI names it."""

    filename: str
    subfolder: str
    type: str


class Place(NamedTuple):
    """Where a job is."""

    running: bool
    before: int  # jobs that come first, whoever put them there


class Heard(NamedTuple):
    """News of a job."""

    done: int  # steps of the node that is running
    total: int
    ended: bool  # it is worth asking for the result now


class Queue:
    """The queue of a ComfyUI, for one job at a time. Every method raises `ComfyUIError` with a message for a person."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._client_id = uuid.uuid4().hex
        self._socket: _Listener | None = None
        self._tried_at = -_AGAIN_AFTER_S

    # ---------------------------------------------------------------------------------------------------- the job

    def put(self, graph: Graph, image: str, job: str, *, again: bool = False) -> str:
        """Queue `graph` as `job` (a UUID) for the images of the node `image`; returns its id.

        `again`: the reply to an earlier attempt was lost, so the job may already be there.
        Raises `ComfyUIError` when it refuses the graph, or the part that gives the images.
        """
        if again and (self.place(job) or self.ended(job)):
            return job
        asked = {"prompt": graph, "client_id": self._client_id, "prompt_id": job}
        reply = self._client.ask_json("POST", "/prompt", asked)
        if self._refused(reply, image):  # the graph's other outputs would still be generated
            self.cancel(values.name(reply.get("prompt_id")) or job)
            raise ComfyUIError(f"{self._client.url} refuses: {'; '.join(complaints(reply))}.")
        return values.name(reply.get("prompt_id")) or job  # older ones choose the id themselves

    def place(self, job: str) -> Place | None:
        """Where the job is in the queue; None when it isn't, or is no longer, there."""
        reply = self._client.ask_json("GET", "/queue")
        running, pending = (_entries(reply.get(name)) for name in ("queue_running", "queue_pending"))
        if job in (id for _, id in running):
            return Place(True, 0)
        own = next((number for number, id in pending if id == job), None)
        return None if own is None else Place(False, len(running) + sum(number < own for number, _ in pending))

    def length(self) -> int:
        """How many jobs are running or waiting there."""
        reply = self._client.ask_json("GET", "/queue")
        return sum(len(_entries(reply.get(name))) for name in ("queue_running", "queue_pending"))

    def ended(self, job: str) -> dict[str, Any] | None:
        """The job's entry in the history; None until it has ended."""
        return values.mapping(self._client.ask_json("GET", f"/history/{quote(job)}").get(job)) or None

    def pictures(self, reply: Mapping[str, Any], image: str) -> list[Picture]:
        """The images that the node `image` gave; raises `ComfyUIError` with the reason when the job failed."""
        outputs = values.mapping(reply.get("outputs"))
        if values.mapping(reply.get("status")).get("status_str") == "error" or (why := reason(reply)) == CANCELLED:
            raise ComfyUIError(f"The ComfyUI at {self._client.url} ended the job without an image: {reason(reply)}.")
        found = [values.mapping(one) for one in values.items(values.mapping(outputs.get(image)).get("images"))]
        named = [one for one in found if values.text(one.get("filename"))]
        pictures = [Picture(*(values.text(one.get(name)) for name in Picture._fields)) for one in named]
        if not pictures:
            raise ComfyUIError(
                f"The ComfyUI at {self._client.url} finished the job, but node {image} gave no image ({why}). Point at "
                "another node."
            )
        return pictures

    def fetch(self, picture: Picture) -> bytes:
        """An image's file."""
        return self._client.ask("GET", f"/view?{urlencode(picture._asdict())}")

    def cancel(self, job: str) -> None:
        """Take the job out of the queue, or interrupt it if it runs. Other people's jobs are left alone."""
        self._client.ask("POST", "/queue", {"delete": [job]})
        place = self.place(job)
        if place and place.running:  # older ones interrupt whatever runs, so it must be ours
            self._client.ask("POST", "/interrupt", {"prompt_id": job})

    # -------------------------------------------------------------------------------------------------- listening

    def listen(self, job: str, seconds: float) -> Heard | None:
        """Wait up to `seconds` for news of `job`; None when there are none. Never raises."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            message = self._message(left)
            if message is None:
                time.sleep(max(0.0, until - time.monotonic()))
                return None
            heard = _heard(message, job)
            if heard:
                return heard
        return None

    def close(self) -> None:
        """Stop listening."""
        if self._socket:
            with contextlib.suppress(websocket.WebSocketException, OSError):
                self._socket.close(timeout=0)
            self._socket = None

    def _message(self, seconds: float) -> dict[str, Any] | None:
        """The next message, an empty one for a picture; None when nothing arrived, or there is no connection."""
        socket = self._connected()
        if socket is None:
            return None
        try:
            socket.allow(seconds)
            data = socket.recv()
        except websocket.WebSocketTimeoutException:
            return None
        except (websocket.WebSocketException, OSError, ValueError):  # it disconnected, or has no websocket
            self.close()
            return None
        if not isinstance(data, str):  # a preview of the image, or the end of the connection
            if not data:
                self.close()
            return {} if data else None
        try:
            return values.mapping(json.loads(data))
        except (ValueError, RecursionError):
            return {}

    def _connected(self) -> "_Listener | None":
        if self._socket is None and time.monotonic() - self._tried_at >= _AGAIN_AFTER_S:
            self._tried_at = time.monotonic()
            address = f"ws{self._client.url.removeprefix('http')}/ws?clientId={self._client_id}"
            with contextlib.suppress(websocket.WebSocketException, OSError, ValueError):
                listener = _Listener()
                listener.connect(address, timeout=_CONNECT_S, suppress_origin=True, redirect_limit=0)
                self._socket = listener
        return self._socket

    def _refused(self, reply: Mapping[str, Any], image: str) -> bool:
        """Whether the graph was accepted without the node whose images are wanted."""
        errors = values.mapping(reply.get("node_errors")).values()
        return any(image in values.items(values.mapping(error).get("dependent_outputs")) for error in errors)


class _Listener(websocket.WebSocket):
    """A websocket that neither many small parts nor one endless message can block."""

    _until = float("inf")  # on the monotonic clock
    _bytes_left = _MOST_BYTES

    def allow(self, seconds: float) -> None:
        """Let the next message take this long; a part that arrived by then is kept for later."""
        self.settimeout(seconds)
        self._until = time.monotonic() + seconds

    def recv(self) -> str | bytes:
        """The next message."""
        data = super().recv()
        self._bytes_left = _MOST_BYTES
        return data

    def _recv(self, bufsize: int) -> bytes:
        if time.monotonic() > self._until:
            raise websocket.WebSocketTimeoutException("timed out")
        if self._bytes_left <= 0:
            raise websocket.WebSocketPayloadException("the message is too long")
        data = super()._recv(bufsize)
        self._bytes_left -= len(data)
        return data


def _entries(listed: Any) -> list[tuple[float, str]]:
    """Number and id of the jobs in a list of the queue."""
    entries = [values.items(entry) for entry in values.items(listed)]
    return [(values.number(entry[0]) or 0.0, values.name(entry[1])) for entry in entries if len(entry) > 1]


def _heard(message: Mapping[str, Any], job: str) -> Heard | None:
    """What a message says about `job`; None when it is about something else."""
    match message:
        case {"type": str(kind), "data": {**found}}:
            data = cast("dict[str, Any]", found)
        case _:
            return None
    if data.get("prompt_id") not in (job, None):
        return None
    if kind == "progress":
        done, total = values.whole(data.get("value")), values.count(data.get("max"))
        return Heard(done, total, False) if done is not None and total else None
    ended = kind in ("execution_success", "execution_error", "execution_interrupted")
    if ended or (kind == "executing" and data.get("node") is None):
        return Heard(0, 0, True)
    return None

"""A ComfyUI that answers badly: wrong kinds, too much, half of it, for ever."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from sdpo_core.comfyui.client import Client
from sdpo_core.comfyui.queue import Queue
from sdpo_core.errors import ComfyUIError
from tests.comfyui.server import ComfyServer, running
from tests.exchange.comfy_graphs import simple


@pytest.fixture
def comfy() -> Iterator[ComfyServer]:
    with running() as server:
        yield server


def test_replies_of_wrong_kinds_are_answers_too(comfy: ComfyServer) -> None:
    queue = Queue(Client(comfy.url))
    named = [{"filename": "\ud800.png", "subfolder": ["x"]}, {"filename": {}}, "a", None]
    (picture,) = queue.pictures({"outputs": {"9": {"images": named}}}, "9")
    assert picture == ("?.png", "", "")
    comfy.answers = 200
    comfy.answer_body = json.dumps({"prompt_id": {}, "queue_running": [[1, ["x"]], [{}, "ours"]]}).encode()
    assert queue.put(simple(), "9", "ours") == "ours"
    assert queue.place("ours")
    comfy.answers = 400
    errors = {str(i): {"class_type": "A", "errors": [{"message": "m", "details": "d" * 5000}]} for i in range(300)}
    comfy.answer_body = json.dumps({"error": {"message": "x" * 5000}, "node_errors": errors}).encode()
    with pytest.raises(ComfyUIError, match="and 292 more nodes") as caught:
        queue.put(simple(), "9", "ours")
    assert len(str(caught.value)) < 5000


def test_a_refusal_that_breaks_off_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nabc")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ComfyUIError, match="refuses: 400 Bad"):
            Queue(Client(f"http://127.0.0.1:{server.getsockname()[1]}")).length()
        thread.join()


@pytest.mark.parametrize(
    ("first", "part"),
    [(b"", b"\x89\x01a"), (b"\x81\x7e\xff\xff", b"a"), (b"\x82\x7f" + (1 << 40).to_bytes(8, "big"), b"a" * 2**20)],
    ids=["pings", "drop by drop", "without an end"],
)
def test_a_websocket_that_never_comes_to_an_end_holds_nothing_up(comfy: ComfyServer, first: bytes, part: bytes) -> None:
    queue = Queue(Client(comfy.url))
    queue.listen("nobody", 0.1)
    (listener,) = comfy.listeners.values()
    enough, sent = threading.Event(), list[int]()

    def flood() -> None:
        with contextlib.suppress(OSError):
            listener.wfile.write(first)
            while not enough.wait(0.005) and sum(sent) < 100 * 2**20:
                sent.append(listener.wfile.write(part))

    thread = threading.Thread(target=flood)
    thread.start()
    started = time.monotonic()
    timer = threading.Timer(4, enough.set)  # so that it fails, and does not hang
    timer.start()
    for _ in range(3):
        assert queue.listen("nobody", 0.3) is None
    assert time.monotonic() - started < 3
    enough.set()
    timer.cancel()
    queue.close()
    thread.join()
    assert sum(sent) < 60 * 2**20


def test_only_addresses_of_the_persons_own_kind_are_asked() -> None:
    for url in (
        "file:///etc/passwd",
        "http://",
        "ftp://x",
        "http://user:secret@host:8188",
        "http://h:99999",
        "http://:1",
        "http://[::1",
        "http://a..b",
        "http://127.0.0.1/ü",
        "http://\u2100.com",
    ):
        with pytest.raises(ComfyUIError, match="isn't the address"):
            Client(url)

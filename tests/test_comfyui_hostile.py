"""A ComfyUI that answers badly: wrong kinds, too much, half of it, for ever."""

import json
import socket
import threading
from collections.abc import Iterator

import pytest

from sdpo_core.comfyui_client import Client
from sdpo_core.comfyui_queue import Queue
from sdpo_core.errors import ComfyUIError
from tests.comfy_server import ComfyServer, running
from tests.preferences.comfy_graphs import simple


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
        with pytest.raises(ComfyUIError, match="is no address"):
            Client(url)

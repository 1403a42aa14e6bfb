"""A small ComfyUI: HTTP and websocket on a real port, a queue with other people's jobs, and what goes wrong.

It draws noise that follows from the graph. Written from the protocol of ComfyUI 0.8.0 (server.py, execution.py).
"""

import base64
import hashlib
import io
import json
import random
import struct
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from PIL import Image

Graph = dict[str, dict[str, Any]]
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455


@dataclass
class Job:
    number: float
    id: str
    graph: Graph
    client: str | None
    foreign: bool = False
    interrupted: bool = False


@dataclass
class ComfyServer:
    """Started by `running`; tests change its fields while it runs."""

    nodes: set[str] = field(
        default_factory=lambda: {
            *("KSampler", "CheckpointLoaderSimple", "EmptyLatentImage", "CLIPTextEncode", "VAEDecode", "SaveImage"),
            "LoraLoader",
        }
    )
    metadata: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])  # "checkpoints/x" -> header
    steps: int = 4
    fails: str = ""  # the sampler's exception
    bad_value: str = ""  # what it says against the sampler's `sampler_name`
    sockets_open: bool = True  # whether it speaks websocket
    answers: int | None = None  # a status that everything is answered with instead
    answer_body: bytes = b""
    same_image: bool = False  # whatever the seed
    half_bad: bool = False  # takes the graph without the node that saves
    no_images: bool = False
    cleared: int = 0  # images that are gone when they are asked for
    cut: int = 0  # images whose answer breaks off in the middle
    damaged: int = 0  # files that aren't images
    lost: bool = False  # takes a job, and answers no more
    forget: int = 0  # jobs that vanish instead of being drawn
    free: int = 0  # jobs that need not wait for `go`
    own_ids: bool = False  # as older versions: they choose the job's id, and interrupt whatever runs
    port: int = 0

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.go = threading.Event()  # cleared: what runs waits
        self.go.set()
        self.queued: list[Graph] = []  # everything that was ever put here by our side
        self.interrupts: list[Any] = []
        self.deleted: list[str] = []
        self.steps_told = 0
        self._forget_all()
        self._server: ThreadingHTTPServer | None = None

    def _forget_all(self) -> None:
        self.pending: list[Job] = []
        self.now: Job | None = None
        self.history: dict[str, Any] = {}
        self.files: dict[str, bytes] = {}
        self.cache: dict[str, dict[str, Any]] = {}
        self.listeners: dict[str, Any] = {}
        self.wake = threading.Condition(self.lock)
        self.number = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the earlier port if there was one. Like a fresh ComfyUI it remembers nothing."""
        self._forget_all()
        self._stopping = False
        server = self

        class Handler(_Handler):
            comfy = server

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._threads = [
            threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}),
            threading.Thread(target=self._work),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        if self._server is None:
            return
        with self.lock:
            self._stopping = True
            self.wake.notify_all()
            for listener in self.listeners.values():
                listener.close_connection = True
                listener.ended.set()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join(10)
        self._server = None

    def occupy(self, count: int = 1) -> list[str]:
        """Jobs of somebody else; the first one runs until `go` is set."""
        self.go.clear()
        with self.lock:
            return [self._put(Job(self._next(), str(uuid.uuid4()), {}, None, foreign=True)) for _ in range(count)]

    def texts(self, number: str = "6") -> list[str]:
        """The texts that were put into a node, one a job."""
        return [graph[number]["inputs"]["text"] for graph in self.queued]

    # ------------------------------------------------------------------------------------------------------ answers

    def take(self, asked: dict[str, Any]) -> tuple[dict[str, Any], int]:
        graph: Graph = asked["prompt"]
        for number, node in graph.items():
            if node["class_type"] not in self.nodes:
                message = f"Cannot execute because node {node['class_type']} does not exist."
                error = {
                    "type": "invalid_prompt",
                    "message": message,
                    "details": f"Node ID '#{number}'",
                    "extra_info": {},
                }
                return {"error": error, "node_errors": {}}, 400
        if self.bad_value:
            errors = [{"type": "value_not_in_list", "message": "Value not in list", "details": self.bad_value}]
            node_errors = {"3": {"errors": errors, "dependent_outputs": ["9"], "class_type": "KSampler"}}
            error = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"}
            return {"error": {**error, "details": "", "extra_info": {}}, "node_errors": node_errors}, 400
        with self.lock:
            self.queued.append(graph)
            chosen = str(uuid.uuid4()) if self.own_ids else str(asked.get("prompt_id", uuid.uuid4()))
            job = Job(self._next(), chosen, graph, asked.get("client_id"))
            errors = [{"type": "required_input_missing", "message": "Required input is missing", "details": "images"}]
            bad = {"9": {"errors": errors, "dependent_outputs": ["9"], "class_type": "SaveImage"}}
            told = {"prompt_id": self._put(job), "number": job.number, "node_errors": bad if self.half_bad else {}}
            return told, 200

    def queue(self) -> dict[str, Any]:
        with self.lock:
            running, pending = [self.now] if self.now else [], self.pending
            entry = lambda job: [job.number, job.id, job.graph, {}, []]  # noqa: E731
            return {"queue_running": list(map(entry, running)), "queue_pending": list(map(entry, pending))}

    def interrupt(self, asked: dict[str, Any]) -> None:
        with self.lock:
            self.interrupts.append(asked)
            wanted = None if self.own_ids else asked.get("prompt_id")
            if self.now and wanted in (None, self.now.id):
                self.now.interrupted = True
                self.wake.notify_all()

    def delete(self, ids: list[str]) -> None:
        with self.lock:
            self.deleted += [job.id for job in self.pending if job.id in ids]
            self.pending = [job for job in self.pending if job.id not in ids]

    # ---------------------------------------------------------------------------------------------------- the worker

    def _next(self) -> float:
        self.number += 1
        return self.number

    def _put(self, job: Job) -> str:
        self.pending.append(job)
        self.wake.notify_all()
        return job.id

    def _work(self) -> None:
        while True:
            with self.lock:
                while not self.pending and not self._stopping:
                    self.wake.wait()
                if self._stopping:
                    return
                self.now = self.pending.pop(0)
            told = self._run(self.now)
            with self.lock:
                job, self.now = self.now, None
                if told is not None and not job.foreign:
                    self.history[job.id] = told
            if told is not None:
                self._tell(job, "executing", {"node": None})

    def _run(self, job: Job) -> dict[str, Any] | None:
        while not self.free and not self.go.wait(0.02):
            if job.interrupted or self._stopping:
                break
        self.free = max(0, self.free - 1)
        if self.forget and not job.foreign:
            self.forget -= 1
            return None
        messages: list[Any] = [["execution_start", {"prompt_id": job.id}]]
        self._tell(job, "execution_start", {})
        self._babble(job)
        key = json.dumps(job.graph, sort_keys=True)
        cached = self.cache.get(key)
        self._tell(job, "execution_cached", {"nodes": sorted(job.graph) if cached else []})
        for step in range(0 if cached or job.foreign else self.steps):
            if job.interrupted or self._stopping:
                break
            self._tell(job, "progress", {"value": step + 1, "max": self.steps, "node": "3"})
            self.steps_told += 1
        if job.interrupted:
            messages.append(["execution_interrupted", {"prompt_id": job.id, "node_id": "3", "node_type": "KSampler"}])
            return {"outputs": {}, "status": {"status_str": "error", "completed": False, "messages": messages}}
        if self.fails:
            error = {"node_id": "3", "node_type": "KSampler", "exception_message": self.fails, "exception_type": "X"}
            messages.append(["execution_error", error])
            self._tell(job, "execution_error", error)
            return {"outputs": {}, "status": {"status_str": "error", "completed": False, "messages": messages}}
        outputs = cached or ({} if job.foreign or self.no_images else self._draw(job.graph))
        self.cache[key] = outputs
        messages.append(["execution_success", {"prompt_id": job.id}])
        self._tell(job, "execution_success", {})
        return {"outputs": outputs, "status": {"status_str": "success", "completed": True, "messages": messages}}

    def _draw(self, graph: Graph) -> dict[str, Any]:
        latent = next((node["inputs"] for node in graph.values() if "batch_size" in node["inputs"]), {})
        size = (int(latent.get("width", 64)), int(latent.get("height", 64)))
        images = list[dict[str, str]]()
        for place in range(int(latent.get("batch_size", 1))):
            seen = "same" if self.same_image else json.dumps([graph, place], sort_keys=True)
            pixels = random.Random(hashlib.sha256(seen.encode()).digest()).randbytes(8 * 8 * 3)
            buffer = io.BytesIO()
            Image.frombytes("RGB", (8, 8), pixels).resize(size).save(buffer, "PNG")
            name = f"ComfyUI_{len(self.files):05}_.png"
            self.files[name] = buffer.getvalue()
            images.append({"filename": name, "subfolder": "", "type": "output"})
        return {"9": {"images": images}}

    def _babble(self, job: Job) -> None:
        with self.lock:
            listener = self.listeners.get(job.client or "")
        if listener:
            for message in _BABBLE:
                listener.tell(message, 1)

    def _tell(self, job: Job, kind: str, data: dict[str, Any]) -> None:
        with self.lock:
            listener = self.listeners.get(job.client or "")
        if listener:
            listener.tell(json.dumps({"type": kind, "data": {**data, "prompt_id": job.id}}).encode(), 1)
            listener.tell(b"\0\0\0\1\0\0\0\1preview", 2)  # as it sends previews of the image


_BABBLE = (
    b"",
    b"[1, 2",
    b"[1, 2]",
    b'{"type": 5, "data": 6}',
    b'{"type": "progress", "data": {"value": "x", "max": 0}}',
    b'{"type": "progress", "data": {"value": 1, "max": 2, "prompt_id": "somebody else"}}',
    b'{"type": "progress", "data": {"value": [], "max": {}}}',
    b"[" * 20_000,
)
"""Messages that mean nothing to us."""


class _Handler(BaseHTTPRequestHandler):
    comfy: ComfyServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def answer(self, value: Any, status: int = 200) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        comfy, parts = self.comfy, urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match parts.path.split("/")[1:]:
            case _ if comfy.answers:
                self.answer(comfy.answer_body, comfy.answers)
            case ["ws"] if comfy.sockets_open:
                self.speak(query["clientId"])
            case ["queue"]:
                self.answer(comfy.queue())
            case ["history", id]:
                with comfy.lock:
                    self.answer({id: comfy.history[id]} if id in comfy.history else {})
            case ["object_info", kind]:
                name = unquote(kind)
                self.answer({name: {"input": {}}} if name in comfy.nodes else {})
            case ["view_metadata", folder] if f"{folder}/{query['filename']}" in comfy.metadata:
                self.answer(comfy.metadata[f"{folder}/{query['filename']}"])
            case ["view"] if comfy.cleared:
                comfy.cleared -= 1
                self.answer(b"", 404)
            case ["view"] if comfy.cut:
                comfy.cut -= 1
                data = comfy.files[query["filename"]]
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[:40])
            case ["view"] if comfy.damaged:
                comfy.damaged -= 1
                self.answer(comfy.files[query["filename"]][:40])
            case ["view"] if query["filename"] in comfy.files:
                self.answer(comfy.files[query["filename"]])
            case _:
                self.answer(b"", 404)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        if self.comfy.answers:
            self.answer(self.comfy.answer_body, self.comfy.answers)
        elif self.path == "/prompt":
            told = self.comfy.take(asked)
            if self.comfy.lost:
                self.comfy.answers = 503
            self.answer(*(told if not self.comfy.lost else ({}, 503)))
        elif self.path == "/queue":
            self.comfy.delete(asked.get("delete", []))
            self.answer(b"")
        elif self.path == "/interrupt":
            self.comfy.interrupt(asked)
            self.answer(b"")
        else:
            self.answer(b"", 404)

    # ---------------------------------------------------------------------------------------------------- websocket

    def speak(self, client: str) -> None:
        key = base64.b64encode(hashlib.sha1((self.headers["Sec-WebSocket-Key"] + _GUID).encode()).digest()).decode()
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", key)):
            self.send_header(name, value)
        self.end_headers()
        self.ended, self.writing = threading.Event(), threading.Lock()
        with self.comfy.lock:
            self.comfy.listeners[client] = self
        self.tell(json.dumps({"type": "status", "data": {"status": {}, "sid": client}}).encode(), 1)
        self.ended.wait()
        self.close_connection = True

    def tell(self, data: bytes, opcode: int) -> None:
        size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))
        with self.writing:
            try:
                self.wfile.write(bytes([0x80 | opcode]) + size + data)
            except OSError:  # it listens no more
                self.ended.set()


@contextmanager
def running(**changed: Any) -> Iterator[ComfyServer]:
    server = ComfyServer(**changed)
    server.start()
    try:
        yield server
    finally:
        server.go.set()
        server.stop()

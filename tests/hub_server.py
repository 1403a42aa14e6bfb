"""A hub on this machine: the few routes of the Hugging Face hub that are needed to fetch a model, over real HTTP.

The real huggingface_hub talks to it. Files are in plain folders; those of `LARGE` bytes and more count as LFS files.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

COMMIT = "c" * 40
LARGE = 10_000


@dataclass
class HubServer:
    """What the hub holds, how it misbehaves, and what it was asked."""

    root: Path  # <owner>/<name>/ each
    url: str = ""
    gated: set[str] = field(default_factory=set[str])
    token: str = ""  # opens the gated ones
    status: int = 0  # answer everything with this
    break_after: int | None = None  # end the connection after so many bytes of a large file …
    breaks: int = 0  # … so many times
    ranges: bool = True
    damage: bool = False
    slow_s: float = 0.0  # pause after every piece of a large file
    store: str = ""  # another server, to which requests for large files are sent on
    tokens: list[str] = field(default_factory=list[str])  # that came with requests for files
    asked: list[str] = field(default_factory=list[str])
    sent: dict[str, int] = field(default_factory=dict[str, int])  # bytes by path
    free_to_go: threading.Event = field(default_factory=threading.Event)

    def environment(self, cache: Path) -> dict[str, str]:
        """For a process that is to use this hub."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HUB_OFFLINE": "0",
            "TRANSFORMERS_OFFLINE": "0",
            "HF_HUB_CACHE": str(cache),
            "HF_HOME": str(cache.parent / "hf-home"),
            "HF_HUB_DISABLE_XET": "1",
        }

    def use(self, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
        """The same for this process: huggingface_hub read its environment when it was imported."""
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "ENDPOINT", self.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", self.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache.parent / "token"))
        monkeypatch.delenv("HF_TOKEN", raising=False)


def blob_name(content: bytes) -> str:
    if len(content) >= LARGE:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def sibling(path: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": "b" * 40}
    if len(content) >= LARGE:
        return {**entry, "lfs": {"size": len(content), "sha256": blob_name(content), "pointerSize": 134}}
    return {**entry, "blobId": blob_name(content)}


@contextmanager
def serving(root: Path) -> Iterator[HubServer]:
    hub = HubServer(root)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            hub.asked.append(self.path)
            path, _, _ = self.path.partition("?")
            if hub.status:
                self.say(hub.status)
            elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)", path):
                self.model(found[1])
            elif found := re.fullmatch(rf"/([^/]+/[^/]+)/resolve/{COMMIT}/(.+)", path):
                self.file(found[1], found[2])
            else:
                self.say(404, code="EntryNotFound")

        def model(self, name: str) -> None:
            if not (hub.root / name).is_dir():
                self.say(401, code="RepoNotFound")
                return
            files = sorted(path for path in (hub.root / name).rglob("*") if path.is_file())
            entries = [sibling(path.relative_to(hub.root / name).as_posix(), path.read_bytes()) for path in files]
            body = json.dumps({"id": name, "sha": COMMIT, "siblings": entries}).encode()
            self.say(200, body=body, kind="application/json")

        def file(self, name: str, path: str) -> None:
            if name in hub.gated and self.headers["Authorization"] != f"Bearer {hub.token}":
                self.say(403, code="GatedRepo")
                return
            content = (hub.root / name / path).read_bytes()
            hub.tokens.append(self.headers["Authorization"] or "")
            if hub.store and len(content) >= LARGE:
                self.say(302, location=hub.store + self.path)
                return
            start, end = 0, len(content)
            if hub.ranges and (wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")):
                start, end = int(wanted[1]), min(end, int(wanted[2]) + 1 if wanted[2] else end)
            self.send_response(206 if (start, end) != (0, len(content)) else 200)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{blob_name(content)}"')
            self.send_header("Content-Length", str(end - start))
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
            self.end_headers()
            self.pour(f"{name}/{path}", content, start, end)

        def pour(self, path: str, content: bytes, start: int, end: int) -> None:
            if hub.damage and len(content) >= LARGE:
                content = bytes(len(content))
            stop = end
            if hub.break_after is not None and hub.breaks and len(content) >= LARGE and end - start > hub.break_after:
                hub.breaks -= 1
                stop = start + hub.break_after
            for position in range(start, stop, LARGE):
                piece = content[position : min(stop, position + LARGE)]
                hub.sent[path] = hub.sent.get(path, 0) + len(piece)
                self.wfile.write(piece)
                if hub.slow_s and len(content) >= LARGE:
                    self.wfile.flush()
                    hub.free_to_go.wait(hub.slow_s)
            if stop < end:
                self.close_connection = True

        def say(
            self, status: int, *, code: str = "", body: bytes = b"", kind: str = "text/plain", location: str = ""
        ) -> None:
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            if code:
                self.send_header("X-Error-Code", code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silent: `asked` tells."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:  # the client had enough
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        hub.free_to_go.set()
        server.shutdown()
        thread.join()
        server.server_close()

#!/usr/bin/env bash
# huggingface_hub 2.4.0: what came of a file is gone once a call gives up.
# Guess: the part is kept as .incomplete and the next call asks for the rest, as earlier releases did. Seen: a line that
# breaks at 25 of 40 MB is resumed within the call, with a Range header and at a multiple of 10 MB; but when the retries
# are used up nothing of the file is left in the cache, and the next call asks for all of it. Exits non-zero when that
# changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "huggingface_hub==2.4.0"
export HF_HOME="$folder/home" HF_HUB_DISABLE_TELEMETRY=1 HF_HUB_DISABLE_XET=1 HF_HUB_DISABLE_PROGRESS_BARS=1
"$folder/venv/bin/python" - <<'PY'
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SIZE, COMES, COMMIT = 40_000_000, 25_000_000, "a" * 40
breaks = True
asked: list[str | None] = []


class Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Silent."""

    def head(self, start: int = 0) -> None:
        self.send_response(206 if start else 200)
        for name, value in (("ETag", '"' + "b" * 64 + '"'), ("X-Repo-Commit", COMMIT), ("Accept-Ranges", "bytes")):
            self.send_header(name, value)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{SIZE - 1}/{SIZE}")
        self.send_header("Content-Length", str(SIZE - start))
        self.end_headers()

    def do_HEAD(self) -> None:
        self.head()

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        comes = (COMES if not asked else 0) if breaks else SIZE - start  # later tries of the first call get nothing
        asked.append(wanted)
        self.head(start)
        self.wfile.write(b"x" * comes)
        self.wfile.flush()
        self.close_connection = True


server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"

import huggingface_hub

try:
    huggingface_hub.hf_hub_download("some/model", "weights.bin")
    print("the first call raised nothing")
except Exception as error:
    print("the line broke:", type(error).__name__)
left = {path.name: path.stat().st_size for path in Path(os.environ["HF_HOME"]).rglob("*") if path.is_file() and path.stat().st_size > 1000}
first, breaks = len(asked), False
path = huggingface_hub.hf_hub_download("some/model", "weights.bin")
print("huggingface_hub", huggingface_hub.__version__)
print("left of it in the cache:", left or "nothing")
print("Range headers of the first call:", asked[:first])
print("Range headers of the second call:", asked[first:])
assert Path(path).stat().st_size == SIZE
assert any(asked[1:first]), "nothing is resumed within a call"
assert not left and asked[first:] == [None], "the part that came is used now"
PY

"""Asking a ComfyUI: a stand-in that answers over real HTTP as ComfyUI does, well and badly."""

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from sdpo_core.cli.main import main
from sdpo_core.comfyui import client as comfyui_client
from sdpo_core.comfyui.client import Client, compare
from sdpo_core.errors import ComfyUIError
from tests.adapters.test_load_proof import attention, write

HASH = {"sshs_model_hash": "abc", "ss_base_model_version": "sd_v1", "sdpo": json.dumps({"base_name": "dream"})}


class Fake(BaseHTTPRequestHandler):
    """As much of ComfyUI's server as is asked."""

    state: ClassVar[dict[str, Any]] = {}

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def answer(self, value: Any, status: int = 200) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        parts, state = urlsplit(self.path), self.state
        if parts.path in state.get("broken", {}):
            self.answer(*state["broken"][parts.path])
        elif parts.path == "/object_info/LoraLoader":
            self.answer({"LoraLoader": {"input": {"required": {"lora_name": [state["loras"], {}]}}}})
        elif parts.path == "/object_info/CheckpointLoaderSimple":
            combo = ["COMBO", {"options": state["checkpoints"]}]  # as newer versions write it
            self.answer({"CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": combo}}}})
        elif parts.path == "/view_metadata/loras":
            self.answer(state["metadata"]) if state["metadata"] else self.answer(b"", 404)
        elif parts.path.startswith("/history/"):
            state["asked"] += 1
            number = parts.path.rsplit("/", 1)[-1]
            image = {"filename": f"{number}.png", "subfolder": "", "type": "temp"}
            done = {"outputs": {"8": {"images": [image]}}, "status": {}}
            self.answer({number: state.get("history", done)} if state["asked"] > 1 else {})
        elif parts.path == "/view":
            strength = state["strengths"][int(parse_qs(parts.query)["filename"][0][0])]
            buffer = io.BytesIO()
            Image.new("RGB", (8, 8), (int(100 * strength * state["effect"]), 0, 0)).save(buffer, "PNG")
            self.answer(buffer.getvalue())
        else:
            self.answer(b"", 404)

    def do_POST(self) -> None:
        graph = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["prompt"]
        if self.state.get("refuses"):
            self.answer(self.state["refuses"], 400)
            return
        self.state["graphs"].append(graph)
        self.state["strengths"].append(graph["2"]["inputs"]["strength_model"])
        self.answer({"prompt_id": str(len(self.state["graphs"]) - 1)})


@pytest.fixture
def comfy(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(comfyui_client, "_LOOK_EVERY_S", 0.01)
    Fake.state = {
        "loras": ["other.safetensors", "sub\\taste.safetensors"],
        "checkpoints": ["a.safetensors", "b/Dream.safetensors"],
        "metadata": HASH,
        "graphs": [],
        "strengths": [],
        "asked": 0,
        "effect": 1.0,
    }
    server = HTTPServer(("127.0.0.1", 0), Fake)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("adapter") / "taste.safetensors"
    return write(path, "sd15", attention("sd15"), metadata=HASH)


def test_one_seed_at_strength_0_and_1(comfy: str, adapter: Path, tmp_path: Path) -> None:
    compared = compare(Client(comfy), adapter, tmp_path / "out")
    assert compared.acts
    assert abs(compared.difference - 100 / 3) < 1
    assert [path.name for path in (compared.without, compared.with_it)] == [
        "taste-strength-0.png",
        "taste-strength-1.png",
    ]
    first, second = Fake.state["graphs"]
    assert first["2"]["inputs"]["lora_name"] == "sub\\taste.safetensors"
    assert first["1"]["inputs"]["ckpt_name"] == "b/Dream.safetensors"
    assert first["6"] == second["6"]


def test_images_that_are_the_same_say_that_it_does_nothing(
    comfy: str, adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["adapter", "check", str(adapter), "--comfy", comfy, "--workspace", str(tmp_path / "w")]
    assert main(words) == 0
    assert "128 of 128 modules" in capsys.readouterr().out
    Fake.state["effect"] = 0.0
    assert main(words) == 1
    assert "changes nothing: both images are the same" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"loras": []}, "has no LoRA named taste.safetensors"),
        ({"metadata": {}}, "isn't the same file as"),
        ({"metadata": {"sshs_model_hash": "x"}}, "isn't the same file as"),
        ({"checkpoints": ["a", "b"]}, "Name one with --checkpoint: a, b"),
        ({"checkpoints": []}, "Name one with --checkpoint: none"),
        (
            {
                "refuses": {
                    "error": {"message": "bad"},
                    "node_errors": {
                        "2": {"class_type": "LoraLoader", "errors": [{"message": "Value", "details": "x"}]}
                    },
                }
            },
            "refuses: bad; node 2 (LoraLoader): Value x",
        ),
        ({"refuses": "no JSON object"}, "refuses: 400"),
        (
            {"history": {"status": {"messages": [["execution_error", {"exception_message": "out of\nmemory"}]]}}},
            "without an image: out of memory",
        ),
        ({"history": {"status": {"messages": [["execution_interrupted", {}]]}}}, "it was cancelled there"),
        ({"history": {}}, "it gives no reason"),
        ({"broken": {"/object_info/LoraLoader": (b"<html>", 200)}}, "doesn't answer like a ComfyUI"),
        ({"broken": {"/object_info/LoraLoader": (b"[]", 200)}}, "doesn't answer like a ComfyUI"),
        ({"broken": {"/object_info/LoraLoader": (b"{}", 200)}}, "Is it a ComfyUI"),
        ({"broken": {"/object_info/LoraLoader": (b"", 404)}}, "Is it a ComfyUI"),
        ({"broken": {"/object_info/LoraLoader": (b"", 500)}}, "refuses: 500"),
    ],
)
def test_what_goes_wrong_is_said(
    comfy: str, adapter: Path, tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    Fake.state.update(changed)
    with pytest.raises(ComfyUIError) as problem:
        compare(Client(comfy), adapter, tmp_path)
    assert words in str(problem.value)


def test_a_comfyui_that_is_busy_or_gone(comfy: str, adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(ComfyUIError, match="gave no image within 0 s"):
        compare(Client(comfy), adapter, tmp_path, timeout_s=0.0)
    with pytest.raises(ComfyUIError, match="has no checkpoint x"):
        compare(Client(comfy), adapter, tmp_path, checkpoint="x")
    with pytest.raises(ComfyUIError, match="No ComfyUI is answering"):
        Client("127.0.0.1:1").choices("LoraLoader", "lora_name")
    for url in ("file:///etc/passwd", "http://", "ftp://x"):
        with pytest.raises(ComfyUIError, match="isn't the address"):
            Client(url)

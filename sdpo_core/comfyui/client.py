"""Asking a running ComfyUI over its HTTP API: what it has, and an image from a graph. Only the standard library.

Nothing is sent but the graph, and only to the address that a person gave. The replies have no schema: they differ
between versions and packs, so each one is only checked for what is needed.
"""

import contextlib
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, cast

from PIL import ImageChops, ImageStat

from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.atomic import write_bytes
from sdpo_core.comfyui.workflow import Graph
from sdpo_core.errors import ComfyUIError
from sdpo_core.exchange.metadata import values
from sdpo_core.families.table import FAMILIES
from sdpo_core.images.files import decode_image

_ANSWER_S = 30.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_AWAY = (502, 503, 504)  # from a proxy in front of a server that isn't running
_LOOK_EVERY_S = 0.5
_MOST_BYTES = 64 * 2**20
_SIZE_PX = 512  # where the family isn't known
_MOST_COMPLAINTS = 8
CANCELLED = "it was cancelled there"
_PROMPT = "a lighthouse on a cliff at dawn, oil painting"
_SEED, _STEPS, _GUIDANCE = 20261121, 12, 6.0


class Client:
    """A ComfyUI at an address. Every method raises `ComfyUIError` with a message for a person."""

    def __init__(self, url: str, answer_s: float = _ANSWER_S) -> None:
        """`answer_s` is how long an answer may take."""
        self._answer_s = answer_s
        try:
            parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
            if parts.scheme not in ("http", "https") or not _has_host(parts) or "@" in parts.netloc:
                raise ValueError
            parts.path.encode("ascii")
            parts.netloc.encode("idna")  # as a request will do
        except ValueError as error:
            raise ComfyUIError(
                f"“{url}” isn't the address of a ComfyUI. Expected something like http://127.0.0.1:8188."
            ) from error
        # No proxy can reach this machine itself.
        direct = [urllib.request.ProxyHandler({})] if parts.hostname in _LOOPBACK else []
        self._opener = urllib.request.build_opener(_StayHere, *direct)
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"

    def choices(self, node: str, name: str) -> list[str]:
        """The values that an input of a node offers, such as the LoRAs; raises `ComfyUIError` when it lists none."""
        reply = self.ask_json("GET", f"/object_info/{node}")
        match reply.get(node):
            case {"input": {"required": {**inputs}}}:
                entry: Any = inputs.get(name)
            case _:
                entry = None
        match entry:
            case [[*names], *_] | ["COMBO", {"options": [*names]}, *_]:
                return [value for value in names if isinstance(value, str)]
            case _:
                raise ComfyUIError(f"{self.url} doesn't list the choices for {name} of {node}. Is it a ComfyUI?")

    def metadata(self, folder: str, name: str) -> dict[str, Any]:
        """What the header of a model file says, as ComfyUI reads it; empty when it says nothing or doesn't exist."""
        query = urllib.parse.urlencode({"filename": name})
        try:
            return self.ask_json("GET", f"/view_metadata/{folder}?{query}")
        except NotFound:
            return {}

    def missing_nodes(self, kinds: Iterable[str]) -> list[str]:
        """Those of `kinds` of nodes that it says it doesn't have."""
        missing = list[str]()
        for kind in sorted(set(kinds)):
            with contextlib.suppress(NotFound):  # a name that can't be part of an address
                if kind not in self.ask_json("GET", f"/object_info/{urllib.parse.quote(kind, safe='')}"):
                    missing.append(kind)
        return missing

    def image(self, graph: Graph, timeout_s: float, on_wait: Callable[[float], None] = lambda _: None) -> bytes:
        """Run `graph` and return its first image; `on_wait` is called with the seconds waited so far.

        Raises `ComfyUIError` when there is none after `timeout_s`, or the job ends without one.
        """
        prompt_id = str(self.ask_json("POST", "/prompt", {"prompt": graph}).get("prompt_id"))
        started = time.monotonic()
        while (waited_s := time.monotonic() - started) < timeout_s:
            reply = self.ask_json("GET", f"/history/{urllib.parse.quote(prompt_id)}").get(prompt_id)
            if isinstance(reply, dict):
                return self._first_image(cast("dict[str, Any]", reply))
            on_wait(waited_s)
            time.sleep(_LOOK_EVERY_S)
        raise ComfyUIError(
            f"{self.url} gave no image within {timeout_s:.0f} s. It may be busy with other jobs; check its queue, then "
            "try again."
        )

    def _first_image(self, reply: Mapping[str, Any]) -> bytes:
        for output in cast("dict[str, Any]", reply.get("outputs") or {}).values():
            match output:
                case {"images": [{"filename": str(name), "subfolder": str(folder), "type": str(kind)}, *_]}:
                    query = urllib.parse.urlencode({"filename": name, "subfolder": folder, "type": kind})
                    return self.ask("GET", f"/view?{query}")
                case _:
                    continue
        raise ComfyUIError(f"{self.url} ended the job without an image: {reason(reply)}.")

    def ask_json(self, method: str, path: str, value: Any = None) -> dict[str, Any]:
        """The JSON object that it replies with; raises `ComfyUIError` when the reply is anything else."""
        data = self.ask(method, path, value)
        try:
            reply: Any = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ComfyUIError(f"{self.url}{path} doesn't answer like a ComfyUI. Check the address.") from error
        if not isinstance(reply, dict):
            raise ComfyUIError(f"{self.url}{path} doesn't answer like a ComfyUI. Check the address.")
        return cast("dict[str, Any]", reply)

    def ask(self, method: str, path: str, value: Any = None) -> bytes:
        """The reply to a request with `value` as JSON in its body.

        Raises `Unreachable` without a complete reply, `NotFound` when nothing is at `path`, and `ComfyUIError` when it
        refuses, redirects to another address, or sends too much.
        """
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(
            self.url + path, body, {"Content-Type": "application/json"} if body else {}, method=method
        )
        try:
            with self._opener.open(request, timeout=self._answer_s) as reply:
                data = reply.read(_MOST_BYTES + 1)
                if reply.length and len(data) <= _MOST_BYTES:
                    raise Unreachable(f"{self.url} dropped the connection in the middle of a reply.")
        except urllib.error.HTTPError as error:
            with error:  # it is the reply, and holds the connection
                if error.code in _AWAY:
                    raise Unreachable(f"{self.url} answers {error.code} ({error.reason}).") from error
                if 300 <= error.code < 400:
                    raise ComfyUIError(
                        f"{self.url} redirects to another address. Enter that one, if it is yours."
                    ) from error
                if error.code == 404:
                    raise NotFound(f"{self.url} has nothing at {path}. Is it a ComfyUI, and new enough?") from error
                raise ComfyUIError(f"{self.url} refuses: {_refusal(error)}.") from error
        except (urllib.error.URLError, HTTPException, OSError) as error:
            why = getattr(error, "reason", None) or error
            raise Unreachable(
                f"No ComfyUI is answering at {self.url} ({why}). Start it, or check the address."
            ) from error
        if len(data) > _MOST_BYTES:
            raise ComfyUIError(
                f"{self.url}{path} sends more than {_MOST_BYTES >> 20} MiB, so it isn't a ComfyUI. Check the address."
            )
        return data


class Unreachable(ComfyUIError):
    """Nothing answers there now; it may be starting."""


class NotFound(ComfyUIError):
    """The address has nothing there."""


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Sends requests only to the address that the person gave."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Follow no redirect."""


@dataclass(frozen=True)
class Compared:
    """Two images of one seed, without and with an adapter."""

    without: Path
    with_it: Path
    difference: float  # mean over pixels and channels, of 255

    @property
    def acts(self) -> bool:
        """Whether the adapter changed anything."""
        return self.difference > 0

    def sentence(self) -> str:
        """As text."""
        files = f"strength 0: {self.without}\n  strength 1: {self.with_it}"
        if not self.acts:
            return f"In ComfyUI it changes nothing: both images are the same.\n  {files}"
        return f"In ComfyUI it changes the image, by {self.difference:.1f} of 255 levels on average.\n  {files}"


def compare(
    client: Client,
    adapter: Path,
    folder: Path,
    *,
    checkpoint: str | None = None,
    size_px: int | None = None,
    timeout_s: float = 1800.0,
    on_wait: Callable[[float], None] = lambda _: None,
) -> Compared:
    """Have `client` generate one seed with ComfyUI's own LoraLoader at strength 0 and 1, and write both to `folder`.

    `size_px` is the images' side; by default that of the adapter's family. Raises `ComfyUIError` when it can't generate
    them, and `DiskError` when they can't be written.
    """
    lora = _listed(client, adapter)
    info = read_adapter_info(adapter)
    name = _checkpoint(client, checkpoint, str((info.sdpo or {}).get("base_name") or ""))
    written: list[Path] = []
    for strength in (0.0, 1.0):
        graph = _graph(name, lora, strength, size_px or _size_px(info.family))
        path = folder / f"{adapter.stem}-strength-{strength:.0f}.png"
        write_bytes(path, client.image(graph, timeout_s, on_wait))
        written.append(path)
    one, other = (decode_image(path) for path in written)
    means = ImageStat.Stat(ImageChops.difference(one, other)).mean
    return Compared(written[0], written[1], sum(means) / len(means))


def _size_px(family: str | None) -> int:
    return FAMILIES[family].size_px if family in FAMILIES else _SIZE_PX


def _has_host(parts: urllib.parse.SplitResult) -> bool:
    try:
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that isn't a number
        return False


def _listed(client: Client, adapter: Path) -> str:
    """ComfyUI's name for the LoRA that is exactly this file."""
    named = [name for name in client.choices("LoraLoader", "lora_name") if _stem(name) == adapter.stem]
    if not named:
        raise ComfyUIError(
            f"The ComfyUI at {client.url} has no LoRA named {adapter.name}. Copy the file into its models/loras, or "
            "install the studio's nodes in it (install-comfy) and restart it."
        )
    own = read_adapter_info(adapter).metadata.get("sshs_model_hash")
    for name in named:
        if client.metadata("loras", name).get("sshs_model_hash") == own:
            return name
    raise ComfyUIError(
        f"The LoRA {named[0]} of the ComfyUI at {client.url} isn't the same file as {adapter}. Copy this one there "
        "under another name."
    )


def _checkpoint(client: Client, wanted: str | None, trained_on: str) -> str:
    names = client.choices("CheckpointLoaderSimple", "ckpt_name")
    if wanted:
        if wanted not in names:
            raise ComfyUIError(f"The ComfyUI at {client.url} has no checkpoint {wanted}. It has: {_some(names)}.")
        return wanted
    fitting = [name for name in names if trained_on and _stem(name).casefold() == _stem(trained_on).casefold()]
    if len(fitting) == 1 or len(names) == 1:
        return (fitting or names)[0]
    raise ComfyUIError(
        f"It isn't clear which checkpoint the ComfyUI at {client.url} should use. Name one with --checkpoint: "
        f"{_some(names)}."
    )


def _graph(checkpoint: str, lora: str, strength: float, size_px: int) -> Graph:
    """ComfyUI's default workflow with its own LoRA loader."""

    def node(kind: str, **inputs: Any) -> dict[str, Any]:
        return {"class_type": kind, "inputs": inputs}

    strengths = {"strength_model": strength, "strength_clip": strength}
    return {
        "1": node("CheckpointLoaderSimple", ckpt_name=checkpoint),
        "2": node("LoraLoader", model=["1", 0], clip=["1", 1], lora_name=lora, **strengths),
        "3": node("CLIPTextEncode", clip=["2", 1], text=_PROMPT),
        "4": node("CLIPTextEncode", clip=["2", 1], text=""),
        "5": node("EmptyLatentImage", width=size_px, height=size_px, batch_size=1),
        "6": node(
            "KSampler",
            model=["2", 0],
            positive=["3", 0],
            negative=["4", 0],
            latent_image=["5", 0],
            seed=_SEED,
            steps=_STEPS,
            cfg=_GUIDANCE,
            sampler_name="euler",
            scheduler="normal",
            denoise=1.0,
        ),
        "7": node("VAEDecode", samples=["6", 0], vae=["1", 2]),
        "8": node("PreviewImage", images=["7", 0]),
    }


def _stem(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".safetensors")


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "") if names else "none"


def reason(reply: Mapping[str, Any]) -> str:
    """Why a job failed, from its history: which node, and ComfyUI's own message."""
    match reply.get("status"):
        case {"messages": [*messages]}:
            for message in messages:
                match message:
                    case ["execution_error", {"exception_message": str(words), **at}]:
                        number, kind = values.name(at.get("node_id")), values.name(at.get("node_type"))
                        return _words(f"node {number} ({kind}): {words}" if number else words)
                    case ["execution_interrupted", *_]:
                        return CANCELLED
                    case _:
                        continue
        case _:
            pass
    return "it gives no reason"


def _refusal(error: urllib.error.HTTPError) -> str:
    """ComfyUI's own message about a graph that it refuses."""
    try:
        reply: Any = json.loads(error.read(_MOST_BYTES))
    except (ValueError, OSError, RecursionError, HTTPException):
        return _words(f"{error.code} {error.reason}")
    match reply:
        case {"error": {"message": str(message), **more}}:
            details = str(more.get("details") or "")
            first = f"{message.rstrip('.')} ({details})" if details.startswith("Node ID") else message
        case _:
            first = f"{error.code} {error.reason}"
    return "; ".join([_words(first), *complaints(reply)])


def complaints(reply: Any) -> list[str]:
    """What ComfyUI reports about single nodes of a graph: which node, which input, and why."""
    words = list[str]()
    match reply:
        case {"node_errors": {**nodes}}:
            for number, node in nodes.items():
                match node:
                    case {"class_type": str(kind), "errors": [{"message": str(message), "details": str(details)}, *_]}:
                        words.append(_words(f"node {number} ({kind}): {message} {details}"))
                    case _:
                        continue
        case _:
            pass
    more = [f"and {len(words) - _MOST_COMPLAINTS} more nodes"] if len(words) > _MOST_COMPLAINTS else []
    return words[:_MOST_COMPLAINTS] + more


def _words(reply: str) -> str:
    """A server's message as it is shown: one line of at most 500 printable characters."""
    return "".join(letter for letter in values.name(reply) if letter.isprintable())

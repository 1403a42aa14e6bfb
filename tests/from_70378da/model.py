"""The tests' tiny model with weights that are the same on every machine, so that recorded hashes stay true.

`tests.tiny_model` draws its weights with torch, whose random normals differ in the last bit between processors, and
leaves the settings to the installed libraries. Here both are fixed: model.json holds the settings of every part and
the shape of every tensor; numbers come from MT19937 and one multiplication, files are written byte by byte.
"""

import hashlib
import json
import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

DESCRIPTION = Path(__file__).with_name("model.json")

Shapes = Mapping[str, Sequence[int]]


def build_recorded_model(folder: Path) -> Path:
    """Write the model to `folder`, in diffusers' format."""
    told: dict[str, Any] = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    for name, content in told["files"].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    for name, shapes in told["weights"].items():
        (folder / name).write_bytes(_safetensors({tensor: _numbers(tensor, shapes[tensor]) for tensor in shapes}))
    return folder


def describe(folder: Path) -> dict[str, Any]:
    """The content of model.json for a model in `folder`."""
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    weights: dict[str, dict[str, list[int]]] = {}
    for name, path in files.items():
        if path.suffix == ".safetensors":
            with safe_open(path, "np") as file:  # pyright: ignore[reportUnknownVariableType] - untyped
                weights[name] = {tensor: list(file.get_slice(tensor).get_shape()) for tensor in sorted(file.keys())}
    settings = {name: json.loads(path.read_text("utf-8")) for name, path in files.items() if path.suffix == ".json"}
    return {"files": settings, "weights": weights}


def tensors_sha256(path: Path) -> str:
    """SHA-256 of a safetensors file after its header, which tells run and versions."""
    data = path.read_bytes()
    return hashlib.sha256(data[8 + int.from_bytes(data[:8], "little") :]).hexdigest()


def _numbers(name: str, shape: Sequence[int]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A norm's scale is 1 and a bias 0; anything else is uniform with variance 1 / fan-in."""
    if len(shape) == 1:
        return np.full(shape, 1.0 if name.endswith("weight") else 0.0, np.float32)
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    uniform = np.random.RandomState(seed).random_sample(tuple(shape)) * 2.0 - 1.0  # float64, exact
    return (uniform * math.sqrt(3.0 / math.prod(shape[1:]))).astype(np.float32)


def _safetensors(tensors: Mapping[str, np.ndarray[Any, np.dtype[np.float32]]]) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [at, at + values.nbytes]}
        at += values.nbytes
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + b"".join(values.astype("<f4").tobytes() for values in tensors.values())

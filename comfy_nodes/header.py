"""The header of a safetensors file, read with the standard library: what is inside, without loading it.

Layout (https://github.com/huggingface/safetensors#format): 8 bytes little-endian length N, N bytes of JSON, the data.
"""

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from .problem import PackProblem

MAX_HEADER_BYTES = 100_000_000  # as in the safetensors library
_DOWN_SUFFIXES = (".lora_down.weight", ".lora_A.weight", ".lora.down.weight")
_TEXT_PREFIXES = ("lora_te", "text_encoder")


@dataclass(frozen=True)
class Header:
    """What one file says about itself."""

    shapes: dict[str, tuple[int, ...]]  # of its tensors, by name
    metadata: dict[str, str]

    @property
    def modules(self) -> int:
        """Layers that the adapter changes: each has exactly one down-projection."""
        return sum(name.endswith(_DOWN_SUFFIXES) for name in self.shapes)

    @property
    def text_modules(self) -> int:
        """Of them, layers of text encoders."""
        return sum(name.endswith(_DOWN_SUFFIXES) and name.startswith(_TEXT_PREFIXES) for name in self.shapes)

    @property
    def sdpo(self) -> dict[str, Any] | None:
        """What SDPO Studio wrote about its own adapter; None when another tool made the file."""
        try:
            facts = json.loads(self.metadata.get("sdpo", ""))
        except (ValueError, RecursionError):
            return None
        return cast("dict[str, Any]", facts) if isinstance(facts, dict) else None


def read_header(path: Path) -> Header:
    """Read the header of `path`; raises `PackProblem` for anything that is not a whole safetensors file."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if not 0 < length <= min(MAX_HEADER_BYTES, size - 8):
                raise PackProblem(f"{path.name} isn't a complete safetensors file. Copy it again.")
            text = file.read(length)
    except OSError as error:
        raise PackProblem(f"{path.name} can't be read: {error.strerror or error}.") from error
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PackProblem(f"The header of {path.name} is damaged. Copy the file again.") from error
    return _check(path, content, data_bytes=size - 8 - length)


def _check(path: Path, content: Any, data_bytes: int) -> Header:
    damaged = PackProblem(f"The header of {path.name} is damaged. Copy the file again.")
    if not isinstance(content, dict):
        raise damaged
    entries = cast("dict[str, Any]", content)
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise damaged
    try:
        end = max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
        shapes = {name: tuple(int(size) for size in entry["shape"]) for name, entry in entries.items()}
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise damaged from error
    if end != data_bytes:
        raise PackProblem(f"{path.name} is cut off: expected {end} bytes of weights, got {data_bytes}. Copy it again.")
    pairs = cast("dict[Any, Any]", metadata).items()
    return Header(shapes, {str(key): str(value) for key, value in pairs})

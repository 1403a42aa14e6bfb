"""The header of a safetensors file, read strictly: what a file says about itself is checked against its size.

    8 bytes, little-endian: length n of the header    n bytes: JSON {name: {dtype, shape, data_offsets}}    data

The only way to read weight files for everything that must not load torch.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, cast

from sdpo_core.errors import AdapterError, SdpoError

MAX_HEADER_BYTES = 16 * 2**20
"""Largest header that is read; that of a Stable Diffusion checkpoint takes a third of a MiB."""

PICKLE_SUFFIXES = frozenset({".bin", ".ckpt", ".pt", ".pth", ".pkl"})
"""Files that can run code when they are loaded; they are never opened."""

HOW_TO_CONVERT = (
    "Get it as .safetensors; or, if you trust its source, load it in ComfyUI and save it with the Save Checkpoint node."
)
"""What to do with a model in a pickle."""
_NO_WAY_TO_CONVERT = "Get it as .safetensors from where you downloaded it."

_LENGTH_BYTES = 8
_BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("BOOL", "I8", "U8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}


@dataclass(frozen=True)
class TensorInfo:
    """One tensor as the header describes it."""

    dtype: str  # as safetensors writes it, for instance "F16"
    shape: tuple[int, ...]
    begin: int  # offset of its bytes from the end of the header
    end: int


class _Unfit(Exception):
    """Why a header is refused, and what to do; becomes an `SdpoError` of the caller's choice."""

    def __init__(self, why: str, remedy: str = "Copy or download it again.") -> None:
        super().__init__(f"{why}. {remedy}")


def read_header(path: Path, error: type[SdpoError] = AdapterError) -> tuple[dict[str, TensorInfo], dict[str, str]]:
    """Tensors and metadata of a safetensors file, without its data.

    Raises `error` when the file is missing, truncated, inconsistent, or not a safetensors file.
    """
    if path.suffix.casefold() in PICKLE_SUFFIXES:
        raise error(
            f"{path} is a pickle file, which can run any code when it is loaded, so the studio never opens one. "
            f"{_how_to_convert(error)}"
        )
    try:
        with path.open("rb") as file:
            return parse_header(path, file.read, path.stat().st_size, error)
    except FileNotFoundError as problem:
        raise error(f"{path} doesn't exist. Check the name, or copy the file there.") from problem
    except OSError as problem:
        raise error(f"{path} can't be read ({problem.strerror}). Check the file and its permissions.") from problem


def parse_header(
    name: PurePath, read: Callable[[int], bytes], size: int, error: type[SdpoError] = AdapterError
) -> tuple[dict[str, TensorInfo], dict[str, str]]:
    """`read_header` for a file of `size` bytes from anywhere: `read(n)` gives its next n bytes, from the start.

    Raises `error` as `read_header` does.
    """
    try:
        header_bytes = _header_bytes(read(_LENGTH_BYTES), size, error)
        tensors, metadata = _parse(read(header_bytes))
        _check_layout(tensors, size - _LENGTH_BYTES - header_bytes)
    except _Unfit as problem:
        raise error(f"{name} {problem}") from problem
    return tensors, metadata


def _how_to_convert(error: type[SdpoError]) -> str:
    """What to do with a pickle; no common tool can save an adapter again."""
    return _NO_WAY_TO_CONVERT if error is AdapterError else HOW_TO_CONVERT


def _header_bytes(start: bytes, size: int, error: type[SdpoError]) -> int:
    if start.startswith(b"version "):
        raise _Unfit("is a Git LFS pointer in place of the file, which `git lfs pull` would fetch")
    if len(start) < _LENGTH_BYTES:
        raise _Unfit(f"isn't a safetensors file: it is only {size} bytes long")
    length = int.from_bytes(start, "little")
    if length > MAX_HEADER_BYTES:
        # torch's archive, or a pickle of protocol 2 to 5. The length of a short header may begin with these bytes too.
        if start[:2] == b"PK" or (start[0] == 0x80 and 2 <= start[1] <= 5):
            what = "isn't a safetensors file but a renamed pickle, so the studio doesn't open it"
            raise _Unfit(what, _how_to_convert(error))
        raise _Unfit(f"isn't a safetensors file: its header would be {length:,} bytes long")
    if length > size - _LENGTH_BYTES:
        raise _Unfit(f"is cut short: its header alone needs {length + _LENGTH_BYTES:,} bytes, the file has {size:,}")
    return length


def _parse(data: bytes) -> tuple[dict[str, TensorInfo], dict[str, str]]:
    try:
        header: Any = json.loads(data, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise _Unfit("isn't a safetensors file: its header isn't JSON") from error
    if not isinstance(header, dict):
        raise _Unfit("isn't a safetensors file: its header isn't a JSON object")
    entries = cast("dict[str, Any]", header)
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise _Unfit("has metadata that isn't a JSON object")
    texts = cast("dict[str, Any]", metadata)
    if not all(isinstance(value, str) for value in texts.values()):
        raise _Unfit("has metadata that isn't text")
    return {name: _tensor(name, entry) for name, entry in entries.items()}, texts


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("an object has the same name twice")
    return values


def _tensor(name: str, entry: Any) -> TensorInfo:
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(begin), int(end)]}:
            sides = cast("list[Any]", shape)
        case _:
            raise _Unfit(f"has an invalid entry for its tensor {name}")
    if dtype not in _BITS or not all(type(side) is int and side >= 0 for side in sides):
        raise _Unfit(f"gives its tensor {name} the type {dtype} and shape {sides}, which the studio doesn't know")
    bits = _BITS[dtype] * math.prod(sides)
    if bits % 8 or end - begin != bits // 8:
        raise _Unfit(f"contradicts itself: its tensor {name} has {end - begin:,} bytes, which isn't {dtype} {sides}")
    return TensorInfo(dtype=dtype, shape=tuple(sides), begin=begin, end=end)


def _check_layout(tensors: dict[str, TensorInfo], data_bytes: int) -> None:
    """The tensors must follow each other without gaps, from the first to the last byte of the data."""
    expected = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if tensor.begin != expected:
            raise _Unfit(f"contradicts itself: its tensor {name} starts at byte {tensor.begin:,}, not {expected:,}")
        expected = tensor.end
    if expected > data_bytes:
        raise _Unfit(f"is cut short: it has {data_bytes:,} bytes of weights, but its header announces {expected:,}")
    if expected < data_bytes:
        raise _Unfit(f"has {data_bytes - expected:,} bytes more than its header announces")

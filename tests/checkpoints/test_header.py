"""Headers written by the safetensors library are read as it reads them; anything else is refused with a message."""

import json
import random
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from sdpo_core.adapters.info import read_header
from sdpo_core.checkpoints.header import TensorInfo
from sdpo_core.errors import AdapterError, ModelError


def write(path: Path, header: object, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(begin: int, end: int, shape: list[int], dtype: str = "F16") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.fixture
def real(tmp_path: Path) -> Path:
    kinds = (torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.float8_e4m3fn)
    tensors = {f"t{number}": torch.zeros(2, number + 1).to(kind) for number, kind in enumerate(kinds)}
    path = tmp_path / "real.safetensors"
    save_file({**tensors, "scalar": torch.tensor(1.0), "empty": torch.zeros(0, 3)}, path, {"title": "Lakes ♥"})
    return path


def test_reads_what_the_library_wrote(real: Path) -> None:
    tensors, metadata = read_header(real)
    assert metadata == {"title": "Lakes ♥"}
    with safe_open(real, "pt") as reference:
        assert set(tensors) == set(reference.keys())
        for name, tensor in tensors.items():
            piece = reference.get_slice(name)
            assert (list(tensor.shape), tensor.dtype) == (piece.get_shape(), piece.get_dtype())
    assert max(tensor.end for tensor in tensors.values()) + 8 < real.stat().st_size


def test_file_without_tensors_or_metadata_is_a_file(tmp_path: Path) -> None:
    assert read_header(write(tmp_path / "a", {})) == ({}, {})
    assert read_header(write(tmp_path / "b", {"t": entry(0, 4, [2])}, b"\0" * 4)) == (
        {"t": TensorInfo("F16", (2,), 0, 4)},
        {},
    )


def test_every_cut_is_refused(real: Path, tmp_path: Path) -> None:
    data = real.read_bytes()
    cut = tmp_path / "cut.safetensors"
    for length in [*range(40), *range(40, len(data), 37), len(data) - 1]:
        cut.write_bytes(data[:length])
        with pytest.raises(AdapterError, match=r"cut\.safetensors (is|has)"):
            read_header(cut)


def test_random_damage_raises_nothing_else(real: Path, tmp_path: Path) -> None:
    dice, data = random.Random(0), real.read_bytes()
    damaged = tmp_path / "damaged.safetensors"
    refused = 0
    for _ in range(500):
        changed = bytearray(data)
        for _ in range(dice.randint(1, 3)):
            changed[dice.randrange(len(data))] = dice.randrange(256)
        damaged.write_bytes(changed)
        try:
            read_header(damaged)
        except AdapterError:
            refused += 1
    assert refused > 250


@pytest.mark.parametrize(
    ("header", "data", "words"),
    [
        (b"[]", b"", "isn't a JSON object"),
        (b"{", b"", "isn't JSON"),
        (b"\xff\xfe", b"", "isn't JSON"),
        (b"[" * 100_000, b"", "isn't JSON"),
        (b'{"a": 1, "a": 2}', b"", "isn't JSON"),
        ({"__metadata__": ["x"]}, b"", "metadata that isn't a JSON object"),
        ({"__metadata__": {"x": 1}}, b"", "metadata that isn't text"),
        ({"t": 5}, b"", "invalid entry for its tensor t"),
        ({"t": {"dtype": "F16", "shape": [1]}}, b"", "invalid entry for its tensor t"),
        ({"t": entry(0, 2, [1], "F12")}, b"\0\0", "doesn't know"),
        ({"t": entry(0, 2, [-1])}, b"\0\0", "doesn't know"),
        ({"t": entry(0, 2, [True])}, b"\0\0", "doesn't know"),  # pyright: ignore[reportArgumentType]
        ({"t": entry(0, 6, [2])}, b"\0" * 6, "contradicts itself: its tensor t has 6 bytes"),
        ({"t": entry(2, 4, [1])}, b"\0" * 4, "starts at byte 2, not 0"),
        ({"t": entry(0, 4, [2]), "u": entry(2, 6, [2])}, b"\0" * 6, "tensor u starts at byte 2, not 4"),
        ({"t": entry(0, 4, [2])}, b"\0" * 3, "cut short: it has 3 bytes of weights, but its header announces 4"),
        ({"t": entry(0, 4, [2])}, b"\0" * 9, "5 bytes more"),
    ],
)
def test_contradictions_are_named(tmp_path: Path, header: object, data: bytes, words: str) -> None:
    with pytest.raises(AdapterError, match=words):
        read_header(write(tmp_path / "odd.safetensors", header, data))


def test_what_is_not_safetensors_is_named(tmp_path: Path) -> None:
    pickle = tmp_path / "model.ckpt"
    pickle.write_bytes(b"PK\3\4")
    with pytest.raises(AdapterError, match="is a pickle file"):
        read_header(pickle)
    renamed = tmp_path / "renamed.safetensors"
    torch.save({"a": torch.zeros(2)}, renamed)
    with pytest.raises(AdapterError, match="a renamed pickle"):
        read_header(renamed)
    for length in (0x4B50, 0x0480):  # their bytes are those that archives and pickles begin with
        padded = json.dumps({"t": entry(0, 2, [1])}).encode().ljust(length)
        assert read_header(write(tmp_path / "padded.safetensors", padded, b"\0\0"))[0]
    pointer = tmp_path / "pointer.safetensors"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 5\n")
    with pytest.raises(AdapterError, match="Git LFS pointer"):
        read_header(pointer)
    huge = tmp_path / "huge.safetensors"
    huge.write_bytes((2**40).to_bytes(8, "little") + b"{}")
    with pytest.raises(AdapterError, match=r"header would be 1,099,511,627,776 bytes"):
        read_header(huge)
    with pytest.raises(ModelError, match="doesn't exist"):
        read_header(tmp_path / "none.safetensors", ModelError)
    with pytest.raises(AdapterError, match="can't be read"):
        read_header(tmp_path)

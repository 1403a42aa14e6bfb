"""Image files with metadata, byte by byte as the tools write them; neither our code nor Pillow writes any of it."""

import gzip
import io
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from PIL import Image

ASCII, SHORT, LONG, UNDEFINED = 2, 3, 4, 7
USER_COMMENT, MAKER_NOTE, EXIF_FOLDER = 0x9286, 0x927C, 0x8769
MAKE, MODEL, SOFTWARE = 0x010F, 0x0110, 0x0131

Tag = tuple[int, int, bytes]  # tag, type, value


def scene(seed: int, size: tuple[int, int] = (96, 64)) -> Image.Image:
    """A picture with structure and colours of its own for every seed."""
    random = np.random.default_rng(seed)
    patches = random.integers(0, 256, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def text(keyword: str, value: str | bytes) -> bytes:
    """tEXt, in Latin-1 as the standard says."""
    data = value if isinstance(value, bytes) else value.encode("latin-1")
    return chunk(b"tEXt", keyword.encode() + b"\0" + data)


def packed(keyword: str, value: str) -> bytes:
    return chunk(b"zTXt", keyword.encode() + b"\0\0" + zlib.compress(value.encode("latin-1")))


def international(keyword: str, value: str, *, pack: bool = False, language: str = "") -> bytes:
    data = zlib.compress(value.encode()) if pack else value.encode()
    return chunk(b"iTXt", keyword.encode() + b"\0" + bytes([pack, 0]) + language.encode() + b"\0\0" + data)


def png(*chunks: bytes, image: Image.Image | None = None, after: Sequence[bytes] = ()) -> bytes:
    """A PNG with `chunks` before the pixels and `after` behind them."""
    plain = io.BytesIO()
    (image or scene(0)).save(plain, "PNG")
    content = plain.getvalue()
    header, rest, end = content[:33], content[33:-12], content[-12:]  # signature and IHDR; IDAT; IEND
    return header + b"".join(chunks) + rest + b"".join(after) + end


def tiff(tags: Sequence[Tag] = (), exif: Sequence[Tag] = (), order: str = "<") -> bytes:
    """EXIF data: the tags of the first folder, and those of the Exif folder that it names."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    first = [*tags, *([(EXIF_FOLDER, LONG, b"\0\0\0\0")] if exif else [])]
    size = 8 + 2 + 12 * len(first) + 4 + sum(len(value) for _, _, value in tags if len(value) > 4)
    first = [(tag, kind, struct.pack(f"{order}I", size) if tag == EXIF_FOLDER else value) for tag, kind, value in first]
    content = head + _folder(first, 8, order)
    assert len(content) == size
    return content + (_folder(exif, size, order) if exif else b"")


def _folder(tags: Sequence[Tag], offset: int, order: str) -> bytes:
    place = offset + 2 + 12 * len(tags) + 4
    entries, data = b"", b""
    for tag, kind, value in sorted(tags):
        count = len(value) // {ASCII: 1, SHORT: 2, LONG: 4, UNDEFINED: 1}[kind]
        where = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(f"{order}I", place + len(data))
        data += value if len(value) > 4 else b""
        entries += struct.pack(f"{order}HHI", tag, kind, count) + where
    return struct.pack(f"{order}H", len(tags)) + entries + b"\0\0\0\0" + data


def unicode_comment(value: str, encoding: str = "utf-16-be") -> Tag:
    """A UserComment as A1111 writes it."""
    return USER_COMMENT, UNDEFINED, b"UNICODE\0" + value.encode(encoding)


def jpeg(exif: bytes, image: Image.Image | None = None) -> bytes:
    plain = io.BytesIO()
    (image or scene(0)).save(plain, "JPEG", quality=90)
    data = b"Exif\0\0" + exif
    return plain.getvalue()[:2] + b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data + plain.getvalue()[2:]


def webp(exif: bytes, image: Image.Image | None = None) -> bytes:
    """An extended WebP: VP8X, the pixels, EXIF."""
    image = image or scene(0)
    plain = io.BytesIO()
    image.save(plain, "WEBP", lossless=True)
    sides = b"".join(struct.pack("<I", side - 1)[:3] for side in image.size)
    pixels = plain.getvalue()[12:]
    chunks = _riff(b"VP8X", b"\x08\0\0\0" + sides) + pixels + _riff(b"EXIF", exif)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def _riff(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def hidden(value: str, image: Image.Image | None = None, *, pack: bool = True) -> bytes:
    """A PNG with `value` in the lowest bits of its alpha, column by column."""
    image = (image or scene(0, (128, 128))).convert("RGBA")
    data = gzip.compress(value.encode()) if pack else value.encode()
    head = b"stealth_pngcomp" if pack else b"stealth_pnginfo"
    bits = np.unpackbits(np.frombuffer(head + struct.pack(">I", 8 * len(data)) + data, np.uint8))
    alpha = np.full(image.width * image.height, 255, np.uint8)
    assert bits.size <= alpha.size
    alpha[: bits.size] = 254 | bits
    image.putalpha(Image.fromarray(alpha.reshape(image.width, image.height).T.copy()))
    return png(image=image)


@contextmanager
def soon(seconds: float = 5.0) -> Iterator[None]:
    """What is inside takes a fraction of this; a busy machine gets some more."""
    started = time.perf_counter()
    yield
    assert time.perf_counter() - started < seconds

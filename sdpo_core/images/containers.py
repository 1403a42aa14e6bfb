"""The metadata in PNG, JPEG and WebP files, read without decoding one. Nothing raises.

Bounded in time and memory whatever a file claims: see the numbers below. A larger chunk is skipped.
"""

import itertools
import re
import struct
import zlib
from collections.abc import Iterable, Iterator

from sdpo_core.images.exif import plain, read_exif, read_orientation

LONGEST_TEXT = 8 * 2**20
"""Bytes of one text, also after it was unpacked: workflows with images inside have some."""

_ALL_TEXTS = 4 * LONGEST_TEXT  # bytes of one file's texts together
_MOST_BOMBS = 3  # texts that unpack to more than the longest; after so many, packed ones are no longer tried
_MOST_CHUNKS = 100_000  # an image of 256 MiB has some 30,000 of 8 KiB
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_APP1, _STARTS_SCAN, _ENDS = 0xE1, 0xDA, 0xD9
_JPEG_TALK = {*range(0xE1, 0xEE), 0xEF, 0xFE}  # all but JFIF's and Adobe's, which tell YCbCr from RGB and CMYK
_MOST_EXIF = 16  # parts
_NAMED_JSON = re.compile(r"([A-Za-z_][\w .-]{0,60}):\s*(\{.*)", re.DOTALL)


def read_texts(content: bytes) -> dict[str, str]:
    """The texts by keyword (PNG) or by the tag's name (`exif.NAMES`); the first of several of one name.

    ComfyUI's `prompt:{…}` in EXIF tags is stored as `prompt`, as in its PNGs.
    """
    texts: dict[str, str] = {}
    left = _ALL_TEXTS
    for keyword, text in _found(content):
        left -= len(text)
        if left < 0:
            break
        texts.setdefault(keyword, text)
    return texts


def turned(content: bytes) -> int:
    """How the image is turned, as in EXIF: 1 (upright) to 8."""
    found = (read_orientation(data) for data in _exif_parts(content))
    return next((number for number in found if number != 1), 1)


def bare(content: bytes) -> bytes:
    """The file without the texts, EXIF and profiles that a decoder would read whatever their size.

    Of a JPEG the two segments that say what its numbers mean are kept; a WebP stays as it is, because there Pillow
    reads nothing unasked.
    """
    if content.startswith(_PNG):
        parts = ((start, end) for kind, start, end in _png_chunks(content) if kind not in (*_PNG_TEXTS, b"eXIf"))
        return _put_together(content, len(_PNG), parts)
    if content.startswith(_JPEG):
        parts = ((start, end) for kind, start, end in _jpeg_segments(content) if kind not in _JPEG_TALK)
        return _put_together(content, len(_JPEG), parts)
    return content


def _put_together(content: bytes, head: int, parts: Iterable[tuple[int, int]]) -> bytes:
    """The head and the `parts` of `content`; what follows the last one that was understood comes with it."""
    view = memoryview(content)
    return b"".join([view[:head], *(view[start:end] for start, end in parts)])


def _found(content: bytes) -> Iterator[tuple[str, str]]:
    if content.startswith(_PNG):
        yield from _png_texts(content)
    for data in _exif_parts(content):
        for name, text in read_exif(data, LONGEST_TEXT).items():
            named = _NAMED_JSON.match(text)
            if named:
                yield named[1].lower(), named[2]
            else:
                yield name, text


def _exif_parts(content: bytes) -> Iterator[bytes]:
    """The EXIF data of the file; parts that are too large are left out."""
    if content.startswith(_PNG):
        parts = ((start + 8, end - 4) for kind, start, end in _png_chunks(content) if kind == b"eXIf")
    elif content.startswith(_JPEG):
        parts = ((start + 4, end) for kind, start, end in _jpeg_segments(content) if kind == _APP1)
    elif content[8:12] == b"WEBP":
        parts = ((start + 8, end) for kind, start, end in _webp_chunks(content) if kind == b"EXIF")
    else:
        return
    for start, end in itertools.islice(parts, _MOST_EXIF):
        if end - start <= 2 * LONGEST_TEXT:
            yield content[start:end]


def _png_texts(content: bytes) -> Iterator[tuple[str, str]]:
    bombs = 0
    for kind, start, end in _png_chunks(content):
        decode = _PNG_TEXTS.get(kind)
        packed = kind in (b"zTXt", b"iTXt")
        if not decode or end - start > LONGEST_TEXT or (packed and bombs > _MOST_BOMBS):
            continue
        keyword, _, rest = content[start + 8 : end - 4].partition(b"\0")
        text = decode(rest)
        bombs += text is None
        if text is not None:
            yield keyword[:79].decode("latin-1"), text


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk; a last one that is cut short ends with the file."""
    place = len(_PNG)
    for _ in range(_MOST_CHUNKS):
        if place + 8 > len(content):
            return
        size, kind = struct.unpack_from(">I4s", content, place)
        end = place + 12 + size  # with the checksum, which images that were edited often get wrong
        yield kind, place, min(end, len(content))
        place = end


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Kind, start and end of each segment; the last is the scan with all that follows it."""
    place = len(_JPEG)
    for _ in range(_MOST_CHUNKS):
        if place + 4 > len(content) or content[place] != 0xFF or content[place + 1] in (_STARTS_SCAN, _ENDS):
            break
        kind = content[place + 1]
        if kind == 0xFF:  # padding
            place += 1
            continue
        (size,) = struct.unpack_from(">H", content, place + 2)
        yield kind, place, place + 2 + max(size, 2)
        place += 2 + max(size, 2)
    yield _STARTS_SCAN, place, len(content)


def _webp_chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk."""
    place = 12
    for _ in range(_MOST_CHUNKS):
        if place + 8 > len(content):
            return
        kind, size = struct.unpack_from("<4sI", content, place)
        yield kind, place, place + 8 + size
        place += 8 + size + size % 2


def _compressed(rest: bytes) -> str | None:
    """zTXt after the keyword: method, data."""
    return _unpacked(rest[1:])


def _international(rest: bytes) -> str | None:
    """iTXt after the keyword: flag, method, language, keyword in that language, data."""
    head = rest[2:].split(b"\0", 2)
    if len(head) < 3:
        return None
    return _unpacked(head[2]) if rest[0] else plain(head[2])


def _unpacked(data: bytes) -> str | None:
    """What zlib packed, as far as it is intact; None for more than the longest text, which may be a bomb."""
    unpacker = zlib.decompressobj()
    text = bytearray()
    for start in range(0, len(data), 4096):  # in parts: what precedes a broken part is kept
        try:
            text += unpacker.decompress(data[start : start + 4096], LONGEST_TEXT + 1 - len(text))
        except zlib.error:
            break
        if len(text) > LONGEST_TEXT:
            return None
    return plain(bytes(text))


# ComfyUI puts `comf` chunks, built as tEXt, behind the pixels of animated images.
_PNG_TEXTS = {b"tEXt": plain, b"comf": plain, b"zTXt": _compressed, b"iTXt": _international}

"""Texts hidden in the lowest bits of an image's alpha channel, as NovelAI and an extension of A1111 write them.

Column by column from the top left, the highest bit of each byte first: `stealth_pngcomp` (what follows is packed with
gzip) or `stealth_pnginfo`, the number of bits as 32 bits, and the text.
"""

import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from sdpo_core.exchange.metadata.lenient_json import read_object
from sdpo_core.images.containers import LONGEST_TEXT
from sdpo_core.images.exif import plain

_PACKED, _PLAIN = b"stealth_pngcomp", b"stealth_pnginfo"
_HEAD = len(_PACKED) + 4
_MOST_PACKED = 2 * 2**20  # bytes


def read_hidden(alpha: Image.Image) -> dict[str, str]:
    """The texts by keyword, a single one as `parameters`; empty if nothing is hidden. `alpha` is one channel."""
    head = _bytes(alpha, _HEAD)
    kind, bits = head[: len(_PACKED)], int.from_bytes(head[len(_PACKED) :], "big")
    size = _HEAD + bits // 8
    if kind not in (_PACKED, _PLAIN) or size > min(_MOST_PACKED, alpha.width * alpha.height // 8):
        return {}
    data = _bytes(alpha, size)[_HEAD:]
    if kind == _PACKED:
        try:
            data = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, LONGEST_TEXT)
        except zlib.error:
            return {}
    text = plain(data)
    return dict(_texts(text)) or {"parameters": text}


def _texts(text: str) -> Iterator[tuple[str, str]]:
    """NovelAI's texts, which are one JSON object here."""
    found = read_object(text)
    if "Comment" in found or "Software" in found:
        yield from ((key, value) for key, value in found.items() if isinstance(value, str))


def _bytes(alpha: Image.Image, size: int) -> bytes:
    """The first `size` bytes (fewer in a small image), from as many columns as they need."""
    columns = min(alpha.width, -(-size * 8 // alpha.height))
    lowest = np.asarray(alpha.crop((0, 0, columns, alpha.height))) & 1  # (height, columns)
    return np.packbits(lowest.T.reshape(-1)[: size * 8]).tobytes()

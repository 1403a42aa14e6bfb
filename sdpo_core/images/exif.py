"""What we need of EXIF data (TIFF 6.0, EXIF 2.3): how the image is turned, and the tags in which tools leave texts.

Not Pillow's reader: where 20,000 entries name the same 3 MB, it copies them 20,000 times, in less than a minute.
"""

import struct
from collections.abc import Iterator

NAMES = {
    0x010D: "DocumentName",
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    0x927C: "MakerNote",
    0x9286: "UserComment",
    0x9C9C: "XPComment",
}
"""The tags that are read, under the names by which the readers ask for them."""

_ORIENTATION, _EXIF_FOLDER = 0x0112, 0x8769
_MOST_ENTRIES = 1000
_BYTES, _ASCII, _SHORT, _LONG, _UNDEFINED = 1, 2, 3, 4, 7  # types
_ENCODINGS = ("utf-16-be", "utf-16-le")


def read_exif(data: bytes, longest: int) -> dict[str, str]:
    """The texts by their tags' names, each of at most `longest` bytes; what is broken or cut short is left out."""
    order, data, offset = _header(data)
    found: dict[int, bytes] = {}
    folders = [offset]
    for folder in folders:
        for tag, kind, size, place in _entries(data, order, folder):
            (start,) = struct.unpack_from(f"{order}I", data, place)
            if tag == _EXIF_FOLDER and kind == _LONG and len(folders) == 1:
                folders.append(start)
            elif tag in NAMES and tag not in found and kind in (_BYTES, _ASCII, _UNDEFINED) and size <= longest:
                start = place if size <= 4 else start  # short values are in the entry itself
                found[tag] = data[start : start + size]
    decoded = {NAMES[tag]: _DECODERS.get(tag, plain)(value) for tag, value in found.items()}
    return {name: text for name, text in decoded.items() if text}


def read_orientation(data: bytes) -> int:
    """How the image is turned, 1 (upright) to 8; 1 where nothing sensible is said."""
    order, data, offset = _header(data)
    for tag, kind, _, place in _entries(data, order, offset):
        if tag == _ORIENTATION and kind == _SHORT:
            (turned,) = struct.unpack_from(f"{order}H", data, place)
            return turned if 1 <= turned <= 8 else 1
    return 1


def _header(data: bytes) -> tuple[str, bytes, int]:
    """Byte order, the data from the header on, and where the first folder begins (0: nowhere)."""
    data = data.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None or len(data) < 8:
        return "<", b"", 0
    return order, data, struct.unpack_from(f"{order}I", data, 4)[0]


def _entries(data: bytes, order: str, offset: int) -> Iterator[tuple[int, int, int, int]]:
    """Tag, type, number of values and the value's place, of each entry of the folder at `offset`."""
    if offset + 2 > len(data):
        return
    (entries,) = struct.unpack_from(f"{order}H", data, offset)
    for i in range(min(entries, _MOST_ENTRIES)):
        place = offset + 2 + 12 * i
        if place + 12 > len(data):
            return
        tag, kind, size = struct.unpack_from(f"{order}HHI", data, place)
        yield tag, kind, size, place + 8


def plain(value: bytes) -> str:
    """Text that is UTF-8, or else Latin-1, in which every byte means something."""
    value = value.rstrip(b"\0")
    try:
        return value.decode("utf-8-sig")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _xp(value: bytes) -> str:
    return value.decode("utf-16-le", "replace").rstrip("\0")


def _comment(value: bytes) -> str:
    """A UserComment: its first eight bytes name the encoding, unless a tool left them out."""
    prefix, rest = value[:8], value[8:]
    if prefix == b"UNICODE\0":
        return _utf16(rest)
    if prefix in (b"ASCII\0\0\0", b"\0" * 8):
        return plain(rest)
    return plain(value)


def _utf16(value: bytes) -> str:
    """UTF-16 of the order that gives more of a prompt's plain letters: the standard names none, and tools differ."""
    value = value[: len(value) // 2 * 2]
    if value[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return value.decode("utf-16", "replace").rstrip("\0")
    both = [value.decode(encoding, "replace") for encoding in _ENCODINGS]
    return max(both, key=lambda text: sum(text.count(letter) for letter in ' ,:etao"')).rstrip("\0")


_DECODERS = {0x9286: _comment, 0x9C9C: _xp}

"""What files hold besides their pixels: read within bounds, and never passed to a decoder that would read it all."""

import io
import struct
from collections.abc import Callable

import pytest
from PIL import Image, ImageOps

from sdpo_core.images.containers import LONGEST_TEXT, bare, read_texts
from sdpo_core.images.files import decode_image
from tests.images.image_files import SHORT, chunk, jpeg, png, soon, text, tiff, unicode_comment, webp

TEXT = "a cat\nSteps: 20"


def exif_bomb(entries: int, size: int) -> bytes:
    """Each of the entries names the same bytes: whoever copies all needs `entries * size` of them."""
    listed = b"".join(struct.pack("<HHII", 1000 + i, 7, size, 8) for i in range(entries))
    head = b"II*\0" + struct.pack("<IH", 8, entries) + listed
    return head + b"\0\0\0\0" + b"x" * max(0, size - len(head))


def test_entries_that_share_their_bytes_are_not_multiplied() -> None:
    with soon():
        for content in (webp(exif_bomb(20_000, 3_000_000)), jpeg(exif_bomb(4_000, 60_000))):
            assert decode_image(content).size == (96, 64)
            assert read_texts(content) == {}


def test_a_jpeg_of_many_segments_is_read_once() -> None:
    part = jpeg(exif_bomb(4_000, 60_000))
    size = int.from_bytes(part[4:6], "big")
    content = part[:2] + part[2 : 4 + size] * 100 + part[4 + size :]
    with soon():
        assert decode_image(content).size == (96, 64)
        assert read_texts(content) == {}


def test_a_bare_file_has_the_same_pixels() -> None:
    for content in (png(text("parameters", TEXT)), jpeg(tiff(exif=[unicode_comment(TEXT)])), webp(tiff())):
        stripped = bare(content)
        assert decode_image(stripped).tobytes() == decode_image(content).tobytes()
        assert read_texts(stripped) == {}


def test_one_text_has_a_limit_and_all_have() -> None:
    texts = read_texts(png(*(text(f"t{i}", b"x" * (LONGEST_TEXT - 100)) for i in range(10))))
    assert len(texts) == 4


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("wrap", [jpeg, webp, lambda exif: png(chunk(b"eXIf", exif))])
def test_an_image_is_turned_upright(order: str, wrap: Callable[[bytes], bytes]) -> None:
    for turned in range(9):
        value = turned.to_bytes(2, "little" if order == "<" else "big")
        content = wrap(tiff([(0x0112, SHORT, value)], order=order))
        ours = decode_image(content)
        with Image.open(io.BytesIO(content)) as image:
            theirs = ImageOps.exif_transpose(image).convert("RGB")
        assert (ours.size, ours.tobytes()) == (theirs.size, theirs.tobytes()), turned

"""Untrusted bytes: decoded, or refused with a message."""

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from sdpo_core.errors import ImageMissing, ImageUnreadable
from sdpo_core.images import files as images
from sdpo_core.images.files import decode_image, encode_png
from sdpo_core.workspace.store import Store
from tests.workspace.helpers import add


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def gradient() -> Image.Image:
    return Image.merge("RGB", [Image.linear_gradient("L").resize((64, 48)).rotate(angle) for angle in (0, 90, 180)])


def enormous_png(width: int, height: int) -> bytes:
    """A valid header of an image that would fill the memory, with next to no data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
def test_lossless_formats_come_back_exactly(kind: str, options: dict[str, object], tmp_path: Path) -> None:
    data = encoded(gradient(), kind, **options)
    assert decode_image(data).tobytes() == gradient().tobytes()
    (tmp_path / "image").write_bytes(data)
    assert decode_image(tmp_path / "image").tobytes() == gradient().tobytes()


def test_photo_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    assert decode_image(encoded(gradient(), "JPEG", exif=exif.tobytes())).size == (48, 64)


def test_transparency_is_laid_on_white() -> None:
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (255, 0, 0, 255))
    decoded = decode_image(encoded(image, "PNG"))
    assert [decoded.getpixel((x, 0)) for x in range(2)] == [(255, 255, 255), (255, 0, 0)]


def test_stored_png_carries_no_metadata() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a secret prompt")
    image = Image.open(io.BytesIO(encoded(gradient(), "PNG", pnginfo=info, icc_profile=b"a profile")))
    data = encode_png(image)
    assert b"secret" not in data
    assert b"iCCP" not in data
    assert decode_image(data).info == {}
    assert encode_png(image) == data
    assert "parameters" in image.info  # the caller's image is left alone


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("kept", [0, 4, 20, 100, 0.5, 0.9])
def test_cut_short_is_refused(kind: str, kept: float) -> None:
    data = encoded(gradient(), kind)
    length = int(kept * len(data)) if kept < 1 else int(kept)
    with pytest.raises(ImageUnreadable, match="can't be decoded as a PNG, JPEG or WebP"):
        decode_image(data[:length])


def test_flipped_bits_raise_nothing_else() -> None:
    for kind in ("PNG", "JPEG", "WEBP"):
        data = encoded(gradient(), kind)
        refused = 0
        for place in range(0, len(data), max(1, len(data) // 150)):
            damaged = bytearray(data)
            damaged[place] ^= 0xFF
            try:
                decode_image(bytes(damaged))
            except ImageUnreadable:
                refused += 1
        assert refused > 0


@pytest.mark.parametrize("size", [(8001, 8001), (10_000, 12_000), (60_000, 60_000)])
def test_enormous_image_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(ImageUnreadable, match=r"pixels"):
        decode_image(enormous_png(*size))


def test_other_formats_and_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageUnreadable):
        decode_image(encoded(gradient(), "BMP"))
    monkeypatch.setattr(images, "MAX_BYTES", 2**20)
    (tmp_path / "large.png").write_bytes(b"\0" * (2**20 + 1))
    with pytest.raises(ImageUnreadable, match=r"large\.png is larger than 1 MiB"):
        decode_image(tmp_path / "large.png")


def test_missing_and_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageMissing, match=r"no\.png is missing"):
        decode_image(tmp_path / "no.png")
    with pytest.raises(ImageUnreadable, match="can't be read"):
        decode_image(tmp_path)


def test_an_image_damaged_on_disk_is_reported_by_name(store: Store) -> None:
    path = store.images.path(add(store, 0).image_sha256)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ImageUnreadable, match=path.name):
        decode_image(path)


def test_a_palette_image_without_its_palette_is_refused() -> None:
    content = encoded(gradient().convert("P"), "PNG")
    start = content.index(b"PLTE") - 4
    size = int.from_bytes(content[start : start + 4], "big")
    with pytest.raises(ImageUnreadable, match="can't be decoded"):
        decode_image(content[:start] + content[start + 12 + size :])

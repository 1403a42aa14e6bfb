"""Images on disk: decoding bytes from an untrusted source, and files named by the hash of their content."""

import hashlib
import io
import os
import re
import struct
import zlib
from pathlib import Path

from PIL import Image

from sdpo_core.atomic import write_bytes
from sdpo_core.errors import ImageMissing, ImageUnreadable, StoreError
from sdpo_core.images.containers import bare, turned

MAX_PIXELS = 64_000_000
"""Largest image that is decoded (8000 x 8000): a small file can claim to be enormous."""

MAX_BYTES = 256 * 2**20
"""Largest image file that is read."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image upright, by its EXIF orientation."""

_FORMATS = ("PNG", "JPEG", "WEBP")
_DECODER_TROUBLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    AssertionError,  # a palette image without its palette
    IndexError,
    KeyError,
    OverflowError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise on bytes that are not what they claim to be."""

_TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)
"""What Pillow raises on an image of enormous size, before it decodes anything."""


def decode_image(data: bytes | Path) -> Image.Image:
    """Decode a PNG, JPEG or WebP to RGB, upright, without metadata; transparency is laid on white.

    Raises `ImageMissing` for a path that leads nowhere and `ImageUnreadable` for anything that can't be decoded.
    """
    name = data.name if isinstance(data, Path) else "The image"
    content = read_image_file(data) if isinstance(data, Path) else data
    if len(content) > MAX_BYTES:
        raise ImageUnreadable(f"{name} is larger than {MAX_BYTES >> 20} MiB. Save a smaller version, then try again.")
    turn, content = _TURNS.get(turned(content)), bare(content)  # Pillow would read EXIF and texts of any size
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            image.verify()  # a PNG's checksums, which loading ignores; afterwards the file has to be opened again
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ImageUnreadable(
                    f"{name} is {image.width} x {image.height} pixels; the limit is {MAX_PIXELS // 10**6} million. "
                    "Save a smaller version, then try again."
                )
            image.load()
            return _on_white(image if turn is None else image.transpose(turn))
    except _TOO_LARGE as error:
        raise ImageUnreadable(
            f"{name} has too many pixels: the limit is {MAX_PIXELS // 10**6} million. Save a smaller version."
        ) from error
    except _DECODER_TROUBLE as error:
        raise ImageUnreadable(
            f"{name} can't be decoded as a PNG, JPEG or WebP image. It may be damaged or cut short; use another copy."
        ) from error


def read_image_file(path: Path) -> bytes:
    """The file's bytes, at most one more than `MAX_BYTES`; raises `ImageMissing` and `ImageUnreadable`."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ImageMissing(f"{path} is missing. Restore the file, or choose another image.") from error
    except OSError as error:
        raise ImageUnreadable(f"{path} can't be read ({error.strerror}). Check its permissions.") from error


def alpha_channel(content: bytes) -> Image.Image | None:
    """The alpha channel of a PNG or WebP as it is stored, for what tools hide in it; None without one."""
    try:
        with Image.open(io.BytesIO(bare(content)), formats=("PNG", "WEBP")) as image:
            if image.mode not in ("RGBA", "LA") or image.width * image.height > MAX_PIXELS:
                return None
            image.load()
            return image.getchannel("A")
    except (*_DECODER_TROUBLE, *_TOO_LARGE):
        return None


def encode_png(image: Image.Image) -> bytes:
    """The image as RGB in a PNG without any metadata: no prompt, no colour profile."""
    rgb = image.convert("RGB")
    rgb.info.clear()
    buffer = io.BytesIO()
    rgb.save(buffer, format="PNG")
    return buffer.getvalue()


class ImageFolder:
    """Files `<2 hex>/<sha256>.png`. A file is written whole or not at all and never changes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._found_intact: dict[str, tuple[int, int]] = {}  # size and time of change by hash

    def add(self, image: Image.Image) -> str:
        """Write the image unless it is there intact; returns its SHA-256. Raises `DiskError` when the disk refuses."""
        data = encode_png(image)
        sha256 = hashlib.sha256(data).hexdigest()
        if not self.intact(sha256):
            write_bytes(self._path(sha256), data)
        return sha256

    def path(self, sha256: str) -> Path:
        """Where the image is; raises `StoreError` for what isn't a hash and `ImageMissing` when the file is gone."""
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            raise StoreError("An image address must have 64 hexadecimal digits; got something else.")
        if not self.has(sha256):
            raise ImageMissing(
                f"{self._path(sha256)} is missing or empty. Restore the file from a copy; until then, its pairs "
                "aren't shown or trained on."
            )
        return self._path(sha256)

    def has(self, sha256: str) -> bool:
        """Whether the file is there and not empty; its content is not checked."""
        try:  # by a plain string: asked of thousands of images at a time, a `Path` for each takes longer than the disk
            return os.stat(self._name(sha256)).st_size > 0  # noqa: PTH116
        except FileNotFoundError:
            return False

    def intact(self, sha256: str) -> bool:
        """Whether the file is there with the content that its name says. Read once, and again when the file changes."""
        path = self._path(sha256)
        try:
            state = path.stat()
            stamp = (state.st_size, state.st_mtime_ns)
            if self._found_intact.get(sha256) == stamp:
                return True
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except OSError:  # gone, or no longer readable
            return False
        if found:
            self._found_intact[sha256] = stamp
        return found

    def readable(self, sha256: str) -> bool:
        """Whether the file holds an image: the one that was written (decoding it is spared), or another."""
        if self.intact(sha256):
            return True
        try:
            decode_image(self._path(sha256))
        except (ImageMissing, ImageUnreadable):
            return False
        return True

    def _path(self, sha256: str) -> Path:
        return Path(self._name(sha256))

    def _name(self, sha256: str) -> str:
        return os.path.join(self.root, sha256[:2], f"{sha256}.png")  # noqa: PTH118


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        rgb = image.convert("RGB")
    else:
        rgba = image.convert("RGBA")
        rgb = Image.new("RGB", rgba.size, "white")
        rgb.paste(rgba, mask=rgba.getchannel("A"))
    rgb.info.clear()
    return rgb

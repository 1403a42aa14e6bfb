"""An untrusted zip: checked before anything is unpacked, and unpacked under our own names only.

It may hold `project.jsonl`, `images/<sha256>.png` and `adapters/<sha256>.safetensors`, and nothing else. What is no
such name, leads out of a folder, is a link, is encrypted, claims to be enormous or is listed twice is refused in a
sentence; no name of the zip ever becomes a path.
"""

import contextlib
import hashlib
import io
import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, BinaryIO

from PIL import Image

from sdpo_core.atomic import replacing
from sdpo_core.errors import ProjectError
from sdpo_core.images.files import MAX_BYTES as MAX_IMAGE_BYTES
from sdpo_core.images.files import MAX_PIXELS

LINES = "project.jsonl"
MAX_MEMBERS = 200_000
MAX_LINES_BYTES = 2**30
MAX_LINE_BYTES = 2**20
MAX_ADAPTER_BYTES = 8 * 2**30
MAX_RATIO = 100
"""Largest size of a member of more than 1 MiB relative to its size in the zip; JSON lines come to about 10."""

_SMALL_BYTES = 2**20
_MAX_DIRECTORY_BYTES = 32 * 2**20
_CHUNK_BYTES = 2**20
_RESERVE_BYTES = 2**28  # what the disk keeps free for everything else
_MEMBER = re.compile(r"(?P<kind>images|adapters)/(?P<sha256>[0-9a-f]{64})\.(?P<suffix>png|safetensors)")
_SUFFIXES = {"images": "png", "adapters": "safetensors"}
_LARGEST = {"images": MAX_IMAGE_BYTES, "adapters": MAX_ADAPTER_BYTES}
_DATABASE_SUFFIXES = (".db", ".db3", ".sqlite", ".sqlite3", ".db-wal", ".db-shm")
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_END = b"PK\x05\x06"
_END_BYTES, _COMMENT_BYTES = 22, 2**16
_ZIP64_LOCATOR_BYTES = 20
_BROKEN = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error, struct.error, ValueError)


class Archive:
    """A project's zip that was looked through. Use it inside `opened`."""

    def __init__(self, file: zipfile.ZipFile, path: Path, name: str) -> None:
        self._zip = file
        self._members: dict[str, zipfile.ZipInfo] = {}
        for info in file.infolist():
            if info.orig_filename not in ("images/", "adapters/"):  # some programs write folders too
                _check_member(info)
                if info.filename in self._members:
                    raise _refused(info.filename, "it's listed twice")
                self._members[info.filename] = info
        if LINES not in self._members:
            raise ProjectError(f"{name} has no {LINES}, so it isn't a project. Choose a zip exported from SDPO Studio.")
        packed = sum(info.compress_size for info in self._members.values())
        if packed > path.stat().st_size:
            raise ProjectError(f"{name} claims more content than it has (a zip bomb). Nothing was unpacked.")

    @property
    def unpacked_bytes(self) -> int:
        """What everything takes outside the zip."""
        return sum(info.file_size for info in self._members.values())

    def hashes(self, kind: str) -> set[str]:
        """Hashes of the `images` or `adapters` inside."""
        found = (_MEMBER.fullmatch(name) for name in self._members)
        return {match["sha256"] for match in found if match and match["kind"] == kind}

    def lines(self) -> Generator[bytes]:
        """The JSON lines, one by one; raises `ProjectError` for one that is too long, or can't be read."""
        with self._reading(LINES) as member:
            while line := member.readline(MAX_LINE_BYTES + 1):
                if len(line) > MAX_LINE_BYTES:
                    raise _refused(LINES, f"a line is longer than {MAX_LINE_BYTES >> 20} MiB")
                yield line

    def image(self, sha256: str) -> bytes:
        """An image, with the hash that it is named by. Whether it is one, `check_png` says.

        Raises `ProjectError` when it doesn't exist, can't be read, or has another hash.
        """
        name = f"images/{sha256}.png"
        with self._reading(name) as member:
            data = member.read()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise _refused(name, "its content doesn't match its name")
        return data

    def unpack_adapter(self, sha256: str, target: Path) -> None:
        """Write an adapter to `target`, piece by piece; raises `ProjectError` as `image` does."""
        name = f"adapters/{sha256}.safetensors"
        digest = hashlib.sha256()
        with self._reading(name) as member, replacing(target) as temporary, temporary.open("wb") as file:
            while chunk := member.read(_CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
            if digest.hexdigest() != sha256:
                raise _refused(name, "its content doesn't match its name")

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[IO[bytes]]:
        if name not in self._members:
            raise ProjectError(f"The zip is missing {name}, which its {LINES} lists. Export the project again.")
        try:
            with self._zip.open(self._members[name]) as member:
                yield member
        except _BROKEN as error:
            raise _refused(name, f"it can't be read ({error})") from error


@contextlib.contextmanager
def opened(path: Path, name: str = "") -> Iterator[Archive]:
    """Look a zip through and hand it out; raises `ProjectError`, before anything is unpacked.

    `name` is what the person calls the file, where it is under another name by now.
    """
    name = printable(name) or path.name
    try:
        with path.open("rb") as file:
            if file.read(16) == b"SQLite format 3\x00":
                raise ProjectError(f"{name} is a database. Choose a zip exported from SDPO Studio.")
            _check_directory(file, name)
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise ProjectError(f"{name} can't be read ({error.strerror}). Check the name and the permissions.") from error
    except _BROKEN as error:
        raise ProjectError(f"{name} isn't a zip, or is damaged ({error}). Copy or export it again.") from error
    with archive:
        yield Archive(archive, path, name)


def require_space(archive: Archive, folder: Path) -> None:
    """Raise `ProjectError` when the disk of `folder` can't take what the zip holds."""
    free = shutil.disk_usage(folder).free
    if archive.unpacked_bytes + _RESERVE_BYTES > free:
        need, left = archive.unpacked_bytes / 2**30, free / 2**30
        raise ProjectError(
            f"The project needs {need:.1f} GiB, but only {left:.1f} GiB is free. Free some space, then try again."
        )


def check_png(sha256: str, data: bytes, size: tuple[int, int] | None = None) -> None:
    """Raise `ProjectError` unless `data` is an intact PNG, of this size if given, that is safe to decode."""
    name = f"images/{sha256}.png"
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            found = image.size
            image.verify()
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error, Image.DecompressionBombError) as error:
        raise _refused(name, f"it isn't an intact PNG ({error})") from error
    if found[0] * found[1] > MAX_PIXELS:
        raise _refused(name, f"it would have {found[0]} x {found[1]} pixels")
    if size is not None and found != size:
        raise _refused(name, f"it has {found[0]} x {found[1]} pixels, but its record says {size[0]} x {size[1]}")


def _check_directory(file: BinaryIO, name: str) -> None:
    """Bound the zip's own list before Python reads it into memory as a whole."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _END_BYTES - _COMMENT_BYTES - _ZIP64_LOCATOR_BYTES))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise ProjectError(f"{name} isn't a zip, or is cut short. Copy or export it again.")
    count, directory_bytes = struct.unpack_from("<HI", tail, at + 10)
    locator = tail[max(0, at - _ZIP64_LOCATOR_BYTES) : at]
    if locator.startswith(b"PK\x06\x07"):
        file.seek(min(size, struct.unpack_from("<Q", locator, 8)[0]))
        record = file.read(56)
        if not record.startswith(b"PK\x06\x06") or len(record) < 56:
            raise ProjectError(f"{name} isn't a zip, or is damaged. Copy or export it again.")
        count, directory_bytes = struct.unpack_from("<QQ", record, 32)
    if count > MAX_MEMBERS or directory_bytes > _MAX_DIRECTORY_BYTES:
        raise ProjectError(f"{name} lists more than {MAX_MEMBERS:,} files, so it wasn't unpacked.")


def _check_member(info: zipfile.ZipInfo) -> None:
    """Raise `ProjectError` unless the member is one that a project holds."""
    name = info.orig_filename
    if name != LINES:
        _check_name(name)
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        raise _refused(name, "it's a link, which could point anywhere")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise _refused(name, "it isn't a regular file")
    if info.flag_bits & _ENCRYPTED:
        raise _refused(name, "it's encrypted")
    if info.compress_type not in _COMPRESSIONS:
        raise _refused(name, "it's compressed in an unsupported way")
    match = _MEMBER.fullmatch(name)
    largest = _LARGEST[match["kind"]] if match else MAX_LINES_BYTES
    if info.file_size > largest:
        raise _refused(name, f"it would take {info.file_size:,} bytes; the limit is {largest:,}")
    if info.file_size > _SMALL_BYTES and info.file_size > MAX_RATIO * info.compress_size:
        raise _refused(name, f"it would grow from {info.compress_size:,} to {info.file_size:,} bytes (a zip bomb)")


def _check_name(name: str) -> None:
    parts = re.split(r"[/\\]", name)
    if ".." in parts:
        raise _refused(name, "its name points outside the project's folder")
    if not parts[0] or re.match("[A-Za-z]:", name):
        raise _refused(name, "its name is an absolute path")
    if name.casefold().endswith(_DATABASE_SUFFIXES):
        raise _refused(name, "it's a database; a project stores its votes as JSON lines")
    match = _MEMBER.fullmatch(name)
    if not match or match["suffix"] != _SUFFIXES[match["kind"]]:
        raise _refused(name, f"a project contains {LINES}, images (.png) and adapters (.safetensors), nothing else")


def _refused(name: str, why: str) -> ProjectError:
    return ProjectError(f"{printable(name)} in the zip was refused: {why}. Nothing was imported.")


def printable(name: str) -> str:
    """A name that may hold anything, as it can be shown."""
    return "".join(sign if sign.isprintable() else "�" for sign in name[:100])

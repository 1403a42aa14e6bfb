"""Writing files so that a reader, or a power cut, never meets half of one."""

import contextlib
import errno
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from sdpo_core.errors import DiskError

_T = TypeVar("_T")

_DISK_TROUBLE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
    *(errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG),
}
_SHARING_PATIENCE_S = 1.0
_SHARING_PAUSE_S = 0.01


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk into a `DiskError` that names the place and the remedy."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_TROUBLE:
            raise
        reason = os.strerror(error.errno)
        raise DiskError(
            f"Could not write {path.name} in {path.parent}: {reason}. Free some space or check the folder's "
            "permissions, then try again; everything saved before is intact."
        ) from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of `path`; on a clean exit it is fsynced and renamed over `path`.

    For libraries that write files by name. If the block raises, `path` is untouched and the temporary is removed.
    """
    # The suffix stays last, because image libraries choose the format by it.
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}.tmp{path.suffix}")
    with disk_errors(path):
        _make_folder(path.parent)
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            patiently(lambda: temporary.replace(path))
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _fsync_folder(path.parent)


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling folder of `path`; on a clean exit its files are fsynced and it becomes `path`."""
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}.tmp")
    with disk_errors(path):
        try:
            temporary.mkdir(parents=True)
            yield temporary
            for file in temporary.iterdir():
                with file.open("rb+") as handle:
                    os.fsync(handle.fileno())
            _fsync_folder(temporary)
            if path.exists():
                shutil.rmtree(path)
            patiently(lambda: temporary.replace(path))
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        _fsync_folder(path.parent)


def write_bytes(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write `data` to `path` in one atomic step; raises `DiskError` when the disk refuses."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)
        if mode is not None:
            with contextlib.suppress(OSError):  # some file systems know no modes; the file is as good without
                temporary.chmod(mode)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON to `path` in one atomic step. NaN is refused (ValueError): it is not JSON."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, FileNotFoundError) as error:  # a file is there, or its drive is gone
        raise DiskError(f"{folder} can't be created ({error.strerror}). Check the path, then try again.") from error


def patiently(act: Callable[[], _T]) -> _T:
    """Rename or read a file. Windows refuses while another process reads or renames it, so there it is tried again."""
    deadline = time.monotonic() + _SHARING_PATIENCE_S
    while True:
        try:
            return act()
        except PermissionError:
            if os.name != "nt" or time.monotonic() > deadline:
                raise
            time.sleep(_SHARING_PAUSE_S)


def _fsync_folder(folder: Path) -> None:
    """Make a rename durable. Windows can't open a folder and needs no such call."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

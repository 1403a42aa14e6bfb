"""Fetching what a plan lacks into the cache: with progress, over breaks, every file checked against its hash."""

import contextlib
import hashlib
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from sdpo_core.atomic import disk_errors, write_bytes
from sdpo_core.checkpoints.hashing import remember_sha256
from sdpo_core.errors import DiskError, DownloadError
from sdpo_core.hub.plan import DownloadPlan, RemoteFile, plan_download, readable_size, unfinished
from sdpo_core.hub.remote import host, stream, told
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.transfer import DownloadConfig

_CHUNK_BYTES = 2**20
_ATTEMPTS = 5  # in a row, without a byte between
_PAUSE_S = 1.0
_MB = 10**6
_SHA256_DIGITS = 64


class _Stopped(Exception):
    """A viewer asked the download to stop."""


def download(plan: DownloadPlan, progress: Callable[[int], None]) -> None:
    """Fetch what `plan` lacks; `progress(bytes)` often gets the total so far, and may raise to stop.

    What was downloaded is kept if it stops for any reason, and the next download continues from there. Every file is
    checked against the hash given by the Hub. Raises `DownloadError` or `DiskError`.
    """
    from huggingface_hub.utils import WeakFileLock

    lock = plan.folder.parent / ".locks" / plan.folder.name / "sdpo-download.lock"
    with disk_errors(plan.folder):
        lock.parent.mkdir(parents=True, exist_ok=True)
        (plan.folder / "blobs").mkdir(parents=True, exist_ok=True)
    try:
        with told(plan.hub_id), WeakFileLock(lock, timeout=1):
            here = plan.present

            def on_bytes(count: int) -> None:
                nonlocal here
                here += count
                progress(here)

            for file in plan.files:
                _fetch(plan, file, on_bytes)
            write_bytes(plan.folder / "refs" / "main", plan.commit.encode())
    except TimeoutError as error:
        raise DownloadError(f"{plan.hub_id} is already being downloaded. Wait for it, or stop it first.") from error


def run_download(config: DownloadConfig, run: RunFolder, _workspace: Path, reporter: Reporter) -> None:
    """The job `download`: fetch a model; steps are megabytes. A stop keeps what has come and ends in state stopped.

    Raises `DiskError` when the model does not fit on the disk, and what `plan_download` and `download` raise.
    """
    reporter.say(0, f"Asking {host()} what's needed…", force=True)
    plan = plan_download(config.model)
    if not plan.fits:
        raise DiskError(f"{config.model} does not fit: {plan.sentence}")
    reporter.total = max(1, math.ceil(plan.total / _MB))
    total, done = readable_size(plan.total), plan.present

    def progress(count: int) -> None:
        nonlocal done
        done = count
        if reporter.stop_requested():
            raise _Stopped
        reporter.say(count // _MB, f"{readable_size(count)} of {total} of {config.model}")

    reporter.say(plan.present // _MB, plan.sentence, force=True)
    try:
        download(plan, progress)
    except _Stopped:
        message = (
            f"Stopped at {readable_size(done)} of {total}. The files are kept; the next download continues from there."
        )
        reporter.say(done // _MB, message, state="stopped", force=True)
        run.answer("stop")
    else:
        message = f"Downloaded {config.model} ({total})."
        reporter.say(reporter.total, message, state="done", force=True)


def _fetch(plan: DownloadPlan, file: RemoteFile, on_bytes: Callable[[int], None]) -> None:
    """Put a file into the cache, unless it is already there."""
    place = plan.folder / "snapshots" / plan.commit / file.path
    if place.is_file():
        return
    blob = plan.folder / "blobs" / file.blob
    came_now = not blob.is_file()
    with disk_errors(blob):
        if came_now:
            _fill(plan, file, unfinished(blob), on_bytes)
            unfinished(blob).replace(blob)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            place.symlink_to(os.path.relpath(blob, place.parent))
        except OSError:  # Windows gives links to few; there the cache holds the file itself, as huggingface_hub does it
            blob.replace(place)
        if came_now and len(file.blob) == _SHA256_DIGITS:
            remember_sha256(place, file.blob)  # it was computed on the way; reading gigabytes again takes a while


def _fill(plan: DownloadPlan, file: RemoteFile, path: Path, on_bytes: Callable[[int], None]) -> None:
    """Append to `path` what it lacks of `file`, over breaks of the connection, and check the whole."""
    from huggingface_hub.utils import httpx

    gits_own = hashlib.sha1(f"blob {file.size}\0".encode())
    digest = hashlib.sha256() if len(file.blob) == _SHA256_DIGITS else gits_own
    attempts = _ATTEMPTS
    with path.open("a+b") as target:
        target.seek(0)
        while chunk := target.read(_CHUNK_BYTES):
            digest.update(chunk)
        while (start := target.tell()) < file.size:
            try:
                with contextlib.closing(stream(plan.hub_id, plan.commit, file.path, start)) as chunks:
                    for chunk in chunks:
                        target.write(chunk)
                        digest.update(chunk)
                        on_bytes(len(chunk))
            except httpx.TransportError:
                attempts = _ATTEMPTS if target.tell() > start else attempts - 1
                if not attempts:
                    raise
                on_bytes(0)  # somebody may have asked to stop
                time.sleep(_PAUSE_S)
        target.flush()
        os.fsync(target.fileno())
    if digest.hexdigest() != file.blob:
        path.unlink()
        raise DownloadError(
            f"{file.path} of {plan.hub_id} is damaged: its hash isn't the one {plan.host} lists. Download it again; a "
            "proxy or virus scanner may have changed it."
        )

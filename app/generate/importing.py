"""Bringing images in: what a browser sends piece by piece, a folder on this machine, and the report at the end.

What is sent is in `imports/<id>/` of the open project until it is imported. Names are a stranger's: each is cut
down to a plain relative path before anything is written. Messages may be anything; replies are plain JSON.
"""

import hashlib
import json
import re
import secrets
import shutil
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio

from app.desk.jobs import Jobs
from app.desk.models import written_source
from app.desk.queue import RunQueue
from app.generate.messages import Draft, FolderMessage, ImportState, NoImport, PromptMessage, Started, StartMessage
from app.generate.text import say
from app.ui.replies import Reply, Sent, answered, answered_to
from sdpo_core.atomic import disk_errors
from sdpo_core.errors import DiskError, StoreError
from sdpo_core.exchange.importers.found import CAPTION_SUFFIXES, IMAGE_SUFFIXES
from sdpo_core.exchange.job import REPORT
from sdpo_core.runs.folder import FINISHED, RunFolder, list_runs
from sdpo_core.settings.transfer import ImportConfig

MOST_IMAGE_BYTES = 64 * 2**20
MOST_TEXT_BYTES = 256 * 2**10
MOST_FILES = 10_000
SUFFIXES = sorted(IMAGE_SUFFIXES | set(CAPTION_SUFFIXES))

_RESERVE_BYTES = 2**28  # what an upload leaves free on the disk
_DRAFT_AGE_S = 24 * 3600.0  # afterwards nobody comes back for what was sent
_MOST_TROUBLES = 300
_DEEPEST, _LONGEST = 8, 100
_UNSAFE = re.compile(r"[^\w .,()\[\]+=@#&'-]")
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # on Windows no file can be called so


class Imports:
    """Imports into the open project of a studio. Every method may be called from any thread."""

    def __init__(self, jobs: Jobs, queue: RunQueue) -> None:
        self._jobs, self._queue = jobs, queue
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}  # files by draft

    # ------------------------------------------------------------------------------------------------------- sending

    def begin(self, _: Any = None) -> Reply[Draft]:
        """Make room for files that will be sent; the reply holds their draft's id."""
        return answered(self._begin)

    def _begin(self) -> Draft:
        self._sweep()
        draft = secrets.token_hex(8)
        with disk_errors(self._root):
            (self._root / draft).mkdir(parents=True)
        self._counts[draft] = 0
        return {"id": draft}

    async def receive(self, draft: str, name: str, pieces: AsyncIterator[bytes]) -> None:
        """Write one file of a draft; raises `StoreError` or `DiskError`, and then removes it."""
        path = self._place(draft, name)
        most = MOST_TEXT_BYTES if path.suffix.casefold() in CAPTION_SUFFIXES else MOST_IMAGE_BYTES
        path.parent.mkdir(parents=True, exist_ok=True)
        room = shutil.disk_usage(path.parent).free - _RESERVE_BYTES
        size, whole = 0, False
        try:
            with disk_errors(path):
                async with await anyio.open_file(path, "wb") as file:
                    async for piece in pieces:
                        size += len(piece)
                        if size > most:
                            raise StoreError(_too_large(path, most))
                        if size > room:
                            raise DiskError(say("diskFull"))
                        await file.write(piece)
            whole = True
        finally:
            if not whole:
                path.unlink(missing_ok=True)

    def _place(self, draft: str, name: str) -> Path:
        """Where a file of a draft goes, whatever its name says."""
        if draft not in self._counts or not re.fullmatch("[0-9a-f]{16}", draft):
            raise StoreError(say("noDraft"))
        relative = plain_name(name)
        if relative.suffix.casefold() not in SUFFIXES:
            raise StoreError(say("wrongKind", name=relative.name))
        with self._lock:
            self._counts[draft] += 1
            if self._counts[draft] > MOST_FILES:
                raise StoreError(say("tooMany", most=MOST_FILES))
        return self._root / draft / relative

    # ------------------------------------------------------------------------------------------------------- starting

    def start(self, message: Sent[StartMessage]) -> Reply[Started]:
        """Import what was sent."""
        return answered_to(StartMessage, message, self._start)

    def start_folder(self, message: Sent[FolderMessage]) -> Reply[Started]:
        """Import a folder on this machine; it is only read."""
        return answered_to(FolderMessage, message, self._start_folder)

    def with_prompt(self, message: Sent[PromptMessage]) -> Reply[Started]:
        """Import again, with the prompt for images that had none."""
        return answered_to(PromptMessage, message, self._with_prompt)

    def _start(self, sent: StartMessage) -> Started:
        folder = self._root / sent.id
        if not folder.is_dir():
            raise StoreError(say("noDraft"))
        return self._go(folder)

    def _start_folder(self, wish: FolderMessage) -> Started:
        written = written_source(wish.path)
        if not written:
            raise StoreError(say("noFolder"))
        closed = say("cantOpen", folder=written[:200])
        try:
            folder = Path(written).expanduser().resolve()
            if not folder.is_dir():
                raise StoreError(closed)
        except (OSError, ValueError, RuntimeError) as error:  # a drive that is gone, a home of nobody
            raise StoreError(closed) from error
        return self._go(folder)

    def _with_prompt(self, wish: PromptMessage) -> Started:
        if not wish.prompt.strip():
            raise StoreError(say("emptyPrompt"))
        folder = Path(str(self._jobs.open(wish.run, "import").settings().get("folder")))
        if not folder.is_dir():
            raise StoreError(say("folderGone"))
        return self._go(folder, wish.prompt.strip())

    def _go(self, folder: Path, prompt: str | None = None) -> Started:
        config = ImportConfig(folder=str(folder), prompt=prompt)
        run = self._queue.start_or_wait("import", config, say("importTitle", folder=folder.name))
        return {"run": run.id if run else "", "sentence": "" if run else say("importQueued")}

    # -------------------------------------------------------------------------------------------------------- telling

    def state(self, _: Any = None) -> Reply[ImportState | NoImport]:
        """The newest import: whether it runs, and its report when it is over."""
        return answered(self._state)

    def _state(self) -> ImportState | NoImport:
        run = next(iter(list_runs(self._jobs.root, "import")), None)
        if run is None:
            return {"run": ""}
        status = self._jobs.status(run)
        running = status.state not in FINISHED
        report = {} if running else _report(run)
        asks = int(report.get("without_prompt") or 0)
        folder = Path(str(run.settings().get("folder")))
        if status.state == "done" and not asks:
            self._discard(folder)
        return {
            "run": run.id,
            "running": running,
            "state": status.state,
            "sentence": "" if running else status.message,
            "troubles": report.get("troubles", [])[:_MOST_TROUBLES],
            "question": say("whichPrompt", n=asks) if asks and folder.is_dir() else "",
        }

    # -------------------------------------------------------------------------------------------------------- helpers

    @property
    def _root(self) -> Path:
        return self._jobs.root.parent / "imports"

    def _discard(self, folder: Path) -> None:
        """Remove an imported draft; the person's own folder is never touched."""
        if folder.parent == self._root.resolve() or folder.parent == self._root:
            self._counts.pop(folder.name, None)
            shutil.rmtree(folder, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove uploads that were never imported."""
        wanted = {Path(str(one.config.get("folder"))) for one in self._queue.waiting()}
        for folder in self._root.glob("*"):
            if folder not in wanted and folder.is_dir() and time.time() - folder.stat().st_mtime > _DRAFT_AGE_S:
                self._discard(folder)


def _too_large(path: Path, most: int) -> str:
    return say("tooLarge", name=path.name, most=most >> 20 or most / 2**20)


def plain_name(name: str) -> Path:
    """A stranger's name as a relative path of plain words that no system takes for anything else.

    Different names stay different, and a text keeps the name of its image.
    """
    parts = [part for part in re.split(r"[/\\]", name) if part.strip(" .")]
    return Path(*map(_plain, parts[-_DEEPEST:])) if parts else Path("_")


def _plain(part: str) -> str:
    stem, dot, suffix = part.rpartition(".")
    if not dot or not suffix:
        stem, suffix = part.rstrip("."), ""
    plain = _UNSAFE.sub("_", stem).strip(" .")[:_LONGEST]
    if plain != stem or _DEVICES.fullmatch(plain):
        plain = f"{plain}_{hashlib.sha256(stem.encode('utf-8', 'replace')).hexdigest()[:8]}"
    suffix = _UNSAFE.sub("_", suffix)[:_LONGEST]
    return f"{plain}.{suffix}" if suffix else plain


def _report(run: RunFolder) -> dict[str, Any]:
    try:
        content = json.loads((run.path / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it failed before it had one
        return {}
    return content if isinstance(content, dict) else {}

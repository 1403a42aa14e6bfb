"""The inbox: pairs that the ComfyUI pack left in the workspace, whether the studio was open or not (docs/formats.md).

A file `<name>.jsonl` has one batch per line and names images next to it. A line that was imported is removed with its
images, after the database has it; one that can't be used moves to `inbox/refused/` with its images, so nothing is lost.
Everything may be imported twice: after a crash, or by two processes at the same time.
"""

import json
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sdpo_core.atomic import disk_errors, write_bytes
from sdpo_core.errors import DiskError, StoreError
from sdpo_core.exchange.importers.found import Folder, Trouble
from sdpo_core.images.files import decode_image
from sdpo_core.workspace.imported import Added, ImportedChoice, ImportedImage, ImportedPair
from sdpo_core.workspace.location import INBOX, REFUSED
from sdpo_core.workspace.records import MadeWith
from sdpo_core.workspace.store import Store

_MOST_BYTES = 4 * 2**20  # of one file of lines
_MOST_IMAGES = 64  # of one line
_MOST_PROMPT_BYTES = 64 * 2**10

_Text = Annotated[str, Field(max_length=_MOST_PROMPT_BYTES)]


class _Sending(BaseModel):
    """One line: images of one prompt, of which one may have been chosen over all others."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)  # a newer pack may say more

    images: Annotated[list[str], Field(min_length=2, max_length=_MOST_IMAGES)]
    prompt: Annotated[_Text, Field(min_length=1)]
    negative: _Text = ""
    seed: Annotated[int, Field(ge=0, lt=2**64)] | None = None
    model: Annotated[str, Field(max_length=300)] = ""
    chosen: Annotated[int, Field(ge=0)] | None = None


@dataclass
class InboxReport:
    """What was imported from the inbox."""

    sendings: int = 0  # lines that were imported
    added: Added = field(default_factory=Added)
    troubles: list[Trouble] = field(
        default_factory=list[Trouble]
    )  # lines that were refused, and images that were skipped

    def __bool__(self) -> bool:
        return bool(self.sendings or self.troubles)

    def sentence(self) -> str:
        """The outcome as a message."""
        new = f"{_counted(self.added.pairs, 'new pair')}, {_counted(self.added.votes, 'vote')}"
        batches = "1 batch" if self.sendings == 1 else f"{self.sendings} batches"
        sentence = f"Received {batches} from ComfyUI: {new}."
        reasons = "; ".join(f"{trouble.name} {trouble.reason}" for trouble in self.troubles)
        return f"{sentence} Not used: {reasons}." if reasons else sentence


def is_waiting(workspace: Path) -> bool:
    """Whether something is in the inbox. A glance at the folder, for asking often."""
    return bool(_files(workspace / INBOX))


def import_inbox(store: Store) -> InboxReport:
    """Bring everything that waits into `store`.

    Of a sending with a chosen image that one wins over each other; without one, neighbours become pairs to vote on. A
    pair that was ever voted on here keeps its votes. Raises `DiskError`; what was not imported by then still waits.
    """
    report, root = InboxReport(), store.workspace / INBOX
    for path in _files(root):
        _take_file(store, Folder(root), path, report)
    return report


def _files(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix == ".jsonl" and not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [path for path in found if path.is_file() and not path.is_symlink()]


def _take_file(store: Store, folder: Folder, path: Path, report: InboxReport) -> None:
    """Import one file of lines, then clear it away."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:  # another process was faster
        return
    except OSError as error:
        report.troubles.append(Trouble(path.name, f"can't be read ({error.strerror}); check its permissions"))
        return
    bad, used = list[tuple[bytes, str]](), set[Path]()
    lines = content.splitlines() if len(content) <= _MOST_BYTES else [content]
    for number, line in enumerate((line for line in lines if line.strip()), start=1):
        try:
            if len(content) > _MOST_BYTES:
                raise StoreError(f"is larger than {_MOST_BYTES >> 20} MiB")
            images = _take_line(store, folder, line, report)
        except StoreError as error:
            bad.append((line, f"line {number}: {error}"))
        else:
            report.sendings += 1
            used.update(images)
    if not path.exists():  # another process imported and deleted it meanwhile, and reported what it refused
        return
    if bad:
        _set_aside(folder, path, bad, used)
        report.troubles += [Trouble(path.name, reason) for _, reason in bad]
    with disk_errors(path):
        for done in (path, *sorted(used)):  # the lines first: without them the images mean nothing
            done.unlink(missing_ok=True)


def _take_line(store: Store, folder: Folder, line: bytes, report: InboxReport) -> list[Path]:
    """Bring one sending in and return its images; raises `StoreError` for one that can't be used."""
    sending = _parse(line)
    paths = [folder.file(name) for name in sending.images]
    made_with = MadeWith(
        tool="ComfyUI", prompt=sending.prompt, negative=sending.negative, seed=sending.seed, model=sending.model
    )
    saved = [replace(_saved(store, path), negative=sending.negative, made_with=made_with) for path in paths]
    pairs = _pairs(sending, saved)
    if not pairs:
        raise StoreError("all its images are the same")
    report.added += store.imports.add_pairs(pairs)
    return paths


def _pairs(sending: _Sending, images: list[ImportedImage]) -> list[ImportedPair]:
    """The chosen one against each other, or neighbours. The same image twice isn't a pair."""
    both: list[tuple[ImportedImage, ImportedImage, ImportedChoice | None]]
    if sending.chosen is None:
        both = [(one, other, None) for one, other in pairwise(images)]
    else:
        best = images[sending.chosen]
        both = [(best, other, "first") for other in images if other is not best]
    return [
        ImportedPair(sending.prompt, one, other, choice) for one, other, choice in both if one.sha256 != other.sha256
    ]


def _parse(line: bytes) -> _Sending:
    try:
        value: Any = json.loads(line)
        sending = _Sending.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the line"
        raise StoreError(f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}") from error
    except (ValueError, RecursionError) as error:
        raise StoreError("isn't JSON, or is cut short") from error
    if sending.chosen is not None and sending.chosen >= len(sending.images):
        raise StoreError(f"chooses image {sending.chosen} of {len(sending.images)}, counted from 0")
    longest = max(len(text.encode()) for text in (sending.prompt, sending.negative))
    if longest > _MOST_PROMPT_BYTES:
        raise StoreError(f"its prompt has {longest:,} bytes; the limit is {_MOST_PROMPT_BYTES:,}")
    return sending


def _saved(store: Store, path: Path) -> ImportedImage:
    try:
        return store.imports.save_image(decode_image(path))
    except DiskError:
        raise
    except StoreError as error:
        message = str(error)
        raise StoreError(message if path.name in message else f"{path.name}: {message}") from error


def _set_aside(folder: Folder, path: Path, bad: list[tuple[bytes, str]], used: set[Path]) -> None:
    """Keep the lines that could not be used, with the reasons and those of their images that are there."""
    aside = folder.root / REFUSED
    reasons = "".join(f"{reason}\n" for _, reason in bad)
    write_bytes(aside / path.name, b"".join(line + b"\n" for line, _ in bad))
    write_bytes(aside / f"{path.stem}.txt", reasons.encode("utf-8", "backslashreplace"))
    for image in (image for line, _ in bad for image in _images_of(folder, line)):
        if image in used or image.parent != folder.root.resolve():
            continue
        with disk_errors(aside / image.name):
            if image.is_file():
                image.replace(aside / image.name)


def _images_of(folder: Folder, line: bytes) -> list[Path]:
    """The images inside the inbox that a refused line names, as far as it can be read."""
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return []
    found = list[Path]()
    for name in value.get("images", []) if isinstance(value, dict) and isinstance(value.get("images"), list) else []:
        try:
            image = folder.file(name)
        except StoreError:
            continue
        if image.suffix.casefold() == ".png":
            found.append(image)
    return found


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"

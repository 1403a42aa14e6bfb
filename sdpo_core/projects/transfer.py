"""A project out to one zip, and in from one: JSON lines, images and adapters, nothing else.

    project.jsonl                     `contents` says what a line is
    images/<sha256>.png               every image of a candidate, and the preview of an adapter
    adapters/<sha256>.safetensors     every adapter

Runs, backups and settings stay behind; so do rows whose image or adapter is gone, which are counted. An import is a
new project: it is built next to the others, checked completely, and only then given its name.
"""

import contextlib
import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.atomic import replacing
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.errors import AdapterError, ProjectError
from sdpo_core.images.files import ImageFolder
from sdpo_core.projects import archive, contents
from sdpo_core.projects.contents import Model, Row
from sdpo_core.projects.folders import Project, Projects
from sdpo_core.workspace.adapters import free_path
from sdpo_core.workspace.store import Store

_CHUNK_BYTES = 2**20

Progress = Callable[[int, int], None]
"""Called with the number of files done, and of all files."""


def _unheard(done: int, total: int) -> None:
    pass


@dataclass(frozen=True)
class Exported:
    """What an export wrote."""

    file: Path
    size_bytes: int
    images: int
    votes: int  # that stand, on pairs to train on
    adapters: int
    left_out: int  # pairs and adapters whose files are gone or damaged

    def sentence(self) -> str:
        """The outcome as a message."""
        told = f"{self.file.name}: {self.images:,} images, {self.votes:,} votes, {self.adapters:,} adapters"
        if self.left_out:
            return f"{told}. Skipped, because their files are missing or damaged: {self.left_out:,} pairs or adapters."
        return f"{told}."


@dataclass(frozen=True)
class Imported:
    """What an import made."""

    project: Project
    model: Model | None  # the base model that it was made with
    images: int
    votes: int
    adapters: int


def export_project(
    project: Project, target: Path, model: Model | None = None, on_file: Progress = _unheard
) -> Exported:
    """Write a project to the zip `target`, in one atomic step. Nothing of it changes, and it may be open.

    Raises `StoreError` when its database can't be read, `DiskError` when the disk refuses.
    """
    tables = contents.read_rows(project.path)
    images, adapters, left_out = _files(project.path, tables)
    total = len(images) + len(adapters)
    with replacing(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as file:
        with file.open(_member(archive.LINES, zipfile.ZIP_DEFLATED), "w", force_zip64=True) as lines:
            heading = contents.heading_line(project.name, model)
            written = (contents.as_line(table, row) for table in contents.TABLES for row in tables[table])
            for line in chain([heading], written):
                lines.write(f"{json.dumps(line, ensure_ascii=False, allow_nan=False)}\n".encode())
        members = chain(
            ((f"images/{sha256}.png", path) for sha256, path in images.items()),
            ((f"adapters/{sha256}.safetensors", path) for sha256, path in adapters.items()),
        )
        for number, (name, path) in enumerate(members, start=1):
            with path.open("rb") as source, file.open(_member(name), "w", force_zip64=True) as target_file:
                shutil.copyfileobj(source, target_file, _CHUNK_BYTES)
            on_file(number, total)
    votes = sum(row["purpose"] == "train" and row["standing_vote_id"] is not None for row in tables["pairs"])
    return Exported(target, target.stat().st_size, len(images), votes, len(tables["adapters"]), left_out)


def _member(name: str, compression: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    """A member that reveals nothing about this machine: no time, owner or mode of the file."""
    info = zipfile.ZipInfo(name)
    info.compress_type = compression
    info.external_attr = 0o644 << 16
    return info


def _files(workspace: Path, tables: dict[str, list[Row]]) -> tuple[dict[str, Path], dict[str, Path], int]:
    """Files to write by hash. Takes rows whose files are not intact out of `tables`, and counts pairs and adapters."""
    folder = ImageFolder(workspace / "images")
    intact = {sha256 for sha256 in {str(row["image_sha256"]) for row in tables["candidates"]} if folder.intact(sha256)}
    images = {sha256: folder.path(sha256) for sha256 in sorted(intact)}
    pairs_before, adapters_before = len(tables["pairs"]), len(tables["adapters"])
    tables["candidates"] = [row for row in tables["candidates"] if row["image_sha256"] in intact]
    kept = {row["id"] for row in tables["candidates"]}
    tables["pairs"] = [row for row in tables["pairs"] if row["left_id"] in kept and row["right_id"] in kept]
    kept = {row["id"] for row in tables["pairs"]}
    tables["votes"] = [row for row in tables["votes"] if row["pair_id"] in kept]
    adapters: dict[str, Path] = {}
    for row in tables["adapters"]:
        path = workspace / str(row["path"])
        if path.is_file() and sha256_file(path) == row["sha256"]:
            adapters[str(row["sha256"])] = path
            preview = path.with_suffix(".png")
            if preview.is_file():
                row["preview"] = hashlib.sha256(preview.read_bytes()).hexdigest()
                images.setdefault(row["preview"], preview)
    tables["adapters"] = [row for row in tables["adapters"] if row["sha256"] in adapters]
    left_out = pairs_before - len(tables["pairs"]) + adapters_before - len(tables["adapters"])
    return images, adapters, left_out


def import_project(projects: Projects, path: Path, on_file: Progress = _unheard, *, name: str = "") -> Imported:
    """Make a new project from a zip, that the person calls `name`. Either all of it is there afterwards, or nothing.

    The zip may come from anywhere: raises `ProjectError` naming what is refused and why, `DiskError` when the disk
    refuses.
    """
    with archive.opened(path, name) as file, contextlib.closing(file.lines()) as lines:
        heading = contents.parse_heading(next(lines, b""))
        archive.require_space(file, projects.root)
        with projects.adding(heading.name) as (project_id, folder):
            _build(file, heading, lines, folder, on_file)
            votes, images, adapters = _tell(folder)
    return Imported(projects.find(project_id), heading.model, images, votes, adapters)


def _build(
    file: archive.Archive, heading: contents.Heading, lines: Iterator[bytes], folder: Path, on_file: Progress
) -> None:
    def adapter_path(name: str, taken: Sequence[str]) -> str:
        place = free_path(folder / "adapters", name, [Path(one).stem for one in taken])
        return place.relative_to(folder).as_posix()

    needed = contents.fill(folder / "studio.db", heading, lines, adapter_path)
    previews = set(needed.previews.values())
    strays = (file.hashes("images") - needed.images.keys() - previews) | (
        file.hashes("adapters") - set(needed.adapters.values())
    )
    if strays:
        raise ProjectError(f"The zip contains a file its lines don't list ({min(strays)}). Export it again.")
    total, done = len(needed.images) + len(needed.adapters), 0
    for sha256, size in needed.images.items():
        data = file.image(sha256)
        archive.check_png(sha256, data, size)
        _write(folder / "images" / sha256[:2] / f"{sha256}.png", data)
        done += 1
        on_file(done, total)
    for place, sha256 in needed.adapters.items():
        file.unpack_adapter(sha256, folder / place)
        try:
            read_adapter_info(folder / place)
        except AdapterError as error:
            # The place is one that will be gone in a moment; the name is what the person knows.
            raise ProjectError(str(error).replace(str(folder / place), Path(place).name)) from error
        done += 1
        on_file(done, total)
    for place, sha256 in needed.previews.items():
        data = file.image(sha256)
        archive.check_png(sha256, data)
        _write(folder / place, data)
    if os.name != "nt":
        os.sync()  # once for all; until the folder gets its name, nobody minds half a file


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    with path.open("wb") as file:
        file.write(data)
        if os.name == "nt":
            file.flush()
            os.fsync(file.fileno())


def _tell(folder: Path) -> tuple[int, int, int]:
    """Votes, images and adapters of a finished import, as the store itself counts them."""
    with Store(folder) as store:
        counts = store.counts()
    return counts.votes, counts.candidates, counts.adapters

"""What every layout yields, and how to read an untrusted folder: nothing outside it is read."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sdpo_core.errors import StoreError
from sdpo_core.exchange.importers.bookmarks import Bookmark, Bookmarks
from sdpo_core.workspace.imported import ImportedChoice
from sdpo_core.workspace.records import MadeWith, Recipe

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
_OTHER_SUFFIXES = frozenset({".avif", ".bmp", ".gif", ".heic", ".jxl", ".tif", ".tiff"})
CAPTION_SUFFIXES = (".txt", ".caption")
_MAX_CAPTION_BYTES = 64 * 2**10


@dataclass(frozen=True)
class FoundImage:
    """One side of a pair, not yet checked."""

    name: str  # for a person
    content: Path | bytes
    negative: str = ""
    recipe: Recipe | None = None  # only our own export knows it
    made_with: MadeWith | None = None


@dataclass(frozen=True)
class FoundPair:
    """A pair with the choice that was made on it, in the order of the source."""

    prompt: str
    first: FoundImage
    second: FoundImage
    choice: ImportedChoice
    place: tuple[Bookmark, int] | None = None  # of a large file: how many rows of it end with this pair


class Trouble(NamedTuple):
    """Something that isn't a usable pair."""

    name: str
    reason: str


@dataclass(frozen=True)
class Folder:
    """A folder to import from, and what the person added to it."""

    root: Path
    winners: str | None = None  # layout two-folders: the subfolder of the better images
    prompt: str | None = None  # for pairs without a caption
    bookmarks: Bookmarks = field(default_factory=Bookmarks)  # where an interrupted import continues

    def file(self, name: Any) -> Path:
        """The file that `name` means inside this folder; raises `StoreError` when it leads out of it or nowhere."""
        if not isinstance(name, str) or not name:
            raise StoreError(f"expected the name of an image in the folder, got {name!r}")
        try:
            path = (self.root / name).resolve()  # links are followed, so that they can't lead out either
            inside = path.is_relative_to(self.root.resolve())
        except (ValueError, OSError, RuntimeError) as error:  # a NUL, a loop of links
            raise StoreError(f"{name!r} isn't a file name") from error
        if not inside:
            raise StoreError(f"{name!r} is outside the folder; copy the image into it")
        if not path.is_file():
            raise StoreError(f"{name!r} is missing")
        return path

    def images(self, folder: Path) -> dict[str, Path]:
        """The images directly in `folder` by their name without suffix, in order."""
        found = (path for path in sorted(folder.iterdir()) if path.suffix.casefold() in IMAGE_SUFFIXES)
        return {path.stem: path for path in found}

    def all_images(self) -> Iterator[Path | Trouble]:
        """The images here and in the folders inside, in the order of their names; no link leads out.

        Hidden files and folders are skipped. A folder that can't be opened is a trouble.
        """
        root, troubles = self.root.resolve(), list[Trouble]()

        def note(error: OSError) -> None:
            name = self.name(Path(error.filename or self.root))
            troubles.append(Trouble(name, f"can't be opened ({error.strerror}); check its permissions"))

        for place, folders, files in os.walk(self.root, onerror=note):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                path = Path(place, name)
                if name.startswith("."):
                    continue
                if path.suffix.casefold() in _OTHER_SUFFIXES:
                    troubles.append(Trouble(self.name(path), "has an unsupported format; save it as PNG, JPEG or WebP"))
                elif path.suffix.casefold() not in IMAGE_SUFFIXES:
                    continue
                elif path.is_symlink() and not _leads_into(path, root):
                    troubles.append(Trouble(self.name(path), "points outside the folder; copy the image into it"))
                else:
                    yield path
            yield from troubles
            troubles.clear()
        yield from troubles

    def name(self, path: Path) -> str:
        """How a file of this folder is named to a person."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.name

    def caption(self, *images: Path) -> str:
        """The text next to the first of `images` that has one, else the person's own; raises `StoreError` without."""
        for image in images:
            for suffix in CAPTION_SUFFIXES:
                beside = image.with_suffix(suffix)
                if beside.is_file():
                    return _text(self.file(beside.relative_to(self.root).as_posix()))
        if self.prompt:
            return self.prompt
        raise StoreError("has no caption; add a .txt file, or set one prompt for all with --prompt")

    def paired(self, winners: Path, losers: Path) -> Iterator[FoundPair | Trouble]:
        """Images of equal names in two folders; an image without a partner is a trouble.

        Raises `StoreError` when one of the folders is missing.
        """
        for place in (winners, losers):
            if not place.is_dir():
                raise StoreError(
                    f"{self.root} has no folder {place.name}. Choose another layout, or leave it out to detect it."
                )
        better, worse = self.images(winners), self.images(losers)
        for stem in sorted(better.keys() | worse.keys()):
            path = better.get(stem) or worse[stem]
            name = path.relative_to(self.root).as_posix()
            if stem not in better or stem not in worse:
                missing = losers if stem in better else winners
                yield Trouble(name, f"has no match in {missing.relative_to(self.root).as_posix()}")
                continue
            try:
                prompt = self.caption(better[stem], worse[stem])
                yield FoundPair(prompt, self._image(better[stem]), self._image(worse[stem]), "first")
            except StoreError as error:
                yield Trouble(name, str(error))

    def _image(self, path: Path) -> FoundImage:
        name = path.relative_to(self.root).as_posix()
        return FoundImage(name, self.file(name))

    def subfolders(self) -> list[Path]:
        """The folders directly in this one, in order; none that a link leads out to."""
        root = self.root.resolve()
        return [p for p in sorted(self.root.iterdir()) if p.is_dir() and p.resolve().is_relative_to(root)]


def has_images(folders: Iterable[Path]) -> bool:
    """Whether each of `folders` is a folder with an image directly in it."""
    return all(f.is_dir() and any(p.suffix.casefold() in IMAGE_SUFFIXES for p in f.iterdir()) for f in folders)


def _text(path: Path) -> str:
    data = path.read_bytes()
    if len(data) > _MAX_CAPTION_BYTES:
        raise StoreError(f"has a caption of {len(data):,} bytes; the limit is {_MAX_CAPTION_BYTES:,}")
    try:
        text = " ".join(data.decode("utf-8-sig").split())
    except UnicodeDecodeError as error:
        raise StoreError("has a caption that isn't UTF-8 text; save it as UTF-8") from error
    if not text:
        raise StoreError("has an empty caption")
    return text


def _leads_into(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a loop of links
        return False

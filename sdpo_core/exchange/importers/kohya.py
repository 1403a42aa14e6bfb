"""kohya's preference data (sd-scripts' pull request 1427): 1_name/w/x.png and 1_name/l/x.png, captions next to w."""

from collections.abc import Iterator
from pathlib import Path

from sdpo_core.exchange.importers.found import Folder, FoundPair, Trouble, has_images

ABOUT = "w/ and l/ with images of the same names and captions in w, here or in folders such as 1_name/"


def is_here(folder: Folder) -> bool:
    """Whether the folder has this layout."""
    return bool(_sets(folder))


def read(folder: Folder) -> Iterator[FoundPair | Trouble]:
    """The pairs of every subset, by name."""
    for place in _sets(folder):
        yield from folder.paired(place / "w", place / "l")


def _sets(folder: Folder) -> list[Path]:
    return [place for place in (folder.root, *folder.subfolders()) if has_images((place / "w", place / "l"))]

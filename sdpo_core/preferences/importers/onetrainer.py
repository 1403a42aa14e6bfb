"""OneTrainer's DPO data (its pull request 1403): chosen/pair_0001.png, rejected/pair_0001.png and captions beside."""

from collections.abc import Iterator

from sdpo_core.preferences.importers.found import Folder, FoundPair, Trouble, has_images

ABOUT = "chosen/ and rejected/ with images of equal names and a .txt beside each chosen one"


def is_here(folder: Folder) -> bool:
    """Whether the folder has this layout."""
    return has_images((folder.root / "chosen", folder.root / "rejected"))


def read(folder: Folder) -> Iterator[FoundPair | Trouble]:
    """The pairs, by name."""
    return folder.paired(folder.root / "chosen", folder.root / "rejected")

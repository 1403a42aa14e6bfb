"""Two folders whose images have equal names, as SimpleTuner pairs them: one of better images, one of worse."""

from collections.abc import Iterator
from pathlib import Path

from sdpo_core.errors import StoreError
from sdpo_core.exchange.importers.found import Folder, FoundPair, Trouble, has_images

ABOUT = (
    "two folders with images of the same names, such as good/ and bad/; --winners names the one with the better images"
)

_BETTER = ("winner", "winners", "preferred", "chosen", "better", "good", "positive", "win")
_WORSE = ("loser", "losers", "rejected", "dispreferred", "worse", "bad", "negative", "lose")


def is_here(folder: Folder) -> bool:
    """Whether the folder has this layout."""
    places = folder.subfolders()
    return (
        len(places) == 2
        and has_images(places)
        and not folder.images(places[0]).keys().isdisjoint(folder.images(places[1]))
    )


def read(folder: Folder) -> Iterator[FoundPair | Trouble]:
    """The pairs, by name; raises `StoreError` when nothing says which folder holds the better images."""
    places = folder.subfolders()
    if len(places) != 2:
        raise StoreError(
            f"{folder.root} has {len(places)} folders in it; expected two whose images are paired by name."
        )
    winners = _winners(folder, places)
    return folder.paired(winners, next(place for place in places if place != winners))


def _winners(folder: Folder, places: list[Path]) -> Path:
    names = [place.name for place in places]
    if folder.winners is not None:
        if folder.winners not in names:
            raise StoreError(f"--winners names {folder.winners}, but the folders are {names[0]} and {names[1]}.")
        return places[names.index(folder.winners)]
    plain = [name.casefold() for name in names]
    for better, worse in ((0, 1), (1, 0)):
        if plain[better] in _BETTER and plain[worse] in _WORSE:
            return places[better]
    raise StoreError(
        f"It's unclear whether {names[0]} or {names[1]} has the better images. Say which with --winners {names[0]} or "
        f"--winners {names[1]}. If neither does, import them as images to vote on with --layout images."
    )

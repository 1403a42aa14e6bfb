"""Looking for base models in folders that nobody vouches for: huge ones, loops of links, folders without rights.

A generator, so that whoever listens sees what was found so far, and may stop at any time.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sdpo_core.checkpoints.header import PICKLE_SUFFIXES
from sdpo_core.checkpoints.hub_cache import HubId, find_in_cache, hub_cache_folder
from sdpo_core.checkpoints.look import ModelLook, look_at_model
from sdpo_core.checkpoints.places import Place
from sdpo_core.errors import ModelError

MOST_ENTRIES = 200_000
"""Names that are looked at below one place."""

MOST_DEPTH = 8
HUB_CACHE = "hub cache"

_SUFFIXES = PICKLE_SUFFIXES | {".safetensors", ".gguf"}
_TELL_EVERY = 500  # names


@dataclass(frozen=True)
class Found:
    """A file or folder that is a model, or seems to be meant as one."""

    source: str  # what it is chosen by
    name: str
    place: Place
    look: ModelLook | None  # None: it can't be used
    why: str = ""  # why it can't be used


@dataclass(frozen=True)
class Unseen:
    """A folder that could not be looked into, or not to its end."""

    folder: Path
    why: str


@dataclass(frozen=True)
class Seen:
    """How far the search is."""

    names: int
    folder: Path


def scan(places: Iterable[Place]) -> Iterator[Found | Unseen | Seen]:
    """All models below `places`, then those in the cache of the hub. No folder is entered twice, whatever links say."""
    search = _Search()
    for place in places:
        yield from search.below(place)
    yield from search.hub_cache()


class _Search:
    def __init__(self) -> None:
        self._entered: set[tuple[int, int]] = set()
        self._names = 0

    def below(self, place: Place) -> Iterator[Found | Unseen | Seen]:
        """The models in one place."""
        waiting = [(place.folder, 0)]
        last = self._names + MOST_ENTRIES
        while waiting:
            folder, depth = waiting.pop()
            try:
                if not self._enter(folder):
                    continue
                files, folders = self._listed(folder, last)
            except OSError as error:
                yield Unseen(
                    folder, f"{folder} can't be looked into ({error.strerror}). Check the drive and its rights."
                )
                continue
            yield Seen(self._names, folder)
            if "model_index.json" in files:
                yield _found(str(folder), folder.name, place)
                continue
            for number, name in enumerate(files):
                if Path(name).suffix.casefold() in _SUFFIXES:
                    yield _found(str(folder / name), str((folder / name).relative_to(place.folder)), place)
                if number % _TELL_EVERY == _TELL_EVERY - 1:
                    yield Seen(self._names, folder)
            if self._names >= last:
                words = f"{place.folder} holds more than {MOST_ENTRIES:,} files; only these were looked at."
                yield Unseen(place.folder, f"{words} Add a folder further in.")
                return
            if depth < MOST_DEPTH:
                waiting.extend((folder / name, depth + 1) for name in reversed(folders))

    def _enter(self, folder: Path) -> bool:
        """Whether `folder` is entered for the first time."""
        state = folder.stat()
        key = (state.st_dev, state.st_ino)
        new = key not in self._entered
        self._entered.add(key)
        return new

    def _listed(self, folder: Path, last: int) -> tuple[list[str], list[str]]:
        """Names of the files and folders in `folder`, sorted; hidden ones are passed over."""
        files, folders = list[str](), list[str]()
        with os.scandir(folder) as entries:
            for entry in entries:
                self._names += 1
                if self._names >= last:
                    break
                if entry.name.startswith("."):
                    continue
                try:
                    (folders if entry.is_dir() else files).append(entry.name)
                except OSError:  # a link that leads in a circle
                    continue
        return sorted(files), sorted(folders)

    def hub_cache(self) -> Iterator[Found | Unseen | Seen]:
        """The models that were downloaded from the hub, by this or another tool."""
        root = hub_cache_folder()
        place = Place(root, HUB_CACHE)
        try:
            names = sorted(entry.name for entry in os.scandir(root) if entry.name.startswith("models--"))
        except OSError:  # there is no cache
            return
        for name in names:
            parts = name.removeprefix("models--").split("--")
            if len(parts) != 2:
                continue
            hub_id = HubId("/".join(parts))
            yield Seen(self._names, root / name)
            for source in _in_repository(root / name, hub_id):
                found = _found(source, source, place)
                if found.look or _says_what_it_is(root / name):
                    yield found


def _in_repository(folder: Path, hub_id: HubId) -> list[str]:
    """The models that a repository in the cache holds; none for what is no image model at all."""
    try:
        if find_in_cache(hub_id) is not None:
            return [str(hub_id)]
    except ModelError:  # several checkpoints
        files = sorted(path.name for path in (folder / "snapshots").glob("*/*.safetensors"))
        return [str(HubId(hub_id.repository, name)) for name in dict.fromkeys(files)]
    return []


def _says_what_it_is(repository: Path) -> bool:
    """Whether it is an image model in parts; of anything else (language models, LoRAs) nobody wants to hear here."""
    return any((repository / "snapshots").glob("*/model_index.json"))


def _found(source: str, name: str, place: Place) -> Found:
    try:
        return Found(source, name, place, look_at_model(source))
    except ModelError as error:
        return Found(source, name, place, None, str(error))

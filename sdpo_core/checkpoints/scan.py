"""Searching untrusted folders for base models: huge ones, loops of links, folders without permission.

A generator, so that the caller sees what was found so far, and may stop at any time.
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
"""The most files and folders that are checked below one place."""

MOST_DEPTH = 8
HUB_CACHE = "hub cache"

_SUFFIXES = PICKLE_SUFFIXES | {".safetensors", ".gguf"}
_TELL_EVERY = 500  # names


@dataclass(frozen=True)
class Found:
    """A file or folder that is a model, or seems to be intended as one."""

    source: str  # its name in the settings
    name: str
    place: Place
    look: ModelLook | None  # None: it can't be used
    why: str = ""  # why it can't be used


@dataclass(frozen=True)
class Unseen:
    """A folder that couldn't be searched, or not completely."""

    folder: Path
    why: str


@dataclass(frozen=True)
class Seen:
    """How far the search has got."""

    names: int
    folder: Path


def scan(places: Iterable[Place]) -> Iterator[Found | Unseen | Seen]:
    """All models below `places`, then those in the Hub's cache. No folder is searched twice, whatever the links."""
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
                    folder, f"{folder} can't be opened ({error.strerror}). Check the drive and the permissions."
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
                why = f"{place.folder} holds more than {MOST_ENTRIES:,} files; only these were checked."
                yield Unseen(place.folder, f"{why} Add a folder further down.")
                return
            if depth < MOST_DEPTH:
                waiting.extend((folder / name, depth + 1) for name in reversed(folders))

    def _enter(self, folder: Path) -> bool:
        """Whether this is the first visit to `folder`."""
        state = folder.stat()
        key = (state.st_dev, state.st_ino)
        new = key not in self._entered
        self._entered.add(key)
        return new

    def _listed(self, folder: Path, last: int) -> tuple[list[str], list[str]]:
        """Names of the files and folders in `folder`, sorted; hidden ones are skipped."""
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
                except OSError:  # a circular link
                    continue
        return sorted(files), sorted(folders)

    def hub_cache(self) -> Iterator[Found | Unseen | Seen]:
        """The models that were downloaded from the Hub, by this or another tool."""
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
    """The models in a repository of the cache; empty if it isn't an image model at all."""
    try:
        if find_in_cache(hub_id) is not None:
            return [str(hub_id)]
    except ModelError:  # several checkpoints
        files = sorted(path.name for path in (folder / "snapshots").glob("*/*.safetensors"))
        return [str(HubId(hub_id.repository, name)) for name in dict.fromkeys(files)]
    return []


def _says_what_it_is(repository: Path) -> bool:
    """Whether it is an image model in parts; anything else (language models, LoRAs) isn't worth a message."""
    return any((repository / "snapshots").glob("*/model_index.json"))


def _found(source: str, name: str, place: Place) -> Found:
    try:
        return Found(source, name, place, look_at_model(source))
    except ModelError as error:
        return Found(source, name, place, None, str(error))

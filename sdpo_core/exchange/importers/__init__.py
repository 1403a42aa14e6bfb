"""Pairs that were chosen elsewhere: one file a layout, one line here. No torch.

A folder of images without choices isn't a layout of pairs; `metadata` reads how such images were made.
"""

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sdpo_core.errors import ConfigError, StoreError
from sdpo_core.exchange.importers import json_lists, jsonl, kohya, onetrainer, parquet, two_folders
from sdpo_core.exchange.importers.bookmarks import Bookmarks
from sdpo_core.exchange.importers.found import Folder, FoundPair, Trouble


@dataclass(frozen=True)
class Layout:
    """A way in which people keep pairs."""

    about: str
    is_here: Callable[[Folder], bool]
    read: Callable[[Folder], Iterator[FoundPair | Trouble]]


LAYOUTS: dict[str, Layout] = {
    "jsonl": Layout(jsonl.ABOUT, jsonl.is_here, jsonl.read),
    "onetrainer": Layout(onetrainer.ABOUT, onetrainer.is_here, onetrainer.read),
    "kohya": Layout(kohya.ABOUT, kohya.is_here, kohya.read),
    "json": Layout(json_lists.ABOUT, json_lists.is_here, json_lists.read),
    "parquet": Layout(parquet.ABOUT, parquet.is_here, parquet.read),
    "two-folders": Layout(two_folders.ABOUT, two_folders.is_here, two_folders.read),
}
"""By name, in the order in which they are looked for."""


IMAGES = "images"
"""The stand-in for a layout for images without choices."""

ABOUT_IMAGES = "any other images, with prompts from metadata or .txt files; paired up to vote on"


def detect(folder: Folder) -> str:
    """The name of the first layout that `folder` has, or `IMAGES`; `StoreError` telling what was looked for."""
    for name, layout in LAYOUTS.items():
        if layout.is_here(folder):
            return name
    if any(isinstance(found, Path) for found in folder.all_images()):
        return IMAGES
    looked_for = "; ".join(
        [*(f"{name}: {layout.about}" for name, layout in LAYOUTS.items()), f"{IMAGES}: {ABOUT_IMAGES}"]
    )
    raise StoreError(f"{folder.root} matches no known layout. Looked for {looked_for}.")


def open_folder(
    root: Path, *, winners: str | None = None, prompt: str | None = None, workspace: Path | None = None
) -> Folder:
    """The folder `root` to import from; raises `StoreError` when it isn't one.

    With `workspace` an import that was interrupted continues where it was.
    """
    if not root.is_dir():
        raise StoreError(f"{root} isn't a folder. Choose the folder that contains the pairs.")
    return Folder(root, winners, prompt, Bookmarks(workspace))


def layout_named(name: str) -> Layout:
    """The layout of this name; raises `ConfigError` with the nearest."""
    if name in LAYOUTS:
        return LAYOUTS[name]
    names = [*LAYOUTS, IMAGES]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Choose one of: {', '.join(names)}."
    raise ConfigError(f"Unknown layout: {name}. {hint}")

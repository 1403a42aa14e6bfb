"""The voted pairs as other programs read them: one function a layout, one line here. No torch."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sdpo_core.errors import ConfigError
from sdpo_core.exchange.exporters import datasets, folders
from sdpo_core.exchange.exporters.outgoing import Outgoing


@dataclass(frozen=True)
class OutLayout:
    """A way to write pairs down."""

    about: str
    write: Callable[[Path, Outgoing], Path]  # into a new folder; returns what a person opens
    decided_only: bool  # it has no word for ties, both bad and skipped pairs


OWN = "jsonl"
"""The layout that keeps everything."""

OUT_LAYOUTS: dict[str, OutLayout] = {
    OWN: OutLayout("images/ and metadata.jsonl; keeps everything (invoke-training)", folders.write_jsonl, False),
    "onetrainer": OutLayout("chosen/, rejected/, manifest.json", folders.write_onetrainer, True),
    "kohya": OutLayout("1_pairs/w/ and 1_pairs/l/, with captions in w", folders.write_kohya, True),
    "pick-a-pic": OutLayout(
        "a datasets folder with Pick-a-Pic's columns (diffusers' DPO scripts); needs pyarrow",
        datasets.write_pick_a_pic,
        False,
    ),
    "trl": OutLayout("a datasets folder with prompt, chosen, rejected; needs pyarrow", datasets.write_trl, True),
}


def out_layout_named(name: str) -> OutLayout:
    """The layout of this name; raises `ConfigError` with the nearest."""
    if name in OUT_LAYOUTS:
        return OUT_LAYOUTS[name]
    near = difflib.get_close_matches(name, OUT_LAYOUTS, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Choose one of: {', '.join(OUT_LAYOUTS)}."
    raise ConfigError(f"Unknown export layout: {name}. {hint}")

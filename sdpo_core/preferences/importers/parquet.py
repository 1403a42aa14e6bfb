"""Parquet files with the columns of Pick-a-Pic (which diffusers' DPO scripts read too) or of TRL's preference format.

    caption, jpg_0, jpg_1 (bytes), label_0 (1, 0, or 0.5 for a tie), has_label          Pick-a-Pic
    prompt, chosen, rejected (images)                                                   TRL

Needs pyarrow, which the studio doesn't install: few people have such files, and it is large.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from sdpo_core.errors import StoreError
from sdpo_core.preferences.importers.found import Folder, FoundImage, FoundPair, ImportedChoice, Trouble

ABOUT = "Parquet files with Pick-a-Pic's columns or with prompt, chosen, rejected; needs the package pyarrow"

_ROWS = 16  # read at once: rows hold images
_PICK_A_PIC = ("caption", "jpg_0", "jpg_1", "label_0")
_TRL = ("prompt", "chosen", "rejected")


def is_here(folder: Folder) -> bool:
    """Whether the folder has this layout."""
    return bool(_files(folder))


def read(folder: Folder) -> Iterator[FoundPair | Trouble]:
    """The pairs, row by row; raises `StoreError` when pyarrow is missing or no file has the columns."""
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")
        arrow: Any = importlib.import_module("pyarrow")
    except ImportError as error:
        raise StoreError(
            "Reading Parquet files needs the package pyarrow, which the studio does not install by itself. Install it "
            "into the studio's environment (`pip install pyarrow`), then import again."
        ) from error
    return _read(folder, parquet, arrow.ArrowException)


def _read(folder: Folder, parquet: Any, trouble: type[Exception]) -> Iterator[FoundPair | Trouble]:
    for path in _files(folder):
        try:
            file: Any = parquet.ParquetFile(folder.file(path.relative_to(folder.root).as_posix()))
            names = set(file.schema_arrow.names)
            wanted = _PICK_A_PIC if names.issuperset(_PICK_A_PIC) else _TRL
            if not names.issuperset(wanted):
                expected = f"expected {', '.join(_PICK_A_PIC)} or {', '.join(_TRL)}"
                yield Trouble(path.name, f"has the columns {', '.join(sorted(names))}; {expected}")
                continue
            columns = [*wanted, *({"has_label"} & names)]
            number = 0
            for batch in file.iter_batches(batch_size=_ROWS, columns=columns):
                for row in batch.to_pylist():
                    number += 1
                    try:
                        yield _pair(path.name, number, row)
                    except StoreError as error:
                        yield Trouble(f"{path.name} row {number}", str(error))
        except (trouble, OSError) as error:
            yield Trouble(path.name, f"can't be read as Parquet ({error})")


def _files(folder: Folder) -> list[Path]:
    return sorted([*folder.root.glob("*.parquet"), *folder.root.glob("data/*.parquet")])


def _pair(name: str, number: int, row: dict[str, Any]) -> FoundPair:
    prompt = row.get("caption") or row.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise StoreError("has no prompt")
    sides = ("jpg_0", "jpg_1") if "jpg_0" in row else ("chosen", "rejected")
    first, second = (FoundImage(f"{name} row {number} {side}", _bytes(row[side], side)) for side in sides)
    return FoundPair(prompt, first, second, "first" if "chosen" in row else _choice(row))


def _bytes(value: Any, side: str) -> bytes:
    """Image bytes: as they are, or in the struct that Hugging Face's Image feature writes. Paths are not followed."""
    content = cast("dict[str, Any]", value).get("bytes") if isinstance(value, dict) else value
    if not isinstance(content, bytes) or not content:
        raise StoreError(f"has no image in {side}")
    return content


def _choice(row: dict[str, Any]) -> ImportedChoice:
    label = row["label_0"]
    if row.get("has_label") is False or not isinstance(label, int | float):
        raise StoreError("has no label")
    if label == 0.5:
        return "tie"
    return "first" if label > 0.5 else "second"

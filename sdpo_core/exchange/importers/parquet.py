"""Parquet files with the columns of Pick-a-Pic (which diffusers' DPO scripts read too) or of TRL's preference format.

    caption, jpg_0, jpg_1 (bytes), label_0 (1, 0, or 0.5 for a tie), has_label          Pick-a-Pic
    prompt, chosen, rejected (images)                                                   TRL

Needs pyarrow, which the studio doesn't install: few people have such files, and it is large. A row is checked value
by value, because each problem has its own message.
"""

import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from sdpo_core.errors import StoreError
from sdpo_core.exchange.importers.found import Folder, FoundImage, FoundPair, Trouble
from sdpo_core.exchange.importers.own import KEY, own_choice, parsed, with_own
from sdpo_core.workspace.imported import ImportedChoice
from sdpo_core.workspace.records import MadeWith

ABOUT = "Parquet files with Pick-a-Pic's columns or with prompt, chosen, rejected; needs the package pyarrow"

_ROWS = 16  # rows read at a time: they hold images
_BUFFER_BYTES = 2**20
_MAX_GROUP_BYTES = 2**32  # unpacked; a page, which is read whole, may be as large, and reading takes about twice that
_PICK_A_PIC = ("caption", "jpg_0", "jpg_1", "label_0")
_TRL = ("prompt", "chosen", "rejected")


def is_here(folder: Folder) -> bool:
    """Whether the folder has this layout."""
    return bool(_files(folder))


def read(folder: Folder) -> Iterator[FoundPair | Trouble]:
    """The pairs, row by row; raises `StoreError` when pyarrow is missing or no file has the columns."""
    arrow, parquet = load_arrow()
    return _read(folder, parquet, arrow.ArrowException)


def load_arrow() -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet; raises `StoreError` where they are not installed."""
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")
        arrow: Any = importlib.import_module("pyarrow")
    except ImportError as error:
        raise StoreError(
            "Parquet files need the package pyarrow, which the studio doesn't install by default. Install it "
            "into the studio's environment (`pip install pyarrow`), then try again."
        ) from error
    return arrow, parquet


def _read(folder: Folder, parquet: Any, trouble: type[Exception]) -> Iterator[FoundPair | Trouble]:
    for path in _files(folder):
        try:
            file: Any = parquet.ParquetFile(
                folder.file(path.relative_to(folder.root).as_posix()),
                buffer_size=_BUFFER_BYTES,  # a page at a time, not a column's whole part of a row group
                pre_buffer=False,
            )
            names = set(file.schema_arrow.names)
            wanted = _PICK_A_PIC if names.issuperset(_PICK_A_PIC) else _TRL
            if not names.issuperset(wanted):
                expected = f"expected {', '.join(_PICK_A_PIC)} or {', '.join(_TRL)}"
                yield Trouble(path.name, f"has the columns {', '.join(sorted(names))}; {expected}")
                continue
            groups = (file.metadata.row_group(n).total_byte_size for n in range(file.num_row_groups))
            if max(groups, default=0) > _MAX_GROUP_BYTES:
                most = f"the limit is {_MAX_GROUP_BYTES >> 20:,} MiB"
                yield Trouble(path.name, f"has a row group that takes too much memory: {most}; write smaller ones")
                continue
            columns = [*wanted, *sorted({"has_label", "model_0", "model_1", KEY} & names)]
            with folder.bookmarks.reading(path) as bookmark:
                for number, row in _rows(file, columns, bookmark.rows):
                    try:
                        yield replace(_pair(path.name, number, row), place=(bookmark, number))
                    except StoreError as error:
                        yield Trouble(f"{path.name} row {number}", str(error))
        except (trouble, OSError) as error:
            yield Trouble(path.name, f"can't be read as Parquet ({error})")


def _rows(file: Any, columns: list[str], passed: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows after the first `passed`, numbered from 1; row groups that lie before are not read."""
    number = 0
    for group in range(file.num_row_groups):
        rows: int = file.metadata.row_group(group).num_rows
        if number + rows <= passed:
            number += rows
            continue
        for batch in file.iter_batches(batch_size=_ROWS, columns=columns, row_groups=[group]):
            if number + batch.num_rows <= passed:
                number += batch.num_rows
                continue
            for row in batch.to_pylist():
                number += 1
                if number > passed:
                    yield number, row


def _files(folder: Folder) -> list[Path]:
    return sorted([*folder.root.glob("*.parquet"), *folder.root.glob("data/*.parquet")])


def _pair(name: str, number: int, row: dict[str, Any]) -> FoundPair:
    prompt = row.get("caption") or row.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise StoreError("has no prompt")
    sides = ("jpg_0", "jpg_1") if "jpg_0" in row else ("chosen", "rejected")
    own = parsed(row.get(KEY))
    found = (
        FoundImage(f"{name} row {number} {side}", _bytes(row[side], side), made_with=_made_with(row, n))
        for n, side in enumerate(sides)
    )
    first, second = (with_own(image, own, n) if own else image for n, image in enumerate(found))
    return FoundPair(prompt, first, second, "first" if "chosen" in row else own_choice(own) or _choice(row))


def _made_with(row: dict[str, Any], side: int) -> MadeWith | None:
    """What Pick-a-Pic says about the image's making: its model. Our own export says it better, in its own column."""
    model = row.get(f"model_{side}")
    return MadeWith(tool="Pick-a-Pic", model=model) if isinstance(model, str) and model and not row.get(KEY) else None


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

"""One JSON list of comparisons, as public sets of preferences come. It is read piece by piece, however long it is.

    {"prompt", "file_path": [a, b], "human_preference": [1, 0]}                     HPDv2, train
    {"prompt", "image_path": [a, b, …], "rank": [2, 1, …]}                          HPDv2, test
    {"prompt", "path1", "path2", "choice_dist": [12, 7], "model1", "model2"}        HPDv3
    {"prompt", "generations": [a, b, …], "ranking": [2, 1, …]}                      ImageRewardDB, test

Rank 1 is the best one. A ranking becomes every pair that it holds; equal ranks are ties. HPDv3 puts the preferred image
first, also where it doesn't say how many chose it. An entry is checked value by value, because each
problem has its own message.
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, cast

from sdpo_core.errors import StoreError
from sdpo_core.exchange.importers.found import Folder, FoundImage, FoundPair, Trouble
from sdpo_core.workspace.imported import ImportedChoice
from sdpo_core.workspace.records import MadeWith

ABOUT = "a .json file with a list of comparisons or rankings, like those of HPDv2, HPDv3 and ImageRewardDB"

_RANKED = (("file_path", "human_preference"), ("image_path", "rank"), ("generations", "ranking"))
_READ_CHARACTERS = 2**16
_MAX_ENTRY_CHARACTERS = 2**22
_MAX_RANKED = 64
_MAX_SCORE = 10**9  # also false for NaN


def is_here(folder: Folder) -> bool:
    """Whether the folder has this layout."""
    return bool(_files(folder))


def read(folder: Folder) -> Iterator[FoundPair | Trouble]:
    """The pairs of every such file, entry by entry; raises `StoreError` when there is none."""
    files = _files(folder)
    if not files:
        raise StoreError(f"{folder.root} has no such file. Expected {ABOUT}.")
    for path in files:
        number = 0
        try:
            for number, entry in enumerate(_entries(path), start=1):
                try:
                    yield from _pairs(folder, path, entry)
                except StoreError as error:
                    yield Trouble(f"{path.name} entry {number}", str(error))
        except StoreError as error:
            yield Trouble(f"{path.name} after entry {number}", str(error))


def _files(folder: Folder) -> list[Path]:
    return [path for path in sorted(folder.root.glob("*.json")) if _is_list_of_comparisons(folder, path)]


def _is_list_of_comparisons(folder: Folder, path: Path) -> bool:
    try:
        first = next(_entries(folder.file(path.name)), None)
    except StoreError:
        return False
    if not isinstance(first, dict):
        return False
    keys: set[str] = set(cast("dict[str, Any]", first))
    return "prompt" in keys and ({"path1", "path2"} <= keys or any(keys.issuperset(pair) for pair in _RANKED))


def _entries(path: Path) -> Iterator[Any]:
    """The entries of the list in the file; raises `StoreError` where it is broken or no list."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from _decoded(file)
    except UnicodeDecodeError as error:
        raise StoreError("isn't UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise StoreError(f"can't be read ({error.strerror}); check its permissions") from error


def _decoded(file: TextIO) -> Iterator[Any]:
    decoder, text = json.JSONDecoder(), file.read(_READ_CHARACTERS).lstrip()
    if not text.startswith("["):
        raise StoreError("isn't a JSON list")
    text, separated = text[1:], True
    while True:
        text = text.lstrip()
        if text.startswith("]"):
            return
        if text.startswith(",") and not separated:
            text, separated = text[1:], True
            continue
        try:
            value, end = decoder.raw_decode(text)
        except (ValueError, RecursionError) as error:
            more = file.read(max(_READ_CHARACTERS, len(text)))  # twice as much each time, or it would take for ever
            if not more or len(text) > _MAX_ENTRY_CHARACTERS or isinstance(error, RecursionError):
                raise StoreError("isn't valid JSON from there; the entries before it were read") from error
            text += more
            continue
        if not separated:
            raise StoreError("isn't valid JSON from there; the entries before it were read")
        yield value
        text, separated = text[end:], False


def _pairs(folder: Folder, path: Path, entry: Any) -> Iterator[FoundPair]:
    if not isinstance(entry, dict):
        raise StoreError("isn't a JSON object")
    row = cast("dict[str, Any]", entry)
    prompt = row.get("prompt") or folder.prompt
    if not isinstance(prompt, str) or not prompt.strip():
        raise StoreError("has no prompt; add one, or set one prompt for all with --prompt")
    if "path1" in row:
        names: Any = [row["path1"], row.get("path2")]
        models = [row.get("model1"), row.get("model2")]
        scores = _scores(row.get("choice_dist") or [1, 0], 2, "choice_dist")
    else:
        images, ranks = next((pair for pair in _RANKED if pair[0] in row), _RANKED[0])
        names = row.get(images)
        if not isinstance(names, list) or not 2 <= len(cast("list[Any]", names)) <= _MAX_RANKED:
            raise StoreError(f"doesn't name its images; expected 2 to {_MAX_RANKED} names in {images}")
        models = [None] * len(cast("list[Any]", names))
        scores = _scores(row.get(ranks), len(models), ranks)
        scores = scores if ranks == "human_preference" else [-rank for rank in scores]
    sides = [_image(folder, path, name, model) for name, model in zip(names, models, strict=True)]
    for (first, score), (second, other) in itertools.combinations(zip(sides, scores, strict=True), 2):
        choice: ImportedChoice = "tie" if score == other else "first" if score > other else "second"
        yield FoundPair(prompt, first, second, choice)


def _scores(value: Any, count: int, key: str) -> list[float]:
    scores: list[Any] = cast("list[Any]", value) if isinstance(value, list) else []
    numbers = [float(score) for score in scores if isinstance(score, int | float) and abs(score) < _MAX_SCORE]
    if len(scores) != count or len(numbers) != count:
        raise StoreError(f"doesn't say which image is better; expected {count} numbers in {key}")
    return numbers


def _image(folder: Folder, path: Path, name: Any, model: Any) -> FoundImage:
    """The image, as seen from the folder, or from one in it that is named like the file: test/ for test.json."""
    try:
        file = folder.file(name)
    except StoreError:
        if not isinstance(name, str) or not (folder.root / path.stem).is_dir():
            raise
        file = folder.file(f"{path.stem}/{name}")
    made_with = MadeWith(tool="HPDv3", model=model) if isinstance(model, str) and model else None
    return FoundImage(str(name), file, made_with=made_with)

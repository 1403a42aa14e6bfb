"""A look at a model: its settings and the headers of its weights, never the weights, so that it is quick.

Recipes name a model by its hash, which needs all its bytes once: `read_whole`.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sdpo_core.checkpoints.hashing import known_sha256, sha256_remembered
from sdpo_core.checkpoints.header import TensorInfo, read_header
from sdpo_core.checkpoints.hub_cache import parse_hub_id
from sdpo_core.checkpoints.model_info import (
    DEMO,
    ModelInfo,
    check_settings,
    family_sizes,
    find_model,
    inspect_model,
    weight_files,
    weighted_parts,
)
from sdpo_core.checkpoints.single_files import identify_checkpoint
from sdpo_core.errors import ModelError
from sdpo_core.families.family import FamilyName
from sdpo_core.families.table import FAMILIES

_PRECISIONS = {"F64": "fp64", "F32": "fp32", "F16": "fp16", "BF16": "bf16"}


@dataclass(frozen=True)
class ModelLook:
    """A base model that the studio can use, judging by its headers."""

    source: str  # as it was given
    path: Path
    name: str  # for a person
    family: FamilyName
    size_bytes: int  # of its weights
    precision: str  # of the network's weights: fp16, bf16, fp32 …
    unread_bytes: int  # how much still has to be read to know its hash
    sha256: str | None  # None while `unread_bytes` is not 0


def look_at_model(source: str) -> ModelLook:
    """Find and check a model without reading its weights; raises `ModelError` as `inspect_model` does, but quickly.

    It doesn't check whether a person has to say what the model predicts.
    """
    path = find_model(source)
    try:
        return _look_at_folder(source, path) if path.is_dir() else _look_at_file(source, path)
    except OSError as error:
        raise ModelError(f"{path} can't be read ({error.strerror}). Check the drive and the permissions.") from error


def read_whole(look: ModelLook, on_bytes: Callable[[int], None]) -> ModelInfo:
    """Read the rest of a model and inspect it; `on_bytes` gets the size of each chunk.

    Raises `ModelError` when a file can't be read, and as `inspect_model` does.
    """
    try:
        for path in _files_of(look.path):
            sha256_remembered(path, on_bytes)
    except OSError as error:
        raise ModelError(f"{look.path} can't be read ({error.strerror}). Check the file and the disk.") from error
    return inspect_model(look.source)


def _look_at_file(source: str, path: Path) -> ModelLook:
    tensors, metadata = read_header(path, ModelError)
    checkpoint = identify_checkpoint(path, tensors, metadata, family_sizes)
    family = FAMILIES[checkpoint.family]
    network = family.prefixes[family.network.name]
    sha256, size = known_sha256(path), path.stat().st_size
    return ModelLook(
        source=source,
        path=path,
        name=path.stem,
        family=checkpoint.family,
        size_bytes=size,
        precision=_precision({name: info for name, info in tensors.items() if name.startswith(network)}),
        unread_bytes=0 if sha256 else size,
        sha256=sha256,
    )


def _look_at_folder(source: str, folder: Path) -> ModelLook:
    _, family, _ = check_settings(folder)
    files, trained = _files_of(folder), FAMILIES[family].network.name
    headers = {path: read_header(path, ModelError)[0] for path in files}
    unread = sum(path.stat().st_size for path in files if known_sha256(path) is None)
    network = {
        f"{path} {name}": info for path in files if path.parent.name == trained for name, info in headers[path].items()
    }
    short = source == DEMO or parse_hub_id(source) is not None
    return ModelLook(
        source=source,
        path=folder,
        name=source if short else folder.resolve().name,
        family=family,
        size_bytes=sum(path.stat().st_size for path in files),
        precision=_precision(network),
        unread_bytes=unread,
        sha256=None if unread else inspect_model(source).sha256,
    )


def _files_of(path: Path) -> list[Path]:
    """The files that make up the model's hash and are large enough to remember."""
    if not path.is_dir():
        return [path]
    kind = check_settings(path)[0]["_class_name"]
    return [file for part, stem in weighted_parts(kind).items() for file in weight_files(path / part, stem)]


def _precision(tensors: Mapping[str, TensorInfo]) -> str:
    """The type of most of the bytes."""
    bytes_of = Counter[str]()
    for info in tensors.values():
        bytes_of[info.dtype] += info.end - info.begin
    dtype = bytes_of.most_common(1)[0][0] if bytes_of else ""
    return _PRECISIONS.get(dtype, dtype)

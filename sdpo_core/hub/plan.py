"""What fetching a model takes: which files, how many bytes, and whether they fit the disk."""

import contextlib
import io
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sdpo_core.checkpoints.header import HOW_TO_CONVERT, MAX_HEADER_BYTES, PICKLE_SUFFIXES, parse_header
from sdpo_core.checkpoints.hub_cache import HubId, parse_hub_id, repository_folder, several_checkpoints
from sdpo_core.checkpoints.model_info import check_settings, family_sizes, weighted_parts
from sdpo_core.checkpoints.single_files import identify_checkpoint
from sdpo_core.errors import ConfigError, DiskError, ModelError
from sdpo_core.families.table import FAMILIES
from sdpo_core.hub.remote import host, read, told

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

_INDEX = "model_index.json"
_PARTS = "|".join(sorted({part.name for family in FAMILIES.values() for part in family.parts}))
_SETTINGS = re.compile(rf"({_PARTS})/config\.json|scheduler/scheduler_config\.json")
_VOCABULARIES = re.compile(r"tokenizer(_2)?/[^/]+\.(json|txt)")
_MOST_SETTINGS_BYTES = 2**22
_MB = 10**6


@dataclass(frozen=True)
class RemoteFile:
    """A file of the repository that the model needs."""

    path: str  # in the repository
    size: int  # bytes
    blob: str  # its name in the cache: SHA-256 of the content for large files, git's SHA-1 for small ones


@dataclass(frozen=True)
class DownloadPlan:
    """What fetching a model takes. Sizes in bytes."""

    hub_id: HubId
    commit: str
    host: str
    folder: Path  # of this repository in the cache
    files: tuple[RemoteFile, ...]  # the one that makes the model complete is the last
    total: int
    present: int  # of `total`: here already, from an earlier attempt or another tool
    free: int  # on the cache's disk

    @property
    def missing(self) -> int:
        """Bytes still to fetch."""
        return self.total - self.present

    @property
    def fits(self) -> bool:
        """Whether the disk has room for what is missing."""
        return self.missing < self.free

    @property
    def sentence(self) -> str:
        """The plan for a person."""
        if not self.missing:
            return f"All {readable_size(self.total)} of {self.hub_id} are on this machine, in {self.folder}."
        here = f" (another {readable_size(self.present)} already here)" if self.present else ""
        fits = "" if self.fits else ": not enough. Free some space, or move the cache (HF_HUB_CACHE)"
        return (
            f"{readable_size(self.missing)} from {self.host} into {self.folder.parent}{here}, "
            f"{readable_size(self.free)} free{fits}."
        )


def readable_size(count: int) -> str:
    """Bytes for a person: `4.3 GB`, `12 MB`."""
    if count >= 1000 * _MB:
        return f"{count / (1000 * _MB):.1f} GB"
    return f"{count / _MB:.0f} MB" if count >= 10 * _MB else f"{count / _MB:.1f} MB"


def required_hub_id(source: str) -> HubId:
    """The hub id that `source` is; raises `ConfigError` when it isn't one."""
    hub_id = parse_hub_id(source)
    if hub_id is None:
        raise ConfigError(
            f"{source} isn't a Hugging Face id. Use owner/name, as in the model's address on {host()}, or "
            "owner/name/file.safetensors for one of its checkpoints."
        )
    return hub_id


def plan_download(source: str) -> DownloadPlan:
    """Ask the hub what fetching `source` takes: a few small requests, nothing is kept.

    Raises `ConfigError` when `source` isn't a Hub id, `ModelError` when the repository holds no model that the studio
    loads, `DownloadError` when the hub can't be asked or refuses. All say what to do.
    """
    from huggingface_hub import HfApi, constants

    hub_id = required_hub_id(source)
    with told(hub_id):
        timeout_s = constants.HF_HUB_DOWNLOAD_TIMEOUT
        info = HfApi().model_info(hub_id.repository, files_metadata=True, timeout=timeout_s)
        commit = _hexadecimal(info.sha)
        files = {file.path: file for file in map(_remote, info.siblings or ())}
        chosen = _choose(hub_id, commit, files)
    folder = repository_folder(hub_id)
    here = sum(_bytes_here(folder, commit, file) for file in chosen)
    with _readable_disk(folder):
        free = shutil.disk_usage(next(place for place in folder.parents if place.is_dir())).free
    return DownloadPlan(hub_id, commit, host(), folder, chosen, sum(file.size for file in chosen), here, free)


def _choose(hub_id: HubId, commit: str, files: Mapping[str, RemoteFile]) -> tuple[RemoteFile, ...]:
    """The files that the model needs, the one that makes it complete last; raises `ModelError` when it isn't one."""
    if hub_id.file:
        if hub_id.file not in files:
            raise ModelError(f"{hub_id.repository} has no file {hub_id.file}. Check the spelling.")
        return (_checked_checkpoint(hub_id, commit, files[hub_id.file]),)
    if _INDEX in files:
        weights = _choose_weights(hub_id, commit, files)
        if weights:
            small = [file for path, file in files.items() if _SETTINGS.fullmatch(path) or _VOCABULARIES.fullmatch(path)]
            return (*small, *weights, files[_INDEX])
    single = [path for path in files if path.casefold().endswith(".safetensors") and not {"/", "\\"} & set(path)]
    if len(single) > 1:
        raise ModelError(several_checkpoints(hub_id, single))
    if single:
        return (_checked_checkpoint(hub_id, commit, files[single[0]]),)
    if any(PurePosixPath(path).suffix.casefold() in PICKLE_SUFFIXES for path in files):
        raise ModelError(
            f"{hub_id} has its weights only as pickles, which can run arbitrary code when loaded, so the studio never "
            f"downloads them. {HOW_TO_CONVERT}"
        )
    raise ModelError(
        f"{hub_id} has no model the studio can load: neither a model_index.json nor a checkpoint (.safetensors) at the "
        "top level. Choose another; write a checkpoint in a folder as owner/name/folder/file.safetensors."
    )


def _choose_weights(hub_id: HubId, commit: str, files: Mapping[str, RemoteFile]) -> list[RemoteFile]:
    """The weights of a repository in diffusers format; none when a part has no safetensors.

    Of each part the half-precision files are taken where there are some: half the bytes, and on a GPU the
    frozen network computes in half precision in any case. What the cache holds already goes before.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in (_INDEX, *(path for path in files if _SETTINGS.fullmatch(path))):
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(read(hub_id, commit, path, _MOST_SETTINGS_BYTES))
        try:
            index, _, _ = check_settings(folder)
        except ModelError as error:  # in its words the repository stands for the folder, which nobody knows
            raise ModelError(str(error).replace(str(folder), hub_id.repository)) from error
    chosen: list[RemoteFile] = []
    for part, stem in weighted_parts(index["_class_name"]).items():
        kinds = [kind for kind in _kinds_of_weights(f"{part}/{stem}", files) if kind]
        if not kinds:
            return []
        cache = repository_folder(hub_id)
        missing = [sum(file.size - _bytes_here(cache, commit, file) for file in kind) for kind in kinds]
        chosen += kinds[missing.index(min(missing))]
    return chosen


def _kinds_of_weights(start: str, files: Mapping[str, RemoteFile]) -> Iterator[list[RemoteFile]]:
    """One part's weights in full precision, then in half; an empty list where there are none. In shards or in one."""
    stem, shard = re.escape(start), r"-\d{5}-of-\d{5}"
    for one, shards in (
        (rf"{stem}\.safetensors", rf"{stem}{shard}\.safetensors|{stem}\.safetensors\.index\.json"),
        (
            rf"{stem}\.fp16\.safetensors",
            rf"{stem}(\.fp16{shard}|{shard}\.fp16)\.safetensors|{stem}\.safetensors\.index\.fp16\.json",
        ),
    ):
        whole = [file for path, file in files.items() if re.fullmatch(one, path)]
        yield whole or [file for path, file in files.items() if re.fullmatch(shards, path)]


def _checked_checkpoint(hub_id: HubId, commit: str, file: RemoteFile) -> RemoteFile:
    """`file`, if its header, which is all that is read here, is that of a checkpoint that the studio loads."""
    name = PurePosixPath(hub_id.repository, file.path)
    length = int.from_bytes(read(hub_id, commit, file.path, 8), "little")
    start = read(hub_id, commit, file.path, 8 + min(length, MAX_HEADER_BYTES))
    tensors, metadata = parse_header(name, io.BytesIO(start).read, file.size, ModelError)
    identify_checkpoint(name, tensors, metadata, family_sizes)
    return file


def _remote(entry: "RepoSibling") -> RemoteFile:
    if entry.lfs:
        return RemoteFile(entry.rfilename, entry.lfs["size"], _hexadecimal(entry.lfs["sha256"]))
    return RemoteFile(entry.rfilename, entry.size or 0, _hexadecimal(entry.blob_id))


def _hexadecimal(name: str | None) -> str:
    """A hash that becomes a name on the disk; raises ValueError when the server sent something else."""
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", name or ""):
        raise ValueError(f"{name!r} isn't a hash")
    return name or ""


@contextlib.contextmanager
def _readable_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DiskError(f"{folder} can't be read ({error.strerror}). Check its folder's permissions.") from error


def _bytes_here(folder: Path, commit: str, file: RemoteFile) -> int:
    """How much of a file the cache holds."""
    blob = folder / "blobs" / file.blob
    if (folder / "snapshots" / commit / file.path).is_file() or blob.is_file():
        return file.size
    try:
        return min(file.size, unfinished(blob).stat().st_size)
    except OSError:
        return 0


def unfinished(blob: Path) -> Path:
    """Where the part of a file that has been downloaded so far is."""
    return blob.with_name(f"{blob.name}.sdpo-unfinished")

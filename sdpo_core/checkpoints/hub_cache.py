"""Models of the Hugging Face Hub: how they are named, and where they are in the local cache that other tools share.

    <cache>/models--<owner>--<name>/refs/main           the newest commit that was fetched
                                    snapshots/<commit>/ its files, as links into …
                                    blobs/<hash>        … the contents

Read without the network; `sdpo_core.hub` fetches what is missing.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from sdpo_core.errors import ModelError

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHOWN = 8  # checkpoints named in an error


@dataclass(frozen=True)
class HubId:
    """A repository of the Hub, `owner/name`, or one checkpoint in it, `owner/name/file.safetensors`."""

    repository: str
    file: str = ""

    def __str__(self) -> str:
        return f"{self.repository}/{self.file}" if self.file else self.repository


def parse_hub_id(source: str) -> HubId | None:
    """`source` as a hub id; None when it can't be one. Whether such a model exists isn't checked."""
    first, inside = source.split("/")[:2], source.split("/")[2:]
    repository, file = "/".join(first), "/".join(inside)
    if not _REPOSITORY.fullmatch(repository) or "--" in repository or ".." in repository:
        return None
    if (file or repository).casefold().endswith(".safetensors") != bool(inside):
        return None
    return None if {"", ".", ".."} & set(inside) or "\\" in file else HubId(repository, file)


def repository_folder(hub_id: HubId) -> Path:
    """Where the cache keeps a repository, whether or not it exists."""
    owner, name = hub_id.repository.split("/")
    return hub_cache_folder() / f"models--{owner}--{name}"


def hub_cache_folder() -> Path:
    """Where the cache is, whether or not it exists."""
    # Imported here, because the studio usually starts without the cache; a test may also move it.
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser().resolve()


def find_in_cache(hub_id: HubId) -> Path | None:
    """The model's folder or checkpoint in the cache; None when it isn't cached.

    Raises `ModelError` when there are several checkpoints and `hub_id` doesn't name one.
    """
    folder = repository_folder(hub_id)
    try:
        commit = (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    snapshot = folder / "snapshots" / commit
    if not _COMMIT.fullmatch(commit) or not snapshot.is_dir():
        return None
    if hub_id.file:
        return snapshot / hub_id.file if (snapshot / hub_id.file).is_file() else None
    if (snapshot / "model_index.json").is_file():
        return snapshot
    files = sorted(path for path in snapshot.glob("*.safetensors") if path.is_file())
    if len(files) > 1:
        raise ModelError(several_checkpoints(hub_id, [path.name for path in files]))
    return files[0] if files else None


def several_checkpoints(hub_id: HubId, files: list[str]) -> str:
    """The sentence that asks which of several checkpoints is meant."""
    named = ", ".join(f"{hub_id.repository}/{file}" for file in files[:_SHOWN])
    more = f" (and {len(files) - _SHOWN} more)" if len(files) > _SHOWN else ""
    return f"{hub_id.repository} holds {len(files)} checkpoints. Name the one you mean: {named}{more}."

"""From the name of an adapter to the adapter on the model, and to its place in a recipe."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sdpo_core.files.hashing import sha256_file
from sdpo_core.models.adapter import load_adapter, prove_adapter
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.preferences.records import AdapterUse
from sdpo_core.preferences.store import Store


@dataclass(frozen=True)
class LoadedAdapter:
    """An adapter on the model, and how recipes name it."""

    lora: Lora
    use: AdapterUse
    note: str  # what the person should know about the fit; empty when all is well


def attach_adapter(
    model: DiffusionModel, path: Path, *, strength: float, branch: Literal["both", "conditional"]
) -> LoadedAdapter:
    """Load the adapter in `path` onto `model`; raises `AdapterError` when it does not fit."""
    proof = prove_adapter(path, model)
    lora = load_adapter(path, model)
    use = AdapterUse(sha256=sha256_file(path), strength=strength, branch=branch)
    note = "" if proof.base_matches else f"{path.name}: {proof.sentence()}"
    return LoadedAdapter(lora, use, note)


def find_adapter_file(store: Store, adapter: str) -> Path:
    """The file of an adapter given as a file, a name in the workspace, or `latest`; raises `AdapterError`."""
    return store.adapter_file(adapter)

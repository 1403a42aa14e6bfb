"""From an adapter's name to the adapter on the model, and to its place in a recipe."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sdpo_core.adapters.file import load_adapter, prove_adapter
from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.settings.sampling import Sampling
from sdpo_core.workspace.records import AdapterUse, Branch, Fit
from sdpo_core.workspace.store import Store

_Sampling = TypeVar("_Sampling", bound=Sampling)


@dataclass(frozen=True)
class LoadedAdapter:
    """An adapter on the model, and what recipes call it."""

    lora: Lora
    use: AdapterUse
    note: str  # what the person should know about the fit; empty when all is well
    clip_skip: int | None  # what it was trained with; None when its file doesn't say
    fit: Fit  # the load proof

    def with_trained_defaults(self, sampling: _Sampling) -> _Sampling:
        """`sampling` with the clip skip that the adapter was trained with, unless it sets its own."""
        return sampling.model_copy(update={"clip_skip": sampling.clip_skip or self.clip_skip})


def attach_adapter(
    model: DiffusionModel,
    path: Path,
    *,
    strength: float,
    branch: Branch = "both",
    unconditional: float | None = None,
) -> LoadedAdapter:
    """Load the adapter in `path` onto `model`; raises `AdapterError` when it doesn't fit.

    `branch` and `unconditional` are those of `AdapterUse.at`.
    """
    proof = prove_adapter(path, model)
    lora = load_adapter(path, model)
    use = AdapterUse.at(sha256_file(path), strength, branch, unconditional)
    note = "" if proof.base_matches else f"{path.name}: {proof.sentence()}"
    fit = Fit(modules=proof.modules, matched=proof.matched)
    return LoadedAdapter(lora, use, note, read_adapter_info(path).clip_skip, fit)


def find_adapter_file(store: Store, adapter: str) -> Path:
    """The file of an adapter given as a file, a name in the workspace, or `latest`.

    Raises `AdapterError` when there is no such adapter.
    """
    return store.adapters.file(adapter)

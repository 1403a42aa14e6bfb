"""Round two: continue from an adapter. The reference is a frozen copy of where it started, kept with the run.

The start is the unrounded state of the checkpoint that was published, not its float16 file, where that still exists. It
is in the run folder as `reference.safetensors`, so nothing that happens to the first run can move it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from sdpo_core.adapters.file import load_adapter
from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.atomic import write_bytes
from sdpo_core.checkpoints.earlier_demos import AN_EARLIER_DEMO, is_earlier_demo
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.errors import AdapterError, RunError
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.runs.folder import RunFolder
from sdpo_core.settings.learning import NewAdapter
from sdpo_core.training.checkpoint import read_published
from sdpo_core.workspace.store import Store

_FILE = "reference.safetensors"


@dataclass(frozen=True)
class Start:
    """Where a run's adapter starts, and what it is compared with."""

    state: Mapping[str, Tensor]  # the LoRA's parameters by name, unrounded where they could be had
    alpha: float
    sha256: str  # of the adapter file that is continued
    note: str  # what the person should know

    @property
    def rank(self) -> int:
        """Rank of the adapter."""
        return next(t.shape[0] for name, t in self.state.items() if name.endswith(".lora_A.weight"))

    def lora(self, model: DiffusionModel) -> Lora:
        """The adapter as it starts, with a frozen copy as its reference."""
        modules = [name.removesuffix(".lora_A.weight") for name in self.state if name.endswith(".lora_A.weight")]
        lora = Lora(model, modules, rank=self.rank, alpha=self.alpha, seed=0)
        lora.load_state_dict(self.state)
        lora.freeze_reference()
        return lora


def keep_start(run: RunFolder, store: Store, adapter: str, model: DiffusionModel) -> None:
    """Write where the run starts into its folder, once. Raises AdapterError when the adapter can't be continued."""
    path = run.path / _FILE
    if path.is_file():
        return
    start = _find(store, store.adapters.file(adapter), model)
    metadata = {"alpha": repr(start.alpha), "sha256": start.sha256, "note": start.note}
    write_bytes(path, save({name: tensor.contiguous() for name, tensor in start.state.items()}, metadata))


def read_start(run: RunFolder) -> Start:
    """Where the run starts; raises RunError when its file can't be read."""
    path = run.path / _FILE
    try:
        state = load_file(path)
        with safe_open(path, "pt") as file:  # pyright: ignore[reportUnknownVariableType] - untyped
            metadata: dict[str, str] = file.metadata()
        return Start(state, float(metadata["alpha"]), metadata["sha256"], metadata["note"])
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise RunError(
            f"{_FILE} of run {run.id}, the adapter it continues from, can't be read ({error}). Start a new run."
        ) from error


def continued_sha256(store: Store, continue_from: str | None) -> str | None:
    """SHA-256 of the adapter file that a run with this setting continues; None when it starts afresh."""
    return sha256_file(store.adapters.file(continue_from)) if continue_from else None


def _find(store: Store, path: Path, model: DiffusionModel) -> Start:
    sha256 = sha256_file(path)
    for record in store.adapters.all():
        if record.sha256 != sha256:
            continue
        if record.base_sha256 != model.info.sha256 and is_earlier_demo(record.base_sha256):
            raise AdapterError(
                f"{path.name} was trained on {AN_EARLIER_DEMO}, so it can't be continued on {model.info.name}. Start a "
                "new adapter: leave continue_from empty."
            )
        if record.base_sha256 != model.info.sha256:
            raise AdapterError(
                f"{path.name} wasn't trained on {model.info.name}, so it can't be continued on it. "
                "Select the model it was trained on."
            )
        run = RunFolder(store.workspace / "runs" / record.run_id)
        state = read_published(run.checkpoints(), sha256)
        if state is not None:
            told = {name: value for name, value in run.settings().items() if name == "lora_alpha"}  # nothing else of it
            return Start(state, NewAdapter.parse(told).lora_alpha, sha256, "")
    return _rounded(path, sha256, model)


def _rounded(path: Path, sha256: str, model: DiffusionModel) -> Start:
    """The adapter file itself, for want of a checkpoint."""
    lora = load_adapter(path, model)
    trained_on = read_adapter_info(path).base_sha256
    other = trained_on and trained_on != model.info.sha256
    start = Start(
        lora.state_dict(),
        lora.alpha,
        sha256,
        f"The checkpoint of {path.name} is missing, so the run starts from the file's rounded weights."
        + (
            f" It was trained on a model other than {model.info.name}, so check the results carefully." if other else ""
        ),
    )
    lora.remove()
    return start

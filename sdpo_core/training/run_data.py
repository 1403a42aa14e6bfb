"""What a run was started with: its pairs, frozen, and what else decides its numbers."""

import platform
from dataclasses import dataclass
from importlib.metadata import version

import torch
from pydantic import TypeAdapter, ValidationError

from sdpo_core import __version__
from sdpo_core.atomic import write_json
from sdpo_core.config import TrainConfig
from sdpo_core.errors import DataError, RunError
from sdpo_core.models.family import DiffusionModel
from sdpo_core.preferences.pairs import TrainingPairs, split_held_out
from sdpo_core.preferences.records import VotedPair
from sdpo_core.training.runs import RunFolder

_DATA = "data.json"
_LIBRARIES = ("torch", "diffusers", "transformers", "peft", "safetensors")
_PAIRS = TypeAdapter(tuple[VotedPair, ...])


@dataclass(frozen=True)
class RunData:
    """The votes of a run, frozen when it starts: a resume trains on these, whatever was voted since."""

    train: tuple[VotedPair, ...]
    held_out: tuple[VotedPair, ...]  # empty: too few pairs, so health is measured on training pairs

    @property
    def bank(self) -> tuple[VotedPair, ...]:
        """The pairs on which health is measured."""
        return self.held_out or self.train


def freeze_data(run: RunFolder, selection: TrainingPairs, config: TrainConfig) -> RunData:
    """Split the usable pairs and write them down; raises DataError when there are none."""
    if not selection.usable:
        aside = selection.other_base + selection.with_adapter
        raise DataError(f"{selection.sentence()}{' With --pairs-from all those train too.' if aside else ''}")
    split = split_held_out(selection.usable, config.held_out_fraction, config.seed)
    data = RunData(split.train, split.held_out)
    content = {
        "train": _PAIRS.dump_python(data.train, mode="json"),
        "held_out": _PAIRS.dump_python(data.held_out, mode="json"),
    }
    write_json(run.path / _DATA, content)
    return data


def load_data(run: RunFolder) -> RunData | None:
    """The pairs that the run was started with; None before that. Raises RunError when their file is damaged."""
    path = run.path / _DATA
    if not path.is_file():
        return None
    try:
        content = TypeAdapter(dict[str, tuple[VotedPair, ...]]).validate_json(path.read_bytes())
        return RunData(content["train"], content["held_out"])
    except (ValidationError, KeyError) as error:
        raise RunError(f"{_DATA} of run {run.id}, the votes it trains on, can't be read. Start a new run.") from error


def require_data(run: RunFolder) -> RunData:
    """The pairs that the run was started with; raises RunError when they are not there."""
    data = load_data(run)
    if data is None:
        raise RunError(f"Run {run.id} has no {_DATA} yet. Do all processes see the same workspace folder?")
    return data


def write_provenance(run: RunFolder, model: DiffusionModel, data: RunData, processes: int) -> None:
    """What, besides the settings, decides the run's numbers."""
    content = {
        "base": {"source": model.info.source, "sha256": model.info.sha256},
        "pairs": len(data.train),
        "held_out_pairs": len(data.held_out),
        "device": str(model.device),
        "dtype": str(model.dtype),
        "threads": torch.get_num_threads(),
        "processes": processes,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": library_versions(),
    }
    write_json(run.path / "provenance.json", content)


def library_versions() -> dict[str, str]:
    """Versions of this library and of those that compute."""
    return {"sdpo_core": __version__, **{name: version(name) for name in _LIBRARIES}}

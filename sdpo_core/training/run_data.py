"""What a run was started with: its pairs, frozen, and what else decides its numbers."""

import json
import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError

from sdpo_core import __version__
from sdpo_core.atomic import write_json
from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.errors import DataError, RunError
from sdpo_core.models.family import DiffusionModel
from sdpo_core.runs.folder import RunFolder
from sdpo_core.workspace.pairs import TrainingPairs, split_held_out
from sdpo_core.workspace.records import Candidate, VotedPair

_DATA = "data.json"
_PROVENANCE = "provenance.json"
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


def freeze_data(run: RunFolder, selection: TrainingPairs, held_out_fraction: float, seed: int) -> RunData:
    """Split the usable pairs and write them down; raises DataError when there are none."""
    if not selection.usable:
        aside = selection.other_base + selection.earlier_demo + selection.with_adapter
        raise DataError(f"{selection.sentence()}{' With --pairs-from all those train too.' if aside else ''}")
    split = split_held_out(selection.usable, held_out_fraction, seed)
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
    """The pairs that the run was started with; raises `RunError` when they are missing."""
    data = load_data(run)
    if data is None:
        raise RunError(f"Run {run.id} has no {_DATA} yet. Do all processes see the same workspace folder?")
    return data


def keep_base(run: RunFolder, info: ModelInfo, data: RunData | None) -> None:
    """Write down which base model a run begins on, or compare it with the one that the run was started on.

    `data` are the votes of a run that was started earlier. Raises `RunError` when it was started on another model.
    """
    begun_on = _base_of(run, data)
    if begun_on is None:
        write_json(run.path / _PROVENANCE, {"base": _base(info)})
    elif begun_on != info.sha256:
        changed = "The demo model has been replaced" if info.is_demo else f"{info.source} has been changed"
        back = "" if info.is_demo else "restore the earlier model and resume, or "
        raise RunError(
            f"{changed} since run {run.id} started, so it can't be resumed: what it learned belongs to the earlier "
            f"model. To train on this one, {back}start a new run."
        )


def _base_of(run: RunFolder, data: RunData | None) -> str | None:
    """Hash of the model that a run was started on; None when it hasn't started, or may train on any model's images."""
    try:
        content: Any = json.loads((run.path / _PROVENANCE).read_text(encoding="utf-8"))
        return str(content["base"]["sha256"])
    except FileNotFoundError:
        pass  # stopped before it had loaded its model, by a version that wrote this file only then
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{_PROVENANCE} of run {run.id}, which names its base model, can't be read. Start a new run."
        ) from error
    if data is None or run.settings().get("pairs_from") != "own":
        return None
    made_by = {side.recipe.base_sha256 for voted in data.train for side in _sides(voted) if side.recipe}
    return made_by.pop() if len(made_by) == 1 else None


def _sides(voted: VotedPair) -> tuple[Candidate, Candidate]:
    return voted.pair.left, voted.pair.right


def _base(info: ModelInfo) -> dict[str, str]:
    return {"source": info.source, "sha256": info.sha256}


def write_provenance(run: RunFolder, model: DiffusionModel, data: RunData, processes: int) -> None:
    """What, besides the settings, decides the run's numbers."""
    content = {
        "base": _base(model.info),
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
    write_json(run.path / _PROVENANCE, content)


def library_versions() -> dict[str, str]:
    """Versions of this library and of those that compute."""
    return {"sdpo_core": __version__, **{name: version(name) for name in _LIBRARIES}}

"""The end of a run: which checkpoint is kept, at which strength, and the one file that the person gets.

Drift grows about with the square of an adapter's strength and its effect about in proportion, so the strength is set
after training, by measuring: the largest one inside the gate (`sdpo_core.taste.calibration`). It is multiplied into the
file, whose strength 1 is what was calibrated; the unrounded checkpoint behind it is found by the file's hash.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdpo_core.adapters.file import ADAPTER_MODE, prove_adapter, save_adapter
from sdpo_core.atomic import write_bytes, write_json
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.runs.folder import PUBLISHED_HEALTH, RunFolder
from sdpo_core.settings.train import TrainConfig
from sdpo_core.taste.calibration import CALIBRATION, Calibration, Limits, calibrate, write_calibration
from sdpo_core.training.checkpoint import ADAPTER, PUBLISHED, best_checkpoint, read_lora, read_numbers
from sdpo_core.training.health import DEFAULT_BUDGET, Bank
from sdpo_core.training.multiply import Multiplied
from sdpo_core.training.strength import StrengthMeasure
from sdpo_core.wording import change
from sdpo_core.workspace.adapters import free_path
from sdpo_core.workspace.records import Fit
from sdpo_core.workspace.store import Store

_WEAKEST = 0.5  # a checkpoint that has to be held below this is damaged: an earlier one is better


@dataclass(frozen=True)
class Kept:
    """What a run publishes."""

    checkpoint: Path
    strength: float  # multiplied into the file
    health: Mapping[str, Any]  # at that strength
    calibration: Calibration | None  # None where the strength is as trained

    @property
    def step(self) -> int:
        """After which it was saved."""
        return int(read_numbers(self.checkpoint)["step"])

    def sentence(self) -> str:
        """In words."""
        strength = "" if self.strength == 1 else f" at {self.strength:.2g} times its trained strength"
        return f"Kept step {self.step}{strength}: {health_sentence(self.health)}"


@dataclass(frozen=True)
class Publisher:
    """What choosing and writing need of a run."""

    config: TrainConfig
    run: RunFolder
    store: Store
    model: DiffusionModel
    lora: Lora
    bank: Bank
    learned: Multiplied
    title: str

    def choose(self, checkpoints: list[Path], beta: float) -> Kept:
        """The last of `checkpoints` that is worth its strength; leaves the adapter as it is there."""
        healthy = best_checkpoint(checkpoints)
        assert healthy is not None  # the loop's last act is a checkpoint
        if self.config.health.final_strength == "trained":
            self.lora.load_state_dict(read_lora(healthy))
            return Kept(healthy, 1.0, read_numbers(healthy)["health"], None)
        last = checkpoints[-1]
        found = self._calibrate(last)
        if last != healthy and (found.strength or 0) < _WEAKEST:
            last, found = healthy, self._calibrate(healthy)
        strength = found.strength or 1.0  # none is inside: as trained, and the sentence says so
        return Kept(last, strength, self._health(last, strength, beta), found)

    def _calibrate(self, checkpoint: Path) -> Calibration:
        self.lora.load_state_dict(read_lora(checkpoint))
        limits = Limits(budget=self.config.safeguarding.drift_budget or DEFAULT_BUDGET)
        return calibrate(StrengthMeasure(self.model, self.lora, self.bank, self.learned), limits)

    def _health(self, checkpoint: Path, strength: float, beta: float) -> dict[str, Any]:
        known = read_numbers(checkpoint)["health"]
        if strength == 1:
            return known
        with self.lora.at_strength(strength):
            now = self.bank.check(
                self.model,
                self.config.objective,
                beta,
                gate=self.config.health.gate,
                drift_budget=self.config.safeguarding.drift_budget,
            )
        return {**now, "budget": known["budget"], "held_out": known["held_out"]}

    def publish(self, kept: Kept, header: Mapping[str, Any]) -> str:
        """Write the adapter where the person finds it, and record it; returns what its load proof says."""
        file = kept.checkpoint / ADAPTER
        if kept.strength != 1:
            file = kept.checkpoint / PUBLISHED
            self.lora.load_state_dict(read_lora(kept.checkpoint, kept.strength))
            save_adapter(file, self.lora, info=self.model.info, sdpo=dict(header), title=self.title)
            write_json(kept.checkpoint / PUBLISHED_HEALTH, {"strength": kept.strength, "health": dict(kept.health)})
        if kept.calibration is not None:
            write_calibration(kept.calibration, self.run.path / CALIBRATION)
        data = file.read_bytes()
        write_bytes(self.run.adapter_path, data, mode=ADAPTER_MODE)
        proof = prove_adapter(file, self.model)
        self._record(data, kept.step, Fit(modules=proof.modules, matched=proof.matched))
        return proof.sentence()

    def _record(self, adapter: bytes, step: int, fit: Fit) -> None:
        """Write and record the adapter where the person finds it, unless this run published the same before."""
        sha256 = hashlib.sha256(adapter).hexdigest()
        known = self.store.adapters.all()
        for record in known:
            path = self.store.workspace / record.path
            if (record.run_id, record.sha256) == (self.run.id, sha256) and path.is_file():
                return
        path = free_path(self.store.workspace / "adapters", self.title, [record.name for record in known])
        write_bytes(path, adapter, mode=ADAPTER_MODE)
        previews = self.run.previews().get(step)
        if previews:
            write_bytes(path.with_suffix(".png"), previews[0].read_bytes())
        base_sha256 = self.model.info.sha256
        self.store.adapters.add(
            name=path.stem, path=path, sha256=sha256, base_sha256=base_sha256, run_id=self.run.id, fit=fit
        )


def health_sentence(health: Mapping[str, Any]) -> str:
    """A health check as a sentence."""
    where = (
        "held-out pairs" if health["held_out"] else "training pairs with unseen noise (too few pairs to hold any out)"
    )
    error = f"the winner error on {where} is {change(health['winner_error'], 2 * health['winner_error_se'])}"
    budget = f"the budget of {100 * health['budget']:.0f} %"
    if health["healthy"]:
        return f"{error}, within {budget}."
    return f"{error}, over {budget}: no checkpoint was healthy, so check its images carefully."

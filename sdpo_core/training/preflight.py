"""Before a run starts: one dry step on the device says what it will need, and chooses the settings that fit.

From the fastest way to the one that needs least memory; each gives the same gradient.
"""

import gc
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import psutil
import torch

from sdpo_core.errors import ModelError
from sdpo_core.models.checkpointing import checkpoint_activations
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.settings.course import Computing
from sdpo_core.settings.learning import Scope
from sdpo_core.settings.train import TrainConfig
from sdpo_core.training.dataset import EncodedPairs
from sdpo_core.training.processes import Processes, is_out_of_memory
from sdpo_core.training.step import side_gradients

_SPARE = 0.05  # of the device's memory: for previews, fragmentation, and whatever else the person opens
_GIB = 2**30

PREFLIGHT = "preflight.json"
"""In the run folder: what the dry step measured."""

WAYS: tuple[dict[str, Any], ...] = (
    {"memory": "joint", "checkpointing": "none"},
    {"memory": "split", "checkpointing": "none"},
    {"memory": "split", "checkpointing": "selective"},
    {"memory": "split", "checkpointing": "all"},
)
"""Ways to compute a step, each with less memory than the one before."""


@dataclass(frozen=True)
class Preflight:
    """What a dry step measured."""

    memory: str
    checkpointing: str
    seconds_per_step: float
    steps: int
    peak_gib: float  # of the device, or of the process where the device is the CPU
    total_gib: float

    def sentence(self) -> str:
        """For a person, before the first step."""
        minutes = self.seconds_per_step * self.steps / 60
        time_needed = f"about {minutes:.0f} min" if minutes >= 1.5 else f"about {60 * minutes:.0f} s"
        ways = [f"memory {self.memory}"] if self.memory == "split" else []
        ways += [f"checkpointing {self.checkpointing}"] if self.checkpointing != "none" else []
        chosen = f" ({', '.join(ways)})" if ways else ""
        return f"{self.steps} steps take {time_needed} and {self.peak_gib:.1f} of {self.total_gib:.0f} GiB{chosen}."

    def content(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def ways_for(computing: Computing, *, whole: bool) -> list[dict[str, Any]]:
    """The ways that the settings leave open: their own where they name them, all that are possible where it's `auto`.

    `whole`: both sides are needed together (`needs_both_sides`).
    """
    fixed = {
        name: value
        for name, value in (("memory", computing.memory), ("checkpointing", computing.checkpointing))
        if value != "auto"
    }
    return _distinct({**way, **fixed} for way in _possible_ways(whole))


def choose_way(
    model: DiffusionModel, lora: Lora, pairs: EncodedPairs, config: TrainConfig, together: Processes
) -> tuple[TrainConfig, Preflight]:
    """The first way that fits the device, with what a dry step of it needed; `checkpointing` is set on the model.

    Raises ModelError when not even the last one fits.
    """
    computing = config.computing
    ways = ways_for(computing, whole=needs_both_sides(config.objective.loss, config.safeguarding.scope))
    for way in ways:
        trial = config.changed(**way)
        found = _dry_step(model, lora, pairs, trial, together)
        if together.any(found is None):
            continue
        assert found is not None
        return trial, found
    if len(ways) == 1 and WAYS[-1] not in ways:
        raise ModelError(
            f"{model.device} doesn't have enough memory for a training step with memory '{computing.memory}' and "
            f"checkpointing '{computing.checkpointing}'. Set both to auto, which picks a way that fits."
        )
    raise ModelError(
        f"{model.device} doesn't have enough memory for a training step at this size, even one image at a time. Close "
        "other programs that use it, set a smaller size_px or rank, or use a smaller model."
    )


def cheaper_way(computing: Computing, *, whole: bool) -> dict[str, Any] | None:
    """The next way after the chosen one, where it stands or would stand among them; None when there is none."""

    def thrift(way: Mapping[str, Any]) -> tuple[bool, int]:
        return way["memory"] == "split", ("none", "selective", "all").index(way["checkpointing"])

    now = thrift({"memory": computing.memory, "checkpointing": computing.checkpointing})
    return next((way for way in _possible_ways(whole) if thrift(way) > now), None)


def needs_both_sides(loss: str, scope: Scope) -> bool:
    """Whether a loss or scope looks at both sides together."""
    return loss == "dspo" or scope == "batch"


def _possible_ways(whole: bool) -> list[dict[str, Any]]:
    """`WAYS`, without splitting where both sides are needed together."""
    return _distinct({**way, "memory": "joint"} if whole else way for way in WAYS)


def _distinct(ways: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for way in ways:
        if way not in found:
            found.append(way)
    return found


def free_memory(device: torch.device) -> None:
    """Give back what is no longer used."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def used_memory() -> dict[str, float]:
    """MiB for a row of metrics: this process's main memory, and the most that was taken on a CUDA card."""
    used = {"rss_mib": psutil.Process().memory_info().rss / 2**20}
    if torch.cuda.is_available():
        used["cuda_mib"] = torch.cuda.max_memory_allocated() / 2**20
    return {name: round(value, 1) for name, value in used.items() if math.isfinite(value)}


def _dry_step(
    model: DiffusionModel, lora: Lora, pairs: EncodedPairs, config: TrainConfig, together: Processes
) -> Preflight | None:
    """Gradients of a step of the largest pairs, discarded; None when memory ran out or would be all but full."""
    objective, schedule, computing = config.objective, config.schedule, config.computing
    checkpoint_activations(model, computing.checkpointing)  # pyright: ignore[reportArgumentType] - never "auto" here
    largest = pairs.largest()
    batch = largest.batch(
        0,
        pairs=schedule.pairs_per_step,
        seed=schedule.seed,
        caption_dropout=objective.caption_dropout,
        noise_bank=computing.noise_bank,
        slots=together.slots(schedule.pairs_per_step),
    )
    micro = computing.pairs_per_micro_step or schedule.pairs_per_step
    parts = batch.split(micro)
    free_memory(model.device)  # what an earlier way left behind, its error's tensors too, is not this one's need
    _start_watching(model.device)
    began = time.perf_counter()
    try:
        # The largest micro-step, twice: the first also warms up kernels and caches.
        for _ in range(2):
            began = time.perf_counter()
            side_gradients(model, lora, parts[:1], objective, config.safeguarding, computing, beta=1.0)
            _wait(model.device)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None
    seconds = (time.perf_counter() - began) * len(batch.pair_ids) / len(parts[0].pair_ids)
    seconds *= _mean_area(pairs) / _mean_area(largest)
    peak, total = _peak_and_total(model.device)
    if peak > (1 - _SPARE) * total:
        return None
    assert schedule.steps is not None
    return Preflight(computing.memory, computing.checkpointing, seconds, schedule.steps, peak / _GIB, total / _GIB)


def _mean_area(pairs: EncodedPairs) -> float:
    """In elements of a latent."""
    return sum(pair.winner.numel() for pair in pairs.images) / len(pairs)


def _start_watching(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _peak_and_total(device: torch.device) -> tuple[float, float]:
    """Bytes."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        others = total - free - torch.cuda.memory_reserved(device)  # of other programs
        return torch.cuda.max_memory_reserved(device) + others, total
    return psutil.Process().memory_info().rss, psutil.virtual_memory().total

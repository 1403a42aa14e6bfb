"""What fits the device: checkpointing, the dry step, and going on after memory ran out."""

import json
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from sdpo_core.errors import ConfigError, ModelError, RunError
from sdpo_core.models.checkpointing import checkpoint_activations
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.settings.train import TrainConfig
from sdpo_core.training import preflight
from sdpo_core.training.dataset import EncodedPairs
from sdpo_core.training.optimizers import make_optimizer
from sdpo_core.training.preflight import WAYS, cheaper_way, choose_way, needs_both_sides, ways_for
from sdpo_core.training.processes import Processes, is_out_of_memory
from sdpo_core.training.step import side_gradients
from tests.training.parts import parts

CONFIG = TrainConfig.of(rank=4, lora_alpha=4, steps=10, pairs_per_step=4, pairs_per_micro_step=2)
ALONE = Processes()


def saved_bytes(model: DiffusionModel, lora: Lora, pairs: EncodedPairs, config: TrainConfig) -> tuple[int, Tensor]:
    """The most that the graph of a micro-step holds, and the gradient."""
    held, most = 0, 0
    weights = {parameter.data_ptr() for parameter in model.network.parameters()}  # these are there anyway

    class Held:
        def __init__(self, tensor: Tensor) -> None:
            nonlocal held, most
            own = tensor.untyped_storage().data_ptr() not in weights
            self.tensor, self.size = tensor, tensor.numel() * tensor.element_size() * own
            held += self.size
            most = max(most, held)

        def __del__(self) -> None:
            nonlocal held
            held -= self.size

    batch = pairs.batch(0, pairs=2, seed=0, caption_dropout=0.0)
    with torch.autograd.graph.saved_tensors_hooks(Held, lambda kept: kept.tensor):
        gradients, _ = side_gradients(model, lora, [batch], *parts(config), beta=100.0)
    return most, torch.cat(list(gradients))


def test_every_way_needs_less_and_gives_the_same_gradient(
    model: DiffusionModel, trained_lora: Lora, pairs: EncodedPairs
) -> None:
    found: list[tuple[int, Tensor]] = []
    for way in WAYS:
        checkpoint_activations(model, way["checkpointing"])
        found.append(saved_bytes(model, trained_lora, pairs, CONFIG.changed(**way)))
    checkpoint_activations(model, "none")
    needs = [most for most, _ in found]
    assert needs == sorted(needs, reverse=True)
    assert len(set(needs)) == len(needs)
    assert needs[1] < 0.3 * needs[0]  # one image at a time instead of two pairs
    for _, gradient in found[1:]:
        assert_close(gradient, found[0][1], rtol=1e-4, atol=1e-6 * float(found[0][1].norm()))


class Scarce:
    """A model whose memory runs out when more than `images` go through it with gradients at the same time."""

    def __init__(self, model: DiffusionModel, monkeypatch: pytest.MonkeyPatch, images: float) -> None:
        self.images = images
        predict = model.predict

        def scarce(noisy: Tensor, *rest: Any) -> Tensor:
            if torch.is_grad_enabled() and len(noisy) > self.images:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return predict(noisy, *rest)

        monkeypatch.setattr(model, "predict", scarce)


def test_the_dry_step_takes_the_first_way_that_fits(
    model: DiffusionModel, lora: Lora, pairs: EncodedPairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, found = choose_way(model, lora, pairs, CONFIG, ALONE)
    assert (config.computing.memory, config.computing.checkpointing) == ("joint", "none")
    assert 0 < found.peak_gib < found.total_gib
    assert found.sentence().startswith("10 steps take about ")
    Scarce(model, monkeypatch, 1)
    config, found = choose_way(model, lora, pairs, CONFIG, ALONE)
    assert (config.computing.memory, config.computing.checkpointing) == ("split", "none")
    assert "(memory split)" in found.sentence()


def test_a_way_that_failed_leaves_nothing_that_counts_against_the_next(
    model: DiffusionModel, lora: Lora, pairs: EncodedPairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of the failed pass holds its tensors: freed before it is forgotten, the cache would keep them all."""
    left: list[weakref.ref[Tensor]] = []
    freed: list[bool] = []
    step = preflight.side_gradients

    def fails_when_joint(*arguments: Any, **options: Any) -> Any:
        if arguments[5].memory == "split":
            return step(*arguments, **options)
        activations = torch.zeros(8)
        left.append(weakref.ref(activations))
        raise torch.OutOfMemoryError("CUDA out of memory.")

    def free(device: torch.device) -> None:
        freed.append(all(tensor() is None for tensor in left))

    monkeypatch.setattr(preflight, "side_gradients", fails_when_joint)
    monkeypatch.setattr(preflight, "free_memory", free)
    config, _ = choose_way(model, lora, pairs, CONFIG, ALONE)
    assert (config.computing.memory, config.computing.checkpointing) == ("split", "none")
    assert freed == [True, True], "once before each way's measurement, when nothing of the earlier one is held"


def test_when_nothing_fits_it_says_so(
    model: DiffusionModel, lora: Lora, pairs: EncodedPairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    Scarce(model, monkeypatch, 0)
    with pytest.raises(ModelError, match="enough memory for a training step at this size, even one image at a time"):
        choose_way(model, lora, pairs, CONFIG, ALONE)
    own = CONFIG.changed(memory="joint", checkpointing="none")
    with pytest.raises(ModelError, match="Set both to auto"):
        choose_way(model, lora, pairs, own, ALONE)
    checkpoint_activations(model, "none")


@pytest.mark.parametrize(
    ("settings", "first", "count"),
    [
        ({}, {"memory": "joint", "checkpointing": "none"}, 4),
        ({"memory": "split"}, {"memory": "split", "checkpointing": "none"}, 3),
        ({"checkpointing": "all"}, {"memory": "joint", "checkpointing": "all"}, 2),
        ({"loss": "dspo"}, {"memory": "joint", "checkpointing": "none"}, 3),
        ({"memory": "joint", "checkpointing": "none"}, {"memory": "joint", "checkpointing": "none"}, 1),
    ],
)
def test_what_a_person_set_stays(settings: dict[str, Any], first: dict[str, str], count: int) -> None:
    config = TrainConfig.of(**settings)
    whole = needs_both_sides(config.objective.loss, config.safeguarding.scope)
    ways = ways_for(config.computing, whole=whole)
    assert ways[0] == first
    assert len(ways) == count


def test_the_next_cheaper_way() -> None:
    config = CONFIG.changed(**WAYS[0])
    seen = [WAYS[0]]
    while way := cheaper_way(config.computing, whole=False):
        seen.append(way)
        config = config.changed(**way)
    assert tuple(seen) == WAYS
    chosen = CONFIG.changed(memory="joint", checkpointing="all")  # by hand; it isn't one of them
    assert cheaper_way(chosen.computing, whole=False) == next(way for way in WAYS if way["memory"] == "split")
    assert cheaper_way(CONFIG.changed(**WAYS[-1]).computing, whole=False) is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_8_bits_without_the_package_is_a_sentence(lora: Lora, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "bitsandbytes", None)
    with pytest.raises(ConfigError, match="needs the package bitsandbytes"):
        make_optimizer(lora, "adamw-8bit", 1e-3)


def test_a_run_continues_after_memory_ran_out(
    tiny_folder: Path, voted_workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a run, once; the second time it ends with a message, and the checkpoint exists."""
    from sdpo_core.runs.folder import RunFolder
    from sdpo_core.runs.reporter import Reporter
    from sdpo_core.training import job
    from sdpo_core.training.job import run_train

    scarce: list[Scarce] = []
    load = job.load_configured

    def load_scarce(*arguments: Any, **options: Any) -> DiffusionModel:
        model = load(*arguments, **options)
        scarce.append(Scarce(model, monkeypatch, 100))
        return model

    monkeypatch.setattr(job, "load_configured", load_scarce)
    append = RunFolder.append_metrics
    limits = {3: 1.0, 6: 0.0}

    def watch(self: RunFolder, row: dict[str, Any]) -> None:
        append(self, row)
        if row["kind"] == "step" and row["step"] in limits:
            scarce[0].images = limits.pop(row["step"])

    monkeypatch.setattr(RunFolder, "append_metrics", watch)
    config = TrainConfig.of(
        model=str(tiny_folder), beta=2000.0, rank=2, lora_alpha=2, steps=8, checkpoint_every_steps=2, pairs_per_step=2,
        pairs_per_micro_step=2, preview_prompts=0, size_px=64, bank_draws_per_pair=2, learning_rate=1e-4,
    )  # fmt: skip
    run = RunFolder.create(tmp_path / "runs", "train", config.model_dump(mode="json"))
    said: list[str] = []
    reporter = Reporter(run, "train", 0, lambda status: said.append(status.message))
    with pytest.raises(RunError, match="resume the run from its last checkpoint"):
        run_train(config, run, voted_workspace, reporter)
    assert any("Continuing from the last checkpoint with memory split" in message for message in said)
    assert run.settings()["memory"] == "split"
    rows = [json.loads(row) for row in (run.path / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert [row["step"] for row in rows if row["kind"] == "step"] == [1, 2, 3, 4, 5, 6]  # step 3 was made again
    assert [path.name for path in run.checkpoints()] == ["step-000002", "step-000004", "step-000006"]
    assert json.loads((run.path / "preflight.json").read_text("utf-8"))["memory"] == "joint"

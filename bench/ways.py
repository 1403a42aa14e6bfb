"""The ways to make a training step that `bench.speed` compares, on one model with random pairs."""

import weakref
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bench import baseline
from bench.questions import training_prompts
from sdpo_core.models.checkpointing import checkpoint_activations
from sdpo_core.models.family import Conditioning, DiffusionModel, Frame
from sdpo_core.models.lora import Lora
from sdpo_core.objective import Sides
from sdpo_core.settings.train import TrainConfig
from sdpo_core.training.dataset import EncodedPairs, Example, PairTexts
from sdpo_core.training.health import DRIFT_DRAWS, Bank
from sdpo_core.training.optimizers import make_optimizer
from sdpo_core.training.reference import NoiseBank
from sdpo_core.training.train import DRIFT_EVERY_STEPS, Progress, train
from sdpo_core.workspace.records import Candidate

MOST_STEPS = DRIFT_EVERY_STEPS - 1
"""Steps that a way can make in a row: the loop measures the drift before the next one, and no baseline does that."""


@dataclass(frozen=True)
class Way:
    """One way to make a training step."""

    name: str
    what: str  # for a person
    settings: dict[str, Any] = field(default_factory=dict[str, Any])  # of TrainConfig
    baseline: bool = False
    cached: bool = True  # latents and prompts are encoded once, before training


BASELINE = Way("baseline", "as public scripts: encode, one joint batch, one backward", baseline=True, cached=False)
WAYS: dict[str, Way] = {
    way.name: way
    for way in (
        BASELINE,
        Way("baseline-cached", "the same, with images and prompts encoded once", baseline=True),
        Way("joint", "joint, safeguard `lora`"),
        Way("joint-uncached", "the same, encoding images and prompts in every step", cached=False),
        Way("joint-none", "joint, safeguard `none`", {"safeguard": "none"}),
        Way("joint-selective", "joint, checkpointing `selective`", {"checkpointing": "selective"}),
        Way("joint-all", "joint, checkpointing `all`", {"checkpointing": "all"}),
        Way("split", "split", {"memory": "split"}),
        Way("split-selective", "split, checkpointing `selective`", {"memory": "split", "checkpointing": "selective"}),
        Way("split-all", "split, checkpointing `all`", {"memory": "split", "checkpointing": "all"}),
        Way("noise-bank", "joint, `noise_bank` from the second visit on", {"noise_bank": 1}),
        Way(
            "noise-bank-dropout",
            "the same with the default share of dropped prompts",
            {"noise_bank": 1, "caption_dropout": TrainConfig().objective.caption_dropout},
        ),
    )
}


@dataclass(frozen=True)
class Size:
    """How much a step computes."""

    size_px: int
    pairs: int  # per optimiser step; also how many there are
    micro: int  # pairs computed at a time
    rank: int


class Workbench:
    """A model, random pairs and an adapter that has an effect; every way starts from the same state."""

    def __init__(self, model: DiffusionModel, size: Size) -> None:
        self.model, self.size = model, size
        g = torch.Generator().manual_seed(0)
        pixels = (size.pairs, 3, size.size_px, size.size_px)
        self.images = Sides(*(torch.rand(pixels, generator=g) * 2 - 1 for _ in range(2)))
        self.prompts = training_prompts(0, size.pairs)
        self.lora = Lora.create(model, rank=size.rank, alpha=float(size.rank), targets="attention", seed=0)
        # With B = 0, as at a run's start, half of the gradient would be zeros.
        self._start = {
            name: torch.randn(value.shape, generator=g).to(value) * 0.01
            for name, value in self.lora.state_dict().items()
        }
        self.lora.load_state_dict(self._start)
        self.pairs = self._encoded()
        self.drift_bank = Bank.make(model, self.lora, self.pairs, draws_per_pair=-(-DRIFT_DRAWS // size.pairs), seed=0)

    def config(self, way: Way) -> TrainConfig:
        """A way's settings: the safeguard always acts; no prompt is dropped, which would save `split` some work."""
        return TrainConfig.parse(
            {
                "memory": "joint",
                "checkpointing": "none",
                "caption_dropout": 0.0,
                "drift_budget": 0.0,
                "steps": DRIFT_EVERY_STEPS,
                "rank": self.size.rank,
                "lora_alpha": float(self.size.rank),
                "pairs_per_step": self.size.pairs,
                "pairs_per_micro_step": self.size.micro,
                **way.settings,
            }
        )

    def steps(self, way: Way) -> Generator[None]:
        """Make one optimiser step after another, at most `MOST_STEPS`, after one that isn't counted.

        That one creates what is made on first use, and fills the noise bank.
        """
        self.lora.load_state_dict(self._start)
        config = self.config(way)
        way_to_keep = config.computing.checkpointing
        checkpoint_activations(self.model, way_to_keep)  # pyright: ignore[reportArgumentType] - never "auto"
        self.model.release_encoders()
        optimizer = make_optimizer(self.lora, config.computing.optimizer, config.schedule.learning_rate)
        try:
            if way.baseline:
                with baseline.plain_peft(self.model):
                    yield from self._baseline(way, config, optimizer)
            else:
                yield from self._ours(way, config, optimizer)
        finally:
            checkpoint_activations(self.model, "none")
            optimizer.zero_grad(set_to_none=True)

    def _ours(self, way: Way, config: TrainConfig, optimizer: torch.optim.Optimizer) -> Generator[None]:
        known = None
        if config.computing.noise_bank:
            draws, device = config.computing.noise_bank, self.model.device
            known = NoiseBank(self.size.pairs, draws, device=device, dtype=torch.float32)
        common = (self.model, self.lora, optimizer, self.pairs, self.drift_bank)
        every_prompt = config.changed(caption_dropout=0.0)  # so that the noise bank meets every pair
        next(train(*common, every_prompt, Progress(step=1), noise_bank=known))
        rows = train(*common, config, Progress(step=1), noise_bank=known)
        for _ in range(MOST_STEPS):
            if not way.cached:
                self._encode_again()
            next(rows)
            yield

    def _baseline(self, way: Way, config: TrainConfig, optimizer: torch.optim.Optimizer) -> Generator[None]:
        parts = [slice(i, i + self.size.micro) for i in range(0, self.size.pairs, self.size.micro)]
        kept = [self._baseline_inputs(part) for part in parts] if way.cached else None
        self.model.release_encoders()
        assert config.objective.beta != "auto"
        for step in range(1 + MOST_STEPS):
            for i, part in enumerate(parts):
                inputs = kept[i] if kept else self._baseline_inputs(part)
                noise = torch.randn_like(inputs.latents[: len(inputs.latents) // 2])
                timesteps = torch.randint(len(self.model.noise_process), (len(noise),), device=self.model.device)
                loss = baseline.dpo_loss(self.model, self.lora, inputs, noise, timesteps, config.objective.beta)
                (loss / len(parts)).backward()
            torch.nn.utils.clip_grad_norm_(self.lora.parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if step:
                yield

    def _baseline_inputs(self, part: slice) -> baseline.Inputs:
        return baseline.encode(self.model, Sides(*(side[part] for side in self.images)), self.prompts[part])

    def _encoded(self) -> EncodedPairs:
        """All pairs as a run has them, encoded `micro` at a time."""
        side_px, examples = self.size.size_px, tuple(_example(i, prompt) for i, prompt in enumerate(self.prompts))
        winners, losers = (
            torch.cat([self.model.encode_images(part) for part in side.split(self.size.micro)]) for side in self.images
        )
        prompts = self.model.encode_prompts(["", *self.prompts]).to(torch.device("cpu"))
        rows = tuple(prompts.map(lambda tensor, i=i: tensor[i : i + 1]) for i in range(1 + len(examples)))
        frames = [Frame((side_px, side_px), (0, 0), (side_px, side_px))] * len(examples)
        ids = self.model.frame(rows[0], frames).time_ids
        return EncodedPairs(
            examples,
            tuple(Sides(*pair) for pair in zip(winners, losers, strict=True)),
            PairTexts(
                rows, torch.arange(1, 1 + len(examples)), None if ids is None else Sides(ids, ids), self.model.device
            ),
            len(self.model.noise_process),
        )

    def _encode_again(self) -> None:
        """Put freshly encoded latents and prompts into `pairs`, from which the loop draws."""
        fresh = self._encoded()
        for pair, again in zip(self.pairs.images, fresh.images, strict=True):
            for old, new in zip(pair, again, strict=True):
                old.copy_(new)
        for old, new in zip(self.pairs.conditioning.prompts, fresh.conditioning.prompts, strict=True):
            _copy(old, new)


class LiveBytes(TorchDispatchMode):
    """Counts, on any device, the bytes of the tensors that operations make, as long as they live.

    Earlier tensors, such as weights, don't count. An operation's internal memory isn't seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation; note its inputs (which existed before, or are known) and its outputs."""
        for tensor in tree_leaves((args, kwargs)):
            self._see(tensor, new=False)
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            self._see(tensor, new=True)
        return result

    def _see(self, tensor: Any, *, new: bool) -> None:
        if not isinstance(tensor, Tensor):
            return
        storage = tensor.untyped_storage()
        place, size = storage.data_ptr(), storage.nbytes()
        if not size or place in self._known:
            return
        counted = size if new else 0
        self._known.add(place)
        self.now += counted
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, place, counted).atexit = False

    def _forget(self, place: int, counted: int) -> None:
        self._known.discard(place)
        self.now -= counted


def _copy(old: Conditioning, new: Conditioning) -> None:
    old.context.copy_(new.context)
    if old.pooled is not None and new.pooled is not None:
        old.pooled.copy_(new.pooled)


def _example(i: int, prompt: str) -> Example:
    winner, loser = (
        Candidate(
            id=number,
            key=f"{number:064x}",
            prompt=prompt,
            negative="",
            image_sha256=f"{number:064x}",
            width_px=8,
            height_px=8,
            recipe=None,
            created_at=datetime.now(UTC),
        )
        for number in (2 * i, 2 * i + 1)
    )
    return Example(i, prompt, winner, loser)

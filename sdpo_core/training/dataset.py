"""From votes to examples: the only place where left and right become winner and loser.

What a step needs is drawn from (run seed, step, slot) alone, never from a running stream, so that a resumed run,
another batch split or another number of processes sees the same pairs, timesteps and noise.
"""

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from sdpo_core.images.files import decode_image
from sdpo_core.models.family import Conditioning, DiffusionModel, Frame
from sdpo_core.models.noise import initial_noise, own_seed
from sdpo_core.objective import Sides
from sdpo_core.settings.learning import Noise
from sdpo_core.workspace.records import Candidate, VotedPair
from sdpo_core.workspace.store import Store

_MOST_IMAGES = 8  # encoded at a time
_MOST_PIXELS = 8 * 256 * 256  # a VAE in float32 wants gigabytes for one image of 1024 px


@dataclass(frozen=True)
class Example:
    """An oriented pair."""

    pair_id: int
    prompt: str
    winner: Candidate
    loser: Candidate
    weight: float = 1.0  # of its loss; a vote has 1
    files: tuple[Path, Path] | None = None  # the winner's and the loser's image, of what is not in the store

    @property
    def sides(self) -> tuple[Candidate, Candidate]:
        """The winner and the loser."""
        return self.winner, self.loser


@dataclass(frozen=True)
class PairTexts:
    """What the network gets with each side of B pairs: the same prompt, and each image's own time ids.

    Every distinct prompt is kept once, in main memory and at its own length, and put together when a (micro-)step asks
    for it: at SDXL's width a prompt takes .6 MB a chunk, and a single long one would lengthen all others.
    """

    prompts: tuple[Conditioning, ...]  # the distinct ones, one row each, on the CPU; the first is the empty prompt
    rows: Tensor  # (B,) int64 on the CPU: which prompt each pair has
    time_ids: Sides | None  # (B, 6) each, where the family has them
    device: torch.device  # where the network wants them

    def pick(self, rows: Tensor | slice) -> Self:
        """The pairs at the given indices, (M,) int64, or of the slice."""
        time_ids = None if self.time_ids is None else Sides(*(side[rows] for side in self.time_ids))
        return replace(self, rows=self.rows[rows.cpu() if isinstance(rows, Tensor) else rows], time_ids=time_ids)

    def drop(self, mask: Tensor) -> Self:
        """The same with the empty prompt where `mask`, (B,) bool, is true."""
        return replace(self, rows=self.rows.masked_fill(mask.cpu(), 0))

    def __getitem__(self, side: int) -> Conditioning:
        """The winners' (0) or the losers' (1), B rows on the device."""
        told = Conditioning.cat([self.prompts[row] for row in self.rows.tolist()]).to(self.device)
        return told if self.time_ids is None else replace(told, time_ids=self.time_ids[side])

    def both(self) -> Conditioning:
        """The winners', then the losers', 2B rows on the device."""
        return Conditioning.cat([self[0], self[1]])


@dataclass(frozen=True)
class PairBatch:
    """What one (micro-)step is computed on. Winner and loser share prompt, timestep and size, and mostly the noise.

    The pairs of a step may differ in size. Those of a micro-step do not (`split`): only then are `latents` and `noise`
    tensors.
    """

    pair_ids: list[int]
    images: tuple[Sides, ...]  # x_0 of B pairs, (C, h, w) each
    conditioning: PairTexts  # of B pairs
    noises: tuple[Sides, ...]  # ε of B pairs, (C, h, w) each; both sides the same tensor unless it is each image's own
    timesteps: Tensor  # (B,) int64
    unconditional: Tensor  # (B,) bool: the prompt was dropped, so the conditioning is the empty prompt's
    weights: Tensor  # (B,) how much each pair's loss counts; 1 for a vote
    kept: Tensor | None = None  # (B, 2) int64, with a noise bank: the pair's index, and which of its draws this is

    @property
    def latents(self) -> Sides:
        """x_0, (B, C, h, w) each."""
        return Sides(*(torch.stack(side) for side in zip(*self.images, strict=True)))

    @property
    def noise(self) -> Sides:
        """ε, (B, C, h, w) each; one tensor for both sides where all pairs share theirs."""
        winner = torch.stack([noise.winner for noise in self.noises])
        if all(noise.winner is noise.loser for noise in self.noises):
            return Sides(winner, winner)
        return Sides(winner, torch.stack([noise.loser for noise in self.noises]))

    def pick(self, rows: Tensor | slice) -> Self:
        """The rows at the given indices, (M,) int64, or of the slice."""
        places = torch.arange(len(self.pair_ids))[rows.cpu() if isinstance(rows, Tensor) else rows].tolist()
        return type(self)(
            [self.pair_ids[i] for i in places],
            tuple(self.images[i] for i in places),
            self.conditioning.pick(rows),
            tuple(self.noises[i] for i in places),
            self.timesteps[rows],
            self.unconditional[rows],
            self.weights[rows],
            None if self.kept is None else self.kept[rows],
        )

    def rows_by_size(self, at_most: int) -> list[Tensor]:
        """The rows of each micro-batch, (M,) int64 on the CPU: of pairs of one size, up to `at_most` together."""
        return [torch.tensor(rows) for rows in alike([noise.winner.shape for noise in self.noises], at_most)]

    def split(self, at_most: int) -> list[Self]:
        """Micro-batches of pairs of one size, up to `at_most` together."""
        return [self.pick(rows) for rows in self.rows_by_size(at_most)]


def orient(pair: VotedPair) -> Example:
    """The vote decides who is the winner. Ties and skips have none (ValueError)."""
    left, right = pair.pair.left, pair.pair.right
    match pair.vote.choice:
        case "left":
            winner, loser = left, right
        case "right":
            winner, loser = right, left
        case choice:
            raise ValueError(f"A vote of {choice!r} has no winner and is never trained on.")
    return Example(pair.pair.id, winner.prompt, winner, loser)


@dataclass(frozen=True)
class EncodedPairs:
    """Examples with everything the network wants, on the model's device; the encoders are no longer needed."""

    examples: tuple[Example, ...]
    images: tuple[Sides, ...]  # x_0 of N pairs, (C, h, w) each; h and w are the pair's own
    conditioning: PairTexts  # of N pairs
    timesteps: int  # T, the length of the model's noise process
    # Per pair the seeds of the noise that made its two images; None, or no entries at all: both get fresh noise.
    own_seeds: tuple[tuple[int, int] | None, ...] = ()

    @property
    def weights(self) -> Tensor:
        """How much each pair's loss counts, (N,) float32."""
        return torch.tensor([example.weight for example in self.examples], device=self.conditioning.device)

    def __len__(self) -> int:
        return len(self.examples)

    def subset(self, indices: Sequence[int]) -> "EncodedPairs":
        """The pairs at `indices`, in that order."""
        pick = torch.tensor(indices, dtype=torch.long, device=self.conditioning.device)
        return EncodedPairs(
            tuple(self.examples[i] for i in indices),
            tuple(self.images[i] for i in indices),
            self.conditioning.pick(pick),
            self.timesteps,
            tuple(self.own_seeds[i] for i in indices) if self.own_seeds else (),
        )

    def largest(self) -> "EncodedPairs":
        """The pairs of the largest size."""
        sizes = [pair.winner.numel() for pair in self.images]
        return self.subset([i for i, size in enumerate(sizes) if size == max(sizes)])

    def batch(
        self,
        step: int,
        *,
        pairs: int,
        seed: int,
        caption_dropout: float,
        noise_bank: int | None = None,
        slots: range | None = None,
    ) -> PairBatch:
        """The pairs in `slots` (all by default) of optimiser step `step` (from 0), a function of the arguments alone.

        Rows follow the slots, but pairs of one size lie side by side: splitting the batch keeps their order.
        Timesteps are uniform and stratified: each of `pairs` equal parts of the schedule is drawn from once. With a
        `noise_bank` of K every pair goes round K fixed draws, one in each of K equal parts of the schedule. A pair with
        `own_seeds` is noised with those in place of what is drawn; all else stays as drawn.
        """
        strata = torch.randperm(pairs, generator=generator(seed, "strata", step)).tolist()
        drawn: list[tuple[int, int, _Draw, float]] = []  # pair, which of its kept draws, draw, t/T
        for slot in slots or range(pairs):
            epoch, pair = self._place(step * pairs + slot, seed)
            draw = _Draw.make(self.images[pair].winner.shape, seed, "step", step, slot)
            if noise_bank is None:
                drawn.append((pair, 0, draw, (strata[slot] + draw.within) / pairs))
                continue
            turn, visit = divmod(epoch, noise_bank)
            kept = int(torch.randperm(noise_bank, generator=generator(seed, "bank order", pair, turn))[visit])
            fixed = _Draw.make(draw.noise.shape, seed, "bank draw", pair, kept)
            drawn.append((pair, kept, draw._replace(noise=fixed.noise), (kept + fixed.within) / noise_bank))
        drawn = [drawn[i] for rows in alike([draw.noise.shape for *_, draw, _ in drawn], pairs) for i in rows]
        device = self.conditioning.device
        pick = torch.tensor([pair for pair, *_ in drawn], device=device)
        dropped = torch.tensor([draw.uniform < caption_dropout for *_, draw, _ in drawn], device=device)
        return PairBatch(
            [self.examples[pair].pair_id for pair, *_ in drawn],
            tuple(self.images[pair] for pair, *_ in drawn),
            self.conditioning.pick(pick).drop(dropped),
            tuple(self._noises(pair, draw.noise) for pair, _, draw, _ in drawn),
            torch.tensor([int(part * self.timesteps) for *_, part in drawn], device=device),
            dropped,
            self.weights[pick],
            None if noise_bank is None else torch.tensor([[pair, kept] for pair, kept, *_ in drawn], device=device),
        )

    def _noises(self, pair: int, fresh: Tensor) -> Sides:
        """ε of both sides on the device: `fresh`, (C, h, w), shared, or what made each image."""
        device = self.conditioning.device
        own = self.own_seeds[pair] if self.own_seeds else None
        if own is None:
            shared = fresh.to(device)
            return Sides(shared, shared)
        return Sides(*(initial_noise(seed, fresh.shape).to(device) for seed in own))

    def _place(self, position: int, seed: int) -> tuple[int, int]:
        """(epoch, pair) at `position` of the endless sequence of shuffled epochs."""
        epoch, index = divmod(position, len(self))
        return epoch, int(torch.randperm(len(self), generator=generator(seed, "epoch", epoch))[index])


class _Draw(NamedTuple):
    within: float  # in [0, 1): where in its stratum the timestep is
    uniform: float  # in [0, 1): decides caption dropout
    noise: Tensor  # (C, h, w)

    @classmethod
    def make(cls, shape: torch.Size, *key: int | str) -> "_Draw":
        g = generator(*key)
        within, uniform = torch.rand(2, generator=g).tolist()
        return cls(within, uniform, torch.randn(shape, generator=g))


def generator(*key: int | str) -> torch.Generator:
    """A CPU generator seeded by `key`: the same key gives the same numbers on every machine."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def encode_pairs(
    model: DiffusionModel,
    store: Store,
    pairs: Sequence[VotedPair | Example],
    sizes: Sequence[tuple[int, int]],
    clip_skip: int | None = None,
    *,
    noise: Noise = "fresh",
) -> EncodedPairs:
    """Orient `pairs` and encode their prompts and their images, each pair's brought to its size (width, height).

    With `noise` "own" the pairs whose images were both made by known noise (`own_seed`) are noised with it.
    """
    examples = tuple(pair if isinstance(pair, Example) else orient(pair) for pair in pairs)
    row = {prompt: i for i, prompt in enumerate(sorted({example.prompt for example in examples} | {""}))}
    prompts = tuple(model.encode_prompts([prompt], clip_skip).to(torch.device("cpu")) for prompt in row)
    files = [
        one.files or (store.images.path(one.winner.image_sha256), store.images.path(one.loser.image_sha256))
        for one in examples
    ]
    winners = _encode_images(model, [winner for winner, _ in files], sizes)
    losers = _encode_images(model, [loser for _, loser in files], sizes)
    ids = [model.frame(prompts[0], encoded.frames).time_ids for encoded in (winners, losers)]
    time_ids = Sides(*(side for side in ids if side is not None)) if None not in ids else None
    rows = torch.tensor([row[example.prompt] for example in examples])
    return EncodedPairs(
        examples,
        tuple(Sides(*both) for both in zip(winners.latents, losers.latents, strict=True)),
        PairTexts(prompts, rows, time_ids, model.device),
        len(model.noise_process),
        _own_seeds(model, examples, sizes) if noise == "own" else (),
    )


def _own_seeds(
    model: DiffusionModel, examples: Sequence[Example], sizes: Sequence[tuple[int, int]]
) -> tuple[tuple[int, int] | None, ...]:
    """The two seeds of each pair; None for a pair of which one is not known."""
    found = [
        (own_seed(model, example.winner, size), own_seed(model, example.loser, size))
        for example, size in zip(examples, sizes, strict=True)
    ]
    return tuple(None if winner is None or loser is None else (winner, loser) for winner, loser in found)


def own_noise_sentence(pairs: EncodedPairs) -> str:
    """How many pairs, of those that should train with their own noise, do not, for a person; empty when all do."""
    fresh = pairs.own_seeds.count(None)
    if not fresh:
        return ""
    return (
        f"{fresh} of {len(pairs)} pairs train{'s' if fresh == 1 else ''} with fresh noise: the noise behind an image "
        "is known only if this model generated it in the studio at the size used for training."
    )


class _Encoded(NamedTuple):
    latents: list[Tensor]  # N, (C, h, w) each
    frames: list[Frame]  # N


def _encode_images(model: DiffusionModel, paths: Sequence[Path], sizes: Sequence[tuple[int, int]]) -> _Encoded:
    latents: dict[int, Tensor] = {}
    frames: dict[int, Frame] = {}
    largest = max((width * height for width, height in sizes), default=1)
    for rows in alike(sizes, min(_MOST_IMAGES, max(1, _MOST_PIXELS // largest))):
        size = sizes[rows[0]]
        images = [decode_image(paths[i]) for i in rows]
        pixels = torch.stack([_pixels(_fit(image, size)) for image in images])  # (B, 3, H, W)
        latents.update(zip(rows, model.encode_images(pixels.to(model.device)), strict=True))
        frames.update(zip(rows, (fit_frame(image.size, size) for image in images), strict=True))
    everyone = range(len(paths))
    return _Encoded([latents[i] for i in everyone], [frames[i] for i in everyone])


def alike(keys: Sequence[Hashable], at_most: int) -> list[list[int]]:
    """Indices of equal `keys`, up to `at_most` together: keys in the order of their first, indices in their own."""
    places: dict[Hashable, list[int]] = {}
    for i, key in enumerate(keys):
        places.setdefault(key, []).append(i)
    return [same[i : i + at_most] for same in places.values() for i in range(0, len(same), at_most)]


def fit_frame(original: tuple[int, int], size: tuple[int, int]) -> Frame:
    """What `_fit` does to an image of `original` (width, height): fills `size` and cuts evenly what sticks out."""
    (width, height), (to_width, to_height) = original, size
    scale = max(to_width / width, to_height / height)
    top, left = round((height * scale - to_height) / 2), round((width * scale - to_width) / 2)
    return Frame((height, width), (top, left), (to_height, to_width))


def _pixels(image: Image.Image) -> Tensor:
    """RGB image as (3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).float() / 127.5 - 1


def _fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else ImageOps.fit(image, size, Image.Resampling.LANCZOS)

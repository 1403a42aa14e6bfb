"""Prompts and seeds of the benches: what is trained on, what settings are chosen on, and what is judged on.

A salted hash of a prompt decides what it may be used for, so all kinds are drawn alike and can't overlap: one half is
for judging; the other is shared by the pairs that people vote on before training, and by everything else that is asked
(the questions on which settings are chosen, and the fresh pairs on which the winner error is measured). Each has its
own range of seeds. `python -m bench.questions` wrote the committed judge file, which is never used for tuning and must
not be rewritten: choosing defaults again after seeing its answers needs another salt and another file.
"""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import TypeAdapter

from demo.scenes import sample_prompt
from sdpo_core.atomic import write_json

Part = Literal["judging", "training", "asking"]
Use = Literal["judging", "tuning"]

JUDGE_FILE = Path(__file__).resolve().parent / "judge_questions.json"
PROMPTS, SEEDS_PER_PROMPT = 40, 4
FRESH_PAIRS = 80
POOL_PROMPTS, POOL_IMAGES, TEST_PAIRS = 120, 8, 240
RESERVED_SEED = 2
"""The bench seed that is kept unseen while defaults are chosen (`cells.refuse_reserved`)."""
MENTION = 0.3  # how often a prompt mentions an attribute; the rest is left to the model, and so to taste

_SALT = "2026-11-30"  # the first, no salt, was used up by the defaults of 2026-11-21
_PARTS: tuple[Part, ...] = ("judging", "judging", "training", "asking")
_JUDGE_DRAW_SEED = 20_261_130
_FIRST_TRAINING_SEED = 1_000_000  # of bench seed 0
_SEEDS_PER_BENCH_SEED = 10_000
_BENCH_SEEDS = 400
_FIRST_JUDGE_SEED = 6_000_000
_FIRST_TUNING_SEED = 7_500_000
_FIRST_POOL_SEED, _FIRST_TEST_SEED = 9_000_000, 9_100_000
_FIRST_FRESH_SEED: dict[Use, int] = {"judging": 8_000_000, "tuning": 8_100_000}


@dataclass(frozen=True)
class Question:
    """One prompt and seed on which base and adapter are compared."""

    prompt: str
    seed: int


@dataclass(frozen=True)
class Questions:
    """P prompts, each asked at its own K seeds, so that images of one prompt can be compared with each other."""

    prompts: tuple[str, ...]  # P, all different
    seeds: tuple[tuple[int, ...], ...]  # (P, K), all different

    def __post_init__(self) -> None:
        """Raise ValueError unless every prompt has the same number of seeds, at least two."""
        counts = {len(seeds) for seeds in self.seeds}
        if len(self.prompts) != len(self.seeds) or len(counts) != 1 or min(counts) < 2:
            raise ValueError(f"expected as many seeds for each of {len(self.prompts)} prompts, 2 or more, got {counts}")

    @property
    def shape(self) -> tuple[int, int]:
        """(P, K)."""
        return len(self.prompts), len(self.seeds[0])

    def one_by_one(self) -> list[Question]:
        """All P·K questions, prompt by prompt."""
        asked = zip(self.prompts, self.seeds, strict=True)
        return [Question(prompt, seed) for prompt, seeds in asked for seed in seeds]

    def first(self, prompts: int) -> "Questions":
        """Only the first `prompts` prompts."""
        return self.part(0, prompts)

    def part(self, start: int, stop: int) -> "Questions":
        """Only the prompts from `start` up to, but without, `stop`."""
        return Questions(self.prompts[start:stop], self.seeds[start:stop])


@dataclass(frozen=True)
class PairPlan:
    """Pairs to generate for votes: one per prompt, the left image of pair i at seed `first_seed` + 2i."""

    prompts: tuple[str, ...]
    first_seed: int

    def first(self, pairs: int) -> "PairPlan":
        """Only the first `pairs` pairs."""
        return self.part(0, pairs)

    def part(self, start: int, stop: int) -> "PairPlan":
        """Only the pairs from `start` up to, but without, `stop`."""
        return PairPlan(self.prompts[start:stop], self.first_seed + 2 * start)


def judge_questions() -> Questions:
    """The committed questions of the outcome bench."""
    return TypeAdapter(Questions).validate_json(JUDGE_FILE.read_bytes())


def tuning_questions() -> Questions:
    """The questions on which settings are chosen: of the same size and kind, with prompts that nothing else uses."""
    return _ask(_draw(np.random.default_rng(1), PROMPTS, "asking"), _FIRST_TUNING_SEED)


def training_prompts(bench_seed: int, count: int) -> list[str]:
    """`count` different prompts to train on; a smaller count gives the first part of a larger one."""
    return _draw(np.random.default_rng([bench_seed, 1]), count, "training")


def training_pairs(bench_seed: int, count: int) -> PairPlan:
    """The pairs that the simulated people of a bench seed vote on. Raises ValueError for a seed without a range."""
    if not (0 <= bench_seed < _BENCH_SEEDS and 2 * count <= _SEEDS_PER_BENCH_SEED):
        raise ValueError(
            f"expected a bench seed below {_BENCH_SEEDS} and at most {_SEEDS_PER_BENCH_SEED // 2} pairs, got seed "
            f"{bench_seed} and {count} pairs"
        )
    first = _FIRST_TRAINING_SEED + bench_seed * _SEEDS_PER_BENCH_SEED
    return PairPlan(tuple(training_prompts(bench_seed, count)), first)


def fresh_pairs(use: Use) -> PairPlan:
    """Pairs that no run trains on, for the winner error. Tuning and the outcome bench have different ones."""
    first = _FIRST_FRESH_SEED[use]
    return PairPlan(tuple(_draw(np.random.default_rng([first, 2]), FRESH_PAIRS, "asking")), first)


def asking_pool() -> Questions:
    """Prompts at many seeds each, for people who are asked about some of their images (`bench.asking`)."""
    prompts = _draw(np.random.default_rng([_FIRST_POOL_SEED, 3]), POOL_PROMPTS, "training")
    return _ask(prompts, _FIRST_POOL_SEED, POOL_IMAGES)


def asking_test() -> Questions:
    """Pairs of other prompts that nobody is asked about: `bench.asking` measures a taste model's accuracy on them."""
    prompts = _draw(np.random.default_rng([_FIRST_TEST_SEED, 3]), TEST_PAIRS, "asking")
    return _ask(prompts, _FIRST_TEST_SEED, 2)


def part_of(prompt: str) -> Part:
    """What this prompt may be used for."""
    return _PARTS[hashlib.sha256(f"{_SALT} {prompt}".encode()).digest()[0] % len(_PARTS)]


def _ask(prompts: list[str], first_seed: int, each: int = SEEDS_PER_PROMPT) -> Questions:
    seeds = (tuple(first_seed + each * i + k for k in range(each)) for i in range(len(prompts)))
    return Questions(tuple(prompts), tuple(seeds))


def _draw(rng: np.random.Generator, count: int, part: Part) -> list[str]:
    """`count` different prompts of one part."""
    found: dict[str, None] = {}
    while len(found) < count:
        prompt = sample_prompt(rng, MENTION)
        if part_of(prompt) == part:
            found[prompt] = None
    return list(found)


def main() -> None:
    """Write the judge file, once."""
    prompts = _draw(np.random.default_rng(_JUDGE_DRAW_SEED), PROMPTS, "judging")
    write_json(JUDGE_FILE, asdict(_ask(prompts, _FIRST_JUDGE_SEED)))


if __name__ == "__main__":
    main()

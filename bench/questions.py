"""Prompts and seeds of the outcome bench: what is trained on, and what is judged on, never the same.

The hash of a prompt decides which of the two it may be used for, so both kinds are drawn alike and can't overlap.
`python -m bench.questions` wrote the committed judge file; it is never used for tuning, and not to be rewritten.
"""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from demo.scenes import sample_prompt
from sdpo_core.atomic import write_json

JUDGE_FILE = Path(__file__).resolve().parent / "outcome_prompts.json"
JUDGE_QUESTIONS = 100
MENTION = 0.3  # how often a prompt tells an attribute; the rest is left to the model, and so to taste
_JUDGE_DRAW_SEED = 20_251_120
_FIRST_JUDGE_SEED = 5_000_000
_FIRST_TRAINING_SEED = 1_000_000  # of bench seed 0; far below the judge's
_SEEDS_PER_BENCH_SEED = 10_000


@dataclass(frozen=True)
class Question:
    """One prompt and seed on which base and adapter are compared."""

    prompt: str
    seed: int


def judge_questions() -> tuple[Question, ...]:
    """The committed questions."""
    return TypeAdapter(tuple[Question, ...]).validate_json(JUDGE_FILE.read_bytes())


def training_prompts(bench_seed: int, count: int) -> list[str]:
    """`count` different prompts to train on."""
    return _draw(np.random.default_rng([bench_seed, 1]), count, judge=False)


def first_training_seed(bench_seed: int) -> int:
    """Seed of the first training image; the others follow by one and never reach another bench seed's."""
    return _FIRST_TRAINING_SEED + bench_seed * _SEEDS_PER_BENCH_SEED


def is_for_judging(prompt: str) -> bool:
    """Which half of all prompts this one belongs to."""
    return hashlib.sha256(prompt.encode()).digest()[0] % 2 == 0


def _draw(rng: np.random.Generator, count: int, *, judge: bool) -> list[str]:
    """`count` different prompts of one half."""
    found: dict[str, None] = {}
    while len(found) < count:
        prompt = sample_prompt(rng, MENTION)
        if is_for_judging(prompt) == judge:
            found[prompt] = None
    return list(found)


def main() -> None:
    """Write the judge file, once."""
    prompts = _draw(np.random.default_rng(_JUDGE_DRAW_SEED), JUDGE_QUESTIONS, judge=True)
    write_json(JUDGE_FILE, [asdict(Question(prompt, _FIRST_JUDGE_SEED + i)) for i, prompt in enumerate(prompts)])


if __name__ == "__main__":
    main()

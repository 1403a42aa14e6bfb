"""Recipes, images and a filled store for the tests of this folder."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from PIL import Image

from sdpo_core.workspace.records import AdapterUse, Candidate, Choice, Pair, Purpose, Recipe, Vote, VotedPair
from sdpo_core.workspace.store import Store

BASE = "b" * 64
ADAPTER = AdapterUse(sha256="a" * 64)
_numbers = count()


def recipe(seed: int = 0, prompt: str = "a lake", base: str = BASE, adapters: tuple[AdapterUse, ...] = ()) -> Recipe:
    return Recipe(
        prompt=prompt,
        seed=seed,
        sampler="ddim",
        steps=20,
        guidance=3.0,
        width_px=8,
        height_px=8,
        base_sha256=base,
        adapters=adapters,
        device="cpu",
        dtype="float32",
        threads=1,
        batch=2,
        scheduler="{}",
    )


def picture(seed: int = 0) -> Image.Image:
    """An 8x8 image of one colour, another for each seed."""
    return Image.new("RGB", (8, 8), (seed % 256, seed // 256 % 256, seed // 65536 % 256))


def add(store: Store, seed: int, prompt: str = "a lake", base: str = BASE, adapter: bool = False) -> Candidate:
    return store.candidates.add(picture(seed), recipe(seed, prompt, base, (ADAPTER,) if adapter else ()))


def add_pair(
    store: Store, seed: int, prompt: str = "a lake", *, purpose: Purpose = "train", run_id: str | None = None
) -> Pair:
    """A pair of the seeds `2 * seed` and `2 * seed + 1`."""
    left, right = add(store, 2 * seed, prompt), add(store, 2 * seed + 1, prompt)
    return store.pairs.add(left.id, right.id, purpose=purpose, run_id=run_id)


def cut_short(path: Path) -> None:
    """Damage a file as a crash or a bad disk does."""
    path.write_bytes(path.read_bytes()[:50])


def vote_on(store: Store, pair: Pair, choice: Choice = "left") -> str:
    """Vote and return the vote's uuid."""
    uuid = f"vote-{next(_numbers)}"
    store.votes.cast(uuid, pair.id, choice)
    return uuid


def imagined(number: int, left_seed: int, right_seed: int, prompt: str = "a lake", base: str = BASE) -> VotedPair:
    """A decided pair as the store would hand it out, for tests that need many and no store."""
    now = datetime.now(UTC)

    def candidate(seed: int) -> Candidate:
        made_by = recipe(seed, prompt, base)
        return Candidate(
            id=seed,
            key=made_by.key(),
            prompt=prompt,
            negative="",
            image_sha256="c" * 64,
            width_px=8,
            height_px=8,
            recipe=made_by,
            created_at=now,
        )

    left, right = candidate(left_seed), candidate(right_seed)
    pair = Pair(id=number, left=left, right=right, purpose="train", run_id=None, created_at=now)
    vote = Vote(uuid=f"vote {number}", pair_id=number, choice="left", response_ms=None, created_at=now)
    return VotedPair(pair=pair, vote=vote)


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    with Store(tmp_path / "workspace") as opened:
        with opened._database.reading() as connection:
            # These tests ask what is stored, not whether it survives; waiting for the disk is test_durability's.
            connection.execute("PRAGMA synchronous = OFF").fetchall()
        yield opened

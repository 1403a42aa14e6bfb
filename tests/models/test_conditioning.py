"""Conditioning as one value, and contexts of different lengths in one batch."""

import torch
from torch.testing import assert_close

from sdpo_core.models.family import Conditioning, DiffusionModel


def random_conditioning(rows: int, length: int, seed: int) -> Conditioning:
    g = torch.Generator().manual_seed(seed)
    return Conditioning(
        torch.randn(rows, length, 32, generator=g),
        torch.randn(rows, 5, generator=g),
        torch.randn(rows, 6, generator=g),
    )


def fields(conditioning: Conditioning) -> list[torch.Tensor]:
    assert conditioning.pooled is not None
    assert conditioning.time_ids is not None
    return [conditioning.context, conditioning.pooled, conditioning.time_ids]


def test_rows_are_joined_in_every_field() -> None:
    one, other = random_conditioning(3, 4, 0), random_conditioning(2, 4, 1)
    both = Conditioning.cat([one, other])
    for joined, a, b in zip(fields(both), fields(one), fields(other), strict=True):
        assert torch.equal(joined, torch.cat([a, b]))
    bare = Conditioning(one.context)
    assert Conditioning.cat([bare, bare]).pooled is None


def test_contexts_of_different_lengths_give_in_one_batch_what_they_give_alone(tiny: DiffusionModel) -> None:
    noisy = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([10, 500, 900])
    parts = [Conditioning(random_conditioning(1, length, length).context) for length in (24, 48, 72)]
    together = Conditioning.cat(parts)
    assert together.context.shape == (3, 144, 32)
    with torch.no_grad():
        found = tiny.predict(noisy, t, together)
        alone = torch.cat([tiny.predict(noisy[i : i + 1], t[i : i + 1], part) for i, part in enumerate(parts)])
    assert_close(found, alone, rtol=1e-5, atol=1e-5)

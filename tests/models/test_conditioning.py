"""Conditioning as one value: rows, choices, and contexts of different lengths in one batch."""

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


def test_rows_are_picked_and_joined_in_every_field() -> None:
    one, other = random_conditioning(3, 4, 0), random_conditioning(2, 4, 1)
    both = Conditioning.cat([one, other])
    assert len(both) == 5
    for joined, a, b in zip(fields(both), fields(one), fields(other), strict=True):
        assert torch.equal(joined, torch.cat([a, b]))
    for picked, whole in zip(fields(both.pick(torch.tensor([4, 0]))), fields(both), strict=True):
        assert torch.equal(picked, whole[[4, 0]])
    assert torch.equal(one.pick(slice(1, 2)).expand(3).context, one.context[[1, 1, 1]])
    bare = Conditioning(one.context)
    assert Conditioning.cat([bare, bare]).pooled is None


def test_a_choice_by_row_takes_the_prompt_and_leaves_the_image() -> None:
    one, empty = random_conditioning(3, 4, 0), random_conditioning(1, 4, 1)
    mask = torch.tensor([True, False, True])
    chosen = one.where(mask, empty)
    for field, mine, other in zip(fields(chosen)[:2], fields(one)[:2], fields(empty)[:2], strict=True):
        assert torch.equal(field, torch.stack([mine[0], other[0], mine[2]]))
    assert torch.equal(fields(chosen)[2], fields(one)[2])


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
    mask = torch.tensor([True, False])
    mixed = Conditioning.cat([parts[0], parts[0]]).where(mask, parts[1])
    with torch.no_grad():
        assert_close(tiny.predict(noisy[:2], t[:2], mixed), alone[:2], rtol=1e-5, atol=1e-5)

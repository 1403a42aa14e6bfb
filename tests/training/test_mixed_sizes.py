"""Pairs of several sizes in one run: the same gradient in every grouping, and a health check that stays a fair one."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.objective import Sides
from sdpo_core.settings.train import TrainConfig
from sdpo_core.training.dataset import EncodedPairs, alike
from sdpo_core.training.health import DRIFT_DRAWS, Bank
from sdpo_core.training.preflight import choose_way
from sdpo_core.training.processes import Processes
from sdpo_core.training.reference import NoiseBank
from sdpo_core.training.step import side_gradients
from tests.training.parts import checked, parts

CONFIG = TrainConfig.of(beta=20.0, rank=4, lora_alpha=4, steps=4, pairs_per_step=6)
ROUNDING = 2e-6  # of 1 − the quotient of two float32 sums: 20 times what two CPUs were seen to differ by
SHAPES = [(8, 8), (6, 10), (8, 8), (10, 6), (6, 10), (6, 6)]


@pytest.fixture
def mixed(pairs: EncodedPairs) -> EncodedPairs:
    """Six pairs in four sizes."""
    g = torch.Generator().manual_seed(2)
    images = tuple(Sides(*(torch.randn(4, *shape, generator=g) for _ in range(2))) for shape in SHAPES)
    return replace(pairs, images=images)


def test_what_is_alike_by_hand() -> None:
    assert alike(list("abacba"), 2) == [[0, 2], [5], [1, 4], [3]]
    assert alike(list("aaa"), 2) == [[0, 1], [2]]
    assert alike([], 2) == []


def test_a_step_is_the_same_whoever_computes_its_slots(mixed: EncodedPairs) -> None:
    """Pair, timestep and noise of each slot, alone and among others."""
    for bank in (None, 2):
        whole = mixed.batch(1, pairs=6, seed=3, caption_dropout=0.5, noise_bank=bank)
        parts = [
            mixed.batch(1, pairs=6, seed=3, caption_dropout=0.5, noise_bank=bank, slots=Processes(rank, 3).slots(6))
            for rank in range(3)
        ]
        assert Counter(whole.pair_ids) == Counter(dict.fromkeys(range(1, 7), 1))
        found = {
            pair: (t, dropped, noise)
            for part in parts
            for pair, t, dropped, noise in zip(
                part.pair_ids, part.timesteps.tolist(), part.unconditional.tolist(), part.noises, strict=True
            )
        }
        for pair, t, dropped, noise, image in zip(
            whole.pair_ids,
            whole.timesteps.tolist(),
            whole.unconditional.tolist(),
            whole.noises,
            whole.images,
            strict=True,
        ):
            assert found[pair][:2] == (t, dropped)
            assert torch.equal(found[pair][2].winner, noise.winner)
            assert noise.winner is noise.loser
            assert noise.winner.shape == image.winner.shape == (4, *SHAPES[pair - 1])


def test_a_split_keeps_one_size_together_and_the_order_of_the_rows(mixed: EncodedPairs) -> None:
    batch = mixed.batch(0, pairs=6, seed=3, caption_dropout=0.5)
    parts = batch.split(6)
    assert sorted(len(part.pair_ids) for part in parts) == [1, 1, 2, 2]
    assert [pair for part in parts for pair in part.pair_ids] == batch.pair_ids
    for part in parts:
        assert part.latents.winner.shape == part.noise.winner.shape == (len(part.pair_ids), *part.images[0].loser.shape)
    with pytest.raises(RuntimeError, match="equal size"):
        _ = batch.latents


@pytest.mark.parametrize(
    "settings", [{"safeguard": "lora"}, {"safeguard": "output"}, {"loss": "ipo", "anchor": 0.1}, {"memory": "split"}]
)
def test_every_grouping_gives_the_gradient_of_the_pairs_one_by_one(
    model: DiffusionModel, trained_lora: Lora, mixed: EncodedPairs, settings: dict[str, Any]
) -> None:
    config = CONFIG.changed(**settings)
    batch = mixed.batch(0, pairs=6, seed=0, caption_dropout=0.5)
    assert 0 < int(batch.unconditional.sum()) < 6
    joint = config.changed(memory="joint")
    alone = [side_gradients(model, trained_lora, [one], *parts(joint), beta=20.0) for one in batch.split(1)]
    expected = [torch.stack([found[side] for found, _ in alone]).mean(0) for side in (0, 1)]
    assert float(expected[0].norm()) > 1e-4
    for at_most in (6, 1):
        gradients, seen = side_gradients(model, trained_lora, batch.split(at_most), *parts(config), beta=20.0)
        for found, mean in zip(gradients, expected, strict=True):
            assert_close(found, mean, rtol=1e-4, atol=1e-6 * float(expected[0].norm()))
        assert_close(seen.margin, torch.cat([numbers.margin for _, numbers in alone]), rtol=1e-4, atol=1e-4)


def test_the_reference_is_remembered_by_pair(model: DiffusionModel, trained_lora: Lora, mixed: EncodedPairs) -> None:
    batch = mixed.batch(0, pairs=6, seed=0, caption_dropout=0.0, noise_bank=2)
    assert batch.kept is not None
    bank = NoiseBank(len(mixed), 2, device=model.device, dtype=torch.float32)
    fresh, seen = side_gradients(model, trained_lora, batch.split(6), *parts(CONFIG), beta=20.0, bank=bank)
    bank.keep(batch.kept, seen.reference, ~batch.unconditional)
    assert int(bank.errors.isfinite().all(2).sum()) == 6
    for one in batch.split(1):
        assert one.kept is not None
        _, alone = side_gradients(model, trained_lora, [one], *parts(CONFIG), beta=20.0)
        assert_close(bank.look(one.kept)[0], torch.cat(list(alone.reference)), rtol=1e-4, atol=0)
    again, _ = side_gradients(model, trained_lora, batch.split(6), *parts(CONFIG), beta=20.0, bank=bank)
    for a, b in zip(fresh, again, strict=True):
        assert_close(b, a, rtol=1e-4, atol=1e-6 * float(fresh.winner.norm()))


def test_the_health_bank_keeps_its_order(model: DiffusionModel, trained_lora: Lora, mixed: EncodedPairs) -> None:
    bank = Bank.make(model, trained_lora, mixed, draws_per_pair=10, seed=0)
    draws = bank.draws
    assert [image.winner.shape[1:] for image in draws.images] == [torch.Size(SHAPES[i]) for i in bank.pair_index]

    def errors(side: int) -> Tensor:
        """Row by row."""
        found: list[Tensor] = []
        for row in range(len(draws.pair_ids)):
            one = draws.pick(slice(row, row + 1))
            abar = model.noise_process.signal[one.timesteps].square()
            noised = abar.sqrt() * one.latents[side] + (1 - abar).sqrt() * one.noise[side]
            with torch.no_grad():
                prediction = model.predict(noised, one.timesteps, one.conditioning[side])
            found.append((prediction - one.noise[side]).square().mean())
        return torch.stack(found)

    on = Sides(errors(0), errors(1))
    with trained_lora.off():
        off = Sides(errors(0), errors(1))
    for found, expected in zip(bank.reference, off, strict=True):
        assert_close(found, expected, rtol=1e-4, atol=1e-5)
    row = checked(bank, model, CONFIG, 20.0)
    # The two sums that are subtracted are equal but for 1e-4 of them, so their rounding decides the tolerance.
    assert row["winner_error"] == pytest.approx(float(on.winner.sum() / off.winner.sum() - 1), abs=ROUNDING)
    assert row["loser_error"] == pytest.approx(float(on.loser.sum() / off.loser.sum() - 1), abs=ROUNDING)
    rise, ratio = on.winner - off.winner, row["winner_error"]
    clusters = [float((rise - ratio * off.winner)[bank.pair_index == pair].sum()) for pair in range(6)]
    by_hand = (sum(x * x for x in clusters) * 6 / 5) ** 0.5 / float(off.winner.sum())
    assert row["winner_error_se"] == pytest.approx(by_hand, abs=ROUNDING)
    first = Counter(bank.pair_index[:DRIFT_DRAWS].tolist())
    assert len(first) == 6
    assert min(first.values()) >= 6  # of 10: the draws on which the drift is measured come from every pair, and size
    drift = float(on.winner[:DRIFT_DRAWS].sum() / off.winner[:DRIFT_DRAWS].sum() - 1)
    moved = bank.movement(model)
    assert moved.drift == pytest.approx(drift, abs=ROUNDING)
    with trained_lora.off():
        assert bank.movement(model) == (pytest.approx(0, abs=ROUNDING), 0)
    assert moved.displacement > 0


def test_the_dry_step_takes_the_largest_pairs(
    model: DiffusionModel, lora: Lora, mixed: EncodedPairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: set[tuple[int, ...]] = set()
    predict = model.predict
    monkeypatch.setattr(model, "predict", lambda x, *rest: (shapes.add(tuple(x.shape)), predict(x, *rest))[1])
    choose_way(model, lora, mixed, CONFIG, Processes())
    assert shapes == {(12, 4, 8, 8)}  # both sides of two pairs, thrice; the others have 60 numbers a channel

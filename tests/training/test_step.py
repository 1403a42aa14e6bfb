"""The algorithm box against autograd through one joint loss, and the guarantees it states."""

import math
from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.objective import Sides, preference_loss
from sdpo_core.settings.learning import Safeguarding
from sdpo_core.settings.train import TrainConfig
from sdpo_core.training.dataset import EncodedPairs, PairBatch
from sdpo_core.training.reference import NoiseBank
from sdpo_core.training.step import SideGradients, assign, noise_sides, own_options, restrain, side_gradients
from tests.training.parts import parts

SETTINGS: list[dict[str, Any]] = [
    {"safeguard": "none"},
    {"safeguard": "output"},
    {"safeguard": "output", "scope": "batch"},
    {"safeguard": "constant", "loser_weight": 0.3},
    {"safeguard": "lora", "drift_budget": 0.0},
    {"safeguard": "none", "loss": "ipo"},
    {"safeguard": "output", "loss": "dmpo"},
    {"safeguard": "none", "loss": "sft"},
    {"safeguard": "none", "smoothing": 0.1, "anchor": 0.05},
    {"safeguard": "none", "hold_unconditional": 0.0},
    {"safeguard": "output", "loss": "dspo-sdxl"},
    {"safeguard": "none", "loss": "dspo"},
]


def loss_options(config: TrainConfig) -> dict[str, Any]:
    assert config.objective.beta != "auto"
    return {
        "beta": config.objective.beta,
        "mu": config.safeguarding.mu,
        "scope": config.safeguarding.scope,
        "safeguard": "none" if config.safeguarding.safeguard == "lora" else config.safeguarding.safeguard,
        "hold_past_target": True if config.safeguarding.safeguard == "lora" else None,
        "loser_weight": config.safeguarding.loser_weight,
        "anchor": config.objective.anchor,
        **own_options(config.objective),
    }


def draw(pairs: EncodedPairs, config: TrainConfig) -> PairBatch:
    """Four pairs, some of them without their prompt."""
    batch = pairs.batch(0, pairs=4, seed=config.schedule.seed, caption_dropout=0.5)
    assert 0 < int(batch.unconditional.sum()) < 4
    return batch


def moved(prediction: Tensor, reference: Tensor) -> Tensor:
    return (prediction - reference).square().mean((1, 2, 3))


def joint_gradient(model: DiffusionModel, lora: Lora, batch: PairBatch, config: TrainConfig) -> Tensor:
    """What everybody else does: both sides in one batch, one loss, one backward."""
    noised, targets = noise_sides(model, batch)
    both, t, c = torch.cat(list(noised)), batch.timesteps.repeat(2), batch.conditioning.both()
    with torch.no_grad(), lora.off():
        reference = Sides(*model.predict(both, t, c).chunk(2))
    prediction = Sides(*model.predict(both, t, c).chunk(2))
    loss = preference_loss(config.objective.loss, prediction, reference, targets, **loss_options(config))
    unit = 1 if config.objective.loss in ("sft", "dspo") else 10
    held = unit * config.objective.hold_unconditional * moved(prediction.winner, reference.winner)
    if config.objective.hold_unconditional:
        loss = torch.stack(
            [h if dropped else ell for h, ell, dropped in zip(held, loss, batch.unconditional, strict=True)]
        )
    grads = torch.autograd.grad(loss.mean(), lora.parameters, allow_unused=True)
    return torch.cat(
        [torch.zeros(p.numel()) if g is None else g.flatten() for g, p in zip(grads, lora.parameters, strict=True)]
    )


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_sides_gradients_add_up_to_the_joint_one(
    model: DiffusionModel, trained_lora: Lora, pairs: EncodedPairs, settings: dict[str, Any]
) -> None:
    config = TrainConfig.of(beta=20.0, **settings)
    batch = draw(pairs, config)
    gradients, _ = side_gradients(model, trained_lora, [batch], *parts(config), beta=20.0)
    expected = joint_gradient(model, trained_lora, batch, config)
    assert expected.norm() > 1e-4
    assert_close(gradients.winner - gradients.loser, expected, rtol=1e-4, atol=1e-6 * float(expected.norm()))


@pytest.mark.parametrize("settings", [s for s in SETTINGS if s.get("scope") != "batch"])
def test_the_split_into_micro_batches_does_not_matter(
    model: DiffusionModel, trained_lora: Lora, pairs: EncodedPairs, settings: dict[str, Any]
) -> None:
    config = TrainConfig.of(beta=20.0, **settings)
    batch = draw(pairs, config)
    whole, _ = side_gradients(model, trained_lora, [batch], *parts(config), beta=20.0)
    apart, seen = side_gradients(model, trained_lora, batch.split(1), *parts(config), beta=20.0)
    assert seen.margin.shape == (4,)
    for a, b in zip(whole, apart, strict=True):
        assert_close(a, b, rtol=1e-4, atol=1e-6 * float(whole.winner.norm()))


@pytest.mark.parametrize("settings", [s for s in SETTINGS if s.get("scope") != "batch" and s.get("loss") != "dspo"])
def test_split_memory_gives_the_joint_gradient(
    model: DiffusionModel, trained_lora: Lora, pairs: EncodedPairs, settings: dict[str, Any]
) -> None:
    config = TrainConfig.of(beta=20.0, **settings)
    batch = draw(pairs, config)
    joint, seen = side_gradients(model, trained_lora, [batch], *parts(config), beta=20.0)
    apart = config.changed(memory="split")
    split, seen_apart = side_gradients(model, trained_lora, batch.split(2), *parts(apart), beta=20.0)
    for a, b in zip(joint, split, strict=True):
        assert_close(b, a, rtol=1e-4, atol=1e-6 * float(joint.winner.norm()))
    for name in ("loss", "margin", "scale"):
        assert_close(getattr(seen_apart, name), getattr(seen, name), rtol=1e-4, atol=1e-4)


def test_a_noise_bank_spares_the_reference_and_changes_nothing(
    model: DiffusionModel, trained_lora: Lora, pairs: EncodedPairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TrainConfig.of(beta=20.0, safeguard="none")
    batch = pairs.batch(0, pairs=4, seed=0, caption_dropout=0.5, noise_bank=3)
    assert batch.kept is not None
    assert 0 < int(batch.unconditional.sum()) < 4
    fresh, seen = side_gradients(model, trained_lora, [batch], *parts(config), beta=20.0)
    bank = NoiseBank(len(pairs), 3, device=model.device, dtype=torch.float32)
    first, _ = side_gradients(model, trained_lora, [batch], *parts(config), beta=20.0, bank=bank)
    bank.keep(batch.kept, seen.reference, ~batch.unconditional)
    passes: list[int] = []
    predict = model.predict
    monkeypatch.setattr(model, "predict", lambda x, *rest: (passes.append(len(x)), predict(x, *rest))[1])
    second, again = side_gradients(model, trained_lora, [batch], *parts(config), beta=20.0, bank=bank)
    dropped = int(batch.unconditional.sum())
    assert passes == [2 * dropped, 8]  # the reference where the prompt was dropped, then the policy
    assert_close(again.reference.loser, seen.reference.loser, rtol=1e-5, atol=0)
    for a, b, c in zip(fresh, first, second, strict=True):
        assert_close(b, a, rtol=0, atol=0)
        assert_close(c, a, rtol=1e-4, atol=1e-6 * float(fresh.winner.norm()))
    known = bank.errors.clone()
    bank.keep(batch.kept, Sides(*(2 * side for side in seen.reference)), ~batch.unconditional)
    assert_close(bank.errors, known, equal_nan=True, rtol=0, atol=0)  # what is known stays


def test_a_noise_bank_goes_round_its_draws(pairs: EncodedPairs) -> None:
    """Every pair meets each of its draws once before any comes back, and each is in its own part of the schedule."""
    draws, n = 4, len(pairs)
    met: dict[int, list[tuple[int, int, float]]] = {}
    for step in range(2 * draws):
        batch = pairs.batch(step, pairs=n, seed=3, caption_dropout=0.0, noise_bank=draws)
        assert batch.kept is not None
        for (pair, kept), t, noise in zip(
            batch.kept.tolist(), batch.timesteps.tolist(), batch.noise.winner, strict=True
        ):
            met.setdefault(pair, []).append((kept, t, float(noise.sum())))
    for visits in met.values():
        for turn in (visits[:draws], visits[draws:]):
            assert sorted(kept for kept, *_ in turn) == list(range(draws))
        assert len(set(visits)) == draws  # the same draw has the same t and noise
        for kept, t, _ in visits:
            assert kept * pairs.timesteps // draws <= t <= (kept + 1) * pairs.timesteps // draws
    assert len({noise for visits in met.values() for *_, noise in visits}) == n * draws


def test_without_a_prompt_nothing_is_preferred(model: DiffusionModel, trained_lora: Lora, pairs: EncodedPairs) -> None:
    """Both sides of such a draw get the same inputs as in all others; only the winner's gradient is held back."""
    config = TrainConfig.of(beta=20.0, safeguard="none", hold_unconditional=4.0)
    batch = pairs.batch(0, pairs=4, seed=0, caption_dropout=0.999)
    assert bool(batch.unconditional.all())
    gradients, seen = side_gradients(model, trained_lora, [batch], *parts(config), beta=20.0)
    assert int(gradients.loser.count_nonzero()) == 0
    assert float(gradients.winner.norm()) > 0
    assert int(seen.margin.count_nonzero()) == 4
    twice, _ = side_gradients(model, trained_lora, [batch], *parts(config.changed(hold_unconditional=8.0)), beta=20.0)
    assert_close(twice.winner, 2 * gradients.winner)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16", "fp64"])
def test_at_step_0_the_margin_is_0_and_the_loss_log_2(tiny_folder: Any, pairs: EncodedPairs, precision: Any) -> None:
    """The adapter is off in the reference and B = 0 in the policy: not nearly, exactly the same numbers."""
    from sdpo_core.models.registry import load_model

    model = load_model(str(tiny_folder), device="cpu", precision=precision)
    lora = Lora.create(model, rank=4, alpha=4, targets="wide", seed=1)
    config = TrainConfig()
    _, seen = side_gradients(model, lora, [draw(pairs, config)], *parts(config), beta=20.0)
    assert_close(seen.margin, torch.zeros(4, dtype=seen.margin.dtype), rtol=0, atol=0)
    assert_close(seen.loss, torch.full((4,), math.log(2), dtype=seen.loss.dtype), rtol=0, atol=0)


@pytest.mark.parametrize("memory", ["joint", "split"])
def test_a_pair_counts_by_its_weight(
    model: DiffusionModel, trained_lora: Lora, pairs: EncodedPairs, memory: Literal["joint", "split"]
) -> None:
    config = TrainConfig.of(beta=20.0, memory=memory, hold_unconditional=4.0)
    batch = pairs.batch(0, pairs=4, seed=0, caption_dropout=0.5)
    assert 0 < int(batch.unconditional.sum()) < 4
    alone = [side_gradients(model, trained_lora, [one], *parts(config), beta=20.0)[0] for one in batch.split(1)]
    weights = torch.tensor([1.0, 0.0, 0.5, 2.0])
    found, _ = side_gradients(model, trained_lora, [replace(batch, weights=weights)], *parts(config), beta=20.0)
    for side in (0, 1):
        expected = sum(float(weight) * one[side] for weight, one in zip(weights, alone, strict=True)) / 4
        assert_close(found[side], expected, rtol=1e-4, atol=1e-6 * float(found.winner.norm()))


def test_the_safeguard_lora_keeps_its_condition_on_real_gradients(
    model: DiffusionModel, trained_lora: Lora, pairs: EncodedPairs
) -> None:
    config = TrainConfig.of(beta=20.0, drift_budget=0.0, mu=0.9)
    gradients, _ = side_gradients(model, trained_lora, [draw(pairs, config)], *parts(config), beta=20.0)
    gradient, factor = restrain(gradients, drift=0.0, safeguarding=config.safeguarding)
    assert 0 < factor < 1, "the case must bind, or the test says nothing"
    assert_close(
        gradient @ gradients.winner, config.safeguarding.mu * gradients.winner.square().sum(), rtol=1e-4, atol=0
    )


@pytest.mark.parametrize(
    ("drift", "factor"),
    [
        (-0.5, 1.0),  # nothing drifts: plain DPO
        (0.01, 1.0),  # δ/2: the safeguard begins to come in
        (0.0125, 0.65),  # half way: μ = .7, half of λ* = .3
        (0.015, 0.1),  # ¾δ: all of it, at μ = .9
        (9.0, 0.1),
    ],
)
def test_the_drift_budget_by_hand(drift: float, factor: float) -> None:
    """G_w = G_l, so λ* = 1 − μ; budget 2 %."""
    g = torch.ones(3)
    gradient, found = restrain(SideGradients(g, g), drift, Safeguarding(drift_budget=0.02, mu=0.5))
    assert found == pytest.approx(factor)
    assert_close(gradient, (1 - factor) * g)


def test_sides_share_noise_timestep_and_dropped_captions(model: DiffusionModel, pairs: EncodedPairs) -> None:
    batch = pairs.batch(3, pairs=64, seed=7, caption_dropout=0.5)
    noised, targets = noise_sides(model, batch)
    abar = model.noise_process.signal[batch.timesteps].square().view(-1, 1, 1, 1)
    assert all(noise.winner is noise.loser for noise in batch.noises)
    shared = batch.noise.winner
    for x, x0, goal in zip(noised, batch.latents, targets, strict=True):
        assert_close(x, abar.sqrt() * x0 + (1 - abar).sqrt() * shared)
        assert_close(goal, shared)
    dropped = (batch.conditioning[0].context == pairs.conditioning.prompts[0].context).all(2).all(1)
    assert dropped.tolist() == batch.unconditional.tolist()
    assert 16 < int(dropped.sum()) < 48


@pytest.mark.parametrize(("count", "orders"), [(1, 1), (4, 24), (8, 190)])
def test_each_part_of_the_schedule_is_drawn_from_once_a_step(pairs: EncodedPairs, count: int, orders: int) -> None:
    drawn = torch.stack([pairs.batch(step, pairs=count, seed=7, caption_dropout=0.1).timesteps for step in range(200)])
    assert int(drawn.min()) >= 0
    assert int(drawn.max()) < pairs.timesteps
    parts = drawn * count // pairs.timesteps
    assert_close(parts.sort(1).values, torch.arange(count).expand(200, count))
    assert len({tuple(row) for row in parts.tolist()}) >= orders
    slots = drawn.float().mean(0) / pairs.timesteps  # every slot still sees all of the schedule: mean 1/2, SE .02
    assert_close(slots, torch.full((count,), 0.5), atol=0.1, rtol=0)


def test_a_batch_is_a_function_of_seed_step_and_slot(pairs: EncodedPairs) -> None:
    def flat(step: int, seed: int = 7) -> list[Tensor]:
        batch = pairs.batch(step, pairs=4, seed=seed, caption_dropout=0.1)
        return [*batch.latents, batch.conditioning[0].context, batch.noise.winner, batch.timesteps]

    for a, b in zip(flat(3), flat(3), strict=True):
        assert_close(a, b, rtol=0, atol=0)
    assert not torch.equal(flat(3)[3], flat(4)[3])
    assert not torch.equal(flat(3)[3], flat(3, seed=8)[3])


def test_every_epoch_sees_every_pair_once(pairs: EncodedPairs) -> None:
    ids = [i for step in range(3) for i in pairs.batch(step, pairs=4, seed=0, caption_dropout=0.0).pair_ids]
    for start in (0, 6):
        assert sorted(ids[start : start + 6]) == [1, 2, 3, 4, 5, 6]


def test_assign_lays_the_flat_gradient_out(lora: Lora) -> None:
    flat = torch.arange(sum(p.numel() for p in lora.parameters), dtype=torch.float32)
    assign(flat, lora.parameters)
    assert_close(torch.cat([p.grad.flatten() for p in lora.parameters if p.grad is not None]), flat)

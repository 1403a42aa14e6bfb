"""The loop, its checkpoints and its health check, on a tiny real model."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from sdpo_core.errors import RunError
from sdpo_core.models.family import Conditioning, DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.models.registry import load_model
from sdpo_core.objective import Sides
from sdpo_core.runs.folder import RunFolder
from sdpo_core.settings.learning import Objective
from sdpo_core.settings.train import TrainConfig, steps_for_pairs
from sdpo_core.training.checkpoint import best_checkpoint, deciding, load_checkpoint, save_checkpoint
from sdpo_core.training.dataset import EncodedPairs, generator
from sdpo_core.training.health import MAX_BANK_PAIRS, Bank, bank_pairs
from sdpo_core.training.reference import NoiseBank
from sdpo_core.training.train import DRIFT_EVERY_STEPS, Progress, next_peak, share_of_peak, train
from tests.training.parts import checked, optimizer_of

CONFIG = TrainConfig.of(
    rank=4, lora_alpha=4, steps=12, pairs_per_step=3, beta=200.0, learning_rate=1e-3, rate="fixed", seed=3
)


def make_bank(model: DiffusionModel, lora: Lora, pairs: EncodedPairs) -> Bank:
    return Bank.make(model, lora, pairs, draws_per_pair=5, seed=0)


def run(
    model: DiffusionModel,
    lora: Lora,
    pairs: EncodedPairs,
    *,
    until: int,
    config: TrainConfig = CONFIG,
    checkpoint: Path | None = None,
    save_to: Path | None = None,
) -> tuple[list[dict[str, Any]], torch.optim.Optimizer, Progress]:
    """Train to step `until`, from `checkpoint` if one is given."""
    optimizer = optimizer_of(lora, config)
    bank = make_bank(model, lora, pairs)
    kept = None
    if config.computing.noise_bank:
        kept = NoiseBank(len(pairs), config.computing.noise_bank, device=model.device, dtype=torch.float32)
    progress = load_checkpoint(checkpoint, lora, optimizer, kept) if checkpoint else Progress()
    rows: list[dict[str, Any]] = []
    for row in train(model, lora, optimizer, pairs, bank, config, progress, noise_bank=kept):
        rows.append(row)
        if progress.step == until:
            break
    if save_to:
        info, healthy = model.info, {"healthy": True}
        save_checkpoint(save_to, lora, optimizer, progress, healthy, noise_bank=kept, info=info, sdpo={}, title="t")
    return rows, optimizer, progress


def test_a_bank_needs_no_more_pairs_than_it_names(model: DiffusionModel, lora: Lora, pairs: EncodedPairs) -> None:
    """Held-out pairs that health is not measured on are never encoded, and nothing else changes by that."""
    many = pairs.subset([i % len(pairs) for i in range(60)])
    named = bank_pairs(60, seed=4)
    assert named == sorted(set(named))
    assert len(named) == MAX_BANK_PAIRS
    whole = Bank.make(model, lora, many, draws_per_pair=2, seed=4)
    part = Bank.make(model, lora, many.subset(named), draws_per_pair=2, seed=4, of=60)
    assert whole.draws.pair_ids == part.draws.pair_ids
    assert whole.draws.timesteps.equal(part.draws.timesteps)
    assert whole.reference.winner.equal(part.reference.winner)
    chosen = torch.randperm(60, generator=generator(4, "bank"))[:MAX_BANK_PAIRS].tolist()
    first = torch.randperm(MAX_BANK_PAIRS, generator=generator(4, "bank", "stratum", 0)).tolist()
    assert [named[i] for i in part.pair_index[::2].tolist()] == [chosen[i] for i in first], "the draws of earlier runs"
    assert bank_pairs(5, seed=4) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("precision", "settings"),
    [
        ("fp32", {}),
        ("fp32", {"noise_bank": 2, "caption_dropout": 0.3}),
        ("fp32", {"memory": "split", "beta": "auto"}),
        ("fp16", {"pairs_per_step": 1}),
        ("fp32", {"optimizer": "adamw-8bit", "rank": 64, "lora_alpha": 64.0}),  # below 4096 numbers it keeps 32 bits
    ],
)
def test_a_resumed_run_equals_a_straight_one_bit_for_bit(
    tiny_folder: Path, pairs: EncodedPairs, tmp_path: Path, precision: Any, settings: dict[str, Any]
) -> None:
    """Also across a step at which the drift is measured (10), and with AdamW's moments."""
    if "optimizer" in settings:
        pytest.importorskip("bitsandbytes", reason="the studio doesn't require bitsandbytes")
    model = load_model(str(tiny_folder), device="cpu", precision=precision)
    config = CONFIG.changed(**settings)

    def fresh() -> Lora:
        return Lora.create(model, rank=config.lora.rank, alpha=config.lora.lora_alpha, targets="attention", seed=1)

    straight = fresh()
    rows, optimizer, _ = run(model, straight, pairs, until=12, config=config)
    expected = straight.state_dict()
    second_moment = "state2" if "optimizer" in settings else "exp_avg_sq"
    moments = [optimizer.state[p][second_moment] for p in straight.parameters]
    straight.remove()

    first = fresh()
    folder = tmp_path / "checkpoints" / "step-000007"
    run(model, first, pairs, until=7, config=config, save_to=folder)
    first.remove()

    second = fresh()
    resumed, optimizer, _ = run(model, second, pairs, until=12, config=config, checkpoint=folder)
    assert [row["step"] for row in resumed] == [8, 9, 10, 11, 12]
    for a, b in zip(resumed, rows[7:], strict=True):
        assert {k: v for k, v in a.items() if k != "seconds"} == {k: v for k, v in b.items() if k != "seconds"}
    for name, tensor in second.state_dict().items():
        assert_close(tensor, expected[name], rtol=0, atol=0)
    for a, b in zip((optimizer.state[p][second_moment] for p in second.parameters), moments, strict=True):
        assert_close(a, b, rtol=0, atol=0)
    second.remove()


def test_training_prefers_the_winners(model: DiffusionModel, lora: Lora, pairs: EncodedPairs) -> None:
    """On its own pairs the margin rises from exactly 0; the bank is the same draws for every check."""
    bank = make_bank(model, lora, pairs)
    before = checked(bank, model, CONFIG, 200.0)
    assert before["margin"] == 0.0
    assert before["winner_error"] == 0.0
    assert before["healthy"]
    config = CONFIG.changed(steps=40, pairs_per_step=6, learning_rate=5e-3)
    rows, _, _ = run(model, lora, pairs, until=40, config=config)
    assert rows[0]["margin"] == 0.0
    assert checked(bank, model, config, 200.0)["margin"] > 0.05


def test_the_bank_by_hand(model: DiffusionModel, trained_lora: Lora, pairs: EncodedPairs) -> None:
    bank = make_bank(model, trained_lora, pairs)
    draws = bank.draws
    abar = model.noise_process.signal[draws.timesteps].square().view(-1, 1, 1, 1)

    def errors(x0: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            found = model.predict(
                abar.sqrt() * x0 + (1 - abar).sqrt() * draws.noise.winner, draws.timesteps, draws.conditioning[0]
            )
        return (found - draws.noise.winner).square().mean((1, 2, 3))

    on = Sides(*map(errors, draws.latents))
    with trained_lora.off():
        off = Sides(*map(errors, draws.latents))
    row = checked(bank, model, CONFIG, 200.0)
    # abs, not rel: the quotient's last bits are all that may differ, and they do not shrink with the difference.
    assert row["winner_error"] == pytest.approx(float(on.winner.mean() / off.winner.mean() - 1), abs=2e-6)
    assert row["loser_error"] == pytest.approx(float(on.loser.mean() / off.loser.mean() - 1), abs=2e-6)
    assert row["winner_error_se"] > 0
    assert [band["from"] for band in row["bands"]] == [0, 200, 400, 600, 800]
    # 5 draws per pair, stratified: every pair has one draw in each fifth of the schedule.
    fifths = {(pair, int(t) // 200) for pair, t in zip(bank.pair_index.tolist(), draws.timesteps, strict=True)}
    assert len(fifths) == 6 * 5


def test_the_bank_never_shows_training_draws(model: DiffusionModel, lora: Lora, pairs: EncodedPairs) -> None:
    bank = make_bank(model, lora, pairs)
    seen = torch.cat([pairs.batch(step, pairs=3, seed=0, caption_dropout=0.0).noise.winner for step in range(50)])
    distances = torch.cdist(bank.draws.noise.winner.flatten(1), seen.flatten(1))
    assert float(distances.min()) > 1.0


def test_a_loss_that_is_not_a_number_names_its_pair(model: DiffusionModel, lora: Lora, pairs: EncodedPairs) -> None:
    pairs.images[2].winner.fill_(float("nan"))
    healthy = pairs.subset([0, 1])
    optimizer = optimizer_of(lora, CONFIG)
    loop = train(model, lora, optimizer, pairs, make_bank(model, lora, healthy), CONFIG, Progress())
    before: list[dict[str, torch.Tensor]] = [lora.state_dict()]
    with pytest.raises(RunError, match="on pair 3"):
        before.extend(lora.state_dict() for _ in loop)
    for name, tensor in lora.state_dict().items():
        assert_close(tensor, before[-1][name], rtol=0, atol=0)


def test_a_damaged_checkpoint_is_reported(
    model: DiffusionModel, lora: Lora, pairs: EncodedPairs, tmp_path: Path
) -> None:
    _, optimizer, progress = run(model, lora, pairs, until=2)
    folder = tmp_path / "step-000002"
    save_checkpoint(folder, lora, optimizer, progress, {}, info=model.info, sdpo={}, title="t")
    state = folder / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(RunError, match="step-000002 can't be read"):
        load_checkpoint(folder, lora, optimizer)


def test_an_optimiser_without_memory_resumes_and_one_with_half_of_it_does_not(
    model: DiffusionModel, lora: Lora, pairs: EncodedPairs, tmp_path: Path
) -> None:
    _, adamw, progress = run(model, lora, pairs, until=1)
    plain = torch.optim.SGD(lora.parameters, lr=1e-3)
    for name, optimizer in (("plain", plain), ("adamw", adamw)):
        save_checkpoint(tmp_path / name, lora, optimizer, progress, {}, info=model.info, sdpo={}, title="t")
    assert load_checkpoint(tmp_path / "plain", lora, plain).step == 1
    state = load_file(tmp_path / "adamw" / "state.safetensors")
    half = {key: one for key, one in state.items() if not (key.startswith("adam.") and key.endswith(lora.names[0]))}
    save_file(half, tmp_path / "half.safetensors")
    (tmp_path / "half.safetensors").replace(tmp_path / "adamw" / "state.safetensors")
    with pytest.raises(RunError, match="can't be read"):
        load_checkpoint(tmp_path / "adamw", lora, adamw)


def test_the_best_checkpoint_is_the_last_healthy_one(
    model: DiffusionModel, lora: Lora, pairs: EncodedPairs, tmp_path: Path
) -> None:
    _, optimizer, _ = run(model, lora, pairs, until=1)
    rows = [(50, True, 0.01), (100, True, 0.015), (150, False, 0.03), (200, False, 0.05)]
    paths = [tmp_path / f"step-{step:06d}" for step, _, _ in rows]
    for path, (step, healthy, x) in zip(paths, rows, strict=True):
        health = {"healthy": healthy, "winner_error": x}
        save_checkpoint(path, lora, optimizer, Progress(step), health, info=model.info, sdpo={}, title="t")
    assert best_checkpoint(paths) == paths[1]
    assert best_checkpoint(paths[2:]) == paths[2], "none is healthy: the least damaged one"
    assert best_checkpoint([]) is None
    assert deciding(paths, every_steps=100, now=200) == [paths[1], paths[3]], "50 and 150 were asked for"
    assert deciding(paths, every_steps=100, now=150) == [paths[1], paths[2]], "a stop at 150 counts while it is the end"


def test_holding_keeps_the_unconditional_branch_where_it_was(model: DiffusionModel, pairs: EncodedPairs) -> None:
    def travelled(kappa: float) -> float:
        """How far the empty prompt's prediction has moved, mean squared."""
        adapter = Lora.create(model, rank=4, alpha=4, targets="attention", seed=1)
        changes = {"steps": 30, "pairs_per_step": 6, "caption_dropout": 0.4, "hold_unconditional": kappa}
        run(model, adapter, pairs, until=30, config=CONFIG.changed(**changes, learning_rate=5e-3))
        x = torch.stack([pair.winner for pair in pairs.images])
        empty = Conditioning.cat([pairs.conditioning.prompts[0]] * len(pairs))
        t = torch.full((len(pairs),), 500)
        with torch.no_grad():
            now = model.predict(x, t, empty)
            with adapter.off():
                before = model.predict(x, t, empty)
        adapter.remove()
        return float((now - before).square().mean())

    assert travelled(20.0) < 0.5 * travelled(0.0)


def test_beta_auto_keeps_a_typical_margin() -> None:
    """u = −(β/2)·Δ: with |Δ| at 1e-3 the β that makes |u| 1.4 is 2800."""
    config = TrainConfig.of(beta="auto")
    progress = Progress()
    assert progress.beta(config.objective) == 2000
    for _ in range(200):
        beta = progress.beta(config.objective)
        progress.see(torch.tensor([-1.0, 1.0]) * beta / 2 * 1e-3, beta)
    assert progress.beta(config.objective) == pytest.approx(2800, rel=1e-3)
    progress.gap = 0.0
    assert progress.beta(config.objective) == 20_000  # a policy that has not moved yet would ask for infinity
    assert progress.beta(Objective(beta=700.0)) == 700


def test_half_precision_learns_what_full_precision_learns(tiny_folder: Path, pairs: EncodedPairs) -> None:
    ups: list[torch.Tensor] = []  # all B, which start at 0
    for precision in ("fp32", "fp16"):
        model = load_model(str(tiny_folder), device="cpu", precision=precision)
        lora = Lora.create(model, rank=4, alpha=4, targets="attention", seed=1)
        rows, _, progress = run(model, lora, pairs, until=4)
        ups.append(torch.cat([t.flatten() for name, t in lora.state_dict().items() if "lora_B" in name]))
        assert bool(progress.scaler) is (precision == "fp16")
        assert 0 < rows[0]["winner_gradient_norm"] < 1000  # the loss scale is taken out again
    assert float(torch.nn.functional.cosine_similarity(*ups, dim=0)) > 0.9


def test_the_gate_by_hand(model: DiffusionModel, trained_lora: Lora, pairs: EncodedPairs) -> None:
    """A budget between the estimate and its upper end, and one above both."""
    bank = make_bank(model, trained_lora, pairs)
    error, deviation = bank.winner_error(model)
    assert deviation > 0
    for budget, gate, healthy in (
        (error + deviation, "upper", False),
        (error + deviation, "estimate", True),
        (error + 3 * deviation, "upper", True),
        (error - deviation / 2, "estimate", False),
    ):
        config = CONFIG.changed(drift_budget=budget, gate=gate)
        assert checked(bank, model, config, 200.0)["healthy"] is healthy


def test_the_schedule_by_hand() -> None:
    config = TrainConfig.of(warmup_steps=10)
    shares = [share_of_peak(step, 100, config.schedule.warmup_steps) for step in (0, 4, 9, 50, 99)]
    assert shares == pytest.approx([0.1, 0.5 * 0.96, 0.91, 0.5, 0.01])
    assert share_of_peak(0, 100, 0) == 1.0


def test_a_fixed_rate_stays() -> None:
    config = TrainConfig.of(rate="fixed", learning_rate=1e-3)
    assert next_peak(Progress(step=10, displacement=0.5, path=1e-2), 100, config.schedule) == 1e-3
    assert next_peak(Progress(step=10, displacement=0.5, path=1e-2, peak=4e-3), 100, config.schedule) == 4e-3


@pytest.mark.parametrize("start", [2.5e-4, 1e-3, 4e-3], ids=["too low", "right", "too high"])
@pytest.mark.parametrize("growth", [0.7, 1.1, 1.5])
def test_the_run_finds_its_own_rate(start: float, growth: float) -> None:
    """Wherever it starts, it ends near the displacement that was asked for, also where √D grows otherwise than assumed.

    The network here moves so that a peak of 1e-3 is right.
    """
    total, config = 140, TrainConfig.of(rate="auto", learning_rate=start, displacement=0.02)
    whole = 1e-3 * sum(share_of_peak(step, total, config.schedule.warmup_steps) for step in range(total))
    progress = Progress()
    for step in range(total):
        progress.step = step
        if step % DRIFT_EVERY_STEPS == 0:
            progress.displacement = 0.02 * (progress.path / whole) ** (2 * growth)
            progress.peak = next_peak(progress, total, config.schedule)
        progress.path += progress.peak * share_of_peak(step, total, config.schedule.warmup_steps)
    assert 0.02 * (progress.path / whole) ** (2 * growth) == pytest.approx(0.02, rel=0.15)


@pytest.mark.parametrize(
    ("pairs", "steps"), [(1, 120), (30, 120), (45, 135), (60, 150), (150, 175), (240, 200), (999, 200)]
)
def test_the_length_follows_the_pairs(pairs: int, steps: int) -> None:
    assert steps_for_pairs(pairs) == steps


def test_a_step_too_large_for_half_precision_is_left_out_and_reported(
    tiny_folder: Path, pairs: EncodedPairs, tmp_path: Path
) -> None:
    """The loss scale overflows now and then: that is how it finds its size. Nothing moves, and the row is JSON."""
    model = load_model(str(tiny_folder), device="cpu", precision="fp16")
    lora = Lora.create(model, rank=4, alpha=4, targets="attention", seed=1)
    before = lora.state_dict()
    too_large = {"scale": 2.0**30, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000}
    progress = Progress(scaler={**too_large, "_growth_tracker": 0})
    folder = RunFolder.create(tmp_path, "train", {})
    rows = train(
        model,
        lora,
        optimizer_of(lora, CONFIG),
        pairs,
        make_bank(model, lora, pairs),
        CONFIG,
        progress,
    )
    for row in itertools.islice(rows, 2):
        folder.append_metrics(row)
        assert all(torch.equal(tensor, before[name]) for name, tensor in lora.state_dict().items())
    assert progress.scaler["scale"] == 2.0**28
    assert [row["step"] for row in folder.read_metrics()[0]] == [1, 2]
    lora.remove()

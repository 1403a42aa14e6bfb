"""Each image noised with the noise that made it, and the numbers of fresh noise as they were before that existed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from sdpo_core.generation.job import run_generate
from sdpo_core.generation.sample import _noise as starting_noise
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.models.noise import initial_noise, own_seed
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.settings.presets import resolve
from sdpo_core.settings.train import TrainConfig
from sdpo_core.training.checkpoint import load_checkpoint, save_checkpoint
from sdpo_core.training.dataset import EncodedPairs, PairBatch, own_noise_sentence
from sdpo_core.training.health import Bank
from sdpo_core.training.job import run_train
from sdpo_core.training.processes import Processes
from sdpo_core.training.reference import NoiseBank
from sdpo_core.training.step import side_gradients
from sdpo_core.training.train import Progress, train
from sdpo_core.workspace.records import Candidate, MadeWith, Recipe, WorkflowUse
from sdpo_core.workspace.store import Store
from tests.app.helpers import recipe
from tests.training.parts import optimizer_of, parts

SEEDS = ((11, 12), None, (21, 22), (31, 32), None, (41, 42))


@pytest.fixture
def own(pairs: EncodedPairs) -> EncodedPairs:
    return replace(pairs, own_seeds=SEEDS)


# --------------------------------------------------------------------------------------------------- where it is known


def drawn(model: DiffusionModel, **changes: Any) -> Candidate:
    """A candidate that `model` drew at 64 px."""
    made: Recipe = recipe("a hill", 7, model.info.sha256).model_copy(update=changes.pop("recipe", {}))
    values: dict[str, Any] = {
        "id": 1,
        "key": "k",
        "prompt": "a hill",
        "negative": "",
        "image_sha256": "i",
        "recipe": made,
    }
    values |= {"width_px": 64, "height_px": 64, "created_at": "2026-11-21T00:00:00Z"}
    return Candidate.model_validate({**values, **changes})


def test_a_recipe_of_this_model_tells_the_noise(model: DiffusionModel) -> None:
    image = drawn(model)
    assert own_seed(model, image, (64, 64)) == 7
    assert image.recipe
    (started,) = starting_noise(model, [image.recipe])
    assert_close(initial_noise(7, model.latent_shape(64)), started, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({}, (32, 32)),  # resized
        ({"width_px": 96}, (64, 64)),  # its file is no longer what was drawn
        ({"recipe": {"base_sha256": "c" * 64}}, (64, 64)),
        ({"recipe": {"noise": "torch-cuda-float16"}}, (64, 64)),
        ({"recipe": {"workflow": WorkflowUse(sha256="w", image=0)}}, (64, 64)),
        ({"recipe": {"seed": 2**70}}, (64, 64)),
        ({"recipe": None, "made_with": MadeWith(tool="A1111", seed=7)}, (64, 64)),
    ],
)
def test_other_images_do_not(model: DiffusionModel, changes: dict[str, Any], size: tuple[int, int]) -> None:
    if changes.get("recipe", {}) is None:
        image = drawn(model).model_copy(update=changes)
    else:
        image = drawn(model, **changes)
    assert own_seed(model, image, size) is None


# ---------------------------------------------------------------------------------------------------------- the batches


def test_only_the_noise_differs_from_a_fresh_draw(pairs: EncodedPairs, own: EncodedPairs) -> None:
    for bank in (None, 3):
        fresh = pairs.batch(5, pairs=6, seed=2, caption_dropout=0.5, noise_bank=bank)
        batch = own.batch(5, pairs=6, seed=2, caption_dropout=0.5, noise_bank=bank)
        assert batch.pair_ids == fresh.pair_ids
        assert batch.timesteps.tolist() == fresh.timesteps.tolist()
        assert batch.unconditional.tolist() == fresh.unconditional.tolist()
        for pair, noise, shared in zip(batch.pair_ids, batch.noises, fresh.noises, strict=True):
            assert shared.winner is shared.loser
            seeds = SEEDS[pair - 1]
            if seeds is None:
                assert noise.winner is noise.loser
                assert torch.equal(noise.winner, shared.winner)
            else:
                for side, seed in zip(noise, seeds, strict=True):
                    assert torch.equal(side, torch.randn(side.shape, generator=torch.Generator().manual_seed(seed)))


def test_every_process_sees_the_same(own: EncodedPairs) -> None:
    whole = own.batch(1, pairs=6, seed=3, caption_dropout=0.5)
    for rank in range(3):
        part = own.batch(1, pairs=6, seed=3, caption_dropout=0.5, slots=Processes(rank, 3).slots(6))
        for pair, noise in zip(part.pair_ids, part.noises, strict=True):
            there = whole.noises[whole.pair_ids.index(pair)]
            assert torch.equal(noise.winner, there.winner)
            assert torch.equal(noise.loser, there.loser)


def test_parts_of_the_pairs_keep_their_seeds(own: EncodedPairs) -> None:
    part = own.subset([3, 0, 1])
    assert part.own_seeds == (SEEDS[3], SEEDS[0], None)
    assert own.largest().own_seeds == SEEDS


def test_the_pairs_that_get_fresh_noise_are_counted(pairs: EncodedPairs, own: EncodedPairs) -> None:
    assert own_noise_sentence(own).startswith("2 of 6 pairs train with fresh noise: ")
    assert own_noise_sentence(own.subset([0, 1])).startswith("1 of 2 pairs trains with fresh noise: ")
    assert own_noise_sentence(own.subset([0, 2])) == own_noise_sentence(pairs) == ""


# ------------------------------------------------------------------------------------------------------------- the step


def by_autograd(model: DiffusionModel, lora: Lora, batch: PairBatch, beta: float) -> Tensor:
    """Plain DPO in one graph, each side with its own ε: the gradient over the adapter's parameters, (P,)."""
    abar = model.noise_process.signal[batch.timesteps].square().view(-1, 1, 1, 1)

    def errors(side: int) -> Tensor:
        x0 = torch.stack([images[side] for images in batch.images])
        noise = torch.stack([noises[side] for noises in batch.noises])
        noisy = abar.sqrt() * x0 + (1 - abar).sqrt() * noise
        return (model.predict(noisy, batch.timesteps, batch.conditioning[side]) - noise).square().mean((1, 2, 3))

    with torch.no_grad(), lora.off():
        reference = errors(0), errors(1)
    u = -(beta / 2) * ((errors(0) - reference[0]) - (errors(1) - reference[1]))
    loss = -torch.nn.functional.logsigmoid(u).mean()
    return torch.cat([grad.flatten() for grad in torch.autograd.grad(loss, lora.parameters)])


@pytest.mark.parametrize("memory", ["joint", "split"])
def test_the_gradient_is_that_of_each_image_at_its_own_noise(
    model: DiffusionModel, trained_lora: Lora, own: EncodedPairs, memory: Any
) -> None:
    config = TrainConfig.of(beta=20.0, safeguard="none", hold_unconditional=0.0, memory=memory, noise="own")
    batch = own.batch(0, pairs=6, seed=0, caption_dropout=0.5)
    assert any(noise.winner is not noise.loser for noise in batch.noises)
    (winner, loser), _ = side_gradients(model, trained_lora, batch.split(3), *parts(config), beta=20.0)
    expected = by_autograd(model, trained_lora, batch, 20.0)
    assert expected.norm() > 1e-4
    assert_close(winner - loser, expected, rtol=1e-4, atol=1e-6 * float(expected.norm()))


def test_a_noise_bank_goes_round_timesteps_and_remembers(
    model: DiffusionModel, trained_lora: Lora, own: EncodedPairs
) -> None:
    """The same (pair, draw) comes back with the same t and ε, so what is remembered stays true."""
    config = TrainConfig.of(beta=20.0, safeguard="none", noise="own")
    bank = NoiseBank(len(own), 2, device=model.device, dtype=torch.float32)
    met: dict[tuple[int, int], tuple[int, float, float]] = {}
    for step in range(4):
        batch = own.batch(step, pairs=6, seed=1, caption_dropout=0.0, noise_bank=2)
        assert batch.kept is not None
        fresh, seen = side_gradients(model, trained_lora, [batch], *parts(config), beta=20.0)
        kept, _ = side_gradients(model, trained_lora, [batch], *parts(config), beta=20.0, bank=bank)
        bank.keep(batch.kept, seen.reference, ~batch.unconditional)
        assert_close(kept.winner, fresh.winner, rtol=1e-4, atol=1e-6 * float(fresh.winner.norm()))
        for (pair, draw), t, noise in zip(batch.kept.tolist(), batch.timesteps.tolist(), batch.noises, strict=True):
            now = (t, float(noise.winner.sum()), float(noise.loser.sum()))
            assert met.setdefault((pair, draw), now) == now
    assert len(met) == 12


def test_the_health_bank_is_what_it_is_with_fresh_noise(
    model: DiffusionModel, lora: Lora, pairs: EncodedPairs, own: EncodedPairs
) -> None:
    one, other = (Bank.make(model, lora, some, draws_per_pair=2, seed=0) for some in (pairs, own))
    assert one.reference.winner.equal(other.reference.winner)
    assert one.reference.loser.equal(other.reference.loser)
    assert all(noise.winner is noise.loser for noise in other.draws.noises)


@pytest.mark.parametrize("settings", [{}, {"noise_bank": 2}, {"memory": "split"}])
def test_a_resumed_run_equals_a_straight_one(
    model: DiffusionModel, own: EncodedPairs, tmp_path: Path, settings: dict[str, Any]
) -> None:
    asked: dict[str, Any] = {
        "rank": 4,
        "lora_alpha": 4.0,
        "steps": 6,
        "pairs_per_step": 3,
        "beta": 200.0,
        "noise": "own",
    }
    config = TrainConfig.of(**asked, **settings)

    def go(until: int, start: Path | None = None, end: Path | None = None) -> dict[str, Tensor]:
        lora = Lora.create(model, rank=4, alpha=4, targets="attention", seed=1)
        optimizer, bank = optimizer_of(lora, config), Bank.make(model, lora, own, draws_per_pair=2, seed=0)
        kept = NoiseBank(len(own), 2, device=model.device, dtype=torch.float32) if config.computing.noise_bank else None
        progress = load_checkpoint(start, lora, optimizer, kept) if start else Progress()
        for _ in train(model, lora, optimizer, own, bank, config, progress, noise_bank=kept):
            if progress.step == until:
                break
        if end:
            healthy, info = {"healthy": True}, model.info
            save_checkpoint(end, lora, optimizer, progress, healthy, noise_bank=kept, info=info, sdpo={}, title="t")
        state = lora.state_dict()
        lora.remove()
        return state

    straight = go(6)
    half = tmp_path / "checkpoints" / "step-000003"
    go(3, end=half)
    for name, tensor in go(6, start=half).items():
        assert_close(tensor, straight[name], rtol=0, atol=0)


# -------------------------------------------------------------------------------------------------------------- the job


def test_a_run_with_own_noise(tiny_folder: Path, model: DiffusionModel, tmp_path: Path) -> None:
    """What was drawn at the size it trains at is noised with its own; of all else the run says how much there is."""
    workspace = tmp_path / "workspace"
    asked: dict[str, Any] = {"model": str(tiny_folder), "device": "cpu", "sampling_steps": 1}
    drawing = GenerateConfig.parse({**asked, "prompts": ("a", "b"), "size_px": 64, "seed": 3})
    made = RunFolder.create(workspace / "runs", "generate", {})
    run_generate(drawing, made, workspace, Reporter(made, "generate", 0))
    with Store(workspace) as store:
        for pair in store.pairs.open(purpose="train"):
            store.votes.cast(f"vote-{pair.id}", pair.id, "left")

    def go(**settings: Any) -> tuple[RunFolder, list[str], bytes]:
        quick = {"rank": 2, "lora_alpha": 2.0, "steps": 2, "pairs_per_step": 2, "preview_prompts": 0}
        values = {**asked, **quick, "bank_draws_per_pair": 2, "learning_rate": 0.05, "warmup_steps": 0, **settings}
        config = resolve(TrainConfig, values)
        run, heard = RunFolder.create(workspace / "runs", "train", config.model_dump(mode="json")), list[str]()
        run_train(config, run, workspace, Reporter(run, "train", 0, lambda status: heard.append(status.message)))
        return run, heard, (run.path / "metrics.jsonl").read_bytes()

    run, heard, numbers = go(noise="own", size_px=64)
    assert not any("fresh noise" in message for message in heard)
    assert run.settings()["noise"] == "own"
    assert margins(numbers) != margins(go(size_px=64)[2])
    _, heard, numbers = go(noise="own", size_px=96)
    assert any(message.startswith("2 of 2 pairs train with fresh noise: ") for message in heard)
    assert margins(numbers) == margins(go(size_px=96)[2]), "then it is the same run as with fresh noise"


def margins(metrics: bytes) -> list[Any]:
    rows = [json.loads(row) for row in metrics.splitlines()]
    return [(row["loss"], row["margin"]) for row in rows if row["kind"] == "step"]


# ---------------------------------------------------------------------------------------- fresh noise, as it always was

# Recorded from the code before own noise existed: step 2 of seed 7 on the pairs of conftest.py.
BEFORE: dict[int | None, dict[str, Any]] = {
    None: {
        "ids": [4, 5, 2, 1],
        "timesteps": [287, 216, 867, 709],
        "dropped": [True, True, False, True],
        "noise": [[0.70519, -1.89951], [-0.79379, -0.33739], [1.84050, -0.90349], [0.47538, 0.51017]],
        "winner": 0.244063,
        "loser": 0.0857571,
    },
    3: {
        "ids": [4, 5, 2, 1],
        "timesteps": [988, 921, 742, 124],
        "dropped": [True, True, False, True],
        "noise": [[-0.45107, -0.16182], [-1.17843, -0.32811], [-0.91092, -1.33215], [-0.88008, 1.16807]],
        "winner": 0.297516,
        "loser": 0.0806243,
    },
}


@pytest.mark.parametrize("bank", BEFORE)
@pytest.mark.parametrize("memory", ["joint", "split"])
def test_fresh_noise_gives_the_numbers_of_before(
    model: DiffusionModel, trained_lora: Lora, pairs: EncodedPairs, bank: int | None, memory: Any
) -> None:
    known = BEFORE[bank]
    batch = pairs.batch(2, pairs=4, seed=7, caption_dropout=0.5, noise_bank=bank)
    assert batch.pair_ids == known["ids"]
    assert batch.timesteps.tolist() == known["timesteps"]
    assert batch.unconditional.tolist() == known["dropped"]
    assert_close(batch.noise.winner.flatten(1)[:, :2], torch.tensor(known["noise"]), rtol=0, atol=1e-4)
    config = TrainConfig.of(beta=20.0, memory=memory, hold_unconditional=4.0)
    gradients, _ = side_gradients(model, trained_lora, [batch], *parts(config), beta=20.0)
    assert float(gradients.winner.norm()) == pytest.approx(known["winner"], rel=1e-3)
    assert float(gradients.loser.norm()) == pytest.approx(known["loser"], rel=1e-3)

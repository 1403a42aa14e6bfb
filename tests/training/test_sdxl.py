"""Training on SDXL: every image's own size and crop, a step, a resume, and the whole way from votes to an adapter."""

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from sdpo_core.adapters.file import prove_adapter
from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.generation.job import run_generate
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.models.registry import load_model
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.settings.presets import resolve
from sdpo_core.settings.train import TrainConfig
from sdpo_core.training.buckets import pair_sizes
from sdpo_core.training.dataset import EncodedPairs, encode_pairs
from sdpo_core.training.job import run_train
from sdpo_core.training.step import side_gradients
from sdpo_core.workspace.records import VotedPair
from sdpo_core.workspace.store import Store
from tests.tiny_model import build_tiny_sdxl
from tests.training.parts import parts
from tests.workspace.helpers import recipe

SIZES = [(32, 32), (64, 32), (32, 48), (96, 96)]
UUIDS = (f"00000000-0000-4000-8000-{i:012x}" for i in itertools.count())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_sdxl(tmp_path_factory.mktemp("xl") / "seas")


@pytest.fixture(scope="module")
def xl(folder: Path) -> DiffusionModel:
    return load_model(str(folder), device="cpu")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "workspace") as opened:
        yield opened


@pytest.fixture
def voted(store: Store) -> list[VotedPair]:
    vote_on_mixed_sizes(store)
    return store.pairs.voted(purpose="train")


def vote_on_mixed_sizes(store: Store) -> None:
    """Two pairs of images in four sizes."""
    g = torch.Generator().manual_seed(0)
    made = [
        store.candidates.add(
            Image.frombytes("RGB", (w, h), torch.randint(256, (h * w * 3,), generator=g, dtype=torch.uint8).numpy()),
            recipe(i, "ab"[i // 2]).model_copy(update={"width_px": w, "height_px": h}),
        )
        for i, (w, h) in enumerate(SIZES)
    ]
    for left, right in (made[:2], made[2:]):
        store.votes.cast(next(UUIDS), store.pairs.add(left.id, right.id).id, "left")


@pytest.fixture
def pairs(xl: DiffusionModel, store: Store, voted: list[VotedPair]) -> EncodedPairs:
    return encode_pairs(xl, store, voted, [(32, 32)] * len(voted))


def test_each_image_has_its_own_size_and_crop(pairs: EncodedPairs) -> None:
    cut = {(32, 32): (0, 0), (64, 32): (0, 16), (32, 48): (8, 0), (96, 96): (0, 0)}  # (top, left) after scaling
    for side, told in (("winner", pairs.conditioning[0]), ("loser", pairs.conditioning[1])):
        assert told.time_ids is not None
        images = [getattr(example, side) for example in pairs.examples]
        sizes = [(image.width_px, image.height_px) for image in images]
        assert told.time_ids.tolist() == [[h, w, *cut[w, h], 32, 32] for w, h in sizes]
    winner, loser = pairs.conditioning
    assert torch.equal(winner.context, loser.context)


def test_dropped_captions_lose_text_and_vector_and_keep_the_size(pairs: EncodedPairs) -> None:
    batch = pairs.batch(0, pairs=8, seed=0, caption_dropout=0.5)
    assert 0 < int(batch.unconditional.sum()) < 8
    for told in batch.conditioning:
        assert told.pooled is not None
        assert told.time_ids is not None
        assert (told.pooled == 0).all(1).tolist() == batch.unconditional.tolist()
        assert (told.context == 0).all(2).all(1).tolist() == batch.unconditional.tolist()
        assert bool((told.time_ids[:, 4:] == 32).all())


def test_the_split_into_micro_batches_does_not_matter(xl: DiffusionModel, pairs: EncodedPairs) -> None:
    lora = Lora.create(xl, rank=4, alpha=4, targets="attention", seed=1)
    g = torch.Generator().manual_seed(5)
    lora.load_state_dict({name: 0.1 * torch.randn(t.shape, generator=g) for name, t in lora.state_dict().items()})
    config, batch = TrainConfig.of(beta=20.0), pairs.batch(0, pairs=4, seed=0, caption_dropout=0.5)
    whole, seen = side_gradients(xl, lora, [batch], *parts(config), beta=20.0)
    apart, _ = side_gradients(xl, lora, batch.split(1), *parts(config), beta=20.0)
    lora.remove()
    assert float(seen.margin.abs().min()) > 0
    for a, b in zip(whole, apart, strict=True):
        assert_close(a, b, rtol=1e-4, atol=1e-6 * float(whole.winner.norm()))


def test_every_pair_gets_its_own_bucket(xl: DiffusionModel, store: Store, voted: list[VotedPair]) -> None:
    """1.41:1 leaves 32 x 23 of 32 x 32, so the first pair has 32 x 24; 29 x 35, the second's, is rounded."""
    sizes = pair_sizes(voted, None, "pair", xl.info.native_size_px, xl.multiple_px)
    found = encode_pairs(xl, store, voted, sizes)
    told: dict[tuple[int, int], list[float]] = {}
    for side, conditioning in (("winner", found.conditioning[0]), ("loser", found.conditioning[1])):
        assert conditioning.time_ids is not None
        for example, ids in zip(found.examples, conditioning.time_ids.tolist(), strict=True):
            image = getattr(example, side)
            told[image.width_px, image.height_px] = ids
    assert told == {
        (32, 32): [32, 32, 4, 0, 24, 32],
        (64, 32): [32, 64, 0, 8, 24, 32],
        (32, 48): [48, 32, 8, 0, 32, 32],
        (96, 96): [96, 96, 0, 0, 32, 32],
    }
    assert [[tuple(side.shape) for side in pair] for pair in found.images] in (
        [[(4, 6, 8)] * 2, [(4, 8, 8)] * 2],
        [[(4, 8, 8)] * 2, [(4, 6, 8)] * 2],
    )


def train(folder: Path, workspace: Path, run: RunFolder | None = None, **settings: Any) -> RunFolder:
    quick = {
        "model": str(folder),
        "device": "cpu",
        "rank": 2,
        "steps": 4,
        "pairs_per_step": 2,
        "checkpoint_every_steps": 2,
        "preview_prompts": 1,
        "sampling_steps": 2,
        "adapter_name": "sea",
    }
    config = resolve(TrainConfig, {**quick, **settings})
    run = run or RunFolder.create(workspace / "runs", "train", config.model_dump(mode="json"))
    run_train(config, run, workspace, Reporter(run, "train", 0, lambda _: None))
    assert run.status().state == "done", run.status().message
    return run


NOOB = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}


@pytest.mark.parametrize("schedule", [{}, NOOB], ids=["epsilon", "v, zero terminal SNR"])
def test_from_votes_to_an_adapter_and_again_from_the_middle(
    schedule: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace"
    folder = Path(shutil.copytree(folder, tmp_path / "model"))
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **schedule}))
    made = GenerateConfig.of(
        model=str(folder),
        device="cpu",
        sampling_steps=2,
        prompts=("(a) hill", "the sea BREAK b", "c"),
        seed=1,
        clip_skip=3,
    )
    run = RunFolder.create(workspace / "runs", "generate", made.model_dump(mode="json"))
    run_generate(made, run, workspace, Reporter(run, "generate", 0, lambda _: None))
    with Store(workspace) as store:
        for pair in store.pairs.open(purpose="train", limit=9):
            store.votes.cast(next(UUIDS), pair.id, "left")
        vote_on_mixed_sizes(store)
    trained = train(folder, workspace, pairs_from="all")
    data = json.loads((trained.path / "data.json").read_text(encoding="utf-8"))
    assert len(data["train"]) == 5
    assert trained.settings()["clip_skip"] == 3, "what the images were made with"
    model = load_model(str(folder), device="cpu")
    assert model.info.prediction_type == schedule.get("prediction_type", "epsilon")
    proof = prove_adapter(trained.adapter_path, model)
    assert proof.modules == proof.matched > 0
    info = read_adapter_info(trained.adapter_path)
    assert (info.family, info.base_sha256, info.clip_skip) == ("sdxl", model.info.sha256, 3)
    first, last = trained.checkpoints()
    expected = (last / "state.safetensors").read_bytes()
    for file in last.iterdir():
        file.unlink()
    last.rmdir()
    assert trained.checkpoints() == [first]
    train(folder, workspace, trained, pairs_from="all")
    assert (last / "state.safetensors").read_bytes() == expected, "a resumed run equals a straight one bit for bit"

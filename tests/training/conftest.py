"""A tiny real model and random pairs for it."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.models.registry import load_model
from sdpo_core.objective import Sides
from sdpo_core.training.dataset import EncodedPairs, Example, PairTexts
from sdpo_core.workspace.records import Candidate
from sdpo_core.workspace.store import Store
from tests.app.helpers import add_pair
from tests.tiny_model import build_tiny_pipeline

PAIRS = 6


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_pipeline(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="session")
def model(tiny_folder: Path) -> DiffusionModel:
    return load_model(str(tiny_folder), device="cpu")


@pytest.fixture
def lora(model: DiffusionModel) -> Iterator[Lora]:
    adapter = Lora.create(model, rank=4, alpha=4, targets="attention", seed=1)
    yield adapter
    adapter.remove()


@pytest.fixture
def trained_lora(lora: Lora) -> Lora:
    """An adapter that does something: with B = 0 the gradient of A is zero and hides mistakes."""
    g = torch.Generator().manual_seed(5)
    lora.load_state_dict({name: 0.1 * torch.randn(t.shape, generator=g) for name, t in lora.state_dict().items()})
    return lora


@pytest.fixture
def pairs(model: DiffusionModel) -> EncodedPairs:
    """Random latents as images; the maths does not mind."""
    g = torch.Generator().manual_seed(0)
    latents = Sides(*(torch.randn(PAIRS, *model.latent_shape(32), generator=g) for _ in range(2)))
    prompts = [f"prompt {i}" for i in range(PAIRS)]
    told = tuple(model.encode_prompts([prompt]) for prompt in ["", *prompts])
    return EncodedPairs(
        tuple(Example(i + 1, prompts[i], _candidate(2 * i), _candidate(2 * i + 1)) for i in range(PAIRS)),
        tuple(Sides(*both) for both in zip(*latents, strict=True)),
        PairTexts(told, torch.arange(1, PAIRS + 1), None, model.device),
        len(model.noise_process),
    )


def _candidate(i: int) -> Candidate:
    return Candidate(
        id=i,
        key=f"{i:064x}",
        prompt=f"prompt {i // 2}",
        negative="",
        image_sha256=f"{i:064x}",
        width_px=32,
        height_px=32,
        recipe=None,
        created_at=datetime.now(UTC),
    )


@pytest.fixture(scope="session")
def voted_workspace(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with four decided pairs of plain images that name the tiny model as their base."""
    folder = tmp_path_factory.mktemp("voted") / "workspace"
    base = inspect_model(str(tiny_folder)).sha256
    with Store(folder) as store:
        for i in range(4):
            pair = add_pair(store, i, f"a hill {i}", base)
            store.votes.cast(str(uuid.UUID(int=i)), pair.id, ("left", "right")[i % 2])
    return folder

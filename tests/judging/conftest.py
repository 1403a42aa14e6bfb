"""A tiny pipeline, and an adapter for it, shared by the tests that draw."""

from pathlib import Path

import pytest

from sdpo_core.adapters.file import save_adapter
from sdpo_core.models.lora import Lora
from sdpo_core.models.registry import load_model
from tests.models.test_lora import shake
from tests.tiny_model import build_tiny_pipeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_pipeline(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def adapter(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(folder, tmp_path_factory.mktemp("adapter") / "taste.safetensors", seed=0)


def make_adapter(folder: Path, path: Path, seed: int) -> Path:
    model = load_model(str(folder), device="cpu")
    lora = Lora.create(model, rank=4, alpha=4.0, targets="attention", seed=seed)
    shake(lora)
    save_adapter(path, lora, info=model.info, sdpo={"step": 50 * seed}, title="taste")
    return path

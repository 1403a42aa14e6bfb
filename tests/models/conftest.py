"""A tiny pipeline of each family on disk for all tests here, and a model freshly loaded from it for each."""

from pathlib import Path

import pytest

from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.registry import load_model
from tests.tiny_model import build_tiny_pipeline, build_tiny_sdxl


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_pipeline(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def tiny(tiny_folder: Path) -> DiffusionModel:
    return load_model(str(tiny_folder), device="cpu")


@pytest.fixture(scope="session")
def xl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_sdxl(tmp_path_factory.mktemp("xl"))


@pytest.fixture
def xl(xl_folder: Path) -> DiffusionModel:
    return load_model(str(xl_folder), device="cpu")

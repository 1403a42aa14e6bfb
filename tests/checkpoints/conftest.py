"""A tiny real model, and a cache folder that is not the person's."""

import shutil
from pathlib import Path

import pytest

from tests.tiny_model import build_tiny_pipeline, build_tiny_sdxl


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("person") / "cache"
    monkeypatch.setenv("SDPO_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_pipeline(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def model(pristine: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(pristine, tmp_path / "lakes"))


@pytest.fixture(scope="session")
def pristine_xl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_sdxl(tmp_path_factory.mktemp("tiny") / "xl")


@pytest.fixture
def xl(pristine_xl: Path, tmp_path: Path) -> Path:
    """A copy of SDXL that a test may break."""
    return Path(shutil.copytree(pristine_xl, tmp_path / "seas"))

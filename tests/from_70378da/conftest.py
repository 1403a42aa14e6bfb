"""What commit 70378da left behind, and its model, unpacked again for every test that asks."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from sdpo_core.runs.folder import RunFolder
from tests.from_70378da.model import build_recorded_model

RECORDED = Path(__file__).with_name("recorded.tar.xz")


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpacked once, to be copied."""
    folder = tmp_path_factory.mktemp("from-70378da")
    with tarfile.open(RECORDED) as packed:
        packed.extractall(folder, filter="data")
    build_recorded_model(folder / "model")
    return folder


@pytest.fixture(scope="session")
def expected(unpacked: Path) -> dict[str, Any]:
    """What that commit itself said about it."""
    return json.loads((unpacked / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture
def folder(unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that is the current folder, because the runs name their model by the relative path `model`."""
    shutil.copytree(unpacked, tmp_path / "recorded")
    monkeypatch.chdir(tmp_path / "recorded")
    return tmp_path / "recorded"


@pytest.fixture
def workspace(folder: Path) -> Path:
    return folder / "workspace"


@pytest.fixture
def runs(workspace: Path, expected: dict[str, Any]) -> dict[str, RunFolder]:
    """The runs by what became of them: first, half, killed, judged, grid, second."""
    return {name: RunFolder.open(workspace / "runs" / run) for name, run in expected["runs"].items()}

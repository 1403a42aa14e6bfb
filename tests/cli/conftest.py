"""A tiny real model, a workspace with votes on its images, and a training on them."""

from pathlib import Path

import pytest

from sdpo_core.runs.folder import RunFolder
from tests.cli.helpers import PROMPTS, QUICK, lines, process, result, sdpo
from tests.tiny_model import build_tiny_pipeline


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_pipeline(tmp_path_factory.mktemp("cli") / "tiny")


@pytest.fixture(scope="module")
def workspace(tiny: Path) -> Path:
    """A workspace with six voted pairs: left, right, …, and one tie."""
    folder = tiny.parent / "workspace"
    sdpo("generate", "--workspace", folder, "--model", tiny, "--seed", "5", *QUICK, "--prompts", *PROMPTS)
    for i, pair in enumerate(lines("vote", "--workspace", folder)):
        choice = "tie" if i == 5 else ("left", "right")[i % 2]
        sdpo("vote", "--workspace", folder, str(pair["pair"]), choice)
    return folder


@pytest.fixture(scope="module")
def trained(workspace: Path, tiny: Path) -> RunFolder:
    flags = ["--steps", "6", "--checkpoint-every-steps", "3", "--rank", "2", "--preview-prompts", "1"]
    end = result(
        "train", "--workspace", workspace, "--model", tiny, *QUICK, *flags, "--adapter-name", "mine", by=process
    )
    assert end["state"] == "done"
    return RunFolder.open(Path(end["run"]))

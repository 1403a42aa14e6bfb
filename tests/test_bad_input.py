"""Bad and extreme input at the command line: a clear sentence each, and nothing lost."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdpo_core.cli.main import main
from sdpo_core.runs.folder import list_runs
from sdpo_core.workspace.imported import ImportedImage, ImportedPair
from sdpo_core.workspace.pairs import split_held_out, training_pairs
from sdpo_core.workspace.records import Choice
from sdpo_core.workspace.store import Store
from tests.tiny_model import build_tiny_pipeline
from tests.workspace.helpers import BASE, recipe

QUICK = ["--steps", "2", "--rank", "2", "--preview-prompts", "0", "--pairs-from", "all"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_pipeline(tmp_path_factory.mktemp("bad") / "tiny")


def fill(workspace: Path, *choices: Choice) -> None:
    """Pairs of noise, each with its choice."""
    draw = np.random.default_rng(0)
    with Store(workspace) as store:
        for choice in choices:
            images = [Image.fromarray(draw.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for _ in range(2)]
            one, other = (store.imports.save_image(image) for image in images)
            chosen = {"left": "first", "right": "second"}.get(choice, choice)
            store.imports.add_pairs([ImportedPair("a lake", one, other, chosen)])  # pyright: ignore[reportArgumentType]


def train(workspace: Path, model: Path, *more: str) -> int:
    return main(["train", "--workspace", str(workspace), "--model", str(model), *QUICK, *more])


def test_all_votes_tied(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path, "tie", "tie", "both-bad", "skip")
    assert train(tmp_path, tiny) == 1
    sentence = "No pairs can be used for training; not used: 2 ties, 1 with both images bad, 1 skipped."
    assert capsys.readouterr().err.splitlines()[-1] == f"sdpo: {sentence}"
    (run,) = list_runs(tmp_path / "runs")
    assert (run.status().state, run.status().message) == ("failed", sentence)


def test_one_vote_trains_and_says_how_little_that_is(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path, "left")
    assert train(tmp_path, tiny) == 0
    assert "training pairs with unseen noise (too few pairs to hold any out)" in capsys.readouterr().out


def test_a_model_in_a_pickle_is_refused(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path / "workspace", "left")
    model = shutil.copytree(tiny, tmp_path / "model")
    (model / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    (model / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x02}q\x00.")
    assert train(tmp_path / "workspace", model) == 1
    told = capsys.readouterr().err
    assert "diffusion_pytorch_model.bin is a pickle file, which can run any code when it is loaded" in told


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("old.ckpt", b"\x80\x02}q\x00.", "is a pickle file, which can run any code when it is loaded"),
        (
            "renamed.safetensors",
            b"PK\x03\x04" + bytes(100),
            "isn't a safetensors file but a renamed pickle",
        ),
        ("cut.safetensors", (5_000).to_bytes(8, "little") + b"{", "is cut short: its header alone needs 5,008 bytes"),
    ],
)
def test_a_checkpoint_file_that_is_dangerous_or_cut_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, data: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(data)
    assert train(tmp_path / "workspace", tmp_path / name) == 1
    assert f"{name} {sentence}" in capsys.readouterr().err


def test_a_model_that_is_cut_short_is_refused(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path / "workspace", "left")
    model = shutil.copytree(tiny, tmp_path / "model")
    weights = model / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    assert train(tmp_path / "workspace", model) == 1
    assert "diffusion_pytorch_model.safetensors is cut short: " in capsys.readouterr().err


def test_damaged_images_are_left_out_and_the_rest_trains(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path, "left", "right", "left")
    with Store(tmp_path) as store:
        one, other, _ = store.pairs.voted(purpose="train")
        store.images.path(one.pair.left.image_sha256).write_bytes(b"cut")
        store.images.path(other.pair.right.image_sha256).unlink()
    assert train(tmp_path, tiny) == 0
    assert main(["doctor", "--workspace", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "1 recorded image is missing from" in told
    assert "1 image in " in told
    assert "changed after being saved" in told


def test_ten_thousand_usable_votes_are_sorted_in_seconds(tmp_path: Path) -> None:
    """Every image of them is read once. The limit is several times what two busy cores take."""
    with Store(tmp_path) as store:
        draw = np.random.default_rng(0)
        saved = [
            store.imports.save_image(Image.fromarray(draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)))
            for _ in range(1_000)
        ]
        images = [
            ImportedImage(saved[n % 1_000].sha256, 8, 8, recipe=recipe(n, f"prompt {n // 2 % 300}"))
            for n in range(20_000)
        ]
        store.imports.add_pairs([
            ImportedPair(f"prompt {n % 300}", images[2 * n], images[2 * n + 1], "first") for n in range(10_000)
        ])  # fmt: skip
    with Store(tmp_path) as store:
        start = time.perf_counter()
        selection = training_pairs(store, BASE)
        split = split_held_out(selection.usable, 0.2, seed=0)
        elapsed_s = time.perf_counter() - start
    assert len(selection.usable) == 10_000
    assert 1_000 <= len(split.held_out) <= 4_000
    assert elapsed_s < 30, f"took {elapsed_s:.1f} s"
    print(f"sorted in {elapsed_s:.1f} s")

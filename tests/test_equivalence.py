"""The same training by other ways, through the real command line in float64: the same gradients, the same adapter.

Compared is what a checkpoint holds after a step: AdamW's first moment, which is the gradient times (1 − β₁), and the
adapter itself, which is the update.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torch.testing import assert_close

from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.runs.folder import RunFolder, list_runs
from sdpo_core.workspace.store import Store
from tests.cli.helpers import result
from tests.tiny_model import build_tiny_pipeline
from tests.workspace.helpers import recipe

STEPS = 3
COMMON = [
    *("--precision", "fp64", "--steps", str(STEPS), "--pairs-per-step", "4", "--rank", "2", "--beta", "200"),
    *("--sampling-steps", "1", "--preview-prompts", "0", "--warmup-steps", "0"),
    *("--caption-dropout", "0.3", "--learning-rate", "0.01", "--bank-draws-per-pair", "2"),
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_pipeline(tmp_path_factory.mktemp("equivalence") / "tiny")


@pytest.fixture(scope="module")
def workspace(tiny: Path) -> Path:
    """Five voted pairs."""
    folder = tiny.parent / "workspace"
    prompts = ["hills", "a lake", "a desert", "the sea", "a forest"]
    quick = ["--sampling-steps", "1", "--size-px", "64", "--seed", "5"]
    start(["generate", "--workspace", folder, "--model", tiny, *quick, "--prompts", *prompts])
    with Store(folder) as store:
        for i, pair in enumerate(store.pairs.open(purpose="train", limit=10)):
            store.votes.cast(f"{i:032x}", pair.id, ("left", "right")[i % 2])
    return folder


def start(arguments: list[Any], processes: int = 1, program: Sequence[str] = ("sdpo_core",)) -> dict[str, Any]:
    """Run a verb, where nothing else is asked for in this process; returns what it says to machines."""
    if processes == 1 and program == ("sdpo_core",):
        return result(*arguments)
    launcher = [sys.executable, "-m"]
    environment = dict(os.environ)
    if processes > 1:
        launcher += ["torch.distributed.run", "--standalone", "--nproc_per_node", str(processes), "-m"]
        environment |= {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launcher, *program, *map(str, arguments), "--json"],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = done.stdout.splitlines()
    return json.loads(line)


@pytest.fixture(scope="module")
def straight(tiny: Path, workspace: Path) -> dict[str, dict[str, Tensor]]:
    """Checkpoints of one process with all pairs together, by safeguard."""
    return {name: learned(tiny, workspace, *flags) for name, flags in SAFEGUARDS.items()}


SAFEGUARDS = {
    "lora": ["--safeguard", "lora", "--drift-budget", "0"],
    "output": ["--safeguard", "output"],
}
WAYS: dict[str, tuple[int, list[str]]] = {
    "one pair at a time": (1, ["--pairs-per-micro-step", "1"]),
    "split memory": (1, ["--memory", "split"]),
    "two processes": (2, ["--pairs-per-micro-step", "1"]),
}


def learned(
    tiny: Path, workspace: Path, *flags: str, processes: int = 1, program: Sequence[str] = ("sdpo_core",)
) -> dict[str, Tensor]:
    """The last checkpoint's unrounded state."""
    end = start(["train", "--workspace", workspace, "--model", tiny, *COMMON, *flags], processes, program)
    run = RunFolder.open(Path(end["run"]))
    assert end["state"] == "done"
    assert json.loads((run.path / "provenance.json").read_text("utf-8"))["processes"] == processes
    rows = [json.loads(row) for row in (run.path / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert [row["step"] for row in rows if row["kind"] == "step"] == list(range(1, STEPS + 1))
    return load_file(run.checkpoints()[-1] / "state.safetensors")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("safeguard", SAFEGUARDS)
def test_the_way_does_not_matter(
    tiny: Path, workspace: Path, straight: dict[str, dict[str, Tensor]], safeguard: str, way: str
) -> None:
    processes, flags = WAYS[way]
    same(learned(tiny, workspace, *SAFEGUARDS[safeguard], *flags, processes=processes), straight[safeguard])


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_one_process_runs_out_of_memory_and_all_continue_in_a_cheaper_way(
    tiny: Path, workspace: Path, straight: dict[str, dict[str, Tensor]], rank: int
) -> None:
    """In the third step, after two with a checkpoint each. The numbers are those of a run with memory enough."""
    flags = ["--pairs-per-micro-step", "2", "--checkpoint-every-steps", "1"]
    program = ("tests.training.scarce", str(rank), "2")
    found = learned(tiny, workspace, *SAFEGUARDS["lora"], *flags, processes=2, program=program)
    same(found, straight["lora"])
    newest = list_runs(workspace / "runs", "train")[0]
    assert newest.settings()["memory"] == "split"
    assert json.loads((newest.path / "preflight.json").read_text("utf-8"))["memory"] == "joint"
    assert len(newest.checkpoints()) == STEPS


def test_images_of_mixed_sizes_on_two_processes(tiny: Path) -> None:
    """Five pairs in three sizes, of which the model takes two as they are."""
    mixed, base = tiny.parent / "mixed", inspect_model(str(tiny)).sha256
    sizes = [(32, 32), (40, 24), (32, 32), (56, 56), (24, 40)]
    with Store(mixed) as store:
        for i, (width, height) in enumerate(sizes):
            left, right = (
                store.candidates.add(
                    Image.effect_noise((width, height), 40 + side).convert("RGB"),
                    recipe(2 * i + side, f"hill {i}", base).model_copy(update={"width_px": width, "height_px": height}),
                )
                for side in (0, 1)
            )
            store.votes.cast(f"{i:032x}", store.pairs.add(left.id, right.id).id, ("left", "right")[i % 2])
    alone = learned(tiny, mixed, *SAFEGUARDS["lora"])
    same(learned(tiny, mixed, *SAFEGUARDS["lora"], "--pairs-per-micro-step", "2", processes=2), alone)


def test_remembered_reference_errors_change_nothing(tiny: Path, workspace: Path) -> None:
    """Five pairs with one draw each: most of the second and third step's reference is remembered, by both processes."""
    bank = ["--noise-bank", "1"]
    remembered = learned(tiny, workspace, *SAFEGUARDS["lora"], *bank)
    assert int(remembered.pop("noise_bank.errors").isfinite().sum()) >= 8
    together = learned(tiny, workspace, *SAFEGUARDS["lora"], *bank, "--memory", "split", processes=2)
    together.pop("noise_bank.errors")
    same(together, remembered)


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert any(bool(t.any()) for name, t in expected.items() if "lora_B" in name)
    for name, tensor in expected.items():
        assert tensor.dtype == torch.float64 or name.startswith("adam.step")
        scale = float(tensor.abs().max())
        assert_close(found[name], tensor, rtol=1e-6, atol=1e-6 * scale, msg=lambda text, name=name: f"{name}: {text}")

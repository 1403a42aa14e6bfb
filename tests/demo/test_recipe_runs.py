"""`python -m demo --quick` from nothing to a pipeline with its card."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from demo.export import load
from demo.measure import generate

ROOT = Path(__file__).parents[2]
VAE, UNET = (f"{part}/diffusion_pytorch_model.safetensors" for part in ("vae", "unet"))


def run_demo(out: Path, *flags: str) -> None:
    command = [sys.executable, "-m", "demo", "--quick", "--device", "cpu", "--out", str(out), *flags]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_the_quick_recipe_gives_a_pipeline_that_samples(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_demo(out)
    facts = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert facts["recipe"] == "quick"
    assert "samples.png" in (out / "README.md").read_text(encoding="utf-8")
    assert (out / "samples.png").stat().st_size > 0
    pictures = generate(load(out), ["a lake at night", "a dragon"], steps=2, seed=0)
    assert pictures.shape == (2, 96, 96, 3)
    assert not list(tmp_path.glob("out.*"))  # nothing left over from the swap


@pytest.mark.slow
def test_a_pipeline_is_trained_further(tmp_path: Path) -> None:
    """From the exported files alone: encoder and judge stay as they are, denoiser and decoder continue."""
    out = tmp_path / "out"
    run_demo(out)
    before = {name: (out / name).read_bytes() for name in ("judge.safetensors", "metrics.json", VAE, UNET)}
    run_demo(out, "--further")
    after = {name: (out / name).read_bytes() for name in before}
    assert after["judge.safetensors"] == before["judge.safetensors"]
    assert after[UNET] != before[UNET]
    old, new = (safetensors.torch.load(files) for files in (before[VAE], after[VAE]))
    assert all(torch.equal(tensor, new[name]) for name, tensor in old.items() if name.startswith("encoder."))
    assert not all(torch.equal(tensor, new[name]) for name, tensor in old.items() if name.startswith("decoder."))
    first, second = (json.loads(files["metrics.json"]) for files in (before, after))
    for part in ("denoiser", "decoder"):
        assert second[part]["images"] == 2 * first[part]["images"]
    assert second["vae"] == first["vae"]

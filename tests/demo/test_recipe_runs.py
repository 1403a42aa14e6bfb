"""`python -m demo --quick` from nothing to a pipeline with its card."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from demo.export import load
from demo.measure import generate

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_quick_recipe_gives_a_pipeline_that_samples(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "demo", "--quick", "--device", "cpu", "--out", str(tmp_path / "out")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    out = tmp_path / "out"
    facts = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert facts["recipe"] == "quick"
    assert "samples.png" in (out / "README.md").read_text(encoding="utf-8")
    assert (out / "samples.png").stat().st_size > 0
    pictures = generate(load(out), ["a lake at night", "a dragon"], steps=2, seed=0)
    assert pictures.shape == (2, 64, 64, 3)
    assert not list(tmp_path.glob("out.*"))  # nothing left over from the swap

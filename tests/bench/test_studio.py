"""The studio's bench goes through, and a person does not wait even on a busy machine."""

import re
import subprocess
import sys

import pytest

from bench.studio import TARGETS
from sdpo_core.paths import repository_root

pytestmark = pytest.mark.browser


def test_a_small_bench_goes_through() -> None:
    """In a process of its own, because it starts a browser of its own."""
    command = [sys.executable, "-m", "bench.studio", "--quick"]
    done = subprocess.run(command, cwd=repository_root(), capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    assert all(what in done.stdout for what, _, _ in TARGETS.values())
    median = re.search(r"the median took (\d+) ms", done.stdout)
    assert median
    assert int(median[1]) < 250

"""The studio's bench goes through, and a person does not wait even on a busy machine."""

from pathlib import Path

import pytest

from bench.machine import describe_machine
from bench.studio import QUICK, TARGETS, fill, measure, table

pytestmark = pytest.mark.browser


def test_a_small_bench_goes_through(tmp_path: Path) -> None:
    fill(tmp_path / "workspace", QUICK)
    found = measure(tmp_path / "workspace", QUICK)
    assert found["votes"] == QUICK.large + QUICK.small
    assert found["next_pair_median_ms"] < 250
    assert found["memory_mib"] < TARGETS["memory_mib"][1]
    told = table({"found": found, "size": vars(QUICK), "machine": describe_machine()})
    assert all(what in told for what, _, _ in TARGETS.values())

"""The safeguard bench: what it writes, and (slow) the whole of it at a small size."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench import safeguard
from bench.machine import describe_machine


def results() -> dict[str, Any]:
    def run(errors: list[float], kept: int, healthy: bool) -> dict[str, Any]:
        checks = [
            {"step": 10 * (i + 1), "winner_error": x, "winner_error_se": 0.01, "margin": 1.0, "accuracy": 0.8}
            for i, x in enumerate(errors)
        ]
        return {
            "checks": checks, "steps": 10 * len(errors), "total": 150, "chosen_step": kept, "healthy": healthy,
            "winner_error": errors[kept // 10 - 1], "winner_error_se": 0.01, "budget": 0.02, "message": "",
        }  # fmt: skip

    drifting, steady = run([0.01, 0.3, 0.5], 10, True), run([0.0, 0.01, -0.02, 0.0], 40, True)
    runs = {"none": drifting, "constant": drifting, "output": drifting, "rule": drifting, "lora": steady}
    return {"pairs": 60, "rate": "2e-2", "runs": runs, "code": "", "machine": describe_machine()}


def test_table_and_figure_follow_from_the_results(tmp_path: Path) -> None:
    safeguard.write(results(), tmp_path / "safeguard.json", tmp_path / "safeguard.svg")
    table = (tmp_path / "safeguard.md").read_text("utf-8")
    assert "| plain DPO | 30 of 150 | +50.00% (step 30) | 80% | 10 | +1.00% ± 2.00% | yes |" in table
    drawing = ElementTree.fromstring((tmp_path / "safeguard.svg").read_text("utf-8"))
    lines = [node for node in drawing.iter() if node.tag.endswith("polyline")]
    assert [len(line.attrib["points"].split()) for line in lines] == [4, 4, 4, 4, 5]  # from step 0 on
    inside = [float(y) for line in lines for y in (point.split(",")[1] for point in line.attrib["points"].split())]
    assert 0 <= min(inside) <= max(inside) <= 460


@pytest.mark.skipif(not safeguard.RESULTS.is_file(), reason="the bench was not run on this model yet")
def test_what_is_in_the_repository_is_what_the_results_say() -> None:
    known = json.loads(safeguard.RESULTS.read_text("utf-8"))
    assert safeguard.RESULTS.with_suffix(".md").read_text("utf-8") == safeguard.table(known)
    assert safeguard.FIGURE.read_text("utf-8") == safeguard.figure(known)


@pytest.mark.slow
def test_the_whole_bench_at_a_small_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safeguard, "CACHE", tmp_path)
    safeguard.main(["--quick"])
    assert set(json.loads((tmp_path / "safeguard.json").read_text("utf-8"))["runs"]) == set(safeguard.SAFEGUARDS)

"""The safeguards' fronts: what is trained, what is measured, table and figure; (slow) a whole cell."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from bench import command, pareto
from bench.cells import Case, Cell, Results
from bench.front import Scan
from bench.journey import Workbench
from bench.machine import describe_machine
from bench.measures import Estimate
from bench.pareto import COMMON, METHODS, RATES, STRENGTHS, Trial, run_trial, trials, verdict, worth_drawing
from bench.questions import RESERVED_SEED
from sdpo_core.settings.train import TrainConfig
from tests.bench.conftest import FRESH, QUESTIONS

PROMPTS, PAIRS = 6, 5
SVG = "{http://www.w3.org/2000/svg}"


def made(method: str, gain: float, *, rate: str = "2e-3", seed: int = 10, labelled: bool = False) -> Cell:
    """An adapter with a shift of gain·s and a winner error of s² percent."""
    case = Trial("warm", seed, method=method, rate=rate, labelled=labelled)
    s = np.array([0.5, 1.0, 2.0])
    scan = Scan(s, gain * s[:, None] * np.ones(PROMPTS), np.ones(PAIRS), 0.01 * s[:, None] ** 2 * np.ones(PAIRS))
    looks = [
        {
            "shift": [gain * x, 0, 1],
            "winner_error": [0.01 * x**2, 0, 1],
            "cross_seed": [0.5 + 0.1 * x, 0, 1],
            "diversity": [0.97, 0, 1],
            "following": [-0.01, 0, 1],
        }
        for x in s
    ]
    return {
        "case": case.key("m"),
        "training": {"steps": 150},
        "errors": [],
        "looks": looks,
        "scan": scan.content(),
        "machine": describe_machine(),
    }


def everything() -> list[Cell]:
    return [
        *(made("lora", 0.6, seed=seed) for seed in (10, 11)),
        *(made("none", 0.5, seed=seed) for seed in (10, 11)),
        *(made("none", 0.1, rate="4e-3", seed=seed) for seed in (10, 11)),
        made("lora", 0.9, labelled=True),
    ]


def test_every_method_and_rate_is_trained_alike_but_for_its_safeguard() -> None:
    cases = trials([Case("warm", 10), Case("busy", 10)], list(METHODS), RATES, labelled=False)
    assert len(cases) == len(set(cases)) == 2 * 6 * 3
    for case in cases:
        flags = dict(zip(case.flags[::2], case.flags[1::2], strict=True))
        given = {name.removeprefix("--").replace("-", "_"): value for name, value in flags.items()}
        config = TrainConfig.parse(given)
        assert (config.health.final_strength, config.labels.label_pairs) == ("trained", 0)
        assert (config.schedule.rate, config.schedule.learning_rate) == ("fixed", float(case.rate))
    assert len({case.flags for case in cases}) == 18
    rule = next(case for case in cases if case.method == "rule")
    assert ("--drift-budget", "0") in zip(rule.flags, rule.flags[1:], strict=False)
    labelled = trials([Case("warm", 10)], ["lora"], RATES[:1], labelled=True)
    assert [set(cases[15].flags) - set(one.flags) for one in labelled] == [{"--label-pairs"}]
    assert cases[15].key("m") != labelled[0].key("m")


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064], [2, 3, 4, 5]),
        ([0.5, 0.9, 2.0, 4.0, 8.0], [0]),
        ([0.01, 0.05, 0.02, 0.01, 0.01], [0, 1]),  # what comes back inside is not trusted
        ([0.0, 0.001, 0.001, 0.002, 0.002, 0.003], [2, 3, 4, 5]),
    ],
)
def test_the_strengths_up_to_the_first_too_far_are_measured(errors: list[float], expected: list[int]) -> None:
    assert worth_drawing(errors) == expected


def test_the_table_tells_gains_differences_and_every_adapter() -> None:
    text = pareto.table(everything())
    assert "6 prompts of the tuning questions, 5 fresh pairs" in text
    gains = {line.split("|")[1].strip(): line for line in text.split("| gain minus")[0].splitlines() if "e-3 |" in line}
    assert gains["exact rule within the budget"].startswith("| exact rule within the budget | 10, 11 | 2e-3 | ")
    assert "| +0.60 σ (+0.60 – +0.60) |" in gains["exact rule within the budget"]
    assert "| plain DPO | 10, 11 | 2e-3 |" in gains["plain DPO"]  # not the worse rate
    assert "| 60% | 0.97 | -1.0 |" in gains["plain DPO"]  # at strength 1, the last inside the budget
    assert "exact rule within the budget, with labelled pairs" in gains
    gaps = text.split("| gain minus")[1]
    assert "| exact rule within the budget | +0.0" in gaps
    assert "| +0.10 σ (+0.10 – +0.10) |" in gaps
    assert "At 2% exact rule within the budget gains more than plain DPO: +0.1" in text
    rows = [line for line in text.split("## Every adapter")[1].splitlines() if line.startswith("| warm")]
    assert len(rows) == 7
    assert rows[0] == "| warm | plain DPO | 2e-3 | 10 | 150 | ×0.5 +0.25 @ +0.2%, ×1 +0.50 @ +1.0%, ×2 +1.00 @ +4.0% |"


def test_a_method_without_all_its_rates_at_a_seed_is_reported() -> None:
    cells = [made("lora", 0.6), made("lora", 0.6, rate="4e-3", seed=11)]
    text = pareto.table(cells)
    assert "not all rates were run at any seed" in text
    assert "There is nothing to compare with plain DPO yet." in text


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (Estimate(0.1, 0.02, 0.2), "gains more than plain DPO"),
        (Estimate(-0.1, -0.2, -0.02), "gains less than plain DPO"),
        (Estimate(0.1, -0.02, 0.2), "can't be told from plain DPO"),
    ],
)
def test_the_verdict_claims_no_more_than_the_interval(gap: Estimate, said: str) -> None:
    assert said in verdict(gap)
    assert f"({gap.low:+.2f} – {gap.high:+.2f})" in verdict(gap)


def test_the_figure_has_a_line_with_its_band_for_each_method() -> None:
    drawing = ElementTree.fromstring(pareto.figure(everything()))
    assert len(list(drawing.iter(f"{SVG}polyline"))) == len(list(drawing.iter(f"{SVG}polygon"))) == 3
    texts = [node.text for node in drawing.iter(f"{SVG}text")]
    assert "warm, 60 votes, guidance 3" in texts
    assert {"plain DPO", "exact rule within the budget, with labelled pairs"} <= set(texts)


@pytest.mark.parametrize("asked", [["--tastes", "cosy"], ["--seeds", str(RESERVED_SEED)], ["--reserved"]])
def test_safeguards_are_never_chosen_on_what_is_reserved(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        pareto.main(asked)
    assert "eserved" in capsys.readouterr().err


def test_rendering_needs_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = Results(tmp_path / "pareto.json")
    monkeypatch.setattr(pareto, "RESULTS", results.path)
    monkeypatch.setattr(pareto, "FIGURE", tmp_path / "pareto.svg")
    monkeypatch.setattr(command, "tuning_bench", None)
    pareto.main(["--render"])
    assert "no table to write" in capsys.readouterr().out
    results.keep(made("lora", 0.5))
    pareto.main(["--render"])
    assert results.path.with_suffix(".md").read_text("utf-8") == pareto.table(results.cells())
    assert (tmp_path / "pareto.svg").read_text("utf-8") == pareto.figure(results.cells())


@pytest.mark.slow
def test_a_whole_cell_is_measured_at_several_strengths(bench: Workbench) -> None:
    flags = ("--safeguard", "none", "--learning-rate", "1e-2", *COMMON, "--label-pairs", "0", "--steps", "2")
    case = Trial("warm", 0, votes=3, flags=(*flags, "--rank", "2"), method="none", rate="1e-2")
    found = run_trial(bench, case)
    scan = Scan.parse(found["scan"])
    assert scan.change.shape == (len(scan.strengths), len(QUESTIONS.prompts))
    assert scan.error_rise.shape == (len(scan.strengths), len(FRESH.prompts))
    assert len(found["looks"]) == len(scan.strengths)
    told = {s: error for s, error, _ in found["errors"]}
    assert tuple(told) == pytest.approx(STRENGTHS, rel=1e-3)
    for strength, look, rise in zip(scan.strengths, found["looks"], scan.error_rise, strict=True):
        near = min(told, key=lambda s: abs(s - strength))
        assert look["winner_error"][0] == pytest.approx(told[near], rel=1e-2, abs=1e-6)
        assert rise.sum() / scan.reference_error.sum() == pytest.approx(told[near], rel=1e-2, abs=1e-6)
    assert found["looks"][-1]["shift"][0] != 0

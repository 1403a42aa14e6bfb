"""Numbers as a person reads them."""

from datetime import datetime
from pathlib import Path

import pytest

from sdpo_core.runs.folder import RunFolder
from sdpo_core.training.job import _unnamed
from sdpo_core.training.publish import health_sentence
from sdpo_core.wording import NOT_CHANGED, change, signed_percent
from sdpo_core.workspace.adapters import LONGEST_NAME


@pytest.mark.parametrize(
    ("share", "told"),
    [(0.0123, "+1.2 %"), (-0.0042, "−0.4 %"), (0.0, "0.0 %"), (-0.0, "0.0 %"), (-0.0004, "0.0 %"), (0.176, "+17.6 %")],
)
def test_there_is_no_minus_zero(share: float, told: str) -> None:
    assert signed_percent(share) == told


def test_what_rounds_to_nothing_is_described() -> None:
    assert change(-0.0001, 0.0) == change(0.0) == NOT_CHANGED
    assert change(-0.0001, 0.002) == "0.0 % ± 0.2 %"
    assert change(-0.0042, 0.0) == "−0.4 % ± 0.0 %"
    assert change(0.0123) == "+1.2 %"


def test_an_adapter_that_nobody_named_has_a_name_for_people(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "train", {})
    assert _unnamed("lakes", run) == f"lakes-{datetime.now():%Y-%m-%d}"
    assert len(_unnamed("x" * 200, run)) <= LONGEST_NAME
    renamed = RunFolder(run.path.rename(tmp_path / "my-train-run"))
    assert _unnamed("lakes", renamed) == _unnamed("lakes", run), "a folder of another name has a date, too"


def test_a_run_that_changed_nothing_says_so() -> None:
    health = {"winner_error": -1e-5, "winner_error_se": 0.0, "held_out": True, "healthy": True, "budget": 0.02}
    told = "the winner error on held-out pairs is about 0 %, within the budget of 2 %."
    assert health_sentence(health) == told
    assert "is +4.0 % ± 1.0 %, over" in health_sentence(
        {**health, "winner_error": 0.04, "winner_error_se": 0.005, "healthy": False}
    )

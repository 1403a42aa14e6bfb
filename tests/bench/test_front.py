"""Fronts: gains at a winner error, against hand arithmetic."""

import numpy as np
import pytest

from bench.cells import Case, Cell
from bench.front import ERRORS, Scan, column, differences, front, whole_seeds
from bench.measures import Readings
from tests.bench.bench_cells import made_cell

PROMPTS, PAIRS = 6, 5


def scan(gain: float, cost: float, strengths: tuple[float, ...] = (0.5, 1.0, 2.0)) -> Scan:
    """Shift gain·s and winner error cost·s², alike on all prompts and pairs."""
    s = np.array(strengths)
    ones, pairs = np.ones(PROMPTS), np.ones(PAIRS)
    return Scan(s, gain * s[:, None] * ones, pairs, cost * s[:, None] ** 2 * pairs)


def cell(seed: int, rate: str, found: Scan) -> Cell:
    return {"case": {"seed": seed, "rate": rate}, "scan": found.content()}


def once(found: Scan) -> np.ndarray:
    return found.gains(np.ones((1, PROMPTS)), np.ones((1, PAIRS)))[0]


def test_between_strengths_the_shift_is_linear_and_the_error_quadratic() -> None:
    # The base alone at no error; then the strength that costs e, √(e/cost), to a sixteenth of the way to the next.
    gains = once(scan(0.8, 0.01))
    for error, gain in zip(ERRORS, gains, strict=True):
        assert gain <= 0.8 * np.sqrt(error / 0.01) + 1e-9
        assert gain >= 0.8 * (np.sqrt(error / 0.01) - 1 / 16) - 1e-9
    assert gains[column(0.01)] == pytest.approx(0.8)
    assert gains[0] == 0


def test_a_stronger_adapter_is_not_taken_where_its_shift_is_smaller() -> None:
    s, ones = np.array([1.0, 2.0]), np.ones((2, 1))
    found = Scan(s, np.array([[0.6], [0.2]]) * np.ones(PROMPTS), np.ones(PAIRS), np.array([[0.01], [0.02]]) * ones)
    broken = once(Scan(s, found.change, np.ones(PAIRS), np.array([[0.01], [0.02]]) * np.ones(PAIRS)))
    assert broken[column(0.01)] == broken[-1] == pytest.approx(0.6)
    assert (np.diff(broken) >= 0).all()


def test_an_adapter_that_only_breaks_gains_nothing_inside() -> None:
    assert once(scan(1.0, 40.0, strengths=(1.0,)))[column(0.02)] == pytest.approx(0.0, abs=0.02)
    assert once(scan(-1.0, 0.001)).max() == 0  # the base is better


def test_the_best_rate_is_chosen_by_the_mean_over_seeds() -> None:
    cells = [
        cell(0, "1e-3", scan(0.5, 0.01)), cell(1, "1e-3", scan(0.7, 0.01)),
        cell(0, "2e-3", scan(1.0, 0.01)), cell(1, "2e-3", scan(0.1, 0.01)),
    ]  # fmt: skip
    found = front(cells, (0, 1), judged_at=0.01)
    assert found.rate == "1e-3"
    at = found.at(0.01)
    assert at.value == pytest.approx(0.6)
    assert 0.5 - 1e-9 <= at.low < at.value < at.high <= 1.0 + 1e-9  # draws of seed 0 alone take the other rate
    alone = front(cells, (0,), judged_at=0.01)
    assert alone.rate == "2e-3"
    assert alone.at(0.01) == pytest.approx((1.0, 1.0, 1.0))


def test_differences_are_of_the_same_draws() -> None:
    one = [cell(seed, "1e-3", scan(0.5 + 0.2 * seed, 0.01)) for seed in (0, 1)]
    other = [cell(seed, "2e-3", scan(0.4 + 0.2 * seed, 0.01)) for seed in (0, 1)]
    gap = differences(front(one, (0, 1), judged_at=0.01), front(other, (0, 1), judged_at=0.01))
    assert gap[column(0.01)] == pytest.approx((0.1, 0.1, 0.1))  # each front's own interval is wider
    assert gap[0] == pytest.approx((0.0, 0.0, 0.0))


def test_seeds_without_one_of_the_rates_are_left_out() -> None:
    own = scan(0.5, 0.01)
    assert whole_seeds([cell(0, "1e-3", own), cell(1, "1e-3", own), cell(1, "2e-3", own)]) == (1,)
    assert whole_seeds([]) == ()


def test_a_scan_is_of_the_readings_and_is_read_as_it_was_written() -> None:
    seen = Readings.parse(made_cell(Case("warm", 0), change=0.5, error=0.01)["readings"])
    found = Scan.of([1.0], [seen])
    assert found.change == pytest.approx(np.full((1, 6), 0.5), rel=1e-6)
    again = Scan.parse(found.content())
    for name, array in vars(found).items():
        assert getattr(again, name) == pytest.approx(array, rel=1e-4), name
    assert once(again)[column(0.01)] == pytest.approx(0.5, rel=1e-4)

"""Finding a strength: laws only propose, measurements decide."""

import math
from pathlib import Path

import numpy as np
import pytest

from sdpo_core.errors import DataError
from sdpo_core.taste.calibration import (
    ENOUGH_SHIFT,
    WEAKEST,
    Calibration,
    Drift,
    Effect,
    Limits,
    calibrate,
    predicted_effect,
    read_calibration,
    write_calibration,
)
from sdpo_core.taste.fit import fit_taste
from tests.taste.worlds import BASE, World

LIMITS = Limits(budget=0.02)


class Adapter:
    """An adapter whose drift, effect and diversity are formulas; remembers what was measured."""

    def __init__(
        self,
        at_one: float,
        *,
        power: float = 2.0,
        standard_error: float = 0.001,
        shift: float | None = None,
        diverse: float | None = None,
    ) -> None:
        self.at_one, self.power, self.se, self.shift_at_one, self.diverse = (
            at_one,
            power,
            standard_error,
            shift,
            diverse,
        )
        self.asked: list[float] = []
        self.drawn: list[float] = []  # where images were evaluated

    def drift(self, strength: float) -> Drift:
        self.asked.append(strength)
        return Drift(self.at_one * strength**self.power, self.se)

    def effect(self, strength: float) -> Effect | None:
        self.drawn.append(strength)
        return None if self.shift_at_one is None else Effect(self.shift_at_one * strength, 0.7)

    def diversity(self, strength: float) -> float | None:
        return None if self.diverse is None else 1 - (1 - self.diverse) * strength**2


def best(at_one: float, power: float = 2.0) -> float:
    """The strength whose error + 2 SE is the budget."""
    return (0.018 / at_one) ** (1 / power)


@pytest.mark.parametrize("at_one", [0.0035, 0.005, 0.018, 0.03, 0.1, 0.4])
@pytest.mark.parametrize("power", [1.5, 2.0, 3.0])
def test_the_largest_strength_inside_is_found_whatever_the_law(at_one: float, power: float) -> None:
    adapter = Adapter(at_one, power=power)
    found = calibrate(adapter, LIMITS)
    wanted = min(2.5, best(at_one, power))
    assert found.strength is not None
    assert 0.85 * wanted <= found.strength <= wanted * 1.0001
    assert found.strength in adapter.asked, "only what was measured counts"
    assert found.chosen is not None
    assert found.chosen.upper <= LIMITS.budget
    assert len(adapter.asked) == len(set(adapter.asked)) == len(found.points) <= 6
    assert [point.strength for point in found.points] == sorted(adapter.asked)


def test_an_adapter_without_drift_goes_to_the_end_in_two_looks() -> None:
    adapter = Adapter(-0.004)
    found = calibrate(adapter, LIMITS)
    assert (found.strength, adapter.asked) == (2.5, [1.0, 2.5])
    assert "Nothing higher was needed or allowed" in found.sentence


def test_no_image_is_generated_at_a_strength_that_drifts_too_far() -> None:
    adapter = Adapter(0.03, shift=0.5)
    found = calibrate(adapter, LIMITS)
    outside = [point for point in found.points if point.broken == ("drift",)]
    assert outside
    assert {point.strength for point in outside}.isdisjoint(adapter.drawn)
    assert all(point.shift is None for point in outside)
    assert found.chosen is not None
    assert found.chosen.shift is not None


def test_less_where_the_effect_is_enough() -> None:
    found = calibrate(Adapter(0.001, shift=2 * ENOUGH_SHIFT), LIMITS)
    assert found.strength == pytest.approx(0.5, rel=0.1)
    assert "more than enough" in found.sentence
    growing = calibrate(Adapter(0.001, shift=ENOUGH_SHIFT / 1.5), LIMITS)
    assert growing.strength == pytest.approx(1.5, rel=0.1)
    assert calibrate(Adapter(0.001, shift=1.05 * ENOUGH_SHIFT), LIMITS).strength == 1.0
    assert calibrate(Adapter(0.001, shift=-0.3), LIMITS).strength == 2.5


def test_less_where_diversity_falls() -> None:
    found = calibrate(Adapter(0.001, diverse=0.9), LIMITS)
    assert found.strength == pytest.approx(math.sqrt(0.5), rel=0.12)
    assert found.chosen is not None
    assert (found.chosen.diversity or 0) >= 0.95
    assert "as diverse as the base model's" in found.sentence


def test_standard_errors_count_twice() -> None:
    sure, unsure = (calibrate(Adapter(0.005, standard_error=se), LIMITS).strength or 0 for se in (0.0, 0.006))
    assert unsure < 0.75 * sure
    assert unsure <= math.sqrt(0.008 / 0.005) * 1.001


def test_where_nothing_is_inside_it_says_so() -> None:
    adapter = Adapter(0.01, standard_error=0.02)
    found = calibrate(adapter, LIMITS)
    assert found.strength is None
    assert found.chosen is None
    assert min(adapter.asked) == WEAKEST
    assert "Even at strength 0.10" in found.sentence
    assert "budget 2.0 %" in found.sentence


def test_a_lucky_measurement_above_one_outside_is_not_chosen() -> None:
    class Lucky(Adapter):
        def drift(self, strength: float) -> Drift:
            known = super().drift(strength)
            return Drift(-1.0, 0.0) if strength > 1.2 else known

    found = calibrate(Lucky(0.03), LIMITS)
    assert found.strength is not None
    assert found.strength < 1.0


def test_it_is_never_left_looking() -> None:
    """Noise as large as the drift: still at most so many measurements, and a strength that was inside."""
    for seed in range(40):
        rng = np.random.default_rng(seed)

        class Noisy(Adapter):
            def drift(self, strength: float, rng: np.random.Generator = rng) -> Drift:
                error, se = super().drift(strength)
                return Drift(error + 0.01 * rng.normal(), se)

        adapter = Noisy(0.008, shift=float(rng.normal(0.6, 0.5)), diverse=0.97)
        found = calibrate(adapter, LIMITS, first=1.0)
        assert len(adapter.asked) <= 6
        assert found.strength is None or (found.chosen is not None and not found.chosen.broken)
        assert all(WEAKEST <= one <= 2.5 for one in adapter.asked)


def test_what_measuring_raises_passes_through() -> None:
    class Stopping(Adapter):
        def drift(self, strength: float) -> Drift:
            super().drift(strength)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(Stopping(0.01), LIMITS)


def test_the_curve_comes_back_from_its_file(tmp_path: Path) -> None:
    made = calibrate(Adapter(0.01, shift=0.5, diverse=0.98), LIMITS)
    path = tmp_path / "calibration.json"
    write_calibration(made, path)
    assert read_calibration(path) == made
    nothing = calibrate(Adapter(1.0, standard_error=0.5), LIMITS)
    write_calibration(nothing, path)
    assert read_calibration(path) == nothing
    for broken in ("", "[]", '{"format": 2}', made.model_dump_json().replace('"strength"', '"stength"')):
        path.write_text(broken, encoding="utf-8")
        with pytest.raises(DataError, match="as a calibration"):
            read_calibration(path)
    assert isinstance(made, Calibration)


def test_the_predicted_effect_is_the_true_one() -> None:
    """Images moved along the taste by a known amount."""
    world = World(0, noise=0.1)
    model = fit_taste(world.votes(80), BASE).model
    assert model.knows_taste
    base = world.images(240)
    true = base.astype(np.float64) @ world.taste
    for along in (-0.5, 0.5, 1.5):
        moved = world.images(240, along)
        actual = (moved.astype(np.float64) @ world.taste - true).mean() / true.std()
        told = predicted_effect(model, base, base, moved)
        assert told is not None
        assert told.shift == pytest.approx(actual, abs=0.2)
        assert (told.preference > 0.5) == (along > 0)
    same = predicted_effect(model, base, base[:8], base[:8])
    assert same is not None
    assert same.shift == 0
    assert same.preference == 0.5


def test_no_effect_is_predicted_where_none_can_be() -> None:
    world = World(0)
    known, off = fit_taste(world.votes(60), BASE).model, fit_taste(world.votes(3), BASE).model
    images = world.images(4)
    assert predicted_effect(off, images, images, images) is None
    assert predicted_effect(known, images[:1], images, images) is None
    assert predicted_effect(known, images[[0, 0, 0]], images, images) is None

"""What an adapter's card and its model card say of the calibrated strength: measured, predicted, or nothing new."""

import pytest

from app.adapters.effect import predicted
from app.adapters.service import Adapters
from app.adapters.text import say as adapters_say
from app.studio import Studio
from sdpo_core.taste.calibration import CALIBRATION, Point
from sdpo_core.workspace.records import AdapterRecord
from tests.app.shelves import add_adapter, calibrate

WITHOUT_TASTE = tuple(
    Point(strength=strength, error=error, standard_error=0.002) for strength, error in ((1.0, 0.004), (1.4, 0.011))
)
POINTS = (
    Point(strength=1.0, error=0.004, standard_error=0.002, shift=0.5, preference=0.62),
    Point(strength=1.4, error=0.011, standard_error=0.003, shift=0.8, preference=0.69),
    Point(strength=1.8, error=0.02, standard_error=0.003, shift=1.1, preference=0.74, broken=("drift",)),
)


@pytest.fixture
def shelf(studio: Studio) -> Adapters:
    return studio.adapters


@pytest.fixture
def record(studio: Studio) -> AdapterRecord:
    return add_adapter(studio, strength=1.4)


def test_the_curve_and_the_prediction(studio: Studio, shelf: Adapters, record: AdapterRecord) -> None:
    calibrate(studio, record, POINTS, 1.4)
    effect = shelf.snapshot()["cards"][0]["effect"]
    assert effect["strength"] == "Calibrated: strength 1 in this file is 1.40 times the trained strength. Measured."
    assert "you should prefer about two of three of its images" in effect["predicted"]
    assert "(a gain of +0.8 σ)" in effect["predicted"]
    curve = effect["curve"]
    assert [(one["strength"], one["chosen"]) for one in curve["points"]] == [
        ("1.00", False),
        ("1.40", True),
        ("1.80", False),
    ]
    assert curve["points"][1] | {"upper": 0} == {
        "strength": "1.40",
        "gain": 0.8,
        "error": 0.011,
        "upper": 0,
        "chosen": True,
    }
    assert curve["points"][1]["upper"] == pytest.approx(0.017)
    assert (curve["budget"], curve["gate"]) == (0.02, "budget 2.0 %")
    assert "at 1.40, a gain of +0.8 σ for a winner error of +1.1 %" in curve["words"]
    assert curve["words"].endswith("Calibrated at 1.40.")
    _, card = shelf.model_card(record.id, prompts=False)
    assert "| Strength in the file | Measured. |" in card
    assert "| Predicted by the taste model | gain +0.8 σ, 69 % against random images without it; predicted" in card
    assert "1 is calibrated, 1.40 times the trained strength." in card


def test_without_a_taste_nothing_is_predicted(studio: Studio, shelf: Adapters, record: AdapterRecord) -> None:
    calibrate(studio, record, WITHOUT_TASTE, 1.4)
    effect = shelf.snapshot()["cards"][0]["effect"]
    assert effect == {
        "strength": "Calibrated: strength 1 in this file is 1.40 times the trained strength. Measured.",
        "predicted": "",
        "curve": None,
    }
    _, card = shelf.model_card(record.id, prompts=False)
    assert adapters_say("cardRows.predicted") not in card


def test_where_no_strength_is_inside_none_is_marked(studio: Studio, shelf: Adapters) -> None:
    record = add_adapter(studio, strength=1.0)
    calibrate(studio, record, POINTS[2:], None)
    effect = shelf.snapshot()["cards"][0]["effect"]
    assert effect["strength"] == "Measured."
    assert effect["predicted"] == ""
    assert [one["chosen"] for one in effect["curve"]["points"]] == [False]
    assert effect["curve"]["words"].endswith("No strength stays within it.")


def test_earlier_adapters_say_nothing_new(studio: Studio, shelf: Adapters) -> None:
    record = add_adapter(studio)
    assert shelf.snapshot()["cards"][0]["effect"] is None
    _, card = shelf.model_card(record.id, prompts=False)
    assert adapters_say("cardStrengthNone") in card
    assert adapters_say("cardRows.calibrated") not in card


@pytest.mark.parametrize("harm", ["gone", "damaged", "another"])
def test_what_was_not_measured_of_this_file_is_not_told(
    studio: Studio, shelf: Adapters, record: AdapterRecord, harm: str
) -> None:
    """The run folder was deleted, its file can't be read, or it continued and published another adapter."""
    run = calibrate(studio, record, POINTS, 1.4)
    if harm == "another":
        run.adapter_path.write_bytes(b"a later one")
    elif harm == "damaged":
        (run.path / CALIBRATION).write_text('{"format": 2}', encoding="utf-8")
    else:
        (run.path / CALIBRATION).unlink()
    effect = shelf.snapshot()["cards"][0]["effect"]
    assert effect == {"strength": adapters_say("baked", strength=1.4), "predicted": "", "curve": None}


@pytest.mark.parametrize(
    ("preference", "words"),
    [
        (0.5, "hardly any visible difference"),
        (0.3, "hardly any visible difference"),
        (0.58, "three of five"),
        (0.66, "two of three"),
        (0.76, "three of four"),
        (0.99, "nearly all"),
    ],
)
def test_shares_are_written_as_people_count(preference: float, words: str) -> None:
    told = predicted(0.7, preference)
    assert words in told
    assert told.startswith("Predicted")

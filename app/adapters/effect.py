"""An adapter's measurements at several strengths, for its card: gain against drift, and a prediction in plain words."""

import contextlib

from app.adapters.messages import Curve, CurvePoint, Effect
from app.adapters.text import say
from sdpo_core.adapters.info import AdapterInfo
from sdpo_core.checkpoints.hashing import sha256_remembered
from sdpo_core.errors import DataError
from sdpo_core.runs.folder import RunFolder
from sdpo_core.taste.calibration import CALIBRATION, Calibration, read_calibration
from sdpo_core.wording import signed_percent
from sdpo_core.workspace.records import AdapterRecord

_VISIBLE = 0.56  # below this, nobody would see a difference
_SHARES = {
    0.6: "threeOfFive",
    2 / 3: "twoOfThree",
    0.75: "threeOfFour",
    0.8: "fourOfFive",
    0.9: "nineOfTen",
    1.0: "nearlyAll",
}
"""The chances that people count in, each with its row."""


def calibration_of(record: AdapterRecord, run: RunFolder | None) -> Calibration | None:
    """What its run measured; None if it measured nothing, can't be read, or has published another file since."""
    if run is None or not (run.path / CALIBRATION).is_file() or not run.adapter_path.is_file():
        return None
    if sha256_remembered(run.adapter_path) != record.sha256:
        return None
    with contextlib.suppress(DataError):  # a later version's, or damaged: the adapter itself is as good as before
        return read_calibration(run.path / CALIBRATION)
    return None


def baked_strength(info: AdapterInfo) -> float:
    """How often its trained strength is in the file; 1 where nobody says."""
    told = (info.sdpo or {}).get("strength")
    return float(told) if isinstance(told, int | float) and not isinstance(told, bool) else 1.0


def shown_effect(record: AdapterRecord, info: AdapterInfo, run: RunFolder | None) -> Effect | None:
    """The curve, the strength and what is predicted there, as far as they are known; None for earlier adapters."""
    calibration, baked = calibration_of(record, run), baked_strength(info)
    if calibration is None:
        return None if baked == 1 else {"strength": say("baked", strength=baked), "predicted": "", "curve": None}
    effect = calibration.effect
    return {
        "strength": _calibrated(calibration),
        "predicted": predicted(*effect) if effect else "",
        "curve": _curve(calibration),
    }


def predicted(shift: float, preference: float) -> str:
    """What the taste model expects; `preference` is the chance that an image beats a random one without the adapter."""
    row = "hardly" if preference < _VISIBLE else _SHARES[min(_SHARES, key=lambda share: abs(share - preference))]
    return say(f"predicted.{row}", gain=sigma(shift))


def sigma(shift: float) -> str:
    """A gain in standard deviations: `+0.8 σ`."""
    return f"{shift:+.1f} σ".replace("-", "−")


def _calibrated(calibration: Calibration) -> str:
    """The strength the file was calibrated to, and why."""
    if calibration.strength is None:
        return calibration.sentence
    return f"{say('baked', strength=calibration.strength)} {calibration.sentence}"


def _curve(calibration: Calibration) -> Curve | None:
    """Gain against drift for each strength of which both are known; None where no gain is."""
    points: list[CurvePoint] = [
        {
            "strength": f"{point.strength:.2f}",
            "gain": point.shift,
            "error": point.error,
            "upper": point.upper,
            "chosen": point.strength == calibration.strength,
        }
        for point in calibration.points
        if point.shift is not None
    ]
    if not points:
        return None
    budget = calibration.limits.budget
    gate = say("curve.gate", budget_percent=100 * budget)
    return {"points": points, "budget": budget, "gate": gate, "words": _described(calibration)}


def _described(calibration: Calibration) -> str:
    """The curve as text."""
    told = [
        say("curve.point", strength=one.strength, gain=sigma(one.shift), error=signed_percent(one.error))
        for one in calibration.points
        if one.shift is not None
    ]
    return say(
        "curve.outside" if calibration.strength is None else "curve.calibrated",
        points="; ".join(told),
        budget_percent=100 * calibration.limits.budget,
        strength=calibration.strength,
    )

"""An adapter's measurements at several strengths, for its card: gain against drift, and a prediction in plain words."""

import contextlib

from app.adapters import text
from app.adapters.messages import Curve, CurvePoint, Effect
from sdpo_core.adapters.info import AdapterInfo
from sdpo_core.checkpoints.hashing import sha256_remembered
from sdpo_core.errors import DataError
from sdpo_core.runs.folder import RunFolder
from sdpo_core.taste.calibration import CALIBRATION, Calibration, read_calibration
from sdpo_core.workspace.records import AdapterRecord


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
        return None if baked == 1 else {"strength": text.BAKED.format(strength=baked), "predicted": "", "curve": None}
    effect = calibration.effect
    return {
        "strength": text.calibrated(calibration.sentence, calibration.strength),
        "predicted": text.predicted(*effect) if effect else "",
        "curve": _curve(calibration),
    }


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
    told = [text.curve_point(one.strength, one.shift, one.error) for one in calibration.points if one.shift is not None]
    budget = calibration.limits.budget
    words = text.describe_curve(told, budget, calibration.strength)
    return {"points": points, "budget": budget, "gate": text.gate(budget), "words": words} if points else None

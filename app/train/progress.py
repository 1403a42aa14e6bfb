"""What the widgets of a training run ask for: new points of the curves, previews, the log. Incremental, by run id."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.desk.jobs import Jobs
from app.train import text
from sdpo_core.errors import SdpoError
from sdpo_core.runs.folder import Position, RunFolder
from sdpo_core.wording import change

_LOG_LINES = 60
_DRIFT_EVERY_STEPS = 10  # a step row repeats the last check in between


class MetricsRequest(BaseModel):
    """Points since a position in the run's metrics."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str = Field(max_length=120)
    offset: int = Field(default=0, ge=0, lt=2**53)
    file: str = Field(default="", max_length=40)


class RunRequest(BaseModel):
    """A run by its id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str = Field(max_length=120)


class RunProgress:
    """Answers a page's questions about a training run. Replies are JSON; an unknown run gives `ok: False`."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def metrics(self, message: Any) -> dict[str, Any]:
        """New points of each curve as [step, value], and the latest health as text.

        A point of the winner error has a third number: half the width of its band, or None where nobody measured it.
        """
        try:
            asked = MetricsRequest.model_validate(message)
            run = self._jobs.open(asked.run, "train")
            status = self._jobs.status(run)
            rows, end = run.read_metrics(Position(asked.file, asked.offset))
            budget = _budget(run)
        except (SdpoError, ValidationError) as error:
            return {"ok": False, "error": str(error)}
        errors = [point for row in rows for point in _bank_check(row)]
        return {
            "ok": True,
            "restart": end.file != asked.file,
            "offset": end.offset,
            "file": end.file,
            "total": status.total,
            "budget": budget,
            "loss": _curve(rows, "loss"),
            "margin": _curve(rows, "margin"),
            "scale": _curve(rows, "loser_scale"),
            "memory": _memory(rows),
            "error": errors,
            "health": health(errors[-1][1], budget, errors[-1][2], gate=_gate(run)) if errors else None,
        }

    def previews(self, message: Any) -> dict[str, Any]:
        """Addresses of the previews by step; step 0 is the base model."""
        try:
            run = self._jobs.open(RunRequest.model_validate(message).run, "train")
        except (SdpoError, ValidationError) as error:
            return {"ok": False, "error": str(error)}
        steps = [
            {"step": step, "images": [f"/sdpo/preview/{run.id}/{step}/{i}" for i in range(len(paths))]}
            for step, paths in run.previews().items()
        ]
        return {"ok": True, "steps": steps}

    def log(self, message: Any) -> dict[str, Any]:
        """The last lines of the log."""
        try:
            run = self._jobs.open(RunRequest.model_validate(message).run, "train")
        except (SdpoError, ValidationError) as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True, "log": run.log_tail(_LOG_LINES)}


def health(error: float, budget: float, spread: float | None = None, *, gate: str = "upper") -> dict[str, str]:
    """The gauge: a level and a sentence in plain words. `error` is relative to the reference (0.012 = +1.2 %).

    `spread` is half the width of its interval, where the whole bank was checked; the run's `gate` says whether the
    interval's upper end has to be inside the budget or the estimate alone.
    """
    judged = error + (spread or 0.0) if gate == "upper" else error
    level = "healthy" if judged <= budget else "drifting" if error <= 2 * budget else "damaged"
    sentence = text.CHARTS[level].format(error=change(error, spread), budget=f"{100 * budget:.1f} %")
    return {"level": level, "sentence": sentence}


def _gate(run: RunFolder) -> str:
    return str(run.config().get("gate", "upper"))


def _budget(run: RunFolder) -> float:
    """The run's drift budget; where the exact rule always acts (budget 0), health is still judged against 2 %."""
    return float(run.config().get("drift_budget") or 0) or 0.02


def _curve(rows: list[dict[str, Any]], name: str) -> list[list[float]]:
    return [[row["step"], row[name]] for row in rows if row["kind"] == "step" and name in row]


def _memory(rows: list[dict[str, Any]]) -> list[list[float]]:
    """What training took, in GiB: of the GPU where there is one, else of the machine's memory."""
    taken = ((row["step"], row.get("cuda_mib", row.get("rss_mib"))) for row in rows if row["kind"] == "step")
    return [[step, round(mib / 1024, 3)] for step, mib in taken if mib is not None]


def _bank_check(row: dict[str, Any]) -> list[tuple[int, float, float | None]]:
    """The winner error on the bank that a row tells, as [step, error, ±]: the full check, or the one before a step."""
    if row["kind"] == "health":
        error = row.get("winner_error_se")
        return [(row["step"], row["winner_error"], None if error is None else 2 * error)]
    before = row["step"] - 1
    return [(before, row["drift"], None)] if before % _DRIFT_EVERY_STEPS == 0 and "drift" in row else []

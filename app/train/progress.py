"""What the widgets of a training run ask for: new points of the curves, previews, the log. Incremental, by run id."""

from typing import Any

from app.desk.jobs import Jobs
from app.train.messages import (
    Check,
    Health,
    LogLines,
    Metrics,
    MetricsRequest,
    Point,
    Previews,
    PreviewStep,
    RunRequest,
)
from app.train.text import say
from app.ui.replies import Reply, Sent, answered_to
from sdpo_core.runs.folder import Position, RunFolder
from sdpo_core.wording import change

_LOG_LINES = 60
_DRIFT_EVERY_STEPS = 10  # a step row repeats the last check in between


class RunProgress:
    """Answers a page's questions about a training run. Replies are JSON; an unknown run gives `ok: False`."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def metrics(self, message: Sent[MetricsRequest]) -> Reply[Metrics]:
        """New points of each curve as [step, value], and the latest health as text.

        A point of the winner error has a third number: half the width of its band, or None where nobody measured it.
        """
        return answered_to(MetricsRequest, message, self._metrics)

    def previews(self, message: Sent[RunRequest]) -> Reply[Previews]:
        """Addresses of the previews by step; step 0 is the base model."""
        return answered_to(RunRequest, message, self._previews)

    def log(self, message: Sent[RunRequest]) -> Reply[LogLines]:
        """The last lines of the log."""
        return answered_to(RunRequest, message, self._log)

    def _metrics(self, asked: MetricsRequest) -> Metrics:
        run = self._jobs.open(asked.run, "train")
        status = self._jobs.status(run)
        rows, end = run.read_metrics(Position(asked.file, asked.offset))
        budget = _budget(run)
        errors = [point for row in rows for point in _bank_check(row)]
        return {
            "restart": end.file != asked.file,
            "offset": end.offset,
            "file": end.file,
            "total": status.total,
            "budget": budget,
            "loss": _curve(rows, "loss"),
            "margin": _curve(rows, "margin"),
            "scale": _curve(rows, "loser_scale"),
            "memory": _memory(rows),
            "winner_error": errors,
            "health": health(errors[-1][1], budget, errors[-1][2], gate=_gate(run)) if errors else None,
        }

    def _previews(self, asked: RunRequest) -> Previews:
        run = self._jobs.open(asked.run, "train")
        steps: list[PreviewStep] = [
            {"step": step, "images": [f"/sdpo/preview/{run.id}/{step}/{i}" for i in range(len(paths))]}
            for step, paths in run.previews().items()
        ]
        return {"steps": steps}

    def _log(self, asked: RunRequest) -> LogLines:
        return {"log": self._jobs.open(asked.run, "train").log_tail(_LOG_LINES)}


def health(error: float, budget: float, spread: float | None = None, *, gate: str = "upper") -> Health:
    """The gauge: a level, a sentence in plain words, and the figures behind it.

    `error` is relative to the reference (0.012 = +1.2 %).
    `spread` is half the width of its interval, where the whole bank was checked; the run's `gate` says whether the
    interval's upper end has to be inside the budget or the estimate alone.
    """
    judged = error + (spread or 0.0) if gate == "upper" else error
    level = "healthy" if judged <= budget else "drifting" if error <= 2 * budget else "damaged"
    figures = say("healthFigures", error=change(error, spread), budget=f"{100 * budget:.1f} %")
    return {"level": level, "sentence": say(f"health.{level}"), "figures": figures}


def _gate(run: RunFolder) -> str:
    return str(run.settings().get("gate", "upper"))


def _budget(run: RunFolder) -> float:
    """The run's drift budget; where the exact rule always acts (budget 0), health is still judged against 2 %."""
    return float(run.settings().get("drift_budget") or 0) or 0.02


def _curve(rows: list[dict[str, Any]], name: str) -> list[Point]:
    return [(row["step"], row[name]) for row in rows if row["kind"] == "step" and name in row]


def _memory(rows: list[dict[str, Any]]) -> list[Point]:
    """What training took, in GiB: of the GPU where there is one, else of the machine's memory."""
    taken = ((row["step"], row.get("cuda_mib", row.get("rss_mib"))) for row in rows if row["kind"] == "step")
    return [(step, round(mib / 1024, 3)) for step, mib in taken if mib is not None]


def _bank_check(row: dict[str, Any]) -> list[Check]:
    """The winner error on the bank that a row tells, as [step, error, ±]: the full check, or the one before a step."""
    if row["kind"] == "health":
        error = row.get("winner_error_se")
        return [(row["step"], row["winner_error"], None if error is None else 2 * error)]
    before = row["step"] - 1
    return [(before, row["drift"], None)] if before % _DRIFT_EVERY_STEPS == 0 and "drift" in row else []

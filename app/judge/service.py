"""What the Judge page shows of blind tests: the verdict with its prompts and rounds, and whether its votes train.

Messages may be anything; replies are plain JSON. Nothing here mentions a blind test that has no verdict yet.
"""

import contextlib
from collections.abc import Mapping
from typing import Any

from app.desk.desk import Desk
from app.judge.messages import Interval, LetTrain, PromptScore, Round, ShownComparison, ShownVerdict, Training
from app.judge.text import clipped, describe_plot, interval, say, score
from app.judge.verdicts import Verdicts
from app.ui.forms import filled, whole
from app.ui.replies import Reply, Sent, answered_to
from app.ui.words import moment
from sdpo_core.errors import RunError, SdpoError
from sdpo_core.judging.verdict import Comparison, Outcome, Share, Verdict
from sdpo_core.runs.folder import RunFolder
from sdpo_core.settings.base import flat
from sdpo_core.settings.judge import JudgeConfig

_MOST_COMPARISONS = 1000
_LONGEST_NEGATIVE = 120  # letters of it in a title


class Judging:
    """The blind tests of a desk's open project."""

    def __init__(self, desk: Desk, verdicts: Verdicts) -> None:
        self._desk, self._verdicts = desk, verdicts

    def start(
        self, adapter_name: str | None, comparisons: Any, strength: Any = None, how: Mapping[str, Any] | None = None
    ) -> RunFolder | None:
        """Generate comparisons of an adapter with its base model, at its recommended strength or 1.

        `how` holds further fields of `JudgeConfig`; empty ones take their default. Now, or (None) when what runs has
        ended. Raises `AdapterError`, `ConfigError` and `ModelError`.
        """
        adapters = self._desk.adapters
        record = adapters.require(adapter_name)
        wanted = whole(comparisons, 1, _MOST_COMPARISONS, say("comparisonsRange"))
        recommended = {} if record.strength is None else {"strength": record.strength}
        values = {**adapters.to_draw_with(record), "adapter": record.name, "comparisons": wanted, **recommended}
        config = JudgeConfig.parse({**values, **filled({**flat(JudgeConfig, how or {}), "strength": strength})})
        return self._desk.queue.start_or_wait("judge", config, say("queueTitle", name=record.name, n=wanted))

    def find(self, run_id: Any) -> RunFolder | None:
        """The blind test of this id, which may be anything; else the newest one, else None."""
        runs = self._verdicts.runs()
        return next((run for run in runs if run.id == run_id), runs[0] if runs else None)

    def choices(self) -> list[tuple[str, str]]:
        """All blind tests for a list: what they are called, and their id. Newest first."""
        return [(self._listed(run), run.id) for run in self._verdicts.runs()]

    def title(self, run: RunFolder) -> str:
        """What a blind test is about."""
        config = run.settings()
        unconditional = config.get("unconditional_strength")
        if unconditional is None:
            unconditional = 0.0 if config.get("adapter_branch") == "conditional" else 1.0
        strength, negative = float(config.get("strength", 1.0)), str(config.get("negative") or "")
        return _title(self._name(run), strength, float(unconditional), negative)

    def shown(self, run: RunFolder) -> ShownVerdict | None:
        """Everything that the verdict shows; None before the last vote."""
        verdict = self._verdicts.of(run)
        if verdict is None:
            return None
        return {
            "run": run.id,
            "sentence": verdict.sentence,
            **_interval(verdict),
            "counts": say("counts", wins=verdict.wins, losses=verdict.losses, ties=verdict.ties),
            "prompts": [self._prompt(share.prompt, share, verdict) for share in verdict.by_prompt()],
            "rounds": self._rounds(run),
            "comparisons": [self._comparison(one) for one in verdict.outcomes],
            **self._trains(run, verdict),
        }

    def let_train(self, message: Sent[LetTrain]) -> Reply[Training]:
        """Let the votes of a finished blind test train, or no longer; the reply holds what is shown now."""
        return answered_to(LetTrain, message, self._let_train)

    def _let_train(self, wish: LetTrain) -> Training:
        run = self._desk.jobs.open(wish.run, "judge")
        verdict = self._verdicts.of(run)
        if verdict is None:
            raise RunError(say("notDone"))
        self._desk.store.judged.let_train(run.id, trains=wish.trains)
        return self._trains(run, verdict)

    # ------------------------------------------------------------------------------------------------------ helpers

    def _listed(self, run: RunFolder) -> str:
        result = say("unfinished")
        with contextlib.suppress(SdpoError):  # one with a damaged pair has no verdict and never will
            told = self._verdicts.of(run)
            if told:
                result = _score(told)
        return say("listed", name=self._name(run), moment=moment(run.began_at), result=result)

    def _name(self, run: RunFolder) -> str:
        """The adapter's name: as it is called now, where that is known."""
        with contextlib.suppress(SdpoError):
            told = self._verdicts.of(run)
            judged = told.adapter_sha256 if told else self._judged(run)
            for record in self._desk.store.adapters.all():
                if record.sha256 == judged:
                    return record.name
        return str(run.settings().get("adapter"))

    def _judged(self, run: RunFolder) -> str:
        """The adapter file that a comparison was generated with: the command line may have called it `latest`."""
        store = self._desk.store
        voted = [one.pair for one in store.pairs.voted(purpose="judge", run_id=run.id)]
        for pair in voted or store.pairs.open(purpose="judge", run_id=run.id, limit=1):
            for side in (pair.left, pair.right):
                if side.recipe and side.recipe.adapters:
                    return side.recipe.adapters[0].sha256
        return ""

    def _prompt(self, prompt: str, share: Share, verdict: Verdict) -> PromptScore:
        marks: list[Outcome] = [one.outcome for one in verdict.outcomes if one.prompt == prompt]
        return {"prompt": prompt, "score": _score(share), "marks": marks}

    def _comparison(self, one: Comparison) -> ShownComparison:
        return {"prompt": one.prompt, "base": one.base, "adapter": one.adapter, "outcome": one.outcome}

    def _rounds(self, shown: RunFolder) -> list[Round]:
        """All blind tests with a verdict, oldest first, so that rounds can be compared."""
        found: list[Round] = []
        numbers = self._desk.adapters.rounds()
        for run in reversed(self._verdicts.runs()):
            with contextlib.suppress(SdpoError):
                told = self._verdicts.of(run)
                if told:
                    number = numbers.get(told.adapter_sha256, 1)
                    name = say(
                        "round" if told.strength == 1 else "roundAtStrength",
                        round=number,
                        name=self._name(run),
                        strength=told.strength,
                        moment=moment(run.began_at),
                    )
                    found.append({"name": name, "score": _score(told), **_interval(told), "now": run.id == shown.id})
        return found

    def _trains(self, run: RunFolder, verdict: Verdict) -> Training:
        trains = bool(self._desk.store.judged.pairs(run.id))
        return {"trains": trains, "trains_sentence": say("trains" if trains else "trainsNot", n=verdict.comparisons)}


def _title(name: str, strength: float, unconditional: float, negative: str) -> str:
    """`unconditional` is the adapter's share in the unconditional prediction."""
    title = say("title" if strength == 1 else "titleAtStrength", name=name, strength=strength)
    if unconditional == 0:
        title = say("titleConditional", title=title)
    elif unconditional != 1:
        title = say("titleUnconditional", title=title, share=unconditional)
    return say("titleNegative", title=title, negative=clipped(negative, _LONGEST_NEGATIVE)) if negative else title


def _score(share: Share) -> str:
    return score(share.wins + share.ties / 2, share.comparisons)


def _interval(share: Share) -> Interval:
    return {
        "win_rate": share.win_rate,
        "low": share.low,
        "high": share.high,
        "interval": interval(share.low, share.high),
        "plot": describe_plot(share.win_rate, share.low, share.high),
    }

"""Training: from what a form holds to a plan, a job, and what can be asked of one that runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.desk.desk import Desk
from app.desk.machine import threads_for
from app.desk.standing import WANTED_VOTES
from app.train.estimate import Drawing, drawing, estimate, seconds_per_step
from app.train.text import say
from app.ui.forms import filled
from app.ui.words import duration
from sdpo_core.checkpoints.hashing import sha256_remembered
from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.errors import DataError, RunError
from sdpo_core.runs.folder import RunFolder
from sdpo_core.settings.base import flat, leaves
from sdpo_core.settings.presets import train_config
from sdpo_core.settings.train import TrainConfig, steps_for_pairs
from sdpo_core.workspace.pairs import TrainingPairs, split_held_out, training_pairs

_NOT_SHARED = ("model", "prediction_type", "threads")


@dataclass(frozen=True)
class Plan:
    """What a training run would do now."""

    pairs: TrainingPairs
    steps: int
    eta_s: float | None  # None: no run of this model has told its pace yet
    sentence: str
    measured: bool  # what it needs in memory is known

    @property
    def foreign(self) -> int:
        """Votes that would train too if those on other models' images were included."""
        return self.pairs.other_base + self.pairs.earlier_demo

    @property
    def possible(self) -> bool:
        """Whether there is anything to train on."""
        return bool(self.pairs.usable)


class Training:
    """What the Train page does. Forms may hold anything; every method may be called from any thread."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def plan(self, form: Mapping[str, Any]) -> Plan:
        """What `train` would do with this form now; raises `SdpoError` when a setting or the model is impossible.

        Images need only be there: the run itself reads each and says which are damaged.
        """
        info = self._desk.models.chosen()
        config = self._train_config(form, info)
        earlier = config.lora.continue_from
        start = sha256_remembered(self._desk.store.adapters.file(earlier)) if earlier else None
        pairs = training_pairs(self._desk.store, info.sha256, config.data.pairs_from, start, read_images=False)
        split = split_held_out(pairs.usable, config.health.held_out_fraction, config.schedule.seed)
        steps = config.schedule.steps or steps_for_pairs(len(split.train))
        found = estimate(self._desk.jobs.root, config)
        pace = seconds_per_step(self.runs(), info.source) or (found.seconds_per_step if found else None)
        schedule, sampling_steps = config.changed(steps=steps).schedule, config.sampling.sampling_steps
        more = drawing(self._desk.store, config.labels, schedule, sampling_steps, info.sha256, len(split.train))
        eta_s = None if pace is None else pace * steps + (more.seconds or 0.0)
        if pairs.usable:
            memory = (found.peak_gib, found.total_gib) if found else None
            sentence = f"{pairs.sentence()} {_takes(steps, pace and pace * steps, memory)}"
            if more.pairs:
                sentence = f"{sentence} {_further(more)}"
            if earlier:
                sentence = f"{say('goesOn', name=earlier)} {sentence}"
            if len(pairs.usable) < WANTED_VOTES:
                sentence = f"{sentence} {say('fewVotes', wanted=WANTED_VOTES)}"
        else:
            sentence = self._nothing_to_train_on(pairs)
        return Plan(pairs, steps, eta_s, sentence, measured=found is not None)

    def _nothing_to_train_on(self, pairs: TrainingPairs) -> str:
        """Why no pair can train, and what to do."""
        if self._desk.store.counts().votes == 0:
            return say("noVotesYet")
        advice = say("noneUsable")
        if pairs.earlier_demo:
            advice = say("earlierDemoPairs", field=leaves(TrainConfig)["pairs_from"].shown.label)
        return f"{pairs.sentence()} {advice}"

    def measure(self, form: Mapping[str, Any]) -> RunFolder:
        """Find out what `train` would take with this form, by one dry step; raises `DataError` without usable votes."""
        if not self.plan(form).possible:
            raise DataError(say("noVotesYet"))
        return self._desk.jobs.start("measure", self._train_config(form, self._desk.models.chosen()))

    def settings(self, form: Mapping[str, Any]) -> dict[str, Any]:
        """All settings that `train` would use, flat, but for what belongs to this machine and the model's name."""
        config = self._train_config(form, self._desk.models.chosen())
        settings = flat(TrainConfig, config.model_dump(mode="json"))
        return {name: value for name, value in settings.items() if name not in _NOT_SHARED}

    def start(self, form: Mapping[str, Any]) -> RunFolder:
        """Train an adapter from the votes. The form holds fields of `TrainConfig`; empty ones take their default."""
        return self._desk.jobs.start("train", self._training(form)[0])

    def start_or_wait(self, form: Mapping[str, Any]) -> RunFolder | None:
        """The same, but (None) when what runs now has ended."""
        return self._desk.queue.start_or_wait("train", *self._training(form))

    def _training(self, form: Mapping[str, Any]) -> tuple[TrainConfig, str]:
        """The settings of a run, and what it is called while it waits."""
        plan, info = self.plan(form), self._desk.models.chosen()
        if not plan.possible:
            raise DataError(plan.sentence)
        config = self._train_config(form, info)
        return config, _queued(config.lora.adapter_name, info.name, plan)

    def resume(self, run_id: str) -> None:
        """Resume a stopped or failed training run."""
        self._desk.jobs.resume(self._desk.jobs.open(run_id, "train"))

    def ask(self, signal: Literal["save-now", "sample-now"]) -> None:
        """Ask the running training for a checkpoint, or for previews, after its next step.

        Raises `RunError` when no training runs.
        """
        current = self._desk.jobs.current()
        if current is None or current[1].verb != "train":
            raise RunError(say("noTraining"))
        current[0].signal(signal)

    def runs(self) -> list[RunFolder]:
        """All training runs, newest first."""
        return self._desk.readable_runs("train")

    def resumable(self, run: RunFolder) -> bool:
        """Whether a training run can be resumed now."""
        return self._desk.jobs.status(run).state in ("stopped", "failed")

    def _train_config(self, form: Mapping[str, Any], info: ModelInfo) -> TrainConfig:
        return train_config({**filled(form), "threads": threads_for(info)}, info)


def _takes(steps: int, eta_s: float | None, memory: tuple[float, float] | None) -> str:
    """What a run takes, as far as it is known; `memory` is GiB used and GiB available."""
    known = {(False, False): "steps", (True, False): "time", (False, True): "memory", (True, True): "all"}
    time = duration(eta_s) if eta_s is not None else ""
    used, total = memory or (0.0, 0.0)
    return say(
        f"takes.{known[eta_s is not None, memory is not None]}",
        steps=say("steps", n=steps),
        time=time,
        used=used,
        total=total,
    )


def _further(more: Drawing) -> str:
    """What a run generates before training, to learn more from the votes."""
    if more.seconds is None:
        return say("furtherPairs", pairs=more.pairs)
    return say("furtherPairsTime", pairs=more.pairs, time=duration(more.seconds))


def _queued(name: str | None, model: str, plan: Plan) -> str:
    return say(
        "queuedNamed" if name else "queued",
        name=name,
        model=model,
        steps=plan.steps,
        pairs=len(plan.pairs.usable),
    )

"""Every action of a person as a plain method. No interface in here, so all of it is tested without a browser.

Methods take what a form holds and raise `SdpoError`s in words. Ids may come from anywhere and are checked.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from app import text, text_comfy, text_judge, text_model, text_train
from app.comfy_draw import ComfyDraw
from app.estimate import drawing, estimate, seconds_per_step
from app.finder import ModelFinder
from app.forms import filled, whole
from app.generating import checked_prompts, generate_config, starter_prompts
from app.headers import Headers
from app.importing import Imports
from app.jobs import Jobs
from app.models import Models
from app.project_votes import ProjectJudgeVotes, ProjectRankVotes, ProjectTrainVotes
from app.projects import StudioProjects
from app.review import Review
from app.says import Says
from app.waiting import RunQueue
from sdpo_core.checkpoints.hashing import sha256_remembered
from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.comfyui.job import require_usable
from sdpo_core.errors import AdapterError, ConfigError, DataError, RunError, SdpoError, StoreError
from sdpo_core.judging.verdict import Verdict, verdict
from sdpo_core.runs.folder import FINISHED, RunFolder, Status, Verb, list_runs
from sdpo_core.settings.judge import JudgeConfig
from sdpo_core.settings.presets import train_config
from sdpo_core.settings.train import TrainConfig, steps_for_pairs
from sdpo_core.settings.transfer import DownloadConfig
from sdpo_core.workspace.pairs import TrainingPairs, split_held_out, training_pairs
from sdpo_core.workspace.records import AdapterRecord
from sdpo_core.workspace.store import Store

WANTED_VOTES = 30
"""From here on a clear taste was learned reliably in trials; fewer may train too."""

_MOST_COMPARISONS = 1000


@dataclass(frozen=True)
class Plan:
    """What a training run would do now."""

    pairs: TrainingPairs
    steps: int
    eta_s: float | None  # None: no run of this model has told its pace yet
    sentence: str
    measured: bool  # what it needs in memory is known

    @property
    def possible(self) -> bool:
        """Whether there is anything to train on."""
        return bool(self.pairs.usable)


class Studio:
    """The studio on the projects of one root, of which one is open. Every method may be called from any thread."""

    def __init__(self, root: Path, jobs: Jobs | None = None) -> None:
        self.projects = StudioProjects(root)
        self.workspace = self.projects.current.path
        self.store = Store(self.workspace)
        self.jobs = jobs or Jobs(self.workspace)
        self.votes = ProjectTrainVotes(self.store, self.projects)
        self.rankings = ProjectRankVotes(self.store, self.projects)
        self.review = Review(self.store)
        self.judge_votes = ProjectJudgeVotes(self.store, self.projects)
        self.models = Models(self.workspace)
        self.says = Says(self.store, self.models, self.projects, self.votes)
        self.finder = ModelFinder(root, self.models)
        self.queue = RunQueue(self.jobs)
        self.imports = Imports(self.jobs, self.queue)
        self.headers = Headers()
        self.comfy = ComfyDraw(self.jobs, self.models)
        self._verdicts: dict[str, Verdict] = {}

    def close(self) -> None:
        """Close the store. Running jobs go on."""
        self.queue.close()
        self.finder.close()
        self.store.close()
        self.projects.close()

    def open_project(self, project_id: str) -> None:
        """Go over to another project, all pages with it; raises `SdpoError`s, and then nothing has changed."""
        if (project := self.projects.find(project_id)).id == self.projects.current.id:
            return
        with self.projects.entering(project):
            self.jobs.move_to(project.path)
            try:
                self.store.move_to(project.path)
            except SdpoError:
                self.jobs.move_to(self.workspace)
                raise
            self.models.move_to(project.path)
            self.workspace = project.path

    # ------------------------------------------------------------------------------------------------------- model

    def model_source(self) -> str:
        """The chosen model: `demo` until another is chosen."""
        return self.models.source()

    def model(self) -> ModelInfo:
        """The chosen model, inspected; raises `ModelError` when it can't be used any more."""
        return self.inspect(self.model_source())

    def choose_model(self, source: str) -> ModelInfo:
        """Check a model and remember it; raises `ModelError` in words and keeps the earlier one."""
        return self.models.choose(source)

    def inspect(self, source: str) -> ModelInfo:
        """What a model is, remembered."""
        return self.models.inspect(source)

    def download(self, source: str) -> RunFolder | None:
        """Fetch a model of the hub, now or (None) when what runs has ended."""
        self.models.forget_offer(source.strip())
        config = DownloadConfig.parse({"model": source.strip()})
        return self.queue.start_or_wait("download", config, text_model.queue_title(config.model))

    def newest_download(self) -> tuple[RunFolder, Status] | None:
        """The newest download and what it says; None when there was none."""
        run = next(iter(self.readable("download")), None)
        return (run, self.jobs.status(run)) if run else None

    def download_waits(self, source: str) -> bool:
        """Whether a model's download waits for its turn."""
        return any(one.verb == "download" and one.config.get("model") == source for one in self.queue.waiting())

    def downloading(self) -> str:
        """The model that is being downloaded now; empty when there is none."""
        newest = self.newest_download()
        runs = newest is not None and newest[1].state not in FINISHED
        return str(newest[0].config().get("model")) if newest and runs else ""

    # ---------------------------------------------------------------------------------------------------- generate

    def starter_prompts(self, name: str = "") -> list[str]:
        """A set of prompts to begin with; without a name the one that suits the chosen model."""
        return starter_prompts(name or ("starter-demo" if self.model().is_demo else "starter-general"))

    def generate(self, form: Mapping[str, Any]) -> RunFolder:
        """Draw pairs with a model. The form holds the model's name and what `generate_config` reads."""
        if "comfy" in form or "workflow" in form:  # an address and a path, which nobody gives from outside
            raise ConfigError(text_comfy.ON_THE_PAGE)
        return self._generate(form)

    def draw(self, form: Mapping[str, Any]) -> RunFolder:
        """The same, or with a ComfyUI, as was chosen on the page; its images count for the model."""
        return self._generate({**form, **(self.comfy.settings() or {})})

    def _generate(self, form: Mapping[str, Any]) -> RunFolder:
        checked_prompts(form.get("prompts", ""))  # a slip in a brace is told before a model is looked at
        info = self.choose_model(str(form.get("model", "")))
        settings = {name: value for name, value in form.items() if name != "model"}
        config = generate_config(settings, info, _threads(info))
        if config.comfy:
            require_usable(config)
        return self.jobs.generate(config)

    def newest_images(self, limit: int = 60) -> list[dict[str, str]]:
        """The newest images to vote on. Images of blind tests are not among them: they would give the sides away."""
        newest = self.store.candidates(limit=limit, purpose="train")
        there = [candidate for candidate in newest if self.store.has_image(candidate)]
        return [{"sha256": candidate.image_sha256, "prompt": candidate.prompt} for candidate in there]

    # ------------------------------------------------------------------------------------------------------- train

    def plan(self, form: Mapping[str, Any]) -> Plan:
        """What `train` would do with this form now; raises `SdpoError` when a setting or the model is impossible.

        Images need only be there: the run itself reads each and says which are damaged.
        """
        info = self.model()
        config = self._train_config(form, info)
        start = sha256_remembered(self.store.adapter_file(config.continue_from)) if config.continue_from else None
        pairs = training_pairs(self.store, info.sha256, config.pairs_from, start, read_images=False)
        split = split_held_out(pairs.usable, config.held_out_fraction, config.seed)
        steps = config.steps or steps_for_pairs(len(split.train))
        found = estimate(self.jobs.root, config)
        pace = seconds_per_step(self.training_runs(), info.source) or (found.seconds_per_step if found else None)
        more = drawing(self.store, config.model_copy(update={"steps": steps}), info.sha256, len(split.train))
        eta_s = None if pace is None else pace * steps + (more.seconds or 0.0)
        if pairs.usable:
            memory = (found.peak_gib, found.total_gib) if found else None
            sentence = text_train.plan(pairs.sentence(), steps, pace and pace * steps, memory)
            if more.pairs:
                sentence = f"{sentence} {text_train.further_pairs(more.pairs, more.seconds)}"
            if config.continue_from:
                sentence = f"{text_train.GOES_ON.format(name=config.continue_from)} {sentence}"
            if len(pairs.usable) < WANTED_VOTES:
                sentence = f"{sentence} {text.FEW_VOTES.format(wanted=WANTED_VOTES)}"
        else:
            sentence = self._nothing_to_train_on(pairs)
        return Plan(pairs, steps, eta_s, sentence, measured=found is not None)

    def _nothing_to_train_on(self, pairs: TrainingPairs) -> str:
        """Why no pair can train, and what to do."""
        if self.store.counts().votes == 0:
            return text.NO_VOTES_YET
        advice = text.NONE_USABLE
        if pairs.earlier_demo:
            advice = text.EARLIER_DEMO_PAIRS.format(field=text.FIELD_LABELS["pairs_from"])
        return f"{pairs.sentence()} {advice}"

    def measure(self, form: Mapping[str, Any]) -> RunFolder:
        """Find out what `train` would take with this form, by one dry step."""
        if not self.plan(form).possible:
            raise DataError(text.NO_VOTES_YET)
        return self.jobs.start("measure", self._train_config(form, self.model()))

    def train_settings(self, form: Mapping[str, Any]) -> dict[str, Any]:
        """All settings that `train` would use, apart from what belongs to this machine and the model's name."""
        config = self._train_config(form, self.model())
        return config.model_dump(mode="json", exclude={"model", "prediction_type", "threads"})

    def train(self, form: Mapping[str, Any]) -> RunFolder:
        """Train an adapter from the votes. The form holds fields of `TrainConfig`; empty ones take their default."""
        return self.jobs.start("train", self._training(form)[0])

    def train_or_wait(self, form: Mapping[str, Any]) -> RunFolder | None:
        """The same, but (None) when what runs now has ended."""
        return self.queue.start_or_wait("train", *self._training(form))

    def _training(self, form: Mapping[str, Any]) -> tuple[TrainConfig, str]:
        """The settings of a run, and what it is called while it waits."""
        plan, info = self.plan(form), self.model()
        if not plan.possible:
            raise DataError(plan.sentence)
        config = self._train_config(form, info)
        return config, text_train.queue_title(config.adapter_name, info.name, len(plan.pairs.usable), plan.steps)

    def resume(self, run_id: str) -> None:
        """Go on with a stopped or failed training run."""
        self.jobs.resume(self.jobs.open(run_id, "train"))

    def ask(self, signal: Literal["save-now", "sample-now"]) -> None:
        """Ask the running training for a checkpoint, or for previews, after its next step."""
        current = self.jobs.current()
        if current is None or current[1].verb != "train":
            raise RunError(text_train.NO_TRAINING)
        current[0].signal(signal)

    def training_runs(self) -> list[RunFolder]:
        """All training runs, newest first."""
        return self.readable("train")

    def resumable(self, run: RunFolder) -> bool:
        """Whether a training run can go on now."""
        return self.jobs.status(run).state in ("stopped", "failed")

    def stop(self, run_id: str) -> Status:
        """Ask a job to stop at its next safe point; returns what it says now."""
        run = self.jobs.find(run_id)
        self.jobs.stop(run)
        return self.jobs.status(run)

    def _train_config(self, form: Mapping[str, Any], info: ModelInfo) -> TrainConfig:
        return train_config({**filled(form), "threads": _threads(info)}, info)

    # ------------------------------------------------------------------------------------------------------- judge

    def judge(
        self, adapter_name: str | None, comparisons: Any, strength: Any = None, how: Mapping[str, Any] | None = None
    ) -> RunFolder | None:
        """Draw blind comparisons of an adapter with its base model, at the strength that is recommended for it or 1.

        `how` holds further fields of `JudgeConfig`; empty ones take their default. Now, or (None) when what runs has
        ended.
        """
        record = self.require_adapter(adapter_name)
        wanted = whole(comparisons, 1, _MOST_COMPARISONS, text_judge.COMPARISONS_RANGE)
        recommended = {} if record.strength is None else {"strength": record.strength}
        values = {**self.where(record), "adapter": record.name, "comparisons": wanted, **recommended}
        config = JudgeConfig.parse({**values, **filled({**(how or {}), "strength": strength})})
        return self.queue.start_or_wait("judge", config, text_judge.queue_title(record.name, wanted))

    def recommended_strength(self, name: Any) -> float | None:
        """The strength that a person recommends for an adapter; None for none, and for an unknown adapter."""
        return next((record.strength for record in self.store.adapters() if record.name == name), None)

    def require_adapter(self, name: Any) -> AdapterRecord:
        """The adapter that was chosen on a page; raises `AdapterError` when that is none."""
        if not name:
            raise AdapterError(text_judge.CHOOSE_ADAPTER if self.store.adapters() else text_judge.NO_ADAPTER)
        return self.store.find_adapter(str(name))

    def where(self, record: AdapterRecord) -> dict[str, Any]:
        """The settings of a job that draws with an adapter: its base model, and as many threads as that gains from."""
        info = self.inspect(self.base_of(record))
        return {"model": info.source, "threads": _threads(info)}

    def judge_runs(self) -> list[RunFolder]:
        """All judge runs, newest first."""
        return [run for run in self.readable("judge") if {"adapter", "comparisons"} <= run.config().keys()]

    def verdict(self, run: RunFolder) -> Verdict | None:
        """The verdict of a judge run; None until its last vote. Then it is closed, so it is remembered."""
        if run.id not in self._verdicts:
            told = verdict(self.store, run)
            if told is None:
                return None
            self._verdicts[run.id] = told
        return self._verdicts[run.id]

    def verdicts(self) -> dict[str, Verdict]:
        """The newest verdict of every judged adapter file, by its SHA-256: a name may belong to another by now."""
        found: dict[str, Verdict] = {}
        for run in self.judge_runs():
            with contextlib.suppress(StoreError, RunError):  # a judgement with a damaged pair or plan tells nothing
                told = self.verdict(run)
                if told:
                    found.setdefault(told.adapter_sha256, told)
        return found

    def readable(self, verb: Verb) -> list[RunFolder]:
        """Runs whose folder can be read; `doctor` names the others."""

        def readable(run: RunFolder) -> bool:
            try:
                return bool(run.status()) and bool(run.config())
            except RunError:
                return False

        return [run for run in list_runs(self.jobs.root, verb) if readable(run)]

    def base_of(self, record: AdapterRecord) -> str:
        """The model that an adapter was trained on, or the best guess."""
        try:
            return str(self.jobs.open(record.run_id, "train").config()["model"])
        except (RunError, KeyError):  # the run folder was cleared away; the chosen model is the best guess
            return self.model_source()

    def adapter_names(self) -> list[str]:
        """Names of the adapters, newest first."""
        return [record.name for record in self.store.adapters()]

    # ------------------------------------------------------------------------------------------------ files by id

    def image_path(self, sha256: str) -> Path:
        """An image of the store."""
        return self.store.image_path_by_sha(sha256)

    def preview_path(self, run_id: str, step: int, number: int) -> Path:
        """A preview of a training run; raises `RunError` when there is none."""
        previews = self.jobs.open(run_id, "train").previews().get(step, [])
        if not 0 <= number < len(previews):
            raise RunError(text.NO_SUCH_PREVIEW)
        return previews[number]


def _threads(info: ModelInfo) -> int:
    """Tiny images gain nothing from more threads; large ones use the whole processor where there is no GPU."""
    return 1 if info.is_demo else psutil.cpu_count(logical=False) or 1

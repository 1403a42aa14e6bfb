"""A simulated person's way through the real command line, and the measurement of the result.

Generated pairs and the base's answers cost most, belong to nobody, and are kept in `.cache/` by what decides them.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from PIL import Image

from bench.cells import CACHE, GUIDANCE, METHOD, Case, Cell, digest
from bench.measures import Look, Readings, look_at, measure, readings
from bench.questions import PairPlan, Question, Questions, fresh_pairs, training_pairs, tuning_questions
from bench.simulated_user import TASTES, Taste
from bench.winner_error import DRAWS_PER_PAIR, make_banks, pair_errors, voted_pairs
from demo.attributes import Judge
from sdpo_core.adapters.attach import LoadedAdapter, attach_adapter
from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.atomic import replacing
from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.errors import RunError
from sdpo_core.generation.sample import build_recipe, sample
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.registry import load_model
from sdpo_core.paths import repository_root
from sdpo_core.runs.folder import RunFolder
from sdpo_core.settings.base import Settings, flat
from sdpo_core.settings.sampling import Runtime, Sampling
from sdpo_core.taste.calibration import CALIBRATION, read_calibration
from sdpo_core.training.health import Bank
from sdpo_core.workspace.store import Store


class How(Settings):
    """With which model, and how images are sampled from it."""

    runtime: Runtime = Runtime()
    sampling: Sampling = Sampling()

    def key(self) -> dict[str, Any]:
        """What names it in the cache."""
        return flat(How, self.model_dump(mode="json"))


HOW = How()
JUDGE_WEIGHTS = repository_root() / "assets" / "demo" / "judge.safetensors"
SHEET_COLUMNS = 12
QUICK_PROMPTS, QUICK_DRAWS = 4, 2
_TOGETHER = 8  # images sampled at a time, the same for base and adapter


class Trained(NamedTuple):
    """What training made of a person's votes."""

    adapter: Path
    facts: dict[str, Any]
    run: RunFolder  # exists until the bench starts another workspace


class Measured(NamedTuple):
    """An adapter's measures, and its answers."""

    readings: Readings
    images: list[Image.Image]


class Workbench:
    """What the cells of a bench share: the model, the questions, the fresh pairs, and what is kept of them.

    Used as a context manager; leaving it deletes the workspace of the last training.
    """

    def __init__(
        self,
        questions: Questions,
        fresh: PairPlan,
        *,
        draws_per_pair: int = DRAWS_PER_PAIR,
        how: How = HOW,
        cache: Path = CACHE,
    ) -> None:
        self.questions, self.fresh, self.how, self.cache = questions, fresh, how, cache
        self._draws_per_pair = draws_per_pair
        self._judge = Judge.load(JUDGE_WEIGHTS)
        self._banks: dict[tuple[str, int], list[Bank]] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="sdpo-bench-")
        self._last: tuple[Case, Trained] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    @cached_property
    def model_sha256(self) -> str:
        """Hash of the base model, without loading it."""
        return inspect_model(self.how.runtime.model, self.how.runtime.prediction_type).sha256

    @cached_property
    def model(self) -> DiffusionModel:
        """The base model, loaded when it is first needed."""
        how = self.how.runtime
        return load_model(how.model, device=how.device, precision=how.precision, threads=how.threads)

    def run(self, case: Case) -> Cell:
        """A whole cell: generate, vote, train, and measure what the adapter makes."""
        return self.cell(case, self.trained(case))

    def cell(self, case: Case, trained: Trained, *, strength: float = 1.0) -> Cell:
        """What is kept of a case's adapter: its measures, and a sheet in the cache."""
        seen = self.measured(TASTES[case.taste], case.seed, trained.adapter, case.guidance, strength=strength)
        self.save_sheet(case, seen.images)
        measures = {name: list(found) for name, found in measure([seen.readings]).items()}
        return {"measures": measures, "training": trained.facts, "readings": seen.readings.content()}

    def trained(self, case: Case) -> Trained:
        """The adapter that `train` makes of the votes. Kept until another one is trained."""
        asked = replace(case, guidance=GUIDANCE)  # one adapter, at whatever guidance it is measured
        if self._last and self._last[0] == asked:
            return self._last[1]
        workspace = self.workspace(self.drawn(training_pairs(case.seed, case.votes)))
        with Store(workspace) as store:
            TASTES[case.taste].person(case.seed).vote_all(store)
        trained = self.train(workspace, case.flags)
        self._last = asked, trained
        return trained

    def workspace(self, source: Path) -> Path:
        """A copy of the workspace `source` to work in. There is one at a time: the earlier copy is deleted."""
        workspace = Path(self._folder.name) / "workspace"
        self._last = None
        shutil.rmtree(workspace, ignore_errors=True)
        shutil.copytree(source, workspace)
        return workspace

    def train(self, workspace: Path, flags: Sequence[str]) -> Trained:
        """The adapter that `train` with `flags` makes of the votes in `workspace`."""
        with Store(workspace) as store:
            cast = Counter(one.vote.choice for one in store.pairs.voted(purpose="train"))
        began, cpu_began = time.perf_counter(), children_cpu_s()
        run = run_verb("train", workspace, *self.model_flags(), *flags)
        train_s, train_cpu_s = time.perf_counter() - began, children_cpu_s() - cpu_began
        seconds = {"train_s": round(train_s, 1), "train_cpu_s": round(train_cpu_s, 1)}
        return Trained(run.adapter_path, {"votes": dict(cast), **training_facts(run), **seconds}, run)

    def errors(
        self, taste: Taste, seed: int, adapter: Path, strengths: Sequence[float]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """The base's errors on the fresh pairs' winners, and what the adapter adds at each strength, (N,) each.

        It takes far fewer forward passes than generating the answers, so it can say at which strengths that pays off.
        """
        loaded = attach_adapter(self.model, adapter, strength=1.0, branch="both")
        try:
            banks = self._fresh_banks(taste, seed, loaded)
            found: list[tuple[np.ndarray, np.ndarray]] = []
            for strength in strengths:
                with loaded.lora.at_strength(strength):
                    found.append(pair_errors(self.model, banks))
        finally:
            loaded.lora.remove()
        return found

    def measured(self, taste: Taste, seed: int, adapter: Path, guidance: float, *, strength: float = 1.0) -> Measured:
        """Measure an adapter file, used as a plain LoRA at `strength`, as somebody with this taste."""
        base = self._look(taste, self.base_images(guidance))
        loaded = attach_adapter(self.model, adapter, strength=strength, branch="both")
        try:
            images = answer(self.model, self.questions.one_by_one(), self._at(guidance).sampling, loaded)
            banks = self._fresh_banks(taste, seed, loaded)
            with loaded.lora.at_strength(strength):
                errors = pair_errors(self.model, banks)
        finally:
            loaded.lora.remove()
        return Measured(readings(base, self._look(taste, images), *errors), images)

    def base_images(self, guidance: float) -> list[Image.Image]:
        """The base model's answers to the questions, from the cache or generated now."""
        return self.base_answers(self.questions, guidance)

    def base_answers(self, questions: Questions, guidance: float | None) -> list[Image.Image]:
        """The base model's answers to other questions; a guidance of None is the model's own."""
        how = self._at(guidance)
        key = digest([self.model_sha256, METHOD, asdict(questions), how.key()])
        path = self.cache / f"base-{key}.npy"
        if not path.is_file():
            images = answer(self.model, questions.one_by_one(), how.sampling, None)
            with replacing(path) as temporary:
                np.save(temporary, np.stack([np.asarray(image) for image in images]))
            return images
        return [Image.fromarray(pixels) for pixels in np.load(path)]

    def drawn(self, plan: PairPlan) -> Path:
        """A workspace with the pairs of `plan`, from the cache or generated now. Not to be written to."""
        key = digest([self.model_sha256, METHOD, asdict(plan), self.how.key()])
        path = self.cache / f"pairs-{key}"
        if not path.is_dir():
            self.cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".drawing-", dir=self.cache) as folder:
                unfinished = Path(folder) / "workspace"
                seed = ("--seed", str(plan.first_seed))
                run_verb("generate", unfinished, *self.model_flags(), "--prompts", *plan.prompts, *seed)
                if not path.is_dir():  # another process may have generated them meanwhile
                    unfinished.rename(path)
        return path

    def save_sheet(self, case: Case, adapted: Sequence[Image.Image]) -> None:
        """Base above, adapter below, with a column for each of the first prompts, at its first seed."""
        prompts, seeds = self.questions.shape
        columns = range(0, min(prompts, SHEET_COLUMNS) * seeds, seeds)
        rows = [
            np.concatenate([np.asarray(images[i]) for i in columns], axis=1)
            for images in (self.base_images(case.guidance), adapted)
        ]
        with replacing(sheet_path(case.key(self.model_sha256), self.cache)) as temporary:
            Image.fromarray(np.concatenate(rows)).save(temporary)

    def model_flags(self) -> list[str]:
        """Flags of a verb that generates or trains, where they differ from the command line's own defaults."""
        changed = flat(How, self.how.model_dump(exclude_defaults=True)).items()
        return [word for name, value in changed for word in (f"--{name.replace('_', '-')}", str(value))]

    def _look(self, taste: Taste, images: Sequence[Image.Image]) -> Look:
        return look_at(images, self.questions, taste.oracle, self._judge)

    def _fresh_banks(self, taste: Taste, seed: int, loaded: LoadedAdapter) -> list[Bank]:
        person = taste.name, seed if taste.flip else 0  # without mistakes, votes are the same at every seed
        if person not in self._banks:
            pairs = voted_pairs(self.drawn(self.fresh), self.model, taste.person(seed))
            self._banks[person] = make_banks(self.model, loaded.lora, pairs, self._draws_per_pair)
        return self._banks[person]

    def _at(self, guidance: float | None) -> How:
        return self.how.changed(guidance=guidance)


def tuning_bench(*, quick: bool, prompts: int | None = None) -> Workbench:
    """Where settings are chosen: on the tuning questions, the first `prompts` of them, or a tiny part of everything."""
    questions, fresh, draws = tuning_questions(), fresh_pairs("tuning"), DRAWS_PER_PAIR
    if quick:
        prompts, fresh, draws = QUICK_PROMPTS, fresh.first(QUICK_PROMPTS), QUICK_DRAWS
    return Workbench(questions.first(prompts) if prompts else questions, fresh, draws_per_pair=draws)


def sheet_path(key: dict[str, Any], cache: Path) -> Path:
    """Where the contact sheet of a cell with this key is once it has been run."""
    return cache / "sheets" / f"{key['taste']}-{key['seed']}-{digest(key)}.png"


def run_verb(verb: str, workspace: Path, *arguments: str) -> RunFolder:
    """Run a job on the command line, as a person would; raises `RunError` with the end of its errors if it fails."""
    command = [sys.executable, "-m", "sdpo_core", verb, "--json", "--workspace", str(workspace), *arguments]
    done = subprocess.run(command, cwd=repository_root(), capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise RunError(f"{verb} failed in {workspace} (exit code {done.returncode}):\n{done.stderr[-2000:]}")
    return RunFolder.open(Path(json.loads(lines[-1])["run"]))


def answer(
    model: DiffusionModel, questions: Sequence[Question], how: Sampling, loaded: LoadedAdapter | None
) -> list[Image.Image]:
    """One image per question, with an adapter on the model or with the base alone."""
    images: list[Image.Image] = []
    for start in range(0, len(questions), _TOGETHER):
        batch = questions[start : start + _TOGETHER]
        adapters = (loaded.use,) if loaded else ()
        recipes = [
            build_recipe(model, how, prompt=one.prompt, negative="", seed=one.seed, batch=len(batch), adapters=adapters)
            for one in batch
        ]
        images += sample(model, recipes, lora=loaded.lora if loaded else None)
    return images


def training_facts(run: RunFolder) -> dict[str, Any]:
    """What the run says about its adapter: the chosen checkpoint, its strength, its health at that and, where the
    taste model knows the taste, the gain that it predicts."""
    facts = read_adapter_info(run.adapter_path).sdpo or {}
    strength = facts.get("strength", 1.0)
    health = run.health_at(facts["step"], strength)
    assert health is not None  # the run has just ended
    kept = ("winner_error", "winner_error_se", "held_out", "healthy", "budget")
    return {
        "steps": run.status().step,
        "chosen_step": facts["step"],
        "strength": strength,
        "predicted_shift": _predicted_shift(run),
        "trained_pairs": facts["pairs"],
        **{name: health[name] for name in kept},
    }


def _predicted_shift(run: RunFolder) -> float | None:
    path = run.path / CALIBRATION
    effect = read_calibration(path).effect if path.is_file() else None
    return round(effect.shift, 3) if effect else None


def children_cpu_s() -> float:
    """CPU seconds of finished child processes so far, which a shared machine can't blur. Always 0 on Windows."""
    used = os.times()
    return used.children_user + used.children_system

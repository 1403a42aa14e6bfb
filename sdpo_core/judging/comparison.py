"""The job `judge`: blind pairs of base and adapter, which share prompt, seed and everything else in the recipe.

The number of comparisons is fixed beforehand, and no prompt was voted on for training: otherwise the
verdict would only show how well the adapter remembers.
"""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from sdpo_core.adapters.attach import LoadedAdapter, attach_adapter, find_adapter_file
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.errors import DataError
from sdpo_core.generation.sample import Stopped, build_recipe, ensure_candidates, ticking
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.registry import load_configured
from sdpo_core.paths import repository_root
from sdpo_core.prompts.weights import prompt_note
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.judge import JudgeConfig
from sdpo_core.workspace.pairs import usual_negative
from sdpo_core.workspace.records import AdapterUse, Candidate
from sdpo_core.workspace.store import Store

_SEEDS = 2**32
_SHOWN = 3  # prompts quoted in an error


def judge_prompts(info: ModelInfo) -> list[str]:
    """The built-in judge prompts for this model; no starter prompt is among them."""
    name = "judge-demo.txt" if info.is_demo else "judge-general.txt"
    lines = (repository_root() / "assets" / "prompts" / name).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip()]


def run_judge(config: JudgeConfig, run: RunFolder, workspace: Path, reporter: Reporter) -> None:
    """Generate `config.comparisons` judge pairs of this run; each can be judged as soon as it exists.

    A stop keeps the finished pairs and ends in state stopped. Raises `AdapterError` when the adapter does not fit the
    model, `DataError` when a prompt was voted on for training.
    """
    reporter.total = 2 * config.blind_test.comparisons * config.sampling.sampling_steps
    reporter.say(0, "Loading the model…", force=True)
    with Store(workspace) as store:
        if config.blind_test.adapter == "latest":
            # By name from here on: the next training must not change what was judged.
            config = config.changed(adapter=store.adapters.find("latest").name)
            run.write_config(config.model_dump(mode="json"))
        path = find_adapter_file(store, config.blind_test.adapter)
        model = load_configured(config.runtime)
        prompts = _fresh_prompts(config.blind_test.prompts, model.info, store, _own_prompts(store, path))
        adapter = attach_adapter(
            model,
            path,
            strength=config.blind_test.strength,
            branch=config.sampling.adapter_branch,
            unconditional=config.sampling.unconditional_strength,
        )
        store.adapters.record_fit(adapter.use.sha256, model.info.sha256, adapter.fit)
        negative = config.blind_test.negative
        negative = usual_negative(store, model.info.sha256) if negative is None else negative
        config = config.changed(negative=negative, clip_skip=adapter.with_trained_defaults(config.sampling).clip_skip)
        run.write_config(config.model_dump(mode="json"))
        painter, made = _Painter(config, store, model, adapter, reporter), 0
        note = f"{adapter.note} {prompt_note([*prompts, negative], tags_act=False)}".strip()
        try:
            for i, prompt in enumerate(islice(cycle(prompts), config.blind_test.comparisons)):
                step = 2 * i * config.sampling.sampling_steps
                seed = (config.blind_test.seed + i) % _SEEDS
                message = f"Comparison {i + 1} of {config.blind_test.comparisons}. {note}".strip()
                base = painter.draw(prompt, seed, (), step, message)
                ours = painter.draw(prompt, seed, (adapter.use,), step + config.sampling.sampling_steps, message)
                store.pairs.add(base.id, ours.id, purpose="judge", run_id=run.id)
                made += 1
        except Stopped:
            message = f"Stopped after {made} of {config.blind_test.comparisons} comparisons."
            reporter.say(2 * made * config.sampling.sampling_steps, message, state="stopped", force=True)
            run.answer("stop")
        else:
            reporter.say(reporter.total, f"{made} comparisons are ready. {note}".strip(), state="done", force=True)


@dataclass(frozen=True)
class _Painter:
    """What every image of a blind test shares."""

    config: JudgeConfig
    store: Store
    model: DiffusionModel
    adapter: LoadedAdapter
    reporter: Reporter

    def draw(self, prompt: str, seed: int, adapters: tuple[AdapterUse, ...], step: int, message: str) -> Candidate:
        """One image, sampled alone so that its pair is complete early; raises `Stopped` between two sampler steps."""
        tick = ticking(self.reporter, step, message)
        recipe = build_recipe(
            self.model,
            self.config.sampling,
            prompt=prompt,
            negative=self.config.blind_test.negative or "",
            seed=seed,
            batch=1,
            adapters=adapters,
        )
        (drawn,) = ensure_candidates(self.store, self.model, [recipe], lora=self.adapter.lora, on_step=tick)
        return drawn


def _own_prompts(store: Store, adapter: Path) -> set[str]:
    """The prompts that the adapter's own run trained on, whatever became of the votes since; none where it is gone."""
    sha256 = sha256_file(adapter)
    found: set[str] = set()
    for record in store.adapters.all():
        frozen = store.workspace / "runs" / record.run_id / "data.json"
        if record.sha256 == sha256 and frozen.is_file():
            with contextlib.suppress(ValueError, OSError, KeyError, TypeError):  # a damaged copy; the votes remain
                data = json.loads(frozen.read_text(encoding="utf-8"))
                found |= {str(voted["pair"]["left"]["prompt"]) for voted in (*data["train"], *data["held_out"])}
    return found


def _fresh_prompts(asked: Sequence[str], info: ModelInfo, store: Store, own: set[str]) -> list[str]:
    """The prompts to judge on; raises `DataError` when one was voted on for training (built-in ones are left out)."""
    voted_on = [*store.pairs.voted(purpose="train"), *store.judged.pairs()]
    trained = {_plain(prompt) for prompt in (*own, *(voted.pair.left.prompt for voted in voted_on))}
    seen = [prompt for prompt in asked if _plain(prompt) in trained]
    if seen:
        quoted = ", ".join(f"“{prompt}”" for prompt in seen[:_SHOWN])
        raise DataError(
            f"{len(seen)} of the {len(asked)} blind test prompts were voted on for training, for example "
            f"{quoted}. A verdict on them would only show how well the adapter remembers them. Choose other prompts."
        )
    fresh = [prompt for prompt in asked or judge_prompts(info) if _plain(prompt) not in trained]
    if not fresh:
        raise DataError(
            "Every built-in blind test prompt was voted on for training. Add your own prompts for the blind test."
        )
    return fresh


def _plain(prompt: str) -> str:
    """A prompt without differences in case and spacing."""
    return " ".join(prompt.casefold().split())

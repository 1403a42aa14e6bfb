"""The training job, which surrounds the loop: data in; metrics, previews, checkpoints and one adapter out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from sdpo_core.atomic import replacing, write_json
from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.errors import ConfigError, RunError
from sdpo_core.generation.sample import build_recipe, sample
from sdpo_core.models.checkpointing import checkpoint_activations
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.models.registry import load_configured
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter, Stopped
from sdpo_core.settings.learning import NewAdapter
from sdpo_core.settings.train import TrainConfig
from sdpo_core.training.checkpoint import (
    deciding,
    load_checkpoint,
    read_numbers,
    save_checkpoint,
)
from sdpo_core.training.dataset import EncodedPairs
from sdpo_core.training.health import DEFAULT_BUDGET, Bank
from sdpo_core.training.material import encode, freeze
from sdpo_core.training.multiply import Multiplied, multiply
from sdpo_core.training.optimizers import make_optimizer
from sdpo_core.training.preflight import (
    PREFLIGHT,
    cheaper_way,
    choose_way,
    free_memory,
    needs_both_sides,
    used_memory,
)
from sdpo_core.training.processes import AgreedOutOfMemory, Processes, is_out_of_memory
from sdpo_core.training.publish import Publisher
from sdpo_core.training.reference import NoiseBank
from sdpo_core.training.rounds import Start, keep_start, read_start
from sdpo_core.training.run_data import (
    RunData,
    library_versions,
    require_data,
    write_provenance,
)
from sdpo_core.training.train import Progress, train
from sdpo_core.wording import change
from sdpo_core.workspace.records import AdapterUse
from sdpo_core.workspace.store import Store

PREVIEW_SEED = 700_000
_STOPPED_EARLY = "Stopped before another step was done. You can resume it."
_MODEL_NAME_CHARS = 60  # in the name of an adapter that nobody named
_NO_MEMORY = (
    "{device} ran out of memory, and there's no setting left that needs less. Nothing is lost: resume the run from its "
    "last checkpoint. Close other programs that use the memory, or start again with memory and checkpointing on auto, "
    "a smaller size_px, or a smaller rank."
)


def run_train(config: TrainConfig, run: RunFolder, workspace: Path, reporter: Reporter) -> None:
    """Train from the workspace's votes, or continue from the run's last checkpoint; end in state done or stopped.

    Started by `torchrun` or `accelerate launch`, several processes do this together; the first one writes. Raises
    SdpoError; whatever checkpoints were written by then stay usable.
    """
    together = Processes.join(config.runtime.device)
    pairs_per_step = config.schedule.pairs_per_step
    if pairs_per_step < together.count:
        raise ConfigError(
            f"{together.count} processes share {pairs_per_step} pairs per step, so some would have no work. "
            f"Start fewer, or set pairs_per_step to at least {together.count}."
        )
    reporter.say(0, "Reading the votes…", force=True)
    with Store(workspace) as store:
        info = inspect_model(config.runtime.model, config.runtime.prediction_type)
        if together.first:
            freeze(config, run, store, info, reporter)
        together.wait()  # until the first has written them
        data, config = require_data(run), TrainConfig.parse(run.config())
        steps = config.schedule.steps
        assert steps is not None  # written by the first
        reporter.total = steps
        reporter.say(0, f"Loading {info.name}…", force=True)
        model = load_configured(config.runtime, device=str(together.device) if together.device else None)
        if together.first:
            write_provenance(run, model, data, together.count)
        lora, start = _make_lora(run, store, model, config.lora, config.schedule.seed, together)
        if start:
            config = config.changed(rank=start.rank, lora_alpha=start.alpha)
            reporter.say(0, f"Continuing from {config.lora.continue_from}. {start.note}".strip(), force=True)
        try:
            start_use = (lora, AdapterUse(sha256=start.sha256)) if start else None
            extra = _by_the_first(together, partial(multiply, config, run, store, model, data, reporter, start_use))
        except Stopped:
            run.answer("stop")
            reporter.say(0, _STOPPED_EARLY, state="stopped", force=True)
            return
        reporter.total = steps
        reporter.say(0, extra.sentence, force=True)
        pairs, bank = encode(config, store, model, lora, data, extra.examples, reporter)
        noise_bank = None
        if config.computing.noise_bank:
            numbers = torch.promote_types(model.dtype, torch.float32)
            noise_bank = NoiseBank(len(pairs), config.computing.noise_bank, device=model.device, dtype=numbers)
        model.release_encoders()
        reporter.say(0, "Running one test step to see what this run needs…", force=True)
        config, found = choose_way(model, lora, pairs, config, together)
        if together.first:
            run.write_config(config.model_dump(mode="json"))
            write_json(run.path / PREFLIGHT, found.content())
        reporter.say(0, found.sentence(), force=True)
        job = _Job(config, run, store, reporter, model, lora, start, data, bank, noise_bank, extra, together)
        job.go_and_retry_once(pairs)


@dataclass
class _Job:
    config: TrainConfig
    run: RunFolder
    store: Store
    reporter: Reporter
    model: DiffusionModel
    lora: Lora
    start: Start | None  # of an adapter that is continued
    data: RunData
    bank: Bank
    noise_bank: NoiseBank | None
    learned: Multiplied
    together: Processes

    def go_and_retry_once(self, pairs: EncodedPairs) -> None:
        """`go`; when memory runs out on the way, once more from the last checkpoint in the next cheaper way."""
        start = self.lora.state_dict()
        problem = self._go_until_out_of_memory(pairs)
        if problem is None:
            return
        whole = needs_both_sides(self.config.objective.loss, self.config.safeguarding.scope)
        way = cheaper_way(self.config.computing, whole=whole)
        if way is None:
            raise RunError(_NO_MEMORY.format(device=self.model.device)) from problem
        del problem  # and the tensors that its traceback holds
        free_memory(self.model.device)
        self.config = self.config.changed(**way)
        if self.together.first:
            self.run.write_config(self.config.model_dump(mode="json"))
        checkpoint_activations(self.model, way["checkpointing"])
        self.lora.load_state_dict(start)
        words = f"memory {way['memory']}, checkpointing {way['checkpointing']}"
        self.reporter.say(0, f"Out of memory. Continuing from the last checkpoint with {words}…", force=True)
        again = self._go_until_out_of_memory(pairs)
        if again is not None:
            raise RunError(_NO_MEMORY.format(device=self.model.device)) from again

    def _go_until_out_of_memory(self, pairs: EncodedPairs) -> Exception | None:
        try:
            self.go(pairs)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if self.together.count > 1 and not isinstance(error, AgreedOutOfMemory):
                # The others wait for this process in a sum, so none could continue in another way.
                raise RunError(_NO_MEMORY.format(device=self.model.device)) from error
            return error
        return None

    def go(self, pairs: EncodedPairs) -> None:
        """Run the loop to its end, a stop, or two unhealthy checks in a row; then publish the best checkpoint."""
        optimizer = make_optimizer(self.lora, self.config.computing.optimizer, self.config.schedule.learning_rate)
        with self.together.all_or_none():
            progress = self._resume(optimizer)
        first = self.together.first
        if first:
            self.run.truncate_metrics(progress.step)
        if self.together.broadcast_number(self.reporter.stop_requested()):
            if first:
                self._end_untrained(progress)
            return
        if progress.step == 0:
            with self.together.all_or_none():
                if first:
                    self._previews(0)
        self.reporter.begin_at(progress.step)
        rows = train(
            self.model,
            self.lora,
            optimizer,
            pairs,
            self.bank,
            self.config,
            progress,
            noise_bank=self.noise_bank,
            processes=self.together,
        )
        why_stopped = ""
        for row in rows:
            # The first process alone looks at the folder and the health, so that all of them stop at the same step.
            with self.together.all_or_none():
                why_stopped = self._after_step(row, optimizer, progress) if first else ""
            why_stopped = self.together.broadcast_text(why_stopped)
            if why_stopped:
                break
        with self.together.all_or_none():
            if first:
                self._publish(why_stopped, progress)

    def _after_step(self, row: dict[str, Any], optimizer: torch.optim.Optimizer, progress: Progress) -> str:
        """Write down what a step gave and do what was asked for; returns why the run should stop, if it should."""
        self.run.append_metrics({**row, **used_memory()})
        self.reporter.say(progress.step, self._where(progress))
        total, why_stopped = self.reporter.total, ""
        stop = self.reporter.stop_requested()
        if stop or progress.step == total or progress.step % self.config.schedule.checkpoint_every_steps == 0:
            self._checkpoint(optimizer, progress)
            if progress.step < total:
                why_stopped = "You stopped it." if stop else self._damage(progress)
        elif self.run.signalled("save-now"):
            self._checkpoint(optimizer, progress)
        if self.run.signalled("sample-now"):
            self._previews(progress.step)
            self.run.answer("sample-now")
        return why_stopped

    def _resume(self, optimizer: torch.optim.Optimizer) -> Progress:
        checkpoints = self.run.checkpoints()
        return load_checkpoint(checkpoints[-1], self.lora, optimizer, self.noise_bank) if checkpoints else Progress()

    def _end_untrained(self, progress: Progress) -> None:
        """End a run that was stopped while it was loading."""
        self.run.answer("stop")
        self.reporter.say(progress.step, _STOPPED_EARLY, state="stopped", force=True)

    def _where(self, progress: Progress) -> str:
        where = f"Step {progress.step} of {self.reporter.total}."
        if progress.drift <= (self.config.safeguarding.drift_budget or DEFAULT_BUDGET):
            return f"{where} Healthy so far."
        return f"{where} Drifting: the winner error is {change(progress.drift)} on unseen noise."

    def _checkpoint(self, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
        objective, budget = self.config.objective, self.config.safeguarding.drift_budget
        beta, gate = progress.beta(objective), self.config.health.gate
        health = {
            **self.bank.check(self.model, objective, beta, gate=gate, drift_budget=budget),
            "budget": budget or DEFAULT_BUDGET,
            "held_out": bool(self.data.held_out),
        }
        self.run.append_metrics({"step": progress.step, "kind": "health", **health})
        save_checkpoint(
            self.run.checkpoint_path(progress.step),
            self.lora,
            optimizer,
            progress,
            health,
            noise_bank=self.noise_bank,
            info=self.model.info,
            sdpo=self._header(progress.step, health),
            title=self._name(),
        )
        self._previews(progress.step)
        self.run.answer("save-now")

    def _checks(self, progress: Progress) -> list[Path]:
        return deciding(self.run.checkpoints(), self.config.schedule.checkpoint_every_steps, progress.step)

    def _damage(self, progress: Progress) -> str:
        """Why the run should end early: two checks in a row over twice the budget."""
        last = [read_numbers(path)["health"] for path in self._checks(progress)[-2:]]
        if len(last) == 2 and all(health["winner_error"] > 2 * health["budget"] for health in last):
            return "Stopped by itself: the winner error was over twice the budget at two checks in a row."
        return ""

    def _header(self, step: int, health: Mapping[str, Any]) -> dict[str, Any]:
        """What the adapter file says about itself. Never a prompt."""
        chosen = (
            "loss",
            "safeguard",
            "mu",
            "drift_budget",
            "beta",
            "learning_rate",
            "rate",
            "displacement",
            "gate",
            "caption_dropout",
            "hold_unconditional",
            "noise",
            "pairs_from",
            "seed",
        )
        settings = self.config.flat()
        return {
            "objective": "Diffusion-SDPO (safeguarded DPO, arXiv 2511.03317)",
            "run": self.run.id,
            "step": step,
            "pairs": len(self.data.train),
            "held_out_pairs": len(self.data.held_out),
            "winner_error": health["winner_error"],
            **({"continued_from": self.start.sha256} if self.start else {}),
            "settings": {
                **{name: settings[name] for name in chosen},
                "clip_skip": self.config.sampling.clip_skip or self.model.default_clip_skip,
            },
            "versions": library_versions(),
        }

    def _name(self) -> str:
        return self.config.lora.adapter_name or _unnamed(self.model.info.name, self.run)

    def _previews(self, step: int) -> None:
        """The same prompts and seeds at every checkpoint; step 0 shows the reference."""
        prompts = list(dict.fromkeys(pair.pair.left.prompt for pair in self.data.bank))
        prompts = prompts[: self.config.health.preview_prompts]
        use = AdapterUse(sha256=f"{self.run.id}@{step}")
        for i, prompt in enumerate(prompts):
            recipe = build_recipe(
                self.model,
                self.config.sampling,
                prompt=prompt,
                negative=self.config.data.negative or "",
                seed=PREVIEW_SEED + i,
                batch=1,
                adapters=(use,) if step or self.start else (),
            )
            (image,) = sample(self.model, [recipe], lora=self.lora)
            with replacing(self.run.path / "previews" / f"step-{step:06d}" / f"{i:02d}.png") as temporary:
                image.save(temporary)
        self.model.release_encoders()

    def _publish(self, why_stopped: str, progress: Progress) -> None:
        """Put the adapter that is kept where the person finds it, and end the run."""
        self.reporter.say(progress.step, "Finding the strength that stays within the budget…", force=True)
        publisher = Publisher(
            config=self.config,
            run=self.run,
            store=self.store,
            model=self.model,
            lora=self.lora,
            bank=self.bank,
            learned=self.learned,
            title=self._name(),
        )
        kept = publisher.choose(self._checks(progress), progress.beta(self.config.objective))
        header = {**self._header(kept.step, kept.health), "strength": kept.strength}
        fits = publisher.publish(kept, header)
        note = self.start.note if self.start else ""
        message = " ".join(part for part in (why_stopped, kept.sentence(), fits, note) if part)
        stopped = progress.step < self.reporter.total
        self.run.answer("stop")
        self.reporter.say(progress.step, message, state="stopped" if stopped else "done", force=True)


def _unnamed(model: str, run: RunFolder) -> str:
    """What an adapter is called that nobody named: after its model and the day."""
    return f"{model[:_MODEL_NAME_CHARS]}-{run.began_at.astimezone():%Y-%m-%d}"


def _by_the_first(together: Processes, work: Callable[[], Multiplied]) -> Multiplied:
    """`work`, done by the first process; then all of them read what it left."""
    if together.first:
        work()
    together.wait()
    return work()


def _make_lora(
    run: RunFolder, store: Store, model: DiffusionModel, adapter: NewAdapter, seed: int, together: Processes
) -> tuple[Lora, Start | None]:
    """A fresh adapter, or the one that is continued."""
    if not adapter.continue_from:
        rank, alpha = adapter.rank, adapter.lora_alpha
        return Lora.create(model, rank=rank, alpha=alpha, targets=adapter.targets, seed=seed), None
    if together.first:
        keep_start(run, store, adapter.continue_from, model)
    together.wait()  # until the first has written it
    start = read_start(run)
    return start.lora(model), start

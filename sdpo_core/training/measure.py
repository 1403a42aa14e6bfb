"""The job `measure`: what a training run would take, found out by one dry step on its largest pairs."""

from dataclasses import replace
from pathlib import Path

from sdpo_core.atomic import write_json
from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.errors import DataError
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.models.registry import load_configured
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.learning import NewAdapter
from sdpo_core.settings.train import TrainConfig, steps_for_pairs
from sdpo_core.training.buckets import pair_sizes
from sdpo_core.training.dataset import encode_pairs
from sdpo_core.training.preflight import PREFLIGHT, choose_way
from sdpo_core.training.processes import Processes
from sdpo_core.training.rounds import continued_sha256, keep_start, read_start
from sdpo_core.workspace.pairs import most_common_clip_skip, split_held_out, training_pairs
from sdpo_core.workspace.store import Store

_STAGES = 3


def run_measure(config: TrainConfig, run: RunFolder, workspace: Path, reporter: Reporter) -> None:
    """Write `preflight.json` with the memory and the pace of a run with these settings and today's votes.

    Only as many pairs are encoded as a micro-step holds, the largest; the pace is scaled to the mean size of all.
    Raises SdpoErrors: no votes, no memory for even the smallest step.
    """
    reporter.total = _STAGES
    reporter.say(0, "Loading the model…", force=True)
    with Store(workspace) as store:
        info = inspect_model(config.runtime.model, config.runtime.prediction_type)
        voted = training_pairs(
            store, info.sha256, config.data.pairs_from, continued_sha256(store, config.lora.continue_from)
        )
        if not voted.usable:
            raise DataError(f"{voted.sentence()} Vote on a few pairs first, then measure.")
        train = split_held_out(voted.usable, config.health.held_out_fraction, config.schedule.seed).train
        skip = config.sampling.clip_skip or most_common_clip_skip(train)
        config = config.changed(steps=config.schedule.steps or steps_for_pairs(len(train)), clip_skip=skip)
        model = load_configured(config.runtime)
        lora = _lora(run, store, model, config.lora, config.schedule.seed)
        size_px, scope = config.sampling.size_px, config.safeguarding.scope
        sizes = pair_sizes(train, size_px, scope, model.info.native_size_px, model.multiple_px)
        areas = [width * height for width, height in sizes]
        count = config.computing.pairs_per_micro_step or config.schedule.pairs_per_step
        few = sorted(range(len(train)), key=lambda i: -areas[i])[:count]
        reporter.say(1, "Encoding the largest pairs…", force=True)
        few_pairs, few_sizes = [train[i] for i in few], [sizes[i] for i in few]
        pairs = encode_pairs(model, store, few_pairs, few_sizes, skip, noise=config.objective.noise)
        model.release_encoders()
        reporter.say(2, "Running one test step…", force=True)
        if reporter.stop_requested():
            run.answer("stop")
            reporter.say(2, "Stopped.", state="stopped", force=True)
            return
        _, found = choose_way(model, lora, pairs, config, Processes())
    share = (sum(areas) / len(areas)) / (sum(areas[i] for i in few) / len(few))
    found = replace(found, seconds_per_step=found.seconds_per_step * share)
    write_json(run.path / PREFLIGHT, found.content())
    reporter.say(_STAGES, found.sentence(), state="done", force=True)


def _lora(run: RunFolder, store: Store, model: DiffusionModel, adapter: NewAdapter, seed: int) -> Lora:
    """A fresh adapter, or the one that would be continued."""
    if adapter.continue_from:
        keep_start(run, store, adapter.continue_from, model)
        return read_start(run).lora(model)
    return Lora.create(model, rank=adapter.rank, alpha=adapter.lora_alpha, targets=adapter.targets, seed=seed)

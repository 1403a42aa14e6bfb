"""What a run trains on and is measured on: the frozen votes, labelled pairs, and the bank of held-out votes."""

from collections.abc import Sequence

from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.train import TrainConfig, steps_for_pairs
from sdpo_core.training.buckets import pair_sizes, sizes_sentence
from sdpo_core.training.dataset import EncodedPairs, Example, encode_pairs, own_noise_sentence
from sdpo_core.training.health import Bank, bank_pairs
from sdpo_core.training.rounds import continued_sha256
from sdpo_core.training.run_data import RunData, freeze_data, keep_base, load_data
from sdpo_core.workspace.pairs import most_common_clip_skip, most_common_negative, training_pairs
from sdpo_core.workspace.store import Store


def freeze(config: TrainConfig, run: RunFolder, store: Store, info: ModelInfo, reporter: Reporter) -> None:
    """Write down what the run trains on and the settings that follow from it, once.

    Raises `DataError` where there are no votes to train on, `RunError` for a run that was started on another model.
    """
    data = load_data(run)
    keep_base(run, info, data)
    if data is None:
        voted = training_pairs(
            store, info.sha256, config.data.pairs_from, continued_sha256(store, config.lora.continue_from)
        )
        reporter.say(0, voted.sentence(), force=True)
        data = freeze_data(run, voted, config.health.held_out_fraction, config.schedule.seed)
        if config.data.negative is None:  # a run that began before it could be set continues without one
            config = config.changed(negative=most_common_negative(data.train))
    steps, skip = config.schedule.steps or steps_for_pairs(len(data.train)), most_common_clip_skip(data.train)
    config = config.changed(steps=steps, clip_skip=config.sampling.clip_skip or skip)
    run.write_config(config.model_dump(mode="json"))


def encode(
    config: TrainConfig,
    store: Store,
    model: DiffusionModel,
    lora: Lora,
    data: RunData,
    labelled: Sequence[Example],
    reporter: Reporter,
) -> tuple[EncodedPairs, Bank]:
    """What is trained on, votes before labelled pairs, and the bank of held-out votes that health is measured on."""
    train_on = [*data.train, *labelled]
    size_px, clip_skip, seed = config.sampling.size_px, config.sampling.clip_skip, config.schedule.seed
    room = (size_px, config.safeguarding.scope, model.info.native_size_px, model.multiple_px)
    sizes = pair_sizes(train_on, *room)
    held_out = [data.held_out[i] for i in bank_pairs(len(data.held_out), seed)]  # no others are read
    held_out_sizes = pair_sizes(held_out, *room)
    told = sizes_sentence([*sizes, *held_out_sizes])
    reporter.say(0, f"Encoding {len(sizes) + len(held_out_sizes)} pairs: {told}…", force=True)
    pairs = encode_pairs(model, store, train_on, sizes, clip_skip, noise=config.objective.noise)
    if fresh := own_noise_sentence(pairs):
        reporter.say(0, fresh, force=True)
    seen, of = pairs.subset(range(len(data.train))), None  # of few votes none are held out; a label isn't a vote
    if held_out:
        seen, of = encode_pairs(model, store, held_out, held_out_sizes, clip_skip), len(data.held_out)
    draws = config.health.bank_draws_per_pair
    return pairs, Bank.make(model, lora, seen, draws_per_pair=draws, seed=seed, of=of)

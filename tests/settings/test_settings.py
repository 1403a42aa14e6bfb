"""Settings refuse the impossible, with a message."""

import re
from typing import Annotated

import pytest

from sdpo_core.errors import ConfigError
from sdpo_core.families.table import FAMILIES
from sdpo_core.settings.base import Settings, leaves, tables
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.settings.jobs import JOBS
from sdpo_core.settings.judge import JudgeConfig
from sdpo_core.settings.learning import NewAdapter
from sdpo_core.settings.presets import resolve
from sdpo_core.settings.shown import Shown, Topic
from sdpo_core.settings.train import TrainConfig


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"learnig_rate": 1e-3}, "Unknown setting learnig_rate. Did you mean learning_rate (in [schedule])?"),
        ({"frobnicate": 1}, "Unknown setting frobnicate. Known settings:"),
        ({"mu": 1.5}, "mu: Input should be less than 1 (got 1.5)."),
        ({"beta": float("nan")}, "beta: Input should be a finite number, or 'auto' (got nan)."),
        ({"beta": "fast"}, "beta: Input should be a valid number, unable to parse string as a number, or 'auto'"),
        ({"rank": 0, "mu": 2}, "mu: Input should be less than 1 (got 2). rank: Input should be greater"),
        ({"rank": True}, "rank: Input should be a number or a word, not true or false (got True)."),
        ({"beta": True}, "beta: Input should be a number or a word, not true or false (got True)."),
        ({"loss": "dpo"}, "loss: Input should be 'diffusion-dpo'"),
        ({"safeguard": "lora", "scope": "batch"}, "scope 'batch' belongs to safeguard 'output'"),
        ({"loss": "sft", "safeguard": "output"}, "loss 'sft' has no loser"),
        ({"loss": "ipo", "smoothing": 0.1}, "smoothing belongs to loss 'diffusion-dpo'"),
        ({"pairs_per_step": 8, "pairs_per_micro_step": 3}, "must be a multiple of"),
    ],
)
def test_refusals(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        TrainConfig.parse(values)
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("config", [GenerateConfig, TrainConfig, JudgeConfig])
def test_every_setting_is_documented(config: type[Settings]) -> None:
    assert [name for name, leaf in leaves(config).items() if not leaf.field.description] == []


def test_text_from_the_command_line_becomes_numbers() -> None:
    config = TrainConfig.parse({"steps": "20", "learning_rate": "1e-3"})
    assert (config.schedule.steps, config.schedule.learning_rate) == (20, 1e-3)


def test_settings_survive_the_run_folder() -> None:
    config = TrainConfig.of(steps=20)
    assert TrainConfig.parse(config.model_dump(mode="json")) == config


def test_a_changed_copy_has_the_value_in_its_part_and_refuses_unknown_names() -> None:
    config = TrainConfig().changed(steps=20, rank=4, learning_rate=1e-3)
    assert (config.schedule.steps, config.schedule.learning_rate, config.lora.rank) == (20, 1e-3, 4)
    assert config == TrainConfig.of(steps=20, rank=4, learning_rate=1e-3)
    with pytest.raises(KeyError):
        config.changed(stepz=20)
    with pytest.raises(KeyError):
        config.model_copy(update={"steps": 20})


@pytest.mark.parametrize("kind", JOBS.values())
def test_every_setting_is_in_one_place_and_shown(kind: type[Settings]) -> None:
    """So that it can be a flag; no table has a setting's name, because TOML couldn't have both."""
    known = leaves(kind)
    assert not known.keys() & tables(kind).keys()
    assert all(leaf.shown.name and leaf.shown.name[-1] not in ".:" for leaf in known.values())


class _Twice(Settings):
    lora: NewAdapter = NewAdapter()
    rank: Annotated[int, Shown("Rank", Topic.LORA)] = 1


class _Unshown(Settings):
    rank: int = 1


@pytest.mark.parametrize("kind", [_Twice, _Unshown])
def test_two_settings_of_a_name_and_one_that_is_not_shown_are_mistakes_in_the_code(kind: type[Settings]) -> None:
    with pytest.raises(TypeError, match="rank isn't Shown, or there is another rank"):
        leaves(kind)


def test_the_demo_models_defaults_are_those_that_were_measured_on_it() -> None:
    demo = TrainConfig()
    assert (demo.lora.rank, demo.lora.lora_alpha, demo.schedule.learning_rate) == (8, 8.0, 2e-3)
    assert (demo.schedule.pairs_per_step, demo.computing.pairs_per_micro_step) == (8, None)


def test_what_does_nothing_is_refused_when_it_is_given_and_not_when_it_was() -> None:
    config = TrainConfig.parse({"loss": "diffusion-dpo", "tau": 2.0})  # a run folder from earlier
    with pytest.raises(ConfigError, match="tau belongs to loss 'ipo', not to 'diffusion-dpo'"):
        config.refuse_what_does_nothing(["tau"])
    with pytest.raises(ConfigError, match="tau belongs to loss 'ipo'"):
        resolve(TrainConfig, {"tau": 2.0})
    with pytest.raises(ConfigError, match="scope belongs to safeguard 'output', not to 'none'"):
        resolve(TrainConfig, {"safeguard": "none", "scope": "batch"})
    overruled = resolve(TrainConfig, {"safeguard": "none", "learning_rate": 1e-3}, preset="faithful-sd15")
    assert (overruled.safeguarding.safeguard, overruled.safeguarding.scope) == ("none", "batch")


def test_a_continued_adapters_shape_is_not_set() -> None:
    assert resolve(TrainConfig, {"continue_from": "mine"}, preset="balanced").lora.continue_from == "mine"
    with pytest.raises(ConfigError, match="rank is that of the adapter that continue_from names; leave it out"):
        resolve(TrainConfig, {"continue_from": "mine", "rank": 4})


def test_one_prompt_is_a_list_too() -> None:
    with pytest.raises(ConfigError, match=re.escape("prompts: Input should be a list, even of one (got 'a lake').")):
        GenerateConfig.parse({"prompts": "a lake"})


def test_there_has_to_be_something_to_generate() -> None:
    with pytest.raises(ConfigError, match="prompts is empty"):
        GenerateConfig.parse({})
    assert GenerateConfig.parse({"keep_warm_s": 1}).pairs.prompts == (), "requests bring their own"


def test_defaults_of_another_model_are_not_guessed() -> None:
    with pytest.raises(ConfigError, match=r"lora_alpha, learning_rate, .* depend on the family of the model"):
        TrainConfig.parse({"model": "some/folder", "rank": 4})
    assert TrainConfig.parse({**FAMILIES["sdxl"].training, "model": "some/folder"}).schedule.learning_rate == 5e-5

"""Settings from files: what wins, what is refused, and that every shipped preset loads."""

import re
from pathlib import Path

import pytest

from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.errors import ConfigError, ModelError
from sdpo_core.settings.migrations import STEPS
from sdpo_core.settings.presets import (
    preset_names,
    read_preset,
    read_settings_text,
    resolve,
    settings_text,
    train_config,
)
from sdpo_core.settings.train import TrainConfig
from tests.tiny_model import build_tiny_pipeline, build_tiny_sdxl

FAMILIES = ("demo", "sd15", "sdxl")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    built = {"sd15": build_tiny_pipeline(folder / "sd15"), "sdxl": build_tiny_sdxl(folder / "sdxl")}
    return {"demo": "demo", **{family: str(path) for family, path in built.items()}}


@pytest.mark.parametrize("name", preset_names())
@pytest.mark.parametrize("family", FAMILIES)
def test_every_preset_loads_and_says_what_it_is(name: str, family: str, models: dict[str, str]) -> None:
    preset = read_preset(name)
    assert len(preset.description.split()) > 5
    config = resolve(TrainConfig, {"model": models[family]}, preset=name)
    assert {**config.flat(), **preset.values} == config.flat()


def test_the_presets_that_are_promised_are_there() -> None:
    assert {"quick", "balanced", "faithful-sd15", "faithful-sdxl"} <= set(preset_names())


@pytest.mark.parametrize("family", FAMILIES)
def test_balanced_is_what_the_defaults_are(family: str, models: dict[str, str]) -> None:
    """Whoever changes a default decides here what balanced means from then on."""
    flags = {"model": models[family]}
    assert resolve(TrainConfig, flags, preset="balanced") == resolve(TrainConfig, flags)


def test_defaults_follow_the_models_family_and_what_is_given_wins(models: dict[str, str]) -> None:
    """The start values of the literature: SDXL at half the rate of SD1.5."""
    sd15, sdxl = (resolve(TrainConfig, {"model": models[family]}) for family in ("sd15", "sdxl"))
    assert (sd15.schedule.learning_rate, sdxl.schedule.learning_rate) == (1e-4, 5e-5)
    assert (sdxl.lora.rank, sdxl.lora.lora_alpha) == (16, 16.0)
    assert (sdxl.schedule.pairs_per_step, sdxl.computing.pairs_per_micro_step) == (4, 1)
    assert resolve(TrainConfig, {"model": models["sdxl"], "rank": "4"}).lora.rank == 4
    assert resolve(TrainConfig, {"model": models["sdxl"]}, preset="faithful-sdxl").schedule.learning_rate == 2e-5
    assert train_config({"steps": 9}, inspect_model(models["sdxl"])) == resolve(
        TrainConfig, {"model": models["sdxl"], "steps": 9}
    )


def test_settings_to_train_come_flat_or_in_tables(models: dict[str, str]) -> None:
    info = inspect_model(models["sdxl"])
    assert train_config({"lora": {"rank": 32}}, info) == train_config({"rank": 32}, info)
    with pytest.raises(ConfigError, match="tau belongs to loss 'ipo'"):
        train_config({"objective": {"tau": 3.0}}, info)
    with pytest.raises(ConfigError, match=r"rank belongs in \[lora\], not in \[objective\]"):
        train_config({"objective": {"rank": 3}}, info)


def test_the_demo_model_has_its_own_defaults_by_whatever_name(repository: Path) -> None:
    assert resolve(TrainConfig, {}) == TrainConfig()
    folder = str(repository / "assets" / "demo")
    assert resolve(TrainConfig, {"model": folder}) == TrainConfig().changed(model=folder)


def test_anything_but_a_model_is_refused_with_its_settings() -> None:
    with pytest.raises(ModelError, match="There is no model at no/such/folder"):
        resolve(TrainConfig, {"model": "no/such/folder"})
    with pytest.raises(ConfigError, match="prediction_type"):
        resolve(TrainConfig, {"model": "no/such/folder", "prediction_type": "flow"})


def test_the_faithful_presets_hold_the_papers_numbers(models: dict[str, str]) -> None:
    papers = {"beta": 5000, "steps": 2000, "caption_dropout": 0.2, "loss": "diffusion-dpo", "safeguard": "output"}
    papers |= {"scope": "batch", "drift_budget": 0.0}
    for family, own in (("sd15", {"mu": 0.9, "size_px": 512}), ("sdxl", {"mu": 0.6, "size_px": 1024})):
        found = resolve(TrainConfig, {"model": models[family]}, preset=f"faithful-{family}").flat()
        assert {name: found[name] for name in (*papers, *own)} == {**papers, **own}


def test_a_flag_wins_over_the_file_and_the_file_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('description = "for me"\nsteps = 50\npreview_prompts = 1\n', encoding="utf-8")
    config = resolve(TrainConfig, {"preview_prompts": "0"}, file=file, preset="quick")
    assert config.health.preview_prompts == 0  # the flag
    assert config.schedule.steps == 50  # the file
    assert config.schedule.checkpoint_every_steps == 20  # the preset
    assert config.lora.rank == TrainConfig().lora.rank  # the default


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("stepz = 5", "mine.toml: Unknown setting stepz. Did you mean steps (in [schedule])?"),
        ("[schedule]\nstepz = 5", "mine.toml: Unknown setting stepz. Did you mean steps (in [schedule])?"),
        ("[lora]\nsteps = 5", "mine.toml: steps belongs in [schedule], not in [lora]."),
        ("steps = 5\n[schedule]\nsteps = 6", "steps is given twice: at the top and in [schedule]. Keep one of them."),
        ("lora = 5", "mine.toml: lora is a table: write [lora], and its settings on the lines below."),
        ("[shedule]\nsteps = 5", "mine.toml: Unknown table [shedule]. Did you mean [schedule]?"),
        ("steps = 0", "steps: Input should be greater than or equal to 1 (got 0)."),
        ("beta = nan", "beta:"),
        ("[train]\nsteps = 5", "mine.toml: Unknown table [train]. Known tables: runtime, objective, "),
        ("steps 5", "mine.toml isn't TOML:"),
    ],
)
def test_a_wrong_file_is_refused_in_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refusal:
        resolve(TrainConfig, {}, file=file)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("stepz = 5", "The text: Unknown setting stepz. Did you mean steps (in [schedule])?"),
        ("steps 5", "The text isn't TOML:"),
    ],
)
def test_a_wrong_text_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        read_settings_text(text, TrainConfig)


def test_settings_written_as_text_are_read_back() -> None:
    values = {"steps": 7, "learning_rate": 2e-05, "loss": "ipo", "adapter_name": 'ä "b" \\ \n c', "noise_bank": None}
    given = {name: value for name, value in values.items() if value is not None}
    assert read_settings_text(settings_text(values, TrainConfig), TrainConfig) == given


@pytest.mark.parametrize("number", ["", "settings_format = 3\n", f"settings_format = {len(STEPS)}\n"])
@pytest.mark.parametrize(
    "text", ["rank = 4\nsteps = 7\n", "[lora]\nrank = 4\n[schedule]\nsteps = 7\n", "rank = 4\n[schedule]\nsteps = 7\n"]
)
def test_flat_and_in_tables_mean_the_same_in_a_file_of_any_format(number: str, text: str) -> None:
    assert read_settings_text(number + text, TrainConfig) == {"rank": 4, "steps": 7}


def test_a_missing_file_or_one_without_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="isn't TOML"):
        resolve(TrainConfig, {}, file=tmp_path / "mine.toml")
    with pytest.raises(ConfigError, match="There is no file"):
        resolve(TrainConfig, {}, file=tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="can't be read"):
        resolve(TrainConfig, {}, file=tmp_path)


def test_a_misspelt_preset_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"No preset is named ballanced\. Did you mean balanced\?"):
        resolve(TrainConfig, {}, preset="ballanced")
    with pytest.raises(ConfigError, match=r"There are: balanced, faithful"):
        resolve(TrainConfig, {}, preset="../../pyproject")

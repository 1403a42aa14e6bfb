"""Settings from files: what wins, what is refused, and that every shipped preset loads."""

from pathlib import Path

import pytest

from sdpo_core.config import TrainConfig
from sdpo_core.errors import ConfigError
from sdpo_core.presets import preset_names, read_preset, resolve


@pytest.mark.parametrize("name", preset_names())
@pytest.mark.parametrize("model", ["demo", "some/folder"])
def test_every_preset_loads_and_says_what_it_is(name: str, model: str) -> None:
    preset = read_preset(name)
    assert len(preset.description.split()) > 5
    config = resolve(TrainConfig, {"model": model}, preset=name)
    assert {key: getattr(config, key) for key in preset.values} == preset.values


def test_the_presets_that_are_promised_are_there() -> None:
    assert {"quick", "balanced", "faithful-sd15", "faithful-sdxl"} <= set(preset_names())


@pytest.mark.parametrize("model", ["demo", "some/folder"])
def test_balanced_is_what_the_defaults_are(model: str) -> None:
    """Whoever changes a default decides here what balanced means from then on."""
    assert resolve(TrainConfig, {"model": model}, preset="balanced") == TrainConfig.parse({"model": model})


def test_the_faithful_presets_hold_the_papers_numbers() -> None:
    sd15, sdxl = (resolve(TrainConfig, {"model": "x"}, preset=f"faithful-{name}") for name in ("sd15", "sdxl"))
    assert (sd15.beta, sd15.mu, sd15.steps, sd15.caption_dropout, sd15.size_px) == (5000, 0.9, 2000, 0.2, 512)
    assert (sdxl.beta, sdxl.mu, sdxl.steps, sdxl.caption_dropout, sdxl.size_px) == (5000, 0.6, 2000, 0.2, 1024)
    assert {(c.loss, c.safeguard, c.scope, c.drift_budget) for c in (sd15, sdxl)} == {
        ("diffusion-dpo", "output", "batch", 0.0)
    }


def test_a_flag_wins_over_the_file_and_the_file_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('description = "for me"\nsteps = 50\npreview_prompts = 1\n', encoding="utf-8")
    config = resolve(TrainConfig, {"preview_prompts": "0"}, file=file, preset="quick")
    assert config.preview_prompts == 0  # the flag
    assert config.steps == 50  # the file
    assert config.checkpoint_every_steps == 20  # the preset
    assert config.rank == TrainConfig().rank  # the default


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("stepz = 5", "mine.toml: Unknown setting stepz. Did you mean steps?"),
        ("steps = 0", "steps: Input should be greater than or equal to 1 (got 0)."),
        ("beta = nan", "beta:"),
        ("[train]\nsteps = 5", "mine.toml: Unknown setting train."),
        ("steps 5", "mine.toml is not TOML:"),
    ],
)
def test_a_wrong_file_is_refused_in_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refusal:
        resolve(TrainConfig, {}, file=file)
    assert sentence in str(refusal.value)


def test_a_file_that_is_no_text_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not TOML"):
        resolve(TrainConfig, {}, file=tmp_path / "mine.toml")
    with pytest.raises(ConfigError, match="There is no file"):
        resolve(TrainConfig, {}, file=tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="can't be read"):
        resolve(TrainConfig, {}, file=tmp_path)


def test_a_misspelt_preset_is_told_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"No preset is named ballanced\. Did you mean balanced\?"):
        resolve(TrainConfig, {}, preset="ballanced")
    with pytest.raises(ConfigError, match=r"There are: balanced, faithful"):
        resolve(TrainConfig, {}, preset="../../pyproject")

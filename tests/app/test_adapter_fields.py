"""The fields that say how an adapter acts: what they send is a setting, and the slider goes where it should."""

from typing import Any

import pytest

from app.judge.adapter_fields import StrengthSlider, where_choice
from app.judge.text import say as judge_say
from app.studio import Studio
from sdpo_core.errors import ConfigError
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.settings.sampling import AdapterSampling


def test_every_place_is_a_setting() -> None:
    where = where_choice("judge")
    values = [value for _, value in where.choices]
    assert [words for words, _ in where.choices] == [
        "everywhere",
        "conditional prediction only",
        "opposed in the unconditional",
    ]
    assert where.value == values[0] == "", "left unset until a person chooses"
    for value in values[1:]:
        AdapterSampling.parse({"unconditional_strength": value})
    assert len(values) == len(judge_say.rows("where"))


def test_the_slider_has_the_limits_of_the_setting(studio: Studio) -> None:
    slider = StrengthSlider("judge", "", studio.grids).field
    for edge in (slider.minimum, slider.maximum):
        assert GenerateConfig.parse({"prompts": ("a",), "strength": edge}).pairs.strength == edge
        with pytest.raises(ConfigError, match="strength"):
            GenerateConfig.parse({"prompts": ("a",), "strength": 1.01 * edge})


def test_the_slider_follows_choices_and_recommendations_and_otherwise_stays(studio: Studio) -> None:
    slider = StrengthSlider("judge", "", studio.grids)
    field, state, _ = slider.blocks
    shown: dict[Any, Any] = {field: 1.0, state: None}

    def follow(adapter: str | None, recommended: float | None) -> float:
        shown.update(slider.follow(shown, adapter, recommended))
        return shown[field]

    assert follow("mine", None) == 1.0
    shown[field] = 0.4  # the person's hand
    assert follow("mine", None) == 0.4
    assert follow("mine", 0.75) == 0.75, "a grid was picked from"
    shown[field] = 0.4
    assert follow("mine", 0.75) == 0.4
    assert follow("other", None) == 1.0

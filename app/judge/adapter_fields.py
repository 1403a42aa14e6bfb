"""Fields that say how an adapter acts on the images that are generated: how strongly, and where."""

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr
from gradio.blocks import Block

from app.desk.adapters import KnownAdapters
from app.judge.grids import Grids
from app.judge.strength_preview import preview_value, strength_preview
from app.judge.text import say
from app.ui.page import QUIET, Updates, Values, told
from sdpo_core.settings.base import leaves
from sdpo_core.settings.generate import GenerateConfig, NewPairs

_LIMITS: dict[str, Any] = {"minimum": -2.0, "maximum": 2.0, "step": 0.01}  # those of the settings `strength`
_STRENGTH, _WHERE = (leaves(GenerateConfig)[name].shown.label for name in ("strength", "unconditional_strength"))
_PLACES = {"everywhere": "", "conditional": "0", "opposed": "-0.5"}
"""Values of the setting `unconditional_strength`, by their rows; empty leaves it unset."""


class StrengthSlider:
    """A slider for the adapter's strength that starts at the one which is recommended for the chosen adapter.

    It follows a new choice and a new recommendation, and otherwise stays where the person put it. Below it is what the
    adapter does at that strength, where a grid shows it.
    """

    def __init__(self, prefix: str, info: str, grids: Grids) -> None:
        self._grids = grids
        self.field = gr.Slider(
            **_LIMITS,
            value=NewPairs().strength,
            label=_STRENGTH,
            info=info,
            elem_id=f"{prefix}-strength",
            interactive=True,
        )
        # The adapter and recommendation that the slider was last put to; not a State, which has no name on the page.
        self._followed = gr.Textbox(label=self.field.label, visible=False, elem_id=f"{prefix}-strength-of")
        self.preview = strength_preview(grids, prefix)

    @property
    def blocks(self) -> list[Block]:
        """What goes into inputs and outputs of an event in which the adapter may be another one."""
        return [self.field, self._followed, self.preview]

    def follow(self, given: Mapping[Block, Any], adapter: str | None, recommended: float | None) -> dict[Block, Any]:
        """What the slider should show now that `adapter` is chosen, whose recommended strength is given."""
        now = f"{recommended} {adapter}"
        if given[self._followed] == now:
            return {self._followed: now, **self.look(given[self.field], adapter)}
        strength = NewPairs().strength if recommended is None else recommended
        return {self.field: strength, self._followed: now, **self.look(strength, adapter)}

    def put(self, strength: float, adapter: str, recommended: float | None) -> dict[Block, Any]:
        """Show `strength` for `adapter` instead of what is recommended, until another one is chosen."""
        return {self.field: strength, self._followed: f"{recommended} {adapter}", **self.look(strength, adapter)}

    def look(self, strength: object, adapter: object) -> dict[Block, Any]:
        """What the preview should show of `adapter` at `strength`; a page may have sent anything."""
        return {self.preview: preview_value(self._grids.near(adapter, strength))}


def where_choice(prefix: str) -> gr.Dropdown:
    """A choice of where the adapter acts."""
    return gr.Dropdown(
        [(say(f"where.{name}"), value) for name, value in _PLACES.items()],
        value=_PLACES["everywhere"],
        label=_WHERE,
        info=say("whereInfo"),
        elem_id=f"{prefix}-where",
        interactive=True,
        allow_custom_value=True,  # what arrives may be anything; the settings refuse it with a sentence
    )


def follow_adapter(
    adapters: KnownAdapters, adapter: gr.Dropdown, strength: StrengthSlider
) -> Callable[[Values], Updates]:
    """Have a strength slider follow the choice of an adapter, and its preview the slider.

    Returns what slider and preview should show now, for when the choice changes otherwise.
    """

    def follow(values: Values) -> Updates:
        return strength.follow(values, values[adapter], adapters.recommended_strength(values[adapter]))

    def look(values: Values) -> Updates:
        return strength.look(values[strength.field], values[adapter])

    adapter.input(told(follow), {adapter, *strength.blocks}, strength.blocks, **QUIET)
    moved: set[Block] = {strength.field, adapter}
    strength.field.change(told(look), moved, [strength.preview], trigger_mode="always_last", **QUIET)
    return follow

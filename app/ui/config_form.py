"""A form made from a settings class: fields, choices, defaults, labels and explanations all come from the class."""

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.blocks import Block

from app.ui.text import say
from sdpo_core.settings.base import Leaf, Settings, leaves

Field = gr.Dropdown | gr.Number | gr.Textbox


class ConfigForm:
    """Form fields for some settings of a class. Rendered where it is made; `inputs` go into an event's inputs.

    An optional setting, or one whose default depends on the model, starts empty and means "automatic".
    """

    def __init__(self, config: type[Settings], names: Sequence[str], *, prefix: str, empty: Sequence[str] = ()) -> None:
        self._components = {
            name: _field(leaves(config)[name], f"{prefix}-{name}", empty=name in empty) for name in names
        }
        self._first = {name: component.value for name, component in self._components.items()}

    @property
    def inputs(self) -> set[Block]:
        """All fields, for `inputs=` of an event."""
        return set(self._components.values())

    @property
    def fields(self) -> dict[str, Field]:
        """The fields, by name of the setting."""
        return {**self._components}

    @property
    def changes(self) -> list[Any]:
        """The change event of every field."""
        return [component.change for component in self._components.values()]

    def fill(self, settings: Mapping[str, Any]) -> dict[Block, Any]:
        """What the fields should show for `settings`: their values, and what they started with for all others."""
        return {component: settings.get(name, self._first[name]) for name, component in self._components.items()}

    def put(self, settings: Mapping[str, Any]) -> dict[Block, Any]:
        """The fields of `settings` only, with their values; other names are left to other forms."""
        return {self._components[name]: value for name, value in settings.items() if name in self._components}

    def values(self, given: Mapping[Block, Any]) -> dict[str, Any]:
        """What the person filled in, by name of the setting."""
        return {name: given[component] for name, component in self._components.items()}


def _field(leaf: Leaf, elem_id: str, *, empty: bool) -> Field:
    field, label = leaf.field, leaf.shown.label
    info = " ".join((field.description or "").split())
    kind, optional = _unwrap(field.annotation)
    unset = optional or empty
    common: dict[str, Any] = {"label": label, "info": info, "elem_id": elem_id, "interactive": True}
    if typing.get_origin(kind) is typing.Literal:
        return gr.Dropdown(list(typing.get_args(kind)), value=field.default, **common)
    if kind in (int, float) and not unset:
        # No limits here: the settings class refuses with a message, Gradio would put an error over the page.
        return gr.Number(field.default, **common)
    # A number that may be left out is a text field too: Gradio's number field turns empty into 0.
    value = "" if unset else field.default
    return gr.Textbox(value, placeholder=say("unset") if unset else None, max_lines=1, **common)


def _unwrap(annotation: Any) -> tuple[Any, bool]:
    """The plain type of an annotation, and whether None is allowed too."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        return kinds[0], True
    return annotation, False

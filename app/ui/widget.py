"""What the studio's own widgets share: a script file, what it is given, server functions as closures.

Rules that keep them safe and calm: templates hold no value at all (Gradio would run `${...}` in it as JavaScript);
what a person wrote reaches the page through `textContent` only; styles stand in `app/static/css`.

Widgets are functions that return a `gr.HTML`, not subclasses: for a subclass Gradio writes a .pyi file beside the
source at every import.
"""

import json
from collections.abc import Callable
from typing import Any

import gradio as gr

from app.ui.assets import STATIC, STATIC_URL

ServerFunction = Callable[[Any], dict[str, Any]]


def widget(
    *scripts: str,
    role: str,
    elem_id: str,
    strings: dict[str, Any],
    server: dict[str, ServerFunction] | None = None,
    libraries: tuple[str, ...] = (),
    value: Any = None,
    **properties: Any,
) -> gr.HTML:
    """A component in one empty element of class `role` that behaves as `scripts` (from `app/static/js`) say.

    They are read in this order and see each other's names, `text` (the strings), `server` (the functions) and
    `given` (all `properties`); a new value from Python reaches them through `watch("value", ...)`.
    """
    return gr.HTML(
        value=value,
        html_template=f'<div class="{role}"></div>',
        js_on_load=_script(scripts, {**properties, "elem_id": elem_id, "text": strings}),
        apply_default_css=False,
        elem_id=elem_id,
        head="\n".join(f'<script src="{STATIC_URL}/{path}"></script>' for path in libraries) or None,
        server_functions=[_named(name, function) for name, function in (server or {}).items()],
    )


def _script(names: tuple[str, ...], given: dict[str, Any]) -> str:
    """What is given stands in the script, not in Gradio's `props`: an event that skips the component empties those."""
    parts = [(STATIC / "js" / part).read_text(encoding="utf-8") for part in ("shared.js", *names)]
    return "".join([f"const given = {json.dumps(given)};\n", *parts])


def _named(name: str, function: ServerFunction) -> ServerFunction:
    """A plain function, because Gradio marks what it may call with an attribute, which a method can't carry."""

    def call(message: Any = None) -> dict[str, Any]:
        return function(message)

    call.__name__ = name
    return call

"""What the studio's own widgets share: a module, what it is given, server functions as closures.

Rules that keep them safe and calm: templates are empty (Gradio would run `${...}` in a value as JavaScript);
what a person wrote reaches the page through `textContent` only; styles are in each room's *.css.

Widgets are functions that return a `gr.HTML`, not subclasses: for a subclass Gradio writes a .pyi file next to the
source at every import.
"""

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from app.ui.assets import FROM_PAGE, SCRIPTS
from app.ui.text import say

ServerFunction = Callable[[Any], Mapping[str, object]]
"""Its signature says what it takes and answers; the scripts' own declarations are generated from it (replies.py)."""

# The page is shown when nothing is under way (arrive.js), and a module is counted from here on. Gradio keeps `props` up
# to date meanwhile, so that what mounts late finds the newest value. An address is resolved against the page, because
# `import` in a function of Gradio's would start from Gradio's own scripts.
_MOUNT = """\
const given = %(given)s;
window.sdpoUnderWay = (window.sdpoUnderWay ?? 0) + 1;
import(new URL(%(module)s, document.baseURI))
  .then(({ mount }) => mount({ element, props, watch, trigger, server, text: given.text, given }))
  .catch((error) => { element.textContent = %(lost)s; throw error; })
  .finally(() => { window.sdpoUnderWay -= 1; });
"""


def widget(
    module: str,
    *,
    role: str,
    elem_id: str,
    strings: dict[str, str],
    server: dict[str, ServerFunction] | None = None,
    events: tuple[str, ...] = (),
    libraries: tuple[str, ...] = (),
    value: Any = None,
    **properties: Any,
) -> gr.HTML:
    """A component in one element of class `role` that behaves as a module (`room/module.js`) says.

    The element comes with the module, so that nobody ever meets one that does nothing yet. The module's `mount` gets
    `text` (the strings), `server` (the functions) and `given` (all `properties`), plus what Gradio provides; a new
    value from Python reaches it through `watch("value", ...)`. See widget.js. It may `trigger` the `events`: Gradio
    lets Python listen to those whose names it finds in the script.
    """
    return gr.HTML(
        value=value,
        html_template="",
        js_on_load=_script(module, {**properties, "elem_id": elem_id, "role": role, "events": events, "text": strings}),
        apply_default_css=False,
        elem_id=elem_id,
        head="\n".join(f'<script src="{FROM_PAGE}/{path}"></script>' for path in libraries) or None,
        server_functions=[_named(name, function) for name, function in (server or {}).items()],
    )


def _script(module: str, given: dict[str, Any]) -> str:
    """What is given is in the script, not in Gradio's `props`: an event that skips the component empties those."""
    words = {"given": given, "module": SCRIPTS.address(module), "lost": say("widgetLost")}
    return _MOUNT % {name: json.dumps(word) for name, word in words.items()}


def _named(name: str, function: ServerFunction) -> ServerFunction:
    """A plain function, because Gradio marks what it may call with an attribute, which a method can't carry."""

    @functools.wraps(function, assigned=(), updated=())
    def call(message: Any = None) -> Mapping[str, object]:
        return function(message)

    call.__name__ = name
    return call

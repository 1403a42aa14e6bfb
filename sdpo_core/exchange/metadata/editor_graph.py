"""A ComfyUI graph as its editor saves it (`workflow`), converted to the same nodes as the API form.

It lists widgets by position, and only newer versions name them; for older ones, values are named by their kind.
"""

from collections.abc import Mapping
from typing import Any

from sdpo_core.exchange.metadata import values
from sdpo_core.exchange.metadata.graph import Link, Node, as_link

_MOST_NODES = 20_000
_MUTED, _BYPASSED = 2, 4
_SMALLEST = 64  # px of an image's side
_AFTER_SEED = ("fixed", "increment", "decrement", "randomize")  # the editor's widget after a seed


def of_workflow(found: Mapping[str, Any]) -> dict[str, Node]:
    """The nodes of the editor's form, by id; without muted ones, and with bypassed ones only passing on their input."""
    links: dict[Any, Link] = {}
    for link in values.items(found.get("links")):
        parts = values.items(link)  # id, from node, from slot, to node, to slot, type
        if len(parts) >= 5 and isinstance(parts[0], int) and isinstance(parts[2], int):
            links[parts[0]] = Link(str(parts[1]), parts[2])
    nodes: dict[str, Node] = {}
    for value in values.items(found.get("nodes"))[:_MOST_NODES]:
        node = values.mapping(value)
        if node and node.get("mode") != _MUTED:
            inputs = _inputs(node, links)
            if node.get("mode") == _BYPASSED:
                inputs = {name: value for name, value in inputs.items() if as_link(value)}
            nodes[str(node.get("id"))] = Node(values.name(node.get("type")), inputs)
    return nodes


def _inputs(node: Mapping[str, Any], links: Mapping[Any, Link]) -> dict[str, Any]:
    entries = [values.mapping(entry) for entry in values.items(node.get("inputs"))]
    widgets = [values.name(values.mapping(entry.get("widget")).get("name")) for entry in entries if entry.get("widget")]
    set_to = node.get("widgets_values")
    inputs = dict(values.mapping(set_to)) if isinstance(set_to, dict) else _named(widgets, values.items(set_to))
    if "text" in inputs and any(entry.get("name") == "images" for entry in entries):
        inputs = {"filename_prefix": inputs["text"]}
    for entry in entries:
        number = entry.get("link")
        if isinstance(number, int) and number in links:
            inputs[values.name(entry.get("name"))] = list(links[number])
    return inputs


def _named(widgets: list[str], set_to: list[Any]) -> dict[str, Any]:
    """Values by their widgets' names; if there are none, by what the values look like."""
    plain = [value for i, value in enumerate(set_to) if not (i and _goes_with_seed(value, set_to[i - 1]))]
    if widgets and len(widgets) >= len(plain):
        return dict(zip(widgets, plain, strict=False))
    if len(set_to) == 1 and isinstance(set_to[0], str):
        return {"text": set_to[0]}
    for i in range(1, len(set_to)):
        if _goes_with_seed(set_to[i], set_to[i - 1], older=True):  # a sampler's: the rest has the same order
            rest = set_to[i + 1 :]
            numbers = [value for value in rest if isinstance(value, int | float)]
            words = [value for value in rest if isinstance(value, str)]
            return {
                "seed": set_to[i - 1],
                "add_noise": set_to[i - 2] if i > 1 else "enable",
                **dict(zip(("steps", "cfg"), numbers, strict=False)),
                **dict(zip(("sampler_name", "scheduler"), words, strict=False)),
            }
    if len(set_to) > 1 and all(isinstance(side, int) and side >= _SMALLEST and side % 8 == 0 for side in set_to[:2]):
        return {"width": set_to[0], "height": set_to[1]}
    return {f"value_{i}": value for i, value in enumerate(plain) if isinstance(value, str)}


def _goes_with_seed(value: Any, before: Any, *, older: bool = False) -> bool:
    """Whether the value says what happens to the seed before it after a run; older versions have a switch there."""
    seed = isinstance(before, int) and not isinstance(before, bool)
    return seed and (isinstance(value, bool) if older and not isinstance(value, str) else value in _AFTER_SEED)

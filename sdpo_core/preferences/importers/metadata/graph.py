"""A ComfyUI graph as nodes with inputs, whichever of its two forms it was saved in; links are followed with a budget.

The API form (`prompt`) names every input. The editor's form (`workflow`) lists widgets by position, and only newer
versions name them; there, what can be told by its kind is named.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sdpo_core.preferences.importers.metadata import values

_MOST_NODES = 20_000
_MUTED, _BYPASSED = 2, 4
_AFTER_SEED = frozenset({"fixed", "increment", "decrement", "randomize"})  # the editor's widget behind a seed


class Link(NamedTuple):
    """Where an input comes from."""

    node: str
    slot: int


class Node(NamedTuple):
    """What is done, and from what."""

    kind: str
    inputs: dict[str, Any]

    def links(self) -> Iterator[tuple[str, Link]]:
        """The inputs that come from other nodes, by name."""
        for name, value in self.inputs.items():
            link = as_link(value)
            if link:
                yield name, link

    def link(self, *names: str) -> Link | None:
        """The first of `names` that comes from another node."""
        return next((link for link in (as_link(self.inputs.get(name)) for name in names) if link), None)

    def words(self, *names: str) -> str | None:
        """The first of `names` that is a text."""
        return next((value for value in (self.inputs.get(name) for name in names) if isinstance(value, str)), None)


def as_link(value: Any) -> Link | None:
    """The link that an input is, or None: [node id, output slot]."""
    parts = values.items(value)
    if len(parts) == 2 and isinstance(parts[0], str) and isinstance(parts[1], int) and not isinstance(parts[1], bool):
        return Link(parts[0], parts[1])
    return None


def of_prompt(found: Mapping[str, Any]) -> dict[str, Node]:
    """The nodes of the API form, by id."""
    nodes: dict[str, Node] = {}
    for number, value in list(found.items())[:_MOST_NODES]:
        node = values.mapping(value)
        if isinstance(node.get("inputs"), dict):
            nodes[number] = Node(values.name(node.get("class_type")), values.mapping(node["inputs"]))
    return nodes


def of_workflow(found: Mapping[str, Any]) -> dict[str, Node]:
    """The nodes of the editor's form, by id; without the muted ones, and of bypassed ones only what they pass on."""
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
    for entry in entries:
        number = entry.get("link")
        if isinstance(number, int) and number in links:
            inputs[values.name(entry.get("name"))] = list(links[number])
    return inputs


def _named(widgets: list[str], set_to: list[Any]) -> dict[str, Any]:
    """Values by their widgets' names; without names, by what they look like."""
    plain = [v for i, v in enumerate(set_to) if not (i and _is_after_seed(v) and isinstance(set_to[i - 1], int))]
    if widgets and len(widgets) >= len(plain):
        return dict(zip(widgets, plain, strict=False))
    if len(plain) == 1 and isinstance(plain[0], str):
        return {"text": plain[0]}
    if len(plain) < len(set_to) and isinstance(plain[0], int):  # a sampler's: its seed comes first
        numbers = [v for v in plain[1:] if isinstance(v, int | float)]
        words = [v for v in plain[1:] if isinstance(v, str)]
        return {
            "seed": plain[0],
            **dict(zip(("steps", "cfg"), numbers, strict=False)),
            **dict(zip(("sampler_name", "scheduler"), words, strict=False)),
        }
    return {f"value_{i}": value for i, value in enumerate(plain) if isinstance(value, str)}


def _is_after_seed(value: Any) -> bool:
    return isinstance(value, str) and value in _AFTER_SEED

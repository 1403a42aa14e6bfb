"""Where prompt, negative prompt, seed and size are in a ComfyUI workflow.

There is no list of node classes. A slot is a value that shows up in the reading of the graph when it is changed: texts,
and whole numbers that could be the seed, are replaced by marks, and the graph is read again as the importer reads the
graphs in images. What isn't clear is reported, and a person can point at it.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sdpo_core.comfyui.workflow import Graph, Slot, Workflow, quoted, upstream_of
from sdpo_core.errors import ComfyUIError
from sdpo_core.exchange.metadata.graph import (
    BETWEEN,
    ENCODED,
    SEEDS,
    STRINGS,
    Node,
    Side,
    as_link,
    began,
    of_prompt,
    samples,
)
from sdpo_core.exchange.metadata.graph_walk import Walk

_MARK = "⟦sdpo {}⟧"  # a text that occurs in no workflow
_SEED_MARK, _SIDE_MARK = 7_310_578_237_403, 900_001
_MOST_SAMPLERS, _MOST_SLOTS = 50, 50
_SHOWN = 60  # characters of a value in a sentence
_MOST_NAMED = 8


@dataclass(frozen=True)
class Pointed:
    """What a person points at because it isn't clear; empty: it is searched for."""

    prompt: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    seed: tuple[str, ...] = ()
    image: str | None = None  # the node whose images are used


def find_slots(graph: Graph, pointed: Pointed | None = None) -> Workflow:
    """Where prompt, negative prompt, seed and size are in `graph`, by the links from the node that gives images.

    What a person points at wins; raises `ComfyUIError` when that doesn't exist. Whatever else isn't clear is among the
    workflow's `problems`.
    """
    pointed = pointed or Pointed()
    nodes, problems = of_prompt(graph), list[str]()
    image = _pointed_node(graph, pointed.image) if pointed.image else _image_node(nodes, problems)
    upstream = upstream_of(nodes, image)
    samplers = [number for number in upstream if samples(nodes[number])][:_MOST_SAMPLERS]
    finder = _Finder(graph, nodes, upstream, samplers)
    prompt, problem = finder.texts("positive", pointed.prompt)
    negative, negative_problem = finder.texts("negative", pointed.negative)
    seed = _pointed_slots(graph, pointed.seed, int) or finder.seeds()
    if problem and image:
        problems.append(problem)
    if not seed and image:
        problems.append("Found no seed in this workflow, so all images would be the same. Point at it.")
    return Workflow(
        graph=graph,
        image=image,
        prompt=prompt,
        negative=tuple(slot for slot in negative if slot not in prompt),
        seed=seed,
        size=finder.size(),
        sampler=finder.main(prompt),
        problems=tuple(problems),
        negative_problem=negative_problem,
    )


class _Finder:
    """Finds the values that the reading of a graph depends on."""

    def __init__(self, graph: Graph, nodes: dict[str, Node], upstream: list[str], samplers: list[str]) -> None:
        self._graph, self._nodes, self._upstream, self._samplers = graph, nodes, upstream, samplers

    def texts(self, side: Side, pointed: tuple[str, ...]) -> tuple[tuple[Slot, ...], str]:
        """The slots of a prompt, and a message when they aren't clear."""
        if pointed:
            return _pointed_slots(self._graph, pointed, str), ""
        found = [slot for sampler in self._samplers for slot in self._aimed_at(sampler, side)]
        slots = tuple(dict.fromkeys(found))
        name = "prompt" if side == "positive" else "negative prompt"
        if not slots:
            there = self._all_texts() or "none"
            return (), f"It isn't clear where the {name} is in this workflow. Point at it. Its texts: {there}."
        one_text = len({self._nodes[slot.node].inputs[slot.input] for slot in slots}) == 1
        one_encoder = len({slot.node for slot in slots}) == 1 and all(slot.input in ENCODED for slot in slots)
        if one_text or one_encoder:
            return slots, ""
        return (), f"The {name} of this workflow consists of several texts. Point at one: {self._named(slots)}."

    def seeds(self) -> tuple[Slot, ...]:
        """The seeds of all samplers on the way to the image."""
        found = [slot for number in self._samplers for slot in self._seeds_of(number) or self._seed_input(number)]
        return tuple(dict.fromkeys(found))

    def size(self) -> tuple[Slot, Slot] | None:
        """Width and height of a graph with one sampler; a second one would work at another size."""
        if len(self._samplers) != 1:
            return None
        width, height = self._side(0), self._side(1)
        return (width, height) if width and height else None

    def main(self, prompt: tuple[Slot, ...]) -> str:
        """The sampler that uses the prompt; if several do, the one that began the image; else simply the nearest."""
        mark = _MARK.format(0)
        marked = _exchanged(self._nodes, dict.fromkeys(prompt, mark))
        aiming = [number for number in self._samplers if mark in _aim(marked, number, "positive")]
        first = began(self._nodes, self._nodes[aiming[0]]) if aiming else None
        return next((number for number in aiming if self._nodes[number] is first), [*aiming, *self._samplers, ""][0])

    def _seeds_of(self, number: str) -> list[Slot]:
        def seed(nodes: dict[str, Node]) -> int | None:
            return Walk(nodes).seed(nodes[number])

        now = seed(self._nodes)
        return self._followed(lambda value: _is_whole(value) and value == now, seed, lambda i: _SEED_MARK + i)

    def _side(self, side: Literal[0, 1]) -> Slot | None:
        """The slot of the width (0) or the height (1)."""

        def pixels(nodes: dict[str, Node]) -> int | None:
            found = Walk(nodes).size(nodes[self._samplers[0]])
            return found[side] if found else None

        now = pixels(self._nodes)
        found = self._followed(lambda value: _is_whole(value) and value == now, pixels, lambda i: _SIDE_MARK + i)
        return found[0] if found else None

    def _aimed_at(self, sampler: str, side: Side) -> list[Slot]:
        now = _aim(self._nodes, sampler, side)
        return self._followed(
            lambda value: isinstance(value, str) and value.strip() in now,
            lambda nodes: _aim(nodes, sampler, side),
            _MARK.format,
        )

    def _followed(
        self, fits: Callable[[Any], bool], read: Callable[[dict[str, Node]], Any], mark: Callable[[int], Any]
    ) -> list[Slot]:
        """The values that `fits` accepts and whose marks show up in what is `read`.

        All are marked together, since there may be thousands; those that show up are then checked one by one.
        """
        literals = (
            Slot(number, name)
            for number in self._upstream
            for name, value in self._nodes[number].inputs.items()
            if fits(value) and name not in BETWEEN
        )
        marks = {slot: mark(i) for i, slot in enumerate(literals)}
        found = read(_exchanged(self._nodes, marks))
        arrived = [slot for slot, one in marks.items() if _holds(found, one)][:_MOST_SLOTS]
        return [slot for slot in arrived if _holds(read(_exchanged(self._nodes, {slot: marks[slot]})), marks[slot])]

    def _seed_input(self, number: str) -> list[Slot]:
        """The input that gets the seed, where the number itself can't be read."""
        for _ in range(len(self._nodes)):
            node = self._nodes[number]
            name = next((name for name in SEEDS if node.inputs.get(name) is not None), None)
            link = node.link(name) if name else None
            if name is None or link is None:
                return []
            behind = self._nodes.get(link.node)
            if behind is None or not any(behind.inputs.get(one) is not None for one in SEEDS):
                return [] if name == "noise" else [Slot(number, name)]
            number = link.node
        return []

    def _all_texts(self) -> str:
        names = (*ENCODED, *STRINGS)
        return self._named(
            Slot(number, name)
            for number in self._upstream or self._nodes
            for name, value in self._nodes[number].inputs.items()
            if isinstance(value, str) and (name in names or " " in value)
        )

    def _named(self, slots: Iterable[Slot]) -> str:
        named = [f"{slot} {quoted(str(self._nodes[slot.node].inputs[slot.input]))}" for slot in slots]
        more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        return ", ".join(named[:_MOST_NAMED]) + more


def _image_node(nodes: Mapping[str, Node], problems: list[str]) -> str:
    """The node whose images are used: the one that saves images, else the one that shows them."""
    used = {link.node for node in nodes.values() for _, link in node.links()}
    ends = [number for number, node in nodes.items() if number not in used and node.link("images", "image")]
    savers = [number for number in ends if isinstance(nodes[number].inputs.get("filename_prefix"), str)] or ends
    if len({nodes[number].link("images", "image") for number in savers}) == 1:
        return savers[0]
    if not savers:
        problems.append("This workflow doesn't save or show an image. Add ComfyUI's “Save Image” or “Preview Image”.")
    else:
        named = ", ".join(f"{number} ({nodes[number].kind})" for number in savers[:_MOST_NAMED])
        problems.append(f"This workflow gives images in several places. Point at one node: {named}.")
    return ""


def _aim(nodes: dict[str, Node], sampler: str, side: Side) -> str:
    walk = Walk(nodes)
    return walk.conditioning(walk.guider(nodes[sampler]), side) or ""


def _holds(found: Any, mark: Any) -> bool:
    """Whether a mark is in a text, or is the number."""
    return mark in found if isinstance(found, str) else found == mark


def _exchanged(nodes: dict[str, Node], marks: Mapping[Slot, Any]) -> dict[str, Node]:
    inputs = dict[str, dict[str, Any]]()
    for slot, mark in marks.items():  # one node may have thousands, so each node is copied once
        if slot.node not in inputs:
            inputs[slot.node] = dict(nodes[slot.node].inputs)
        inputs[slot.node][slot.input] = mark
    return {**nodes, **{number: nodes[number]._replace(inputs=changed) for number, changed in inputs.items()}}


def _pointed_node(graph: Graph, written: str) -> str:
    if written not in graph:
        raise ComfyUIError(f"The workflow has no node {written}. It has: {', '.join(list(graph)[:30])}.")
    return written


def _pointed_slots(graph: Graph, written: Iterable[str], kind: type[str] | type[int]) -> tuple[Slot, ...]:
    return tuple(_pointed_slot(graph, one.strip(), kind) for one in written)


def _pointed_slot(graph: Graph, written: str, kind: type[str] | type[int]) -> Slot:
    """The slot that `6.text` means; raises `ComfyUIError` if it doesn't exist or holds another kind of value."""
    parts = written.split(".")  # input names may hold dots too
    splits = (Slot(".".join(parts[:i]), ".".join(parts[i:])) for i in range(1, len(parts)))
    slot = next((one for one in splits if one.node in graph and one.input in graph[one.node]["inputs"]), None)
    if slot is None:
        here = next((number for number in graph if f"{written}.".startswith(f"{number}.")), None)
        inputs = f" Node {here} has: {', '.join(graph[here]['inputs'])}." if here else ""
        raise ComfyUIError(f"The workflow has no {written}. Expected a node and its input, such as 6.text.{inputs}")
    value = graph[slot.node]["inputs"][slot.input]
    if as_link(value) is None and not (isinstance(value, str) if kind is str else _is_whole(value)):
        wanted = "a text" if kind is str else "a whole number"
        raise ComfyUIError(f"{slot} holds {json.dumps(value)[:_SHOWN]}, not {wanted}. Point at another input.")
    return slot


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)

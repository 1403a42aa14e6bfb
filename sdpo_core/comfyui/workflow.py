"""A person's own ComfyUI workflow, in its API form, with the slots that prompt, seed and size are put into.

It is looked at by hand: nodes hold what their packs like, and each thing that is wrong has a sentence of its own.
"""

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from sdpo_core.errors import ComfyUIError
from sdpo_core.exchange.metadata import values
from sdpo_core.exchange.metadata.comfyui import told_by
from sdpo_core.exchange.metadata.graph import Node, of_prompt, samples
from sdpo_core.exchange.metadata.graph_walk import Walk
from sdpo_core.images.containers import read_texts
from sdpo_core.workspace.records import MadeWith, NamedLora

Graph = dict[str, dict[str, Any]]

MOST_BYTES = 16 * 2**20
"""Largest file that is read as a workflow."""

_MOST_NODES = 3000
_DEEPEST = 50
_MOST_SAMPLERS = 50
_MARKS = "⟦sdpo prompt⟧", "⟦sdpo negative⟧"  # texts that no workflow holds
_SHOWN = 60  # characters of a text in a sentence
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"RIFF")


class Slot(NamedTuple):
    """An input of a node, written `6.text`."""

    node: str
    input: str

    def __str__(self) -> str:
        return f"{self.node}.{self.input}"


class Found(NamedTuple):
    """A line of what was found, for a person."""

    what: str
    where: str
    value: str


@dataclass(frozen=True)
class Workflow:
    """A workflow with its slots. `problems` says what keeps it from being used."""

    graph: Graph
    image: str  # the node whose images are taken; empty: not known
    prompt: tuple[Slot, ...]
    negative: tuple[Slot, ...]
    seed: tuple[Slot, ...]
    size: tuple[Slot, Slot] | None  # width and height
    sampler: str  # the node that the reading begins with; empty: none was found
    problems: tuple[str, ...] = ()
    negative_problem: str = ""  # matters only to whoever wants a negative prompt of their own

    @cached_property
    def told(self) -> MadeWith:
        """How the workflow draws as it stands."""
        return self.read(self.graph)

    @property
    def model(self) -> Slot | None:
        """Where the name of the model stands that it draws with."""
        return self._named(self.told.model) if self.told.model else None

    @cached_property
    def models(self) -> tuple[str, ...]:
        """The names of all models that the samplers on the ways to the image draw with."""
        nodes = of_prompt(self.graph)
        walk = Walk(nodes)
        return tuple(dict.fromkeys(name for one in _samplers(nodes, self.image) for name in walk.models(one)))

    @cached_property
    def loras(self) -> tuple[NamedLora, ...]:
        """The LoRAs that any of these samplers draws with."""
        nodes = of_prompt(self.graph)
        walk = Walk(nodes)
        others = (lora for one in _samplers(nodes, self.image) for lora in walk.loras(one))
        return values.loras(*self.told.loras, *others)

    def lora(self, name: str) -> str:
        """A LoRA's name as the workflow writes it, with folder and suffix."""
        slot = self._named(name)
        return str(self.value(slot)) if slot else name

    def value(self, slot: Slot) -> Any:
        """What stands in a slot."""
        return self.graph[slot.node]["inputs"].get(slot.input)

    def require(self, *, negative: bool) -> None:
        """Raise `ComfyUIError` unless it can be used, with a `negative` prompt of the person's own or without."""
        problems = [*self.problems, *([self.negative_problem] if negative and self.negative_problem else [])]
        if problems:
            raise ComfyUIError(" ".join(problems))

    @property
    def kinds(self) -> set[str]:
        """The kinds of nodes that it needs."""
        return {node["class_type"] for node in self.graph.values()}

    def sized(self, size_px: int | None) -> "Workflow":
        """The workflow with square images of this size, None for its own; raises `ComfyUIError` if it has no slot."""
        if size_px is None:
            return self
        if self.size is None:
            raise ComfyUIError(
                "Where the size stands in this workflow is not clear. Set it there, and leave size_px out."
            )
        return replace(self, graph=self._with(dict.fromkeys(self.size, size_px)))

    def filled(self, prompt: str, negative: str, seed: int) -> Graph:
        """The graph with these in the slots. An empty negative prompt keeps the workflow's own."""
        texts = {**dict.fromkeys(self.negative if negative else (), negative), **dict.fromkeys(self.prompt, prompt)}
        return self._with({**texts, **dict.fromkeys(self.seed, seed)})

    def _with(self, filled: Mapping[Slot, Any]) -> Graph:
        graph = copy.deepcopy(self.graph)
        for slot, value in filled.items():
            graph[slot.node]["inputs"][slot.input] = value
        return graph

    def read(self, graph: Graph) -> MadeWith:
        """What a filled graph says of its image."""
        nodes = of_prompt(graph)
        if not self.sampler:
            return MadeWith(tool="ComfyUI")
        nearest = [*_samplers(nodes, self.image), nodes[self.sampler]][0]
        return told_by(nodes, nodes[self.sampler], nearest)

    @cached_property
    def read_texts(self) -> tuple[bool, bool]:
        """Whether `read` finds the prompt, and the negative prompt, that were filled in: where a person pointed at a
        text that no link seems to lead to, it tells another one.
        """
        told = self.read(self.filled(_MARKS[0], _MARKS[1], 0))
        return _MARKS[0] in told.prompt, _MARKS[1] in told.negative

    @cached_property
    def sha256(self) -> str:
        """Hash of everything that is not filled in: the same for the same workflow, whatever stands in its slots."""
        filled = (*self.prompt, *(self.negative if self.read_texts[1] else ()), *self.seed)
        bare = {
            number: {
                "class_type": node["class_type"],
                "inputs": {
                    name: None if Slot(number, name) in filled else value for name, value in node["inputs"].items()
                },
            }
            for number, node in self.graph.items()
        }
        return hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()

    def found(self) -> list[Found]:
        """What was found, a line each."""
        told = self.told
        size = f"{told.width_px} × {told.height_px}" if told.width_px else ""
        steps = f"{told.steps} steps" if told.steps else ""
        how = " ".join(filter(None, (told.sampler, told.scheduler, steps)))
        loras = ", ".join(f"{one.name} ({one.strength:g})" for one in self.loras)
        lines = [
            Found("prompt", _listed(self.prompt), self._texts(self.prompt)),
            Found("negative prompt", _listed(self.negative), self._texts(self.negative) or quoted(told.negative)),
            Found("seed", _listed(self.seed), str(told.seed) if told.seed is not None else ""),
            Found("size", _listed(self.size or ()), size),
            Found("model", _listed([self.model] if self.model else ()), told.model),
            Found("LoRAs", "", loras),
            Found("sampler", self.sampler, how),
            Found("images of", self.image, self.title(self.image) if self.image else ""),
        ]
        return [line for line in lines if line.where or line.value]

    def title(self, node: str) -> str:
        """What a node is called."""
        return str(self.graph[node].get("_meta", {}).get("title") or self.graph[node]["class_type"])

    def _texts(self, slots: Iterable[Slot]) -> str:
        texts = [value for slot in slots if isinstance(value := self.value(slot), str)]
        return " / ".join(quoted(text) for text in dict.fromkeys(texts))

    def _named(self, name: str) -> Slot | None:
        literals = (
            Slot(number, key)
            for number, node in self.graph.items()
            for key, value in node["inputs"].items()
            if isinstance(value, str) and "." in value and values.file_name(value) == name
        )
        return next(literals, None)


def read_graph(data: bytes) -> Graph:
    """The graph in a file that a person gave: JSON in API form, or an image that ComfyUI saved.

    Raises `ComfyUIError` for the editor's form and for everything else.
    """
    if len(data) > MOST_BYTES:
        raise ComfyUIError(f"This file is larger than {MOST_BYTES >> 20} MiB; a workflow is not. Choose another file.")
    if data.startswith(_PICTURES):
        text = read_texts(data).get("prompt")
        if text is None:
            raise ComfyUIError("This image holds no workflow of ComfyUI. Take one that ComfyUI saved, or a JSON file.")
    else:
        text = data.decode("utf-8-sig", "replace")
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ComfyUIError("This is no workflow: it can't be read as JSON. Export it from ComfyUI again.") from error
    nodes = values.mapping(found)
    if isinstance(nodes.get("prompt"), dict) and "class_type" not in nodes["prompt"]:  # as it is sent to /prompt
        nodes = values.mapping(nodes["prompt"])
    if isinstance(nodes.get("nodes"), list):
        raise ComfyUIError(
            "This is a workflow as ComfyUI's editor saves it, which only the editor can run. In ComfyUI choose "
            "Workflow > Export (API) (“Save (API Format)” in older versions), and take that file."
        )
    if not 0 < len(nodes) <= _MOST_NODES:
        raise ComfyUIError(f"This holds {len(nodes):,} nodes; expected a workflow with 1 to {_MOST_NODES:,} of them.")
    return {number: _checked(number, node) for number, node in nodes.items()}


def _samplers(nodes: Mapping[str, Node], image: str) -> list[Node]:
    """The samplers on the ways to an image, the nearest first."""
    return [nodes[one] for one in upstream_of(nodes, image) if samples(nodes[one])][:_MOST_SAMPLERS]


def _checked(number: str, found: Any) -> dict[str, Any]:
    """A node with what is sent of it; raises `ComfyUIError` for what is none."""
    node = values.mapping(found)
    kind, inputs = node.get("class_type"), node.get("inputs")
    if not isinstance(kind, str) or not isinstance(inputs, dict):
        raise ComfyUIError(
            f"This is no workflow in ComfyUI's API form: “{number[:_SHOWN]}” is no node with class_type and inputs. In "
            "ComfyUI choose Workflow > Export (API)."
        )
    try:
        json.dumps([number, kind, inputs], allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ComfyUIError("This workflow holds half a character. Export it from ComfyUI again.") from error
    except ValueError as error:
        raise ComfyUIError(f"Node {number} ({kind}) holds a number that is none (NaN or infinity). Mend it.") from error
    if _is_deep(inputs):
        raise ComfyUIError(f"Node {number} ({kind}) holds lists in lists, more than {_DEEPEST} deep. Mend it.")
    title = values.name(values.mapping(node.get("_meta")).get("title"))
    return {"class_type": kind, "inputs": inputs, **({"_meta": {"title": title}} if title else {})}


def _is_deep(found: Any) -> bool:
    """Whether lists and objects lie in each other deeper than any workflow has them."""
    layer = [found]
    for _ in range(_DEEPEST):
        layer = [one for each in layer for one in (*values.mapping(each).values(), *values.items(each))]
    return bool(layer)


def upstream_of(nodes: Mapping[str, Node], start: str) -> list[str]:
    """`start` and all nodes on the ways up from it, the nearest first."""
    found = [start] if start in nodes else []
    seen = set(found)
    for number in found:  # grows on the way
        for _, link in nodes[number].links():
            if link.node in nodes and link.node not in seen:
                seen.add(link.node)
                found.append(link.node)
    return found


def _listed(slots: Iterable[Slot]) -> str:
    return ", ".join(map(str, slots))


def quoted(text: str) -> str:
    """A text as it is shown to a person."""
    return f"“{text[:_SHOWN]}{'…' if len(text) > _SHOWN else ''}”" if text else ""

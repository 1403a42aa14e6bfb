"""A person's own ComfyUI workflow, in its API form, with the slots that prompt, seed and size are put into.

It is checked by hand rather than with a schema: nodes hold whatever their packs like, and each mistake gets its own
message.
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
from sdpo_core.exchange.metadata.comfyui import made_by
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
_MARKS = "⟦sdpo prompt⟧", "⟦sdpo negative⟧"  # texts that occur in no workflow
_SHOWN = 60  # characters of a text in a sentence
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"RIFF")


class Slot(NamedTuple):
    """An input of a node, written `6.text`."""

    node: str
    input: str

    def __str__(self) -> str:
        return f"{self.node}.{self.input}"


class Found(NamedTuple):
    """One line about what was found, for a person."""

    what: str
    where: str
    value: str


@dataclass(frozen=True)
class Workflow:
    """A workflow with its slots. `problems` says why it can't be used."""

    graph: Graph
    image: str  # the node whose images are used; empty: not known
    prompt: tuple[Slot, ...]
    negative: tuple[Slot, ...]
    seed: tuple[Slot, ...]
    size: tuple[Slot, Slot] | None  # width and height
    sampler: str  # the node that the reading starts from; empty: none was found
    problems: tuple[str, ...] = ()
    negative_problem: str = ""  # matters only with a negative prompt of the person's own

    @cached_property
    def made_with(self) -> MadeWith:
        """What the workflow makes images with as it is."""
        return self.read(self.graph)

    @property
    def model(self) -> Slot | None:
        """The slot with the name of its model."""
        return self._named(self.made_with.model) if self.made_with.model else None

    @cached_property
    def models(self) -> tuple[str, ...]:
        """The names of all models used by the samplers on the paths to the image."""
        nodes = of_prompt(self.graph)
        walk = Walk(nodes)
        return tuple(dict.fromkeys(name for one in _samplers(nodes, self.image) for name in walk.models(one)))

    @cached_property
    def loras(self) -> tuple[NamedLora, ...]:
        """The LoRAs that any of these samplers uses."""
        nodes = of_prompt(self.graph)
        walk = Walk(nodes)
        others = (lora for one in _samplers(nodes, self.image) for lora in walk.loras(one))
        return values.loras(*self.made_with.loras, *others)

    def lora(self, name: str) -> str:
        """A LoRA's name as the workflow writes it, with folder and suffix."""
        slot = self._named(name)
        return str(self.value(slot)) if slot else name

    def value(self, slot: Slot) -> Any:
        """The value in a slot."""
        return self.graph[slot.node]["inputs"].get(slot.input)

    def require(self, *, negative: bool) -> None:
        """Raise `ComfyUIError` unless it can be used, with or without a `negative` prompt of the person's own."""
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
                "It isn't clear where the size is in this workflow. Set it there, and leave size_px out."
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
        """What a filled graph says about its image."""
        nodes = of_prompt(graph)
        if not self.sampler:
            return MadeWith(tool="ComfyUI")
        nearest = [*_samplers(nodes, self.image), nodes[self.sampler]][0]
        return made_by(nodes, nodes[self.sampler], nearest)

    @cached_property
    def read_texts(self) -> tuple[bool, bool]:
        """Whether `read` finds the prompt, and the negative prompt, that were filled in: where a person pointed at a
        text that no link seems to lead to, it finds another one.
        """
        made_with = self.read(self.filled(_MARKS[0], _MARKS[1], 0))
        return _MARKS[0] in made_with.prompt, _MARKS[1] in made_with.negative

    @cached_property
    def sha256(self) -> str:
        """Hash of everything that isn't filled in: the same for the same workflow, whatever is in its slots."""
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
        """What was found, one line each."""
        made_with = self.made_with
        size = f"{made_with.width_px} × {made_with.height_px}" if made_with.width_px else ""
        steps = f"{made_with.steps} steps" if made_with.steps else ""
        how = " ".join(filter(None, (made_with.sampler, made_with.scheduler, steps)))
        loras = ", ".join(f"{one.name} ({one.strength:g})" for one in self.loras)
        lines = [
            Found("prompt", _listed(self.prompt), self._texts(self.prompt)),
            Found("negative prompt", _listed(self.negative), self._texts(self.negative) or quoted(made_with.negative)),
            Found("seed", _listed(self.seed), str(made_with.seed) if made_with.seed is not None else ""),
            Found("size", _listed(self.size or ()), size),
            Found("model", _listed([self.model] if self.model else ()), made_with.model),
            Found("LoRAs", "", loras),
            Found("sampler", self.sampler, how),
            Found("images of", self.image, self.title(self.image) if self.image else ""),
        ]
        return [line for line in lines if line.where or line.value]

    def title(self, node: str) -> str:
        """A node's title."""
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
    """The graph in a file that a person chose: JSON in API form, or an image that ComfyUI saved.

    Raises `ComfyUIError` for the editor's form and for everything else.
    """
    if len(data) > MOST_BYTES:
        raise ComfyUIError(f"This file is larger than {MOST_BYTES >> 20} MiB; a workflow isn't. Choose another file.")
    if data.startswith(_PICTURES):
        text = read_texts(data).get("prompt")
        if text is None:
            raise ComfyUIError("This image holds no ComfyUI workflow. Choose one that ComfyUI saved, or a JSON file.")
    else:
        text = data.decode("utf-8-sig", "replace")
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ComfyUIError("This isn't a workflow: it can't be read as JSON. Export it from ComfyUI again.") from error
    nodes = values.mapping(found)
    if isinstance(nodes.get("prompt"), dict) and "class_type" not in nodes["prompt"]:  # as it is sent to /prompt
        nodes = values.mapping(nodes["prompt"])
    if isinstance(nodes.get("nodes"), list):
        raise ComfyUIError(
            "This is a workflow as ComfyUI's editor saves it, which only the editor can run. In ComfyUI choose "
            "Workflow > Export (API) (“Save (API Format)” in older versions), and use that file."
        )
    if not 0 < len(nodes) <= _MOST_NODES:
        raise ComfyUIError(f"This holds {len(nodes):,} nodes; expected a workflow with 1 to {_MOST_NODES:,} of them.")
    return {number: _checked(number, node) for number, node in nodes.items()}


def _samplers(nodes: Mapping[str, Node], image: str) -> list[Node]:
    """The samplers on the paths to an image, the nearest first."""
    return [nodes[one] for one in upstream_of(nodes, image) if samples(nodes[one])][:_MOST_SAMPLERS]


def _checked(number: str, found: Any) -> dict[str, Any]:
    """A node with only what is sent; raises `ComfyUIError` for anything else."""
    node = values.mapping(found)
    kind, inputs = node.get("class_type"), node.get("inputs")
    if not isinstance(kind, str) or not isinstance(inputs, dict):
        raise ComfyUIError(
            f"This isn't a workflow in ComfyUI's API form: “{number[:_SHOWN]}” isn't a node with class_type and "
            "inputs. In ComfyUI choose Workflow > Export (API)."
        )
    try:
        json.dumps([number, kind, inputs], allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ComfyUIError("This workflow contains a broken character. Export it from ComfyUI again.") from error
    except ValueError as error:
        raise ComfyUIError(f"Node {number} ({kind}) holds NaN or infinity instead of a number. Fix it.") from error
    if _is_deep(inputs):
        raise ComfyUIError(f"Node {number} ({kind}) nests lists more than {_DEEPEST} deep. Simplify it.")
    title = values.name(values.mapping(node.get("_meta")).get("title"))
    return {"class_type": kind, "inputs": inputs, **({"_meta": {"title": title}} if title else {})}


def _is_deep(found: Any) -> bool:
    """Whether lists and objects are nested deeper than in any workflow."""
    layer = [found]
    for _ in range(_DEEPEST):
        layer = [one for each in layer for one in (*values.mapping(each).values(), *values.items(each))]
    return bool(layer)


def upstream_of(nodes: Mapping[str, Node], start: str) -> list[str]:
    """`start` and all nodes upstream of it, the nearest first."""
    found = [start] if start in nodes else []
    seen = set(found)
    for number in found:  # grows while it is read
        for _, link in nodes[number].links():
            if link.node in nodes and link.node not in seen:
                seen.add(link.node)
                found.append(link.node)
    return found


def _listed(slots: Iterable[Slot]) -> str:
    return ", ".join(map(str, slots))


def quoted(text: str) -> str:
    """A text as shown to a person."""
    return f"“{text[:_SHOWN]}{'…' if len(text) > _SHOWN else ''}”" if text else ""

"""ComfyUI: the graph that made the image, as PNG texts `prompt` and `workflow`, or in EXIF tags of WebP files.

A graph is no list of settings. From the node that saved the image we go up to the nearest sampler, and from there along
the links: to the text of each conditioning, to the model and its LoRAs, to seed, steps and size. What a node is follows
from its inputs' names, so that nodes of any pack are understood; there is no list of node classes.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

from sdpo_core.exchange.metadata import values
from sdpo_core.exchange.metadata.graph import Node, of_prompt, of_workflow
from sdpo_core.exchange.metadata.graph_walk import CONDITIONINGS, PIPES, SEEDS, Walk
from sdpo_core.exchange.metadata.lenient_json import read_object
from sdpo_core.workspace.records import MadeWith


def read(texts: Mapping[str, str]) -> MadeWith | None:
    """What the graph says about the image; None where there is no graph. `file name` among `texts` names the saver."""
    saved_as = texts.get("file name", "")
    best: MadeWith | None = None
    beside = read_object(texts.get("UserComment"))  # where some packs put both, with the forms as objects
    forms = [read_object(texts.get(name)) or values.mapping(beside.get(name)) for name in ("prompt", "workflow")]
    for nodes in (of_prompt(forms[0]), of_workflow(forms[1])):
        found = _made_with(nodes, saved_as) if nodes else None
        if found and (found.prompt or best is None):
            best = found
        if best and best.prompt:
            break
    return best


def _made_with(nodes: dict[str, Node], saved_as: str) -> MadeWith:
    sampler = _sampler(nodes, saved_as)
    if sampler is None:
        return MadeWith(tool="ComfyUI", prompt=values.text(_lone_text(nodes)))
    return told_by(nodes, sampler)


def told_by(nodes: dict[str, Node], sampler: Node) -> MadeWith:
    """What is aimed at and drawn by a sampler of a graph."""
    walk = Walk(nodes)
    guider = walk.node(sampler.link("guider")) or sampler
    steps = walk.node(sampler.link("sigmas"))
    chosen = walk.node(sampler.link("sampler"))
    size = walk.size(sampler)
    drawer = _drawer(nodes, sampler)
    model, loras = walk.model(drawer if drawer.link("model", *PIPES) else guider)
    return MadeWith(
        tool="ComfyUI",
        prompt=values.text(walk.conditioning(guider, "positive")),
        negative=values.text(walk.conditioning(guider, "negative")),
        seed=walk.seed(drawer),
        width_px=size[0] if size else None,
        height_px=size[1] if size else None,
        steps=walk.first_count("steps", sampler, steps),
        guidance=walk.first_number(("cfg", "cfg_conds"), guider, sampler),
        sampler=walk.first_name("sampler_name", sampler, chosen),
        scheduler=walk.first_name("scheduler", sampler, steps),
        model=model,
        loras=loras,
    )


def _sampler(nodes: Mapping[str, Node], saved_as: str) -> Node | None:
    """The sampler nearest to the node that saved the image."""
    seen = set[str]()  # by all starts: where one found no sampler, another finds none
    found = (_nearest_sampler(nodes, start, seen) for start in _ends(nodes, saved_as))
    return next((sampler for sampler in found if sampler), None)


def _nearest_sampler(nodes: Mapping[str, Node], start: str, seen: set[str]) -> Node | None:
    """The first sampler on the ways up from `start`, with it; `seen` are the nodes that are no longer looked at."""
    queue = deque([start] if start in nodes else [])
    while queue:
        node = nodes[queue.popleft()]
        if samples(node):
            return node
        for _, link in node.links():
            if link.node in nodes and link.node not in seen:
                seen.add(link.node)
                queue.append(link.node)
    return None


def _drawer(nodes: Mapping[str, Node], sampler: Node) -> Node:
    """The sampler whose noise it is, where a later one, such as a refiner, goes on without adding any."""
    seen = set[str]()
    while sampler.inputs.get("add_noise") in ("disable", False):
        link = sampler.link("latent_image")
        if link is None or link.node in seen:
            break
        seen.add(link.node)
        sampler = _nearest_sampler(nodes, link.node, seen) or sampler
    return sampler


def samples(node: Node) -> bool:
    """Whether the node draws an image: a guider, or a seed and something to aim at."""
    seeded = any(node.inputs.get(name) is not None for name in SEEDS)
    return node.link("guider") is not None or (seeded and node.link(*CONDITIONINGS) is not None)


def _ends(nodes: Mapping[str, Node], saved_as: str) -> list[str]:
    """The nodes to begin with: those whose file it may be, then other savers, then whatever nobody uses."""
    used = {link.node for node in nodes.values() for _, link in node.links()}
    unused = [number for number in nodes if number not in used] or list(nodes)

    def rank(number: str) -> int:
        prefix: Any = nodes[number].inputs.get("filename_prefix")
        if not isinstance(prefix, str):
            return 2 + (nodes[number].link("images", "image") is None)
        stem = prefix.replace("\\", "/").rsplit("/", 1)[-1].split("%")[0]
        return 0 if stem and saved_as.startswith(f"{stem}_") else 1

    return sorted(unused, key=rank)


def _lone_text(nodes: Mapping[str, Node]) -> Any:
    """The prompt of a graph without a sampler, if exactly one node has something of that name."""
    found = [text for node in nodes.values() if (text := node.words("prompt", "positive_prompt", "positive"))]
    return found[0] if len(found) == 1 else ""

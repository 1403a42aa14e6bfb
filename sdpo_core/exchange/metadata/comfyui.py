"""ComfyUI: the graph that made the image, as PNG texts `prompt` and `workflow`, or in EXIF tags of WebP files.

A graph isn't a list of settings. From the node that saved the image we go up to the sampler that started it, and from
there along the links (`graph`): to the text of each conditioning, to the model and its LoRAs, to seed, steps and size.
"""

from collections.abc import Mapping
from typing import Any

from sdpo_core.exchange.metadata import values
from sdpo_core.exchange.metadata.editor_graph import of_workflow
from sdpo_core.exchange.metadata.graph import Node, began, lone_text, nearest_sampler, of_prompt
from sdpo_core.exchange.metadata.graph_walk import Walk
from sdpo_core.exchange.metadata.lenient_json import read_object
from sdpo_core.workspace.records import MadeWith

_MOST_SAVERS = 10  # that are searched for a prompt without a sampler


def read(texts: Mapping[str, str]) -> MadeWith | None:
    """What the graph says about the image; None if there is no graph. `file name` among `texts` names the saver."""
    saved_as = texts.get("file name", "")
    best: MadeWith | None = None
    comment = read_object(texts.get("UserComment"))  # where some packs put both, with the forms as objects
    forms = [read_object(texts.get(name)) or values.mapping(comment.get(name)) for name in ("prompt", "workflow")]
    for nodes in (of_prompt(forms[0]), of_workflow(forms[1])):
        found = _made_with(nodes, saved_as) if nodes else None
        if found and (found.prompt or best is None):
            best = found
        if best and best.prompt:
            break
    return best


def _made_with(nodes: dict[str, Node], saved_as: str) -> MadeWith:
    ends, seen = (
        _ends(nodes, saved_as),
        set[str](),
    )  # shared by all ends: nodes that led one of them to no sampler are skipped
    last = next((sampler for end in ends if (sampler := nearest_sampler(nodes, end, seen))), None)
    if last is not None:
        return made_by(nodes, began(nodes, last), last)
    savers = [end for end in ends if nodes[end].link("images", "image")] or (ends if len(ends) == 1 else [])
    prompt = next((found for end in savers[:_MOST_SAVERS] if (found := lone_text(nodes, end))), "")
    return MadeWith(tool="ComfyUI", prompt=prompt)


def made_by(nodes: dict[str, Node], sampler: Node, last: Node) -> MadeWith:
    """What a sampler of a graph makes, where `last` is the sampler nearest to the image."""
    walk = Walk(nodes)
    guider, steps = walk.guider(sampler), walk.node(sampler.link("sigmas"))
    size = walk.size(last)
    return MadeWith(
        tool="ComfyUI",
        prompt=walk.conditioning(guider, "positive") or "",
        negative=walk.conditioning(guider, "negative") or "",
        seed=walk.seed(sampler),
        width_px=size[0] if size else None,
        height_px=size[1] if size else None,
        steps=walk.first_count("steps", sampler, steps),
        guidance=walk.first_number(("cfg", "cfg_conds"), guider, sampler),
        sampler=walk.first_name("sampler_name", sampler, walk.node(sampler.link("sampler"))),
        scheduler=walk.first_name("scheduler", sampler, steps),
        model=walk.model(sampler),
        loras=walk.loras(sampler),
    )


def _ends(nodes: Mapping[str, Node], saved_as: str) -> list[str]:
    """The nodes to start from: those that may have saved the file, then other savers, then unused outputs."""
    used = {link.node for node in nodes.values() for _, link in node.links()}
    unused = [number for number in nodes if number not in used] or list(nodes)

    def rank(number: str) -> int:
        prefix: Any = nodes[number].inputs.get("filename_prefix")
        if not isinstance(prefix, str):
            return 2 + (nodes[number].link("images", "image") is None)
        stem = prefix.replace("\\", "/").rsplit("/", 1)[-1].split("%")[0]
        return 0 if stem and saved_as.startswith(f"{stem}_") else 1

    return sorted(unused, key=rank)

"""What an image was made from: prompt, negative prompt, seed and model, found along the links of the running graph.

From the node that the image enters we go up to the nearest sampler, and from there along the links to its texts. What a
node is follows from its inputs' names, so nodes of any pack are understood; there is no list of node classes. Graphs
may have cycles and diamonds, so each walk has a budget of visits.
"""

import re
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

_SEEDS = ("seed", "noise_seed", "noise", "seed_num")
_PIPES = ("basic_pipe", "pipe", "sdxl_tuple", "context", "base_ctx")
_POSITIVE = ("positive", "conditioning", "cond1", "positive_cond", "text_embeds")
_NEGATIVE = ("negative", "negative_cond")
_SIDES = {"positive": _POSITIVE, "negative": _NEGATIVE}
_OWN_TEXTS = {
    side: (side, f"text_{side}", f"{side}_prompt", f"prompt_{side}", f"{side}_text")
    for side in ("positive", "negative")
}
_ENCODED = ("populated_text", "text", "text_g", "text_l", "clip_g", "clip_l", "t5xxl", "llama", "prompt")
_STRINGS = ("populated_text", "text", "string", "value", "prompt", "result", "wildcard_text", "text_0")
_JOINED = re.compile(r"(string|text|prompt)[ _]?([a-z]|\d{1,2})")
_NO_TEXT = frozenset(
    {
        *("model", "clip", "vae", "image", "images", "pixels", "latent", "latent_image", "samples", "mask"),
        *("control_net", "clip_vision", "clip_vision_output", "style_model", "sigmas", "sampler", "noise", "guider"),
        "negative",
    }
)
_MODEL_FILE = re.compile(r"\.(safetensors|sft|ckpt|gguf|pt|pth|bin)$", re.IGNORECASE)
_NO_MODEL = re.compile(r"lora|vae|clip|control|upscale|embed|text_encoder", re.IGNORECASE)
_MODELS = re.compile(r"(?!.*(upscale|vision|clip|control|style|detect|sam|vae)).*model.*", re.IGNORECASE)
_MOST_VISITS, _DEEPEST, _LONGEST = 1000, 100, 2**16

_Inputs = dict[str, Any]


class Link(NamedTuple):
    """Where an input comes from."""

    node: str
    slot: int


class Found(NamedTuple):
    """What the graph tells; None and the empty text where it does not."""

    prompt: str | None = None
    negative: str | None = None
    seed: int | None = None
    model: str = ""


def find(graph: Any, node_id: str | None, entrance: str = "images") -> Found:
    """What the image was made from that enters node `node_id` of `graph` (API form) by its input `entrance`."""
    walk = _Walk(graph)
    start = _link(walk.inputs(node_id).get(entrance)) if node_id else None
    sampler = walk.sampler(start) if start else None
    if sampler is None:
        return Found()
    drawer = walk.drawer(sampler)
    guider = walk.inputs_of(_links(sampler, "guider")) or sampler
    return Found(
        prompt=walk.conditioning(guider, "positive"),
        negative=walk.conditioning(guider, "negative"),
        seed=walk.seed(drawer),
        model=walk.model(drawer if _links(drawer, "model", *_PIPES) else guider),
    )


class _Walk:
    def __init__(self, graph: Any) -> None:
        nodes = cast("dict[Any, Any]", graph) if isinstance(graph, dict) else {}
        self._nodes = {str(name): node for name, node in nodes.items() if isinstance(node, dict)}
        self._left = _MOST_VISITS

    def inputs(self, node_id: str) -> _Inputs:
        found = self._nodes.get(node_id, {}).get("inputs")
        return cast("_Inputs", found) if isinstance(found, dict) else {}

    def inputs_of(self, link: Link | None) -> _Inputs:
        return self.inputs(link.node) if link else {}

    def _visit(self, link: Link, depth: int) -> _Inputs | None:
        if self._left <= 0 or depth > _DEEPEST or link.node not in self._nodes:
            return None
        self._left -= 1
        return self.inputs(link.node)

    def sampler(self, start: Link) -> _Inputs | None:
        """The first node on the ways up that draws: one with a guider, or a seed and something to aim at."""
        queue, seen = deque([start.node]), {start.node}
        while queue:
            inputs = self.inputs(queue.popleft())
            seeded = any(inputs.get(name) is not None for name in _SEEDS)
            if _links(inputs, "guider") or (seeded and _links(inputs, *_POSITIVE, *_PIPES)):
                return inputs
            for _, link in _all_links(inputs):
                if link.node not in seen:
                    seen.add(link.node)
                    queue.append(link.node)
        return None

    def drawer(self, sampler: _Inputs) -> _Inputs:
        """The sampler whose noise it is, where a later one, such as a refiner, goes on without adding any."""
        for _ in range(_DEEPEST):
            link = _links(sampler, "latent_image") if sampler.get("add_noise") in ("disable", False) else None
            above = self.sampler(link) if link else None
            if above is None:
                break
            sampler = above
        return sampler

    def conditioning(self, guider: _Inputs, side: str) -> str | None:
        """The text that a sampler aims at, or away from."""
        self._left = _MOST_VISITS
        link = _links(guider, *_SIDES[side])
        found = self._text(_counted(guider, link), side, 0, piped=False) if link else None
        pipe = _links(guider, *_PIPES)
        return self._text(pipe, side, 0, piped=True) if found is None and pipe else found

    def _text(self, link: Link, side: str, depth: int, *, piped: bool) -> str | None:
        inputs = self._visit(link, depth)
        if inputs is None:
            return None
        if "zeroout" in str(self._nodes[link.node].get("class_type")).lower():
            return ""
        both = _links(inputs, "positive") is not None and _links(inputs, "negative") is not None
        if both and not piped:  # a node that passes both on, such as a ControlNet's: its outputs keep their order
            side = "negative" if link.slot == 1 else "positive"
        combined = [found for name, found in _all_links(inputs) if name.startswith("cond")]
        own = self._own_text(inputs, side, depth)
        if own is not None and not combined:
            return own
        straight = _links(inputs, *_SIDES[side]) if both or piped or side == "negative" else None
        if straight:
            return self._text(straight, side, depth + 1, piped=False)
        if combined:
            return _join([*(self._text(one, side, depth + 1, piped=False) for one in combined), own])
        ways = [_links(inputs, f"input{inputs.get('select')}"), _links(inputs, *_PIPES)]
        ways += [found for name, found in _all_links(inputs) if name.lower() not in _NO_TEXT]
        texts = (self._text(way, side, depth + 1, piped=piped) for way in ways if way)
        return next((text for text in texts if text is not None), None)

    def _own_text(self, inputs: _Inputs, side: str, depth: int) -> str | None:
        own = _words(inputs, *_OWN_TEXTS[side])
        if own is not None:
            return own
        encoded = [self._string(inputs[name], side, depth) for name in _ENCODED if name in inputs]
        return _join(encoded[:1] if "populated_text" in inputs else encoded)

    def _string(self, value: Any, side: str, depth: int) -> str | None:
        """A text, or the one that a link leads to."""
        if isinstance(value, str):
            return value[:_LONGEST]
        link = _link(value)
        inputs = self._visit(link, depth) if link else None
        if inputs is None or link is None:
            return None
        sided = [_words(inputs, *_OWN_TEXTS[one]) for one in ("positive", "negative")]
        if None not in sided:  # a styler: it gives out both
            return sided[1 if link.slot == 1 else 0]
        parts = sorted(name for name in inputs if _JOINED.fullmatch(name))
        if len(parts) > 1:
            texts = [self._string(inputs[name], side, depth + 1) for name in parts]
            between = _words(inputs, "delimiter", "separator", "delim")
            between = ", " if between is None else between.replace("\\n", "\n")
            return between.join(text for text in texts if text is not None)[:_LONGEST]
        for name in (*_STRINGS, *_OWN_TEXTS[side], *parts, *(name for name, _ in _all_links(inputs))):
            found = self._string(inputs.get(name), side, depth + 1) if name.lower() not in _NO_TEXT else None
            if found is not None:
                return found
        lone = [one for one in inputs.values() if isinstance(one, str)]
        return lone[0] if len(lone) == 1 else None

    def seed(self, sampler: _Inputs) -> int | None:
        """The seed, which may come from a node of its own."""
        self._left = _MOST_VISITS
        return next((found for name in _SEEDS if (found := self._whole(sampler.get(name), 0)) is not None), None)

    def _whole(self, value: Any, depth: int) -> int | None:
        link = _link(value)
        if link is None:
            return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64 else None
        inputs = self._visit(link, depth)
        if inputs is None:
            return None
        names = (*_SEEDS, "value", "int", "number", "a", *(name for name, _ in _all_links(inputs)))
        wholes = (self._whole(inputs.get(name), depth + 1) for name in names)
        return next((found for found in wholes if found is not None), None)

    def model(self, start: _Inputs) -> str:
        """The name of the nearest model's file, without folder and suffix."""
        waiting, seen = deque([start]), set[str]()
        while waiting:
            inputs = waiting.popleft()
            for name, value in inputs.items():
                if isinstance(value, str) and _MODEL_FILE.search(value) and not _NO_MODEL.search(name):
                    return _MODEL_FILE.sub("", value.replace("\\", "/").rsplit("/", 1)[-1])
            for name, link in _all_links(inputs):
                leads = name in _PIPES or name in ("unet", "ckpt") or "lora" in name or _MODELS.fullmatch(name)
                if leads and link.node not in seen and len(seen) < _MOST_VISITS:
                    seen.add(link.node)
                    waiting.append(self.inputs(link.node))
        return ""


def _link(value: Any) -> Link | None:
    match value:
        case [str(node), int(slot)] if not isinstance(slot, bool):
            return Link(node, slot)
        case _:
            return None


def _all_links(inputs: _Inputs) -> Iterator[tuple[str, Link]]:
    return ((name, link) for name, value in inputs.items() if (link := _link(value)))


def _links(inputs: _Inputs, *names: str) -> Link | None:
    """The first of `names` that comes from another node."""
    return next((link for name in names if (link := _link(inputs.get(name)))), None)


def _words(inputs: _Inputs, *names: str) -> str | None:
    return next((value[:_LONGEST] for name in names if isinstance(value := inputs.get(name), str)), None)


def _counted(guider: _Inputs, link: Link) -> Link:
    """The link with its slot counted from the node's first conditioning: some have their model's output before it."""
    slots = [one.slot for names in _SIDES.values() if (one := _links(guider, *names)) and one.node == link.node]
    return Link(link.node, link.slot - min(slots)) if len(slots) == 2 else link


def _join(texts: list[str | None]) -> str | None:
    """The texts that there are, in order, each once."""
    there = [text for text in texts if text is not None]
    return ", ".join(dict.fromkeys(text for text in there if text.strip()))[:_LONGEST] if there else None

"""What an image was made from: prompt, negative prompt, seed and model, found along the links of a ComfyUI graph.

This file exists twice, byte for byte the same: `sdpo_core/exchange/metadata/graph.py`, where it is edited, and
`comfy_nodes/graph.py`, which `python -m tests.comfy_nodes.copy_graph` writes. It needs only the standard library.

From the image we go up to the sampler that started it from the empty latent, and from there along the links to its
texts. A node's role follows from its inputs' names, so nodes of any pack are understood; there is no list of node
classes. A text that only a run of the graph knows, such as a caption, isn't a prompt, and no other text replaces it.
Strangers' graphs may have cycles and diamonds, so each walk has a budget of visits.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Literal, NamedTuple, cast

Side = Literal["positive", "negative"]

SEEDS = ("seed", "noise_seed", "noise", "seed_num")
PIPES = ("basic_pipe", "pipe", "sdxl_tuple", "context", "base_ctx")
SIDES: dict[Side, tuple[str, ...]] = {
    "positive": ("positive", "conditioning", "cond1", "positive_cond", "text_embeds"),
    "negative": ("negative", "negative_cond"),
}
"""Inputs that tell a sampler what to aim at, and away from."""
ENCODED = ("populated_text", "text", "text_g", "text_l", "clip_g", "clip_l", "t5xxl", "llama", "prompt")
STRINGS = ("populated_text", "text", "string", "value", "prompt", "result", "wildcard_text", "text_0")
BETWEEN = ("delimiter", "separator", "delim")
"""Inputs with what goes between joined texts."""

_OWN_TEXTS: dict[Side, tuple[str, ...]] = {
    "positive": ("positive", "text_positive", "positive_prompt", "prompt_positive", "positive_text"),
    "negative": ("negative", "text_negative", "negative_prompt", "prompt_negative", "negative_text"),
}
_OTHER_SIDE: dict[Side, tuple[str, ...]] = {"positive": ("negative", "neg_"), "negative": ("positive", "pos_")}
_JOINED = re.compile(r"(string|text|prompt)[ _]?([a-z]|\d{1,2})")
_SHOWN = re.compile(r"text_\d+|result")  # what an earlier run left on a node that shows a text
_PASSED = re.compile(r"|\*|(any|anything|source|input)[ _]?\d*", re.IGNORECASE)
_LONE = re.compile(r"(?!.*(file|path|dir|folder|url|model|system|template|name|type)).*(text|str|prompt|value).*", re.I)
_FLAGS = ("", "none", "yes", "no", "true", "false", "enable", "disable", "fixed", "append")  # they change no text
_ENCODER = re.compile(r".*(clip|t5|encoder|glm|llama|gemma|qwen|pipe|tuple|context|ctx).*", re.IGNORECASE)
_NO_TEXT = re.compile(
    "model|clip|vae|images?|pixels|latent(_image)?|samples|mask|control_net|clip_vision(_output)?|style_model|sigmas|"
    "sampler|noise|guider",
    re.IGNORECASE,
)
_IMAGES = re.compile(
    r"|(any|input)[ _]?\d*|destination|((input|init|base|optional)_)?(latents?|samples|images?|pixels)"
    r"(_image|_opt|_to|_?[a-z\d])?"
)
_MODEL_FILE = re.compile(r"\.(safetensors|sft|ckpt|pt|pth|bin|gguf)$", re.IGNORECASE)
_MODELS = re.compile(r"(?!.*(upscale|vision|clip|control|style|detect|sam|vae)).*model.*", re.IGNORECASE)
_NO_MODEL = re.compile(r"lora|vae|clip|control|upscale|embed|text_encoder", re.IGNORECASE)
_MOST_NODES, _MOST_VISITS, _MOST_PASSES, _DEEPEST = 20_000, 1000, 100, 100
_LONGEST = 2**16  # characters of a prompt; the inbox takes no more
_LONGEST_NAME, _LARGEST_WHOLE = 500, 2**64 - 1  # the largest seed that any tool uses


class Link(NamedTuple):
    """Where an input comes from."""

    node: str
    slot: int


class Node(NamedTuple):
    """A node: what it does, and with what."""

    kind: str
    inputs: dict[str, Any]

    def links(self) -> Iterator[tuple[str, Link]]:
        """The inputs that come from other nodes, by name."""
        return ((name, link) for name, value in self.inputs.items() if (link := as_link(value)))

    def link(self, *names: str) -> Link | None:
        """The first of `names` that comes from another node."""
        return next((link for name in names if (link := as_link(self.inputs.get(name)))), None)

    def words(self, *names: str) -> str | None:
        """The first of `names` that is a text."""
        return next((value for name in names if isinstance(value := self.inputs.get(name), str)), None)


Nodes = Mapping[str, Node]


class Found(NamedTuple):
    """What the graph says; None and the empty text where it says nothing."""

    prompt: str | None = None
    negative: str | None = None
    seed: int | None = None
    model: str = ""


class _Unknown(Exception):
    """A text that the graph itself doesn't hold, or that is too far away to follow."""


def find(graph: Any, node_id: str | None, entrance: str = "images") -> Found:
    """What the image was made from that node `node_id` of `graph` (API form) gets through its input `entrance`."""
    nodes = of_prompt(graph)
    start = nodes[node_id].link(entrance) if node_id in nodes else None
    if start is None:
        return Found()
    last = nearest_sampler(nodes, start.node, set())
    if last is None:
        return Found(prompt=lone_text(nodes, start.node))
    walk, sampler = Walk(nodes), began(nodes, last)
    sides: tuple[Side, Side] = ("positive", "negative")
    prompt, negative = (walk.conditioning(walk.guider(sampler), side) for side in sides)
    return Found(prompt, negative, walk.seed(sampler), walk.model(sampler))


def as_link(value: Any) -> Link | None:
    """An input as a link [node id, output slot], recognised as in ComfyUI itself; None if it isn't one."""
    parts = cast("list[Any]", value) if isinstance(value, list) else []
    if len(parts) != 2 or not isinstance(parts[0], str) or not isinstance(parts[1], int | float):
        return None
    slot = whole(parts[1])
    return None if slot is None else Link(parts[0], slot)


def of_prompt(found: Any) -> dict[str, Node]:
    """The nodes of the API form, by id."""
    nodes: dict[str, Node] = {}
    graph = cast("dict[Any, Any]", found) if isinstance(found, dict) else {}
    for number, value in list(graph.items())[:_MOST_NODES]:
        node = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        if isinstance(node.get("inputs"), dict):
            nodes[str(number)] = Node(name(node.get("class_type")), node["inputs"])
    return nodes


def samples(node: Node) -> bool:
    """Whether the node samples an image: a guider, or a seed and something to aim at."""
    seeded = any(node.inputs.get(name) is not None for name in SEEDS)
    return node.link("guider") is not None or (seeded and node.link(*SIDES["positive"], *PIPES) is not None)


def nearest_sampler(nodes: Nodes, start: str, seen: set[str]) -> Node | None:
    """The first sampler at or upstream of `start`; `seen` are the nodes that need no second visit."""
    return next((node for node in _up(nodes, [start], seen, re.compile(".*", re.DOTALL)) if samples(node)), None)


def began(nodes: Nodes, sampler: Node) -> Node:
    """The sampler that started, from the empty latent or a loaded image, what `sampler` continues.

    A refiner, a second pass or a face detailer may have its own texts; the image shows the first one's.
    """
    met = [sampler]
    while len(met) <= _MOST_PASSES:
        starts = [link.node for key, link in met[-1].links() if _IMAGES.fullmatch(key)]
        ways = _up(nodes, starts, set(), _IMAGES)
        above = next((node for node in ways if samples(node) and all(node is not one for one in met)), None)
        if above is None:
            break
        met.append(above)
    return met[-1]


def lone_text(nodes: Nodes, start: str) -> str | None:
    """The prompt of a node that makes an image on its own, such as one that calls a service."""
    ways = islice(_up(nodes, [start], set(), _IMAGES), _MOST_VISITS)
    ends = (node for node in ways if not any(_IMAGES.fullmatch(key) for key, _ in node.links()))
    found = [words for node in ends if (words := node.words("prompt", "positive_prompt", "positive"))]
    return text(found[0]) if len(found) == 1 else None


def _up(nodes: Nodes, starts: list[str], seen: set[str], by: re.Pattern[str]) -> Iterator[Node]:
    """The nodes upstream of `starts` through inputs with such names, the nearest first, without those in `seen`."""
    queue = deque(starts)
    while queue:
        number = queue.popleft()
        if number in nodes and number not in seen:
            seen.add(number)
            yield nodes[number]
            queue.extend(link.node for key, link in nodes[number].links() if by.fullmatch(key))


class Walk:
    """Walks over one graph, upstream from a sampler."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._visits_left = _MOST_VISITS

    def node(self, link: Link | None) -> Node | None:
        """The node that a link comes from."""
        return self._nodes.get(link.node) if link else None

    def guider(self, sampler: Node) -> Node:
        """The node that tells a sampler what it aims at: a guider, or itself."""
        return self.node(sampler.link("guider")) or sampler

    def conditioning(self, guider: Node, side: Side) -> str | None:
        """The text that a guider aims at, or away from; None when the graph doesn't say."""
        self._visits_left = _MOST_VISITS
        link, pipe = guider.link(*SIDES[side]), guider.link(*PIPES)
        try:
            found = self._behind(guider, link, side, 0) if link else None
            if found is None and pipe:
                found = self._text(pipe, side, 0, piped=True)
        except _Unknown:
            return None
        return None if found is None or len(found) > _LONGEST else text(found)

    def _visit(self, link: Link, depth: int) -> Node | None:
        """The node behind a link, while the budget lasts."""
        if self._visits_left <= 0 or depth > _DEEPEST:
            raise _Unknown
        self._visits_left -= 1
        return self.node(link)

    def _behind(self, node: Node, link: Link, side: Side, depth: int) -> str | None:
        """The text behind the link that gives `node` a side. If the other side comes from the same node, the slots
        distinguish them: some nodes have their model's output before them."""
        both = [one.slot for names in SIDES.values() if (one := node.link(*names)) and one.node == link.node]
        counted = len(both) == len(SIDES)
        link = link._replace(slot=link.slot - min(both)) if counted else link
        return self._text(link, side, depth, counted=counted)

    def _text(self, link: Link, side: Side, depth: int, *, piped: bool = False, counted: bool = False) -> str | None:
        """The text behind a conditioning; None if there is none. In a pipe a slot says nothing about the side."""
        node = self._visit(link, depth)
        if node is None or "zeroout" in node.kind.lower():
            return None if node is None else ""
        both = node.link("positive") is not None and node.link("negative") is not None
        own_both = all(node.words(*names) is not None for names in _OWN_TEXTS.values())
        if not piped and (both or (own_both and counted)):  # it outputs both, in this order, like a ControlNet's
            second = 1 if counted or not node.link("model") else 2
            side = "negative" if link.slot == second else "positive"
        named = [found for key, found in node.links() if key.startswith("cond")]
        own = self._own_text(node, link, side, depth)
        if own is not None and not named:
            return own
        straight = node.link(*SIDES[side]) if both or piped or side == "negative" else None
        if straight:
            return self._behind(node, straight, side, depth + 1)
        if named:  # combined, concatenated or averaged, perhaps with the node's own text: all count
            return _joined([*(self._text(one, side, depth + 1) for one in named), own])
        ways = [node.link(*PIPES), *(found for key, found in node.links() if _may_lead(key, side))]
        if "select" in node.inputs:  # a switch
            ways = [node.link(f"input{whole(node.inputs['select'])}") or Link("", 0)]
        texts = (self._text(way, side, depth + 1, piped=piped) for way in ways if way)
        return next((found for found in texts if found is not None), None)

    def _own_text(self, node: Node, link: Link, side: Side, depth: int) -> str | None:
        """The text that the node itself encodes."""
        own = node.words(*_OWN_TEXTS[side])
        encoded = [key for key in ENCODED if isinstance(node.inputs.get(key), str) or node.link(key)]
        if own is not None or not encoded:
            return own
        if encoded[0] == "populated_text":
            return self._string(node.inputs["populated_text"], side, depth)
        if any(_ENCODER.fullmatch(key) for key, _ in node.links()):
            return _joined([self._string(node.inputs[key], side, depth) for key in encoded])
        conditioned = any(key.startswith("cond") for key, _ in node.links())
        return None if conditioned else self._string(list(link), side, depth)  # a text, where an encoder was left out

    def _string(self, value: Any, side: Side, depth: int) -> str | None:
        """A text, or the one that a link leads to; None for anything else."""
        link = as_link(value)
        if link is None:
            return value if isinstance(value, str) else None
        node = self._visit(link, depth)
        if node is None:
            raise _Unknown
        texts = [self._string(node.inputs.get(key), side, depth + 1) for key in _given_out(node, link, side)]
        between = node.words(*BETWEEN)
        found = _joined(texts, ", " if between is None else between.replace("\\n", "\n"), each=True)
        if found is None:
            raise _Unknown
        return found

    def seed(self, sampler: Node) -> int | None:
        """The seed, which may come from a separate node; None where it is chosen while the graph runs (-1)."""
        wholes = (self.whole_behind(sampler.inputs.get(key)) for key in SEEDS)
        found = next((number for number in wholes if number is not None), None)
        return found if found is not None and found >= 0 else None

    def whole_behind(self, value: Any) -> int | None:
        """A whole number, or the one that a link leads to."""
        self._visits_left = _MOST_VISITS
        try:
            return self._whole(value, 0)
        except _Unknown:
            return None

    def _whole(self, value: Any, depth: int) -> int | None:
        link = as_link(value)
        node = self._visit(link, depth) if link else None
        if node is None:
            return None if link else whole(value)
        keys = (*SEEDS, "value", "int", "number", "a", *(key for key, _ in node.links()))
        wholes = (self._whole(node.inputs.get(key), depth + 1) for key in keys)
        return next((found for found in wholes if found is not None), None)

    def model(self, sampler: Node) -> str:
        """The name of the nearest model that a sampler uses."""
        return next(filter(None, map(model_name, self.way_to_model(sampler))), "")

    def way_to_model(self, sampler: Node) -> list[Node]:
        """The nodes that a sampler's model goes through, the nearest first; there may be several models, merged."""
        found = [sampler if sampler.link("model", *PIPES) else self.guider(sampler)]
        seen = set[str]()
        for node in found:  # grows while it is read
            for name, link in node.links():
                leads = name in PIPES or name in ("unet", "ckpt", "") or "lora" in name or _MODELS.fullmatch(name)
                if leads and link.node in self._nodes and link.node not in seen and len(seen) < _MOST_VISITS:
                    seen.add(link.node)
                    found.append(self._nodes[link.node])
        return found


def model_name(node: Node) -> str:
    """The name of the model file that a node reads; empty if it reads none."""
    files = (value for key, value in node.inputs.items() if isinstance(value, str) and not _NO_MODEL.search(key))
    return next((file_name(value) for value in files if _MODEL_FILE.search(value)), "")


def _given_out(node: Node, link: Link, side: Side) -> list[str]:
    """The inputs that a node outputs as its text, joined if there are several.

    Empty if it does more than hold a text, pass one on or join several: then only a run knows the result.
    """
    inputs, links = node.inputs, dict(node.links())
    sided = [next((key for key in keys if key in inputs), "") for keys in _OWN_TEXTS.values()]
    if isinstance(inputs.get("populated_text"), str):
        return ["populated_text"]
    if all(sided):  # a styler: it outputs both
        return [sided[link.slot == 1]]
    if "select" in inputs:  # a switch
        return [f"input{whole(inputs['select'])}"]
    texts = [key for key in (*STRINGS, *_OWN_TEXTS[side], *inputs) if key in inputs and not _PASSED.fullmatch(key)]
    texts = [key for key in dict.fromkeys(texts) if key in STRINGS or key in _OWN_TEXTS[side] or _JOINED.fullmatch(key)]
    passed = sorted(key for key in links if _PASSED.fullmatch(key))
    known = (*texts, *passed, *BETWEEN)
    more = [key for key, value in inputs.items() if key not in known and not _is_flag(value)]
    if more:
        return more if len(inputs) == 1 and _LONE.fullmatch(more[0]) and not links else []
    parts = sorted(filter(_JOINED.fullmatch, texts), key=lambda key: (len(key), key))
    straight = passed[:1] + [key for key in texts if key in links and key not in parts]
    others = [key for key in texts if inputs[key] and key not in straight and not _SHOWN.fullmatch(key)]
    if straight:
        return straight if len(straight) == 1 and not others else []
    if len(parts) > 1:
        return parts if not {*others} - {*parts} else []
    return (others or texts)[:1] if len(others) < 2 else []


def _is_flag(value: Any) -> bool:
    return value is None or isinstance(value, bool) or (isinstance(value, str) and value.lower() in _FLAGS)


def _may_lead(key: str, side: Side) -> bool:
    """Whether an input of this name may lead to the text of a side."""
    return not _NO_TEXT.fullmatch(key) and not key.lower().startswith(_OTHER_SIDE[side])


def _joined(texts: list[str | None], between: str = ", ", *, each: bool = False) -> str | None:
    """The existing texts, in order; duplicates only with `each`. Too long is unknown: a cut text would differ."""
    there = [one for one in texts if one is not None]
    kept = there if each else list(dict.fromkeys(one for one in there if one.strip()))
    if sum(map(len, kept)) + len(between) * (len(kept) - 1) > _LONGEST:
        raise _Unknown
    return between.join(kept) if there else None


# ---------------------------------------------------------------------------- untrusted values: nothing here raises


def text(value: Any) -> str:
    """A text without what no database accepts (NUL, lone surrogates); empty for anything else."""
    if not isinstance(value, str):
        return ""
    return value.replace("\0", "").encode("utf-8", "replace").decode().strip()


def name(value: Any) -> str:
    """A short text on one line, such as a sampler's name."""
    return " ".join(text(value).split())[:_LONGEST_NAME]


def file_name(value: Any) -> str:
    """A model's name: without folders, of whichever system, and without the suffix of a weights file."""
    return _MODEL_FILE.sub("", name(value).replace("\\", "/").rsplit("/", 1)[-1])


def whole(value: Any) -> int | None:
    """A whole number of at most 64 bits, even if it is written as text."""
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,20}(\.0*)?\s*", value):
        value = int(value.split(".")[0])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST_WHOLE:
        return value
    return None

"""Along a ComfyUI graph's links: from a sampler up to texts, model, LoRAs and numbers.

Graphs of strangers may have cycles, and diamonds that double the paths at every node: each walk has a budget of visits.
"""

import re
from collections.abc import Iterator
from typing import Any, Literal

from sdpo_core.exchange.metadata import values
from sdpo_core.exchange.metadata.graph import Link, Node, as_link
from sdpo_core.workspace.records import NamedLora

Side = Literal["positive", "negative"]

SEEDS = ("seed", "noise_seed", "noise", "seed_num")
PIPES = ("basic_pipe", "pipe", "sdxl_tuple", "context", "base_ctx")
CONDITIONINGS = ("positive", "conditioning", "text_embeds", "positive_cond", *PIPES)
"""Inputs by which a sampler gets what it aims at."""

_SIDES: dict[Side, tuple[str, ...]] = {
    "positive": ("positive", "conditioning", "cond1", "positive_cond", "text_embeds"),
    "negative": ("negative", "negative_cond"),
}
_OWN_TEXTS: dict[Side, tuple[str, ...]] = {
    "positive": ("positive", "text_positive", "positive_prompt", "prompt_positive", "positive_text"),
    "negative": ("negative", "text_negative", "negative_prompt", "prompt_negative", "negative_text"),
}
ENCODED = ("populated_text", "text", "text_g", "text_l", "clip_g", "clip_l", "t5xxl", "llama", "prompt")
STRINGS = ("populated_text", "text", "string", "value", "prompt", "result", "wildcard_text", "text_0")
_JOINED = re.compile(r"(string|text|prompt)[ _]?([a-z]|\d{1,2})")
_NO_TEXT = frozenset(
    {
        *(
            "model",
            "clip",
            "vae",
            "image",
            "images",
            "pixels",
            "latent",
            "latent_image",
            "samples",
            "mask",
            "control_net",
        ),
        *("clip_vision", "clip_vision_output", "style_model", "sigmas", "sampler", "noise", "guider", "negative"),
    }
)
_MODEL_FILE = re.compile(r"\.(safetensors|sft|ckpt|gguf|pt|pth|bin)$", re.IGNORECASE)
_MODELS = re.compile(r"(?!.*(upscale|vision|clip|control|style|detect|sam|vae)).*model.*", re.IGNORECASE)
_NO_MODEL = re.compile(r"lora|vae|clip|control|upscale|embed|text_encoder", re.IGNORECASE)
_OFF = (False, "Off", "off", "None")
_MOST_VISITS = 1000
_DEEPEST = 100
_LONGEST = 2**17  # characters


class Walk:
    """Walks over one graph."""

    def __init__(self, nodes: dict[str, Node]) -> None:
        self._nodes = nodes
        self._visits_left = _MOST_VISITS

    def node(self, link: Link | None) -> Node | None:
        """The node that a link comes from."""
        return self._nodes.get(link.node) if link else None

    # ------------------------------------------------------------------------------------------------------ texts

    def conditioning(self, guider: Node, side: Side) -> str:
        """The text that a sampler or guider aims at, or away from; empty when there is none."""
        self._visits_left = _MOST_VISITS
        link = guider.link(*_SIDES[side])
        found = self._text(_counted(guider, link), side, 0, piped=False) if link else None
        pipe = guider.link(*PIPES)
        if found is None and pipe:
            found = self._text(pipe, side, 0, piped=True)
        return found or ""

    def _text(self, link: Link, side: Side, depth: int, *, piped: bool) -> str | None:
        """The text behind a conditioning; None when none is found. In a pipe a slot says nothing about the side."""
        node = self._visit(link, depth)
        if node is None:
            return None
        if "zeroout" in node.kind.lower():
            return ""
        both = node.link("positive") is not None and node.link("negative") is not None
        if both and not piped:  # a node that passes both on, such as a ControlNet's: its outputs keep their order
            side = "negative" if link.slot == 1 else "positive"
        named = [found for name, found in node.links() if name.startswith("cond")]
        own = self._own_text(node, side, depth)
        if own is not None and not named:
            return own
        straight = node.link(*_SIDES[side]) if both or piped or side == "negative" else None
        if straight:
            return self._text(straight, side, depth + 1, piped=False)
        chosen = values.whole(node.inputs.get("select"))
        ways = [node.link(f"input{chosen}")] if chosen is not None else []
        if named:  # combined, concatenated or averaged, perhaps with a text of the node's own: all are aimed at
            return _joined([*(self._text(one, side, depth + 1, piped=False) for one in named), own])
        ways += [node.link(*PIPES), *(found for name, found in node.links() if name.lower() not in _NO_TEXT)]
        for way in ways:
            found = self._text(way, side, depth + 1, piped=piped) if way else None
            if found is not None:
                return found
        return None

    def _own_text(self, node: Node, side: Side, depth: int) -> str | None:
        """The text that the node itself encodes."""
        own = node.words(*_OWN_TEXTS[side])
        if own is not None:
            return own
        encoded = [self._string(node.inputs[name], side, depth) for name in ENCODED if name in node.inputs]
        if "populated_text" in node.inputs:
            encoded = encoded[:1]
        return _joined(encoded) if any(text is not None for text in encoded) else None

    def _string(self, value: Any, side: Side, depth: int) -> str | None:
        """A text, or the one that a link leads to."""
        if isinstance(value, str):
            return value[:_LONGEST]
        link = as_link(value)
        node = self._visit(link, depth) if link else None
        if node is None or link is None:
            return None
        sided = [node.words(*_OWN_TEXTS[one]) for one in ("positive", "negative")]
        if None not in sided:  # a styler: it gives out both
            return sided[1 if link.slot == 1 else 0]
        parts = sorted(name for name in node.inputs if _JOINED.fullmatch(name))
        if len(parts) > 1:
            texts = [self._string(node.inputs[name], side, depth + 1) for name in parts]
            between = node.words("delimiter", "separator", "delim")
            return _joined(texts, ", " if between is None else between.replace("\\n", "\n"), each=True)
        for name in (*STRINGS, *_OWN_TEXTS[side], *parts, *(name for name, _ in node.links())):
            found = self._string(node.inputs.get(name), side, depth + 1) if name.lower() not in _NO_TEXT else None
            if found is not None:
                return found
        lone = [value for value in node.inputs.values() if isinstance(value, str)]
        return lone[0] if len(lone) == 1 else None

    # ---------------------------------------------------------------------------------------------------- numbers

    def seed(self, sampler: Node) -> int | None:
        """The seed, which may come from a node of its own."""
        self._visits_left = _MOST_VISITS
        return next((found for name in SEEDS if (found := self._whole(sampler.inputs.get(name), 0)) is not None), None)

    def _whole(self, value: Any, depth: int) -> int | None:
        link = as_link(value)
        if link is None:
            return values.whole(value)
        node = self._visit(link, depth)
        if node is None:
            return None
        names = (*SEEDS, "value", "int", "number", "a")
        wholes = (self._whole(node.inputs.get(name), depth + 1) for name in (*names, *(n for n, _ in node.links())))
        return next((found for found in wholes if found is not None), None)

    def first_count(self, name: str, *nodes: Node | None) -> int | None:
        """The first node's number of this name that is one."""
        return next((n for value in self._all(name, nodes) if (n := values.count(self._whole(value, 0)))), None)

    def first_number(self, names: tuple[str, ...], *nodes: Node | None) -> float | None:
        """The first node's number of one of these names that is one."""
        plain = (self._literal(value) for name in names for value in self._all(name, nodes))
        return next((n for value in plain if (n := values.number(value)) is not None), None)

    def first_name(self, name: str, *nodes: Node | None) -> str:
        """The first node's text of this name that is one."""
        return next((n for value in self._all(name, nodes) if (n := values.name(self._literal(value)))), "")

    def _all(self, name: str, nodes: tuple[Node | None, ...]) -> Iterator[Any]:
        self._visits_left = _MOST_VISITS
        return (node.inputs[name] for node in nodes if node and name in node.inputs)

    def _literal(self, value: Any) -> Any:
        """The value, or the one of the node that a link leads to."""
        node = self.node(as_link(value))
        if node is None:
            return value
        plain = [one for one in node.inputs.values() if not as_link(one)]
        return plain[0] if len(plain) == 1 else None

    def size(self, sampler: Node) -> tuple[int, int] | None:
        """Width and height in pixels of the nearest node that has both, on the way that the latents came."""
        self._visits_left = _MOST_VISITS
        node: Node | None = sampler
        for depth in range(_DEEPEST):
            if node is None:
                return None
            sides = [values.count(self._whole(node.inputs.get(name), depth)) for name in ("width", "height")]
            if sides[0] and sides[1]:
                return sides[0], sides[1]
            link = node.link("latent_image", "latent", "samples", "latents", "optional_latent")
            node = self._visit(link, depth) if link else None
        return None

    # ------------------------------------------------------------------------------------------------------ model

    def model(self, start: Node) -> tuple[str, tuple[NamedLora, ...]]:
        """The name of the model that `start` samples with, and the LoRAs that it passes through, nearest first."""
        models, loras = self.models(start)
        return (models[0] if models else ""), loras

    def models(self, start: Node) -> tuple[tuple[str, ...], tuple[NamedLora, ...]]:
        """The same with the names of all models, which may be merged on the way."""
        self._visits_left = _MOST_VISITS
        models, found = list[str](), list[NamedLora | None]()
        waiting, seen = [start], set[str]()
        while waiting:
            node = waiting.pop(0)
            found += _loras(node)
            models.append(_model_name(node))
            for name, link in node.links():
                leads = name in PIPES or name in ("unet", "ckpt", "") or "lora" in name or _MODELS.fullmatch(name)
                above = self._visit(link, 0) if leads and link.node not in seen else None
                if above:
                    seen.add(link.node)
                    waiting.append(above)
        return tuple(dict.fromkeys(filter(None, models))), values.loras(*found)

    def _visit(self, link: Link, depth: int) -> Node | None:
        """The node behind a link, while the budget lasts."""
        if self._visits_left <= 0 or depth > _DEEPEST:
            return None
        self._visits_left -= 1
        return self.node(link)


def _counted(guider: Node, link: Link) -> Link:
    """The link with its slot counted from the node's first conditioning: some have their model's output before it."""
    slots = [one.slot for one in (guider.link(*names) for names in _SIDES.values()) if one and one.node == link.node]
    return Link(link.node, link.slot - min(slots)) if len(slots) == 2 else link


def _joined(texts: list[str | None], between: str = ", ", *, each: bool = False) -> str | None:
    """The texts that there are, in order; the same twice only with `each`."""
    there = [text for text in texts if text is not None]
    kept = there if each else list(dict.fromkeys(text for text in there if text.strip()))
    return between.join(kept)[:_LONGEST] if there else None


def _model_name(node: Node) -> str:
    for name, value in node.inputs.items():
        if isinstance(value, str) and _MODEL_FILE.search(value) and not _NO_MODEL.search(name):
            return values.file_name(value)
    return ""


def _loras(node: Node) -> Iterator[NamedLora | None]:
    """The LoRAs that a node applies: `lora_name` alone, numbered ones, and rgthree's objects."""
    for name, value in node.inputs.items():
        entry = values.mapping(value)
        if entry.get("lora") and entry.get("on") not in _OFF:
            yield values.lora(entry["lora"], entry.get("strength"))
        number = re.fullmatch(r"lora(?:_name)?_?(\d*)", name)
        if number and isinstance(value, str) and node.inputs.get(f"switch_{number[1]}") not in _OFF:
            suffix = f"_{number[1]}" if number[1] else ""
            names = (f"strength_model{suffix}", f"model_weight{suffix}", f"lora_wt{suffix}", f"model_str{suffix}")
            yield values.lora(value, values.first(node.inputs, *names, f"strength{suffix}", f"lora_weight{suffix}"))

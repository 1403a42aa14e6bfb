"""What a ComfyUI graph says about an image besides texts, seed and model: size, steps and other numbers, LoRAs."""

import re
from collections.abc import Iterator
from typing import Any

from sdpo_core.exchange.metadata import graph, values
from sdpo_core.exchange.metadata.graph import Node, as_link
from sdpo_core.workspace.records import NamedLora

_LATENTS = ("latent_image", "latent", "samples", "latents", "optional_latent")
_OFF = (False, "Off", "off", "None")
_LONGEST_WAY = 100  # nodes


class Walk(graph.Walk):
    """Walks over one graph, including what only the library needs."""

    def first_count(self, key: str, *nodes: Node | None) -> int | None:
        """The first whole number with this name among the nodes."""
        return next((n for value in _all(key, nodes) if (n := values.count(self.whole_behind(value)))), None)

    def first_number(self, keys: tuple[str, ...], *nodes: Node | None) -> float | None:
        """The first number with one of these names among the nodes."""
        plain = (self._literal(value) for key in keys for value in _all(key, nodes))
        return next((n for value in plain if (n := values.number(value)) is not None), None)

    def first_name(self, key: str, *nodes: Node | None) -> str:
        """The first text with this name among the nodes."""
        return next((n for value in _all(key, nodes) if (n := values.name(self._literal(value)))), "")

    def _literal(self, value: Any) -> Any:
        """The value, or the one of the node that a link leads to."""
        node = self.node(as_link(value))
        if node is None:
            return value
        plain = [one for one in node.inputs.values() if not as_link(one)]
        return plain[0] if len(plain) == 1 else None

    def size(self, sampler: Node) -> tuple[int, int] | None:
        """Width and height in pixels of the nearest node upstream of the latents that has both."""
        node: Node | None = sampler
        for _ in range(_LONGEST_WAY):
            if node is None:
                return None
            sides = [values.count(self.whole_behind(node.inputs.get(key))) for key in ("width", "height")]
            if sides[0] and sides[1]:
                return sides[0], sides[1]
            node = self.node(node.link(*_LATENTS))
        return None

    def models(self, sampler: Node) -> tuple[str, ...]:
        """The names of all models that a sampler uses, which may be merged on the way."""
        return tuple(dict.fromkeys(filter(None, map(graph.model_name, self.way_to_model(sampler)))))

    def loras(self, sampler: Node) -> tuple[NamedLora, ...]:
        """The LoRAs that a sampler's model passes through, nearest first."""
        return values.loras(*(lora for node in self.way_to_model(sampler) for lora in _loras(node)))


def _all(key: str, nodes: tuple[Node | None, ...]) -> Iterator[Any]:
    return (node.inputs[key] for node in nodes if node and key in node.inputs)


def _loras(node: Node) -> Iterator[NamedLora | None]:
    """The LoRAs that a node applies: `lora_name` alone, numbered ones, and rgthree's objects."""
    for key, value in node.inputs.items():
        entry = values.mapping(value)
        if entry.get("lora") and entry.get("on") not in _OFF:
            yield values.lora(entry["lora"], entry.get("strength"))
        number = re.fullmatch(r"lora(?:_name)?_?(\d*)", key)
        if number and isinstance(value, str) and node.inputs.get(f"switch_{number[1]}") not in _OFF:
            suffix = f"_{number[1]}" if number[1] else ""
            names = (f"strength_model{suffix}", f"model_weight{suffix}", f"lora_wt{suffix}", f"model_str{suffix}")
            yield values.lora(value, values.first(node.inputs, *names, f"strength{suffix}", f"lora_weight{suffix}"))

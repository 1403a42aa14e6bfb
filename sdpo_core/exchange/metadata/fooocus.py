"""Fooocus's own scheme: a JSON object in PNG `parameters`, or as plain text in an EXIF UserComment.

Its other scheme is A1111's text, which `a1111` reads. Older versions and forks name the same fields in capitals and
with spaces. The prompt is read as it was typed: the resolved one contains styles, and an expansion that differs for
every seed.
"""

import re
from collections.abc import Mapping
from typing import Any

from sdpo_core.exchange.metadata import values
from sdpo_core.exchange.metadata.lenient_json import read_object
from sdpo_core.workspace.records import MadeWith, NamedLora

_PLACES = ("parameters", "UserComment", "Comment")  # the last is a fork's
_SIGNS = ("base_model", "performance", "sharpness", "full_prompt", "refiner_model", "styles")
_TWO_NUMBERS = re.compile(r"(\d+)\D+(\d+)")
_WEIGHT_AND_NAME = re.compile(r"(-?[\d.]+) - (.+)")  # RuinedFooocus, with the hash before it
_LORA_FIELD = re.compile(r"lora(_combined)?_\d+")


def read(texts: Mapping[str, str]) -> MadeWith | None:
    """What the parameters say; None if there are none."""
    whole = next((found for place in _PLACES if (found := read_object(texts.get(place)))), {})
    found = {key.lower().replace(" ", "_"): value for key, value in whole.items()}
    if not isinstance(found.get("prompt"), str):
        return None
    size = _TWO_NUMBERS.search(values.name(found.get("resolution")))
    known = texts.get("fooocus_scheme") or "Fooocus" in values.name(found.get("software"))
    return MadeWith(
        tool="Fooocus" if known or any(sign in found for sign in _SIGNS) else "unknown",
        prompt=values.text(found["prompt"]),
        negative=values.text(values.first(found, "negative_prompt", "negative")),
        seed=values.whole(found.get("seed")),
        width_px=values.count(size[1] if size else found.get("width")),
        height_px=values.count(size[2] if size else found.get("height")),
        steps=values.count(found.get("steps")),
        guidance=values.number(values.first(found, "guidance_scale", "cfg")),
        sampler=values.name(values.first(found, "sampler", "sampler_name")),
        scheduler=values.name(found.get("scheduler")),
        model=values.file_name(values.first(found, "base_model", "base_model_name")),
        model_hash=values.hash_name(found.get("base_model_hash")),
        loras=_loras(found),
    )


def _loras(found: Mapping[str, Any]) -> tuple[NamedLora, ...]:
    """`loras` as lists of name, weight and hash; `lora_combined_1` as `name : weight`, perhaps after `True : `."""
    listed = [_of_list(one) for one in values.items(found.get("loras"))]
    combined = [_of_text(values.name(value)) for key, value in found.items() if _LORA_FIELD.fullmatch(key)]
    return values.loras(*listed, *combined)


def _of_list(one: Any) -> NamedLora | None:
    if isinstance(one, dict):
        entry = values.mapping(one)
        return values.lora(entry.get("name"), entry.get("weight"), entry.get("hash"))
    name, weight, sha256, *_ = [*values.items(one), None, None, None]
    named = _WEIGHT_AND_NAME.fullmatch(values.name(weight))
    return values.lora(named[2], named[1], name) if named else values.lora(name, weight, sha256)


def _of_text(source: str) -> NamedLora | None:
    *before, name, weight = [None, "", *source.split(" : ")]
    return None if before[-1:] == ["False"] else values.lora(name, weight)

"""InvokeAI 3 to 5: PNG `invokeai_metadata`, a JSON object. Since version 4, models have other fields."""

from collections.abc import Mapping
from typing import Any

from sdpo_core.exchange.metadata import values
from sdpo_core.exchange.metadata.lenient_json import read_object
from sdpo_core.workspace.records import MadeWith, NamedLora


def read(texts: Mapping[str, str]) -> MadeWith | None:
    """What the metadata says; None if there is none."""
    found = read_object(texts.get("invokeai_metadata"))
    if not found:
        return None
    model = values.mapping(found.get("model"))
    return MadeWith(
        tool="InvokeAI",
        prompt=values.text(found.get("positive_prompt")),
        negative=values.text(found.get("negative_prompt")),
        seed=values.whole(found.get("seed")),
        width_px=values.count(found.get("width")),
        height_px=values.count(found.get("height")),
        steps=values.count(found.get("steps", found.get("num_steps"))),
        guidance=values.number(found.get("cfg_scale", found.get("guidance"))),
        sampler=values.name(found.get("scheduler")),
        model=_name(model),
        model_hash=values.hash_name(model.get("hash")),
        loras=values.loras(*(_lora(values.mapping(one)) for one in values.items(found.get("loras")))),
    )


def _name(model: Mapping[str, Any]) -> str:
    return values.file_name(values.first(model, "name", "model_name"))


def _lora(entry: Mapping[str, Any]) -> NamedLora | None:
    model = values.mapping(values.first(entry, "model", "lora"))
    return values.lora(_name(model), entry.get("weight"), model.get("hash"))

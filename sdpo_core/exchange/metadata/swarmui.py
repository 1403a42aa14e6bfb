"""SwarmUI: JSON with `sui_image_params`, in PNG `parameters` or EXIF UserComment (older versions: Model).

Values may be written as texts, and lists as texts with commas.
"""

from collections.abc import Mapping
from typing import Any

from sdpo_core.exchange.metadata import values
from sdpo_core.exchange.metadata.lenient_json import read_object
from sdpo_core.workspace.records import MadeWith, NamedLora

_PLACES = ("parameters", "UserComment", "Model")


def read(texts: Mapping[str, str]) -> MadeWith | None:
    """What the parameters say; None if there are none."""
    for place in _PLACES:
        whole = read_object(texts.get(place))
        found = values.mapping(whole.get("sui_image_params"))
        if found:
            return _made_with(found, _hashes(whole))
    return None


def _made_with(found: Mapping[str, Any], hashes: Mapping[str, str]) -> MadeWith:
    model = values.file_name(found.get("model"))
    return MadeWith(
        tool="SwarmUI",
        prompt=values.text(found.get("prompt")),
        negative=values.text(found.get("negativeprompt")),
        seed=values.whole(found.get("seed")),
        width_px=values.count(found.get("width")),
        height_px=values.count(found.get("height")),
        steps=values.count(found.get("steps")),
        guidance=values.number(found.get("cfgscale")),
        sampler=values.name(values.first(found, "sampler", "comfyuisampler")),
        scheduler=values.name(values.first(found, "scheduler", "comfyuischeduler")),
        model=model,
        model_hash=hashes.get(model, ""),
        loras=_loras(found, hashes),
    )


def _hashes(whole: Mapping[str, Any]) -> dict[str, str]:
    models = (values.mapping(one) for one in values.items(whole.get("sui_models")))
    return {values.file_name(one.get("name")): values.hash_name(one.get("hash")) for one in models}


def _loras(found: Mapping[str, Any], hashes: Mapping[str, str]) -> tuple[NamedLora, ...]:
    names, weights = (_listed(found.get(key)) for key in ("loras", "loraweights"))
    weights += [1.0] * (len(names) - len(weights))
    pairs = zip(names, weights[: len(names)], strict=True)
    return values.loras(*(values.lora(one, weight, hashes.get(values.file_name(one))) for one, weight in pairs))


def _listed(value: Any) -> list[Any]:
    return values.items(value) or [part for part in values.text(value).split(",") if part]

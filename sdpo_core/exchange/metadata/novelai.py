"""NovelAI: PNG texts `Description`, `Software`, `Source` and `Comment`, a JSON object; hidden in alpha too (`stealth`).

Since version 4 a prompt has parts for characters; they are joined with ` | `, NovelAI's own notation for them.
"""

import re
from collections.abc import Mapping
from typing import Any

from sdpo_core.exchange.metadata import values
from sdpo_core.exchange.metadata.lenient_json import read_object
from sdpo_core.workspace.records import MadeWith

_SIGNS = ("uc", "v4_prompt", "signed_hash", "noise_schedule", "uncond_scale")
_SOURCE = re.compile(r"(.*\S)\s+([0-9A-Fa-f]{8})")


def read(texts: Mapping[str, str]) -> MadeWith | None:
    """What the texts say; None if they aren't NovelAI's."""
    found = read_object(texts.get("Comment"))
    if texts.get("Software") != "NovelAI" and not any(sign in found for sign in _SIGNS):
        return None
    source = values.name(texts.get("Source"))
    model = _SOURCE.fullmatch(source)
    return MadeWith(
        tool="NovelAI",
        prompt=_whole(found.get("v4_prompt"), found.get("prompt")) or values.text(texts.get("Description")),
        negative=_whole(found.get("v4_negative_prompt"), found.get("uc")),
        seed=values.whole(found.get("seed")),
        width_px=values.count(found.get("width")),
        height_px=values.count(found.get("height")),
        steps=values.count(found.get("steps")),
        guidance=values.number(found.get("scale")),
        sampler=values.name(found.get("sampler")),
        scheduler=values.name(found.get("noise_schedule")),
        model=model[1] if model else source,
        model_hash=model[2] if model else "",
    )


def _whole(by_parts: Any, plain: Any) -> str:
    """The prompt with its characters' parts."""
    caption = values.mapping(values.mapping(by_parts).get("caption"))
    characters = (values.mapping(one).get("char_caption") for one in values.items(caption.get("char_captions")))
    parts = [values.text(plain) or values.text(caption.get("base_caption")), *(values.text(one) for one in characters)]
    return " | ".join(part for part in parts if part)

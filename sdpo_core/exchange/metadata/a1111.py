"""A1111's text, which Forge and many others write too: PNG `parameters`, EXIF UserComment in JPEG and WebP.

    a lake, (red:1.2) <lora:mine:0.8>
    Negative prompt: blurry
    Steps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 512x768, Model hash: …, Model: …

Both prompts may span several lines. A value with a comma, colon or line break in it is a JSON string.
"""

import json
import re
from collections.abc import Mapping

from sdpo_core.exchange.metadata import values
from sdpo_core.prompts.weights import lora_tags
from sdpo_core.workspace.records import MadeWith, NamedLora

_NEGATIVE = "Negative prompt:"
_STARTS = re.compile(r"^\s*Steps:\s*\d", re.MULTILINE)
_SETTING = re.compile(r'(\w[\w \-/]{0,60}):\s*("(?:\\.|[^\\"])*"|[^,\n]*)(?:,|\n|$)')
_SIZE = re.compile(r"(\d+)\s*[x×]\s*(\d+)")
_FEWEST = 3  # settings that make a last line without Steps one of settings, as in A1111 itself
_LONGEST = 2**18  # characters


def read(texts: Mapping[str, str]) -> MadeWith | None:
    """What the text says; None if there is none."""
    source = texts.get("parameters") or texts.get("UserComment") or ""
    lines, settings = _split(source[:_LONGEST])
    anything_goes = "parameters" in texts and not source.lstrip().startswith("{")
    if not source.strip() or not (settings or anything_goes or f"\n{_NEGATIVE}" in source):
        return None  # a comment of some other program, or JSON
    prompt, _, negative = f"\n{lines}".partition(f"\n{_NEGATIVE}")
    prompt, negative = values.text(prompt), values.text(negative)
    fooocus = settings.get("Version", "").startswith("Fooocus")
    if fooocus:  # what the person typed; the resolved one differs for every seed
        prompt = values.text(settings.get("Raw prompt")) or prompt
        negative = values.text(settings.get("Raw negative prompt", negative))
    size = _SIZE.fullmatch(settings.get("Size", ""))
    return MadeWith(
        tool="Fooocus" if fooocus else "A1111/Forge",
        prompt=prompt,
        negative=negative,
        seed=values.whole(settings.get("Seed")),
        width_px=values.count(size[1]) if size else None,
        height_px=values.count(size[2]) if size else None,
        steps=values.count(settings.get("Steps")),
        guidance=values.number(settings.get("CFG scale", settings.get("Distilled CFG Scale"))),
        sampler=values.name(settings.get("Sampler")),
        scheduler=values.name(settings.get("Schedule type", settings.get("Scheduler"))),
        model=values.file_name(settings.get("Model")),
        model_hash=values.hash_name(settings.get("Model hash")),
        loras=_loras(prompt, settings),
    )


def _split(source: str) -> tuple[str, dict[str, str]]:
    """The prompts, and the settings after them. Extensions add their own lines after the settings."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    starts = list(_STARTS.finditer(source))
    if starts:
        return source[: starts[-1].start()], _settings(source[starts[-1].start() :])
    prompts, _, last = source.rstrip().rpartition("\n")
    settings = _settings(last)
    return (prompts, settings) if len(settings) >= _FEWEST else (source, {})


def _settings(source: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _SETTING.finditer(source):
        found.setdefault(match[1], _unquoted(match[2]))
    return found


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value.strip()
    try:
        return str(json.loads(value, strict=False))
    except (ValueError, RecursionError):
        return value[1:-1]


def _loras(prompt: str, settings: Mapping[str, str]) -> tuple[NamedLora, ...]:
    """The LoRAs in the prompt's tags, and those only in the settings."""
    hashes, weights = (_named(settings.get(key, "")) for key in ("Lora hashes", "Lora weights"))
    tags = {values.file_name(tag.name): tag.strength for tag in lora_tags(prompt)}
    names = dict.fromkeys([*tags, *weights, *hashes])
    return values.loras(*(values.lora(one, tags.get(one, weights.get(one, 1.0)), hashes.get(one)) for one in names))


def _named(listed: str) -> dict[str, str]:
    """`name: value, name: value` by name."""
    pairs = (part.rpartition(":") for part in listed.split(","))
    return {values.file_name(name): value.strip() for name, _, value in pairs if name.strip()}

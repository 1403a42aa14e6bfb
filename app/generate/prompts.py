"""What a person asks for on the Generate page: prompts from anywhere, how many pairs, with which adapter."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.generate.text import say
from app.ui.forms import filled, prompt_lines, whole
from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.errors import ConfigError, DataError
from sdpo_core.paths import repository_root
from sdpo_core.prompts.wildcards import count_wordings
from sdpo_core.settings.base import flat
from sdpo_core.settings.generate import GenerateConfig

KEEP_WARM_S = 120.0
"""How long a generation job keeps its model loaded for the next request."""

AHEAD_WARM_S = 600.0
"""How long one that generates ahead of the votes waits for the next vote."""

CHOSEN_OF = 4
"""Images of which a telling pair is chosen."""

_MOST_PAIRS = 1000
_MOST_AHEAD = 200
_MOST_PROMPTS = 10_000
_LONGEST_PROMPT = 20_000
_LONG_PROMPT = 2000  # from here on it is asked whether it is meant: a slip of the clipboard is as long
_MOST_BYTES = 2**20
_START = 50  # letters by which a long prompt is recognised
_MOST_WORDINGS = 10**6  # from here on nobody wants to know how many there are


def generate_config(form: Mapping[str, Any], info: ModelInfo, threads: int) -> GenerateConfig:
    """The settings that a form asks for; raises `ConfigError`.

    The form holds `prompts` (text, one per line), `pairs`, `ahead` (whether to keep that many waiting instead),
    `telling` (whether each pair is chosen of several images), and fields of `GenerateConfig`, in tables or flat.
    """
    values = flat(GenerateConfig, form)
    prompts = checked_prompts(values.pop("prompts", ""))
    if not prompts:
        raise ConfigError(say("noPrompts"))
    ahead, pairs = bool(values.pop("ahead", False)), values.pop("pairs", None)
    settings: dict[str, Any] = {"model": info.source, "threads": threads}
    if values.pop("telling", False):
        settings |= {"pairing": "telling", "candidates_per_prompt": CHOSEN_OF}
    if ahead:
        waiting = whole(pairs, 1, _MOST_AHEAD, say("aheadRange"))
        settings |= {"prompts": prompts, "keep_ahead": waiting, "keep_warm_s": AHEAD_WARM_S}
    else:
        count = whole(pairs, 1, _MOST_PAIRS, say("pairsRange"))
        if count < len(prompts):
            seed = filled(values).get("seed")
            prompts = random.Random(None if seed is None else str(seed)).sample(prompts, count)
        # Listed once per pair and in turn: pairs of one prompt share no image, and every prompt comes early.
        listed = [prompts[i % len(prompts)] for i in range(count)]
        settings |= {"prompts": listed, "keep_warm_s": KEEP_WARM_S}
    return GenerateConfig.parse({**filled(values), **settings})


def checked_prompts(written: Any) -> list[str]:
    """The prompts that a person wrote; raises `ConfigError` for an impossible one."""
    prompts = prompt_lines(written)
    if len(prompts) > _MOST_PROMPTS:
        raise ConfigError(say("tooManyPrompts"))
    for prompt in prompts:
        if len(prompt) > _LONGEST_PROMPT:
            raise ConfigError(say("promptTooLong", start=prompt[:_START], length=len(prompt), most=_LONGEST_PROMPT))
        count_wordings(prompt)
    return prompts


def prompt_plan(written: Any, pairs: Any, *, ahead: bool) -> str:
    """What these prompts expand to and would generate; empty without prompts or a number. Raises ConfigError."""
    prompts = checked_prompts(written)
    is_number = isinstance(pairs, int | float) and 1 <= pairs <= _MOST_PAIRS
    if not prompts or not is_number:
        return ""
    wordings = sum(count_wordings(prompt) for prompt in prompts)
    plan = [_choices(len(prompts), wordings), *_pairs(len(prompts), int(pairs), ahead=ahead)]
    longest = max(prompts, key=len)
    if len(longest) > _LONG_PROMPT:
        plan.append(say("plan.long", start=longest[:_START], length=len(longest), most=_LONGEST_PROMPT))
    return " ".join(plan)


def _choices(prompts: int, wordings: int) -> str:
    if wordings <= prompts:
        return say("plan.prompts", n=prompts)
    return say("plan.choices" if wordings < _MOST_WORDINGS else "plan.manyChoices", n=prompts, wordings=wordings)


def _pairs(prompts: int, pairs: int, *, ahead: bool) -> list[str]:
    if ahead:
        return [say("plan.ahead", n=pairs)]
    planned = say("plan.pairs", n=pairs, images=2 * pairs)
    return [planned, say("plan.picked", n=pairs)] if prompts > pairs else [planned]


def start_sentence(prompts: int, pairs: int) -> str:
    """Generating has started; warns if some prompts get no pair."""
    started = say("started")
    return f"{started} {say('startedTooFew', prompts=prompts, pairs=pairs)}" if prompts > pairs else started


def starter_prompts(name: str) -> list[str]:
    """The prompts of a set in assets/prompts; raises `DataError` when there is no such set."""
    if name not in say.rows("starters"):
        raise DataError(say("unknownSet"))
    try:
        written = (repository_root() / "assets" / "prompts" / f"{name}.txt").read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError(say("noStarters")) from error
    return prompt_lines(written)


def prompts_of_file(path: Path) -> list[str]:
    """The prompts in a text file that a person opened; raises `ConfigError` for anything else."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(say("fileGone")) from error
    if len(data) > _MOST_BYTES:
        raise ConfigError(say("fileTooLarge"))
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")  # as Windows' editor saves “Unicode”
    try:
        written = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(say("fileNoText")) from error
    if "\0" in written:
        raise ConfigError(say("fileNoText"))
    prompts = checked_prompts(written)
    if not prompts:
        raise ConfigError(say("fileEmpty"))
    return prompts

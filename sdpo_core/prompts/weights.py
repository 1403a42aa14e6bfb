"""What the notation in a prompt says: A1111's weights, BREAK and <lora:…> tags.

A prompt is stored as the person typed it; whoever needs its meaning parses it here.

    (x)  ×1.1      [x]  ÷1.1      (x:1.3)  ×1.3      \\( \\) \\[ \\] \\\\  the character itself

Brackets nest (to 50 levels) and multiply; one that is never closed reaches to the prompt's end, one that was never
opened is a character like any other. Around BREAK the text encoder sees the parts apart; an empty part is left out.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

_DEEPEST = 50  # of either bracket: each level weighs its contents again, and a stranger's prompt may have thousands
_STRONGER, _WEAKER = 1.1, 1 / 1.1
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_LORA = re.compile(rf"<lora:([^:<>]+)((?::{_NUMBER})*)>")
_BREAK = re.compile(r"\s*\bBREAK\b\s*")
_PIECE = re.compile(
    rf"\\(?P<escaped>[()\[\]\\]?)|(?P<open>[(\[])|(?P<close>[)\]])|:\s*(?P<weight>{_NUMBER})\s*\)|[^\\()\[\]:]+|:"
)
_UNSUPPORTED = {
    "embeddings (embedding:name)": re.compile(r"\bembedding:\w"),
    "wildcards (__name__ or {a|b})": re.compile(r"__[\w/-]+__|\{[^{}]*\|[^{}]*\}"),
    "scheduled words ([a:b:0.5])": re.compile(rf"(?<!\\)\[[^\[\]]*:\s*{_NUMBER}\s*\]"),
    "alternating words ([a|b])": re.compile(r"(?<!\\)\[[^\[\]]*\|[^\[\]]*\]"),
    "combined prompts (AND)": re.compile(r"\bAND\b"),
    "networks other than LoRA (<name:…>)": re.compile(r"<(?!lora:)\w+:[^<>]*>"),
}


class Fragment(NamedTuple):
    """Words of one weight."""

    text: str
    weight: float


class LoraTag(NamedTuple):
    """`<lora:name:strength>`."""

    name: str
    strength: float


class ParsedPrompt(NamedTuple):
    """A prompt's meaning."""

    parts: tuple[tuple[Fragment, ...], ...]  # the sections between BREAKs; none for the empty prompt
    loras: tuple[LoraTag, ...]
    unsupported: Counter[str]  # how often each notation occurs that is read as plain words


def parse_prompt(prompt: str) -> ParsedPrompt:
    """Read a prompt. Every text has a meaning: what is not notation is words."""
    loras = lora_tags(prompt)
    text = _LORA.sub("", prompt)
    unsupported = Counter({kind: len(pattern.findall(text)) for kind, pattern in _UNSUPPORTED.items()})
    return ParsedPrompt(_split_at_breaks(_weigh(text)), loras, +unsupported)


def lora_tags(prompt: str) -> tuple[LoraTag, ...]:
    """The prompt's <lora:…> tags, in order."""
    return tuple(_lora(match) for match in _LORA.finditer(prompt))


def prompt_note(prompts: Sequence[str], *, tags_act: bool) -> str:
    """What has not the effect in `prompts` that the person may expect, counted; empty without any.

    `tags_act` says whether a prompt's <lora:…> tag is obeyed.
    """
    parsed = [parse_prompt(prompt) for prompt in prompts]
    unsupported = sum((one.unsupported for one in parsed), Counter[str]())
    tags = 0 if tags_act else sum(len(one.loras) for one in parsed)
    sentences: list[str] = []
    if unsupported:
        kinds = ", ".join(f"{count} × {kind}" for kind, count in unsupported.items())
        sentences.append(f"Not supported, so used as plain text: {kinds}.")
    if tags:
        sentences.append(f"<lora:…> tags have no effect here ({tags} in the prompts).")
    return " ".join(sentences)


def _lora(match: re.Match[str]) -> LoraTag:
    name, numbers = match.groups()
    # A1111 also allows two numbers, for the text encoder and for the UNet, which is what our adapters change.
    return LoraTag(name.strip(), float(numbers.split(":")[-1]) if numbers else 1.0)


def _weigh(text: str) -> list[Fragment]:
    """The text without its notation, as neighbours of different weight."""
    texts: list[str] = []
    weights: list[float] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}  # where the contents of each open bracket begin

    def multiply(start: int, factor: float) -> None:
        weights[start:] = [weight * factor for weight in weights[start:]]

    for piece in _PIECE.finditer(text):
        words = piece[0]
        if piece["escaped"] is not None:
            words = piece["escaped"]
        elif piece["open"] and len(opened[words]) < _DEEPEST:
            opened[words].append(len(texts))
            continue
        elif piece["weight"] and opened["("]:
            multiply(opened["("].pop(), float(piece["weight"]))
            continue
        elif piece["close"]:
            bracket, factor = ("(", _STRONGER) if words == ")" else ("[", _WEAKER)
            if opened[bracket]:
                multiply(opened[bracket].pop(), factor)
                continue
        texts.append(words)
        weights.append(1.0)
    for start in opened["("]:
        multiply(start, _STRONGER)
    for start in opened["["]:
        multiply(start, _WEAKER)
    return _joined([Fragment(words, round(weight, 6)) for words, weight in zip(texts, weights, strict=True)])


def _joined(fragments: Sequence[Fragment]) -> list[Fragment]:
    """Neighbours of the same weight as one, so that their words are tokenised together."""
    joined: list[Fragment] = []
    for fragment in fragments:
        if joined and joined[-1].weight == fragment.weight:
            joined[-1] = Fragment(joined[-1].text + fragment.text, fragment.weight)
        else:
            joined.append(fragment)
    return joined


def _split_at_breaks(fragments: Sequence[Fragment]) -> tuple[tuple[Fragment, ...], ...]:
    parts: list[list[Fragment]] = [[]]
    for text, weight in fragments:
        first, *rest = _BREAK.split(text)
        parts[-1].append(Fragment(first, weight))
        parts.extend([Fragment(words, weight)] for words in rest)
    kept = ([fragment for fragment in part if fragment.text] for part in parts)
    return tuple(tuple(part) for part in kept if any(fragment.text.strip() for fragment in part))

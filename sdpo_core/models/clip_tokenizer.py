"""CLIP's tokenizer, built from the merges that OpenAI published, so that a single-file checkpoint needs no download."""

import functools
import gzip
from pathlib import Path
from typing import Any

from transformers import CLIPTokenizer

MERGES = 49152 - 256 - 2
"""How many of the published merges CLIP uses (`SimpleTokenizer` in github.com/openai/CLIP)."""

_START, _END = "<|startoftext|>", "<|endoftext|>"


def build_clip_tokenizer(merges_file: Path, *, max_tokens: int, pad_token: str) -> Any:
    """The tokenizer of every CLIP text encoder; SDXL's second pads with `!`, whose number is 0.

    Raises OSError or ValueError when `merges_file` isn't the published file.
    """
    vocabulary, merges = _read(merges_file)
    pairs: Any = merges  # annotated as text, although its own files give pairs
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=pairs, model_max_length=max_tokens)
    # Not given to the constructor: a special token is cut out of the prompt's text too, and many prompts have a "!".
    tokenizer.pad_token = pad_token
    return tokenizer


@functools.cache
def _read(merges_file: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The numbers of the pieces, and the merges in order. A piece that ends a word has `</w>`."""
    with gzip.open(merges_file, "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")[1 : MERGES + 1]  # the first line is a version
    merges = [(first, second) for first, second in (line.split() for line in lines)]
    if len(merges) != MERGES:
        raise ValueError(f"it has {len(merges):,} merges, not {MERGES:,}")
    letters = _letters()
    joined = (first + second for first, second in merges)
    pieces = [*letters, *(letter + "</w>" for letter in letters), *joined, _START, _END]
    return {piece: number for number, piece in enumerate(pieces)}, merges


def _letters() -> list[str]:
    """A visible letter for each of the 256 bytes, in the order of CLIP's numbers: those that have one come first."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(byte) for byte in visible] + [chr(256 + number) for number in range(256 - len(visible))]

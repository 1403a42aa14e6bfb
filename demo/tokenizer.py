"""A CLIP tokenizer of a few hundred tokens: single characters, and one token for each word of the captions."""

import itertools
import json
import string
from pathlib import Path
from tempfile import TemporaryDirectory

from transformers import CLIPTokenizer

CONTEXT_TOKENS = 24
CHARACTERS = string.ascii_lowercase + string.digits + ".,!?'\"-:;()/&+_"
END_OF_WORD = "</w>"
START, END = "<|startoftext|>", "<|endoftext|>"
WORDS = """
    a an the no of in on by at with and few many
    mountains mountain hills hill desert dunes sea ocean lake forest woods
    day dawn sunset night morning evening green autumn snowy winter summer snow
    sun moon clouds cloud stars star trees tree pine round cactus cacti house boat sky water
""".split()  # noqa: SIM905 - a list of sixty quoted words would hide them


def build_tokenizer() -> CLIPTokenizer:
    """Byte-pair merges that build each word of `WORDS` from left to right; other words stay single letters."""
    letters = [*CHARACTERS, *(character + END_OF_WORD for character in CHARACTERS)]
    merges = _learn_merges()
    tokens = dict.fromkeys([*letters, *(first + second for first, second in merges), START, END])
    vocabulary = {token: index for index, token in enumerate(tokens)}
    with TemporaryDirectory() as folder:
        vocab_file, merges_file = Path(folder, "vocab.json"), Path(folder, "merges.txt")
        vocab_file.write_text(json.dumps(vocabulary), encoding="utf-8")
        lines = ["#version: 0.2", *(f"{first} {second}" for first, second in merges)]
        merges_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return CLIPTokenizer(vocab=str(vocab_file), merges=str(merges_file), model_max_length=CONTEXT_TOKENS)


def _learn_merges() -> list[tuple[str, str]]:
    """Ordered merges that make one token of each word.

    A word is first read with the merges so far; only what is then still in pieces is joined, from left to right.
    Later merges rank lower, so no earlier word changes.
    """
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        pieces = _read([*word[:-1], word[-1] + END_OF_WORD], merges)
        for i in range(1, len(pieces)):
            merges.append(("".join(pieces[:i]), pieces[i]))
    return merges


def _read(pieces: list[str], merges: list[tuple[str, str]]) -> list[str]:
    """Byte-pair encoding: joins the pair of the best rank until no pair is known."""
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    while True:
        pairs = [(ranks[pair], i) for i, pair in enumerate(itertools.pairwise(pieces)) if pair in ranks]
        if not pairs:
            return pieces
        _, i = min(pairs)
        pieces = [*pieces[:i], pieces[i] + pieces[i + 1], *pieces[i + 2 :]]

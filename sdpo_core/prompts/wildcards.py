r"""`{red|green|blue} bird`: a prompt with choices in it, and the wordings that it stands for.

    {a|b}  one of them      {a|{b|c}|}  choices inside choices, and nothing at all      \{ \| \}  the character itself

Braces without a bar are words, because other tools use them for emphasis. Which wording comes follows from a seed
alone; a prompt that is asked for again gives another one, until all of its wordings had their turn.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from sdpo_core.errors import ConfigError

_DEEPEST = 30
_SHOWN = 60  # characters of a prompt in an error
_ESCAPED = re.compile(r"\\([{}|])")
_PIECE = re.compile(r"\\[{}|]|[{}|]|[^\\{}|]+|\\")


class _Group:
    """Options, each a sequence of texts and groups."""

    def __init__(self) -> None:
        self.options: list[list[str | _Group]] = [[]]
        self.wordings = 0  # filled in when the group is closed

    def close(self) -> None:
        self.wordings = sum(_count(option) for option in self.options)


class Wordings:
    """The wordings of prompts, in an order that follows from `seed`."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._asked = Counter[str]()

    def next(self, prompt: str) -> str:
        """The next wording of `prompt`; the prompt itself when there is no choice in it.

        Raises `ConfigError` for braces that do not match.
        """
        sequence = _parsed(prompt)
        if all(isinstance(piece, str) for piece in sequence):
            return "".join(str(piece) for piece in sequence)
        total, turn = _count(sequence), self._asked[prompt]
        self._asked[prompt] += 1
        start, step = self._walk(prompt, total)
        return " ".join(re.split(r" +", _chosen(sequence, (start + turn * step) % total).strip()))

    def _walk(self, prompt: str, total: int) -> tuple[int, int]:
        """Where to begin among `total` wordings, and how far to go each time so that all of them come."""
        digest = hashlib.sha512(f"{self._seed} {prompt}".encode()).digest()
        start, step = int.from_bytes(digest[:32]) % total, int.from_bytes(digest[32:]) % total or 1
        while math.gcd(step, total) != 1:
            step += 1
        return start, step


def count_wordings(prompt: str) -> int:
    """How many wordings a prompt stands for, 1 without a choice; raises `ConfigError` for braces that do not match."""
    return _count(_parsed(prompt))


@lru_cache(maxsize=4096)  # the page counts at every key
def _parsed(prompt: str) -> tuple["str | _Group", ...]:
    """The prompt as texts and groups. Everything outside a group stays as written, escapes resolved."""
    sequence: list[str | _Group] = []
    opened: list[tuple[_Group, int, list[str | _Group]]] = []  # with its place, and the sequence around it
    place = 0
    for match in _PIECE.finditer(prompt):
        piece, place = match[0], match.start()
        if piece == "{":
            if len(opened) == _DEEPEST:
                raise ConfigError(
                    f"{_quoted(prompt)} has choices nested more than {_DEEPEST} levels deep. Simplify it."
                )
            opened.append((_Group(), place, sequence))
            sequence = opened[-1][0].options[0]
        elif piece == "|" and opened:
            opened[-1][0].options.append([])
            sequence = opened[-1][0].options[-1]
        elif piece == "}":
            if not opened:
                raise ConfigError(_mismatch(prompt, place, "}", "was never opened"))
            group, _, around = opened.pop()
            if len(group.options) == 1:
                around.extend(["{", *group.options[0], "}"])
            else:
                group.close()
                around.append(group)
            sequence = around
        else:
            sequence.append(_ESCAPED.sub(r"\1", piece))
    if opened:
        raise ConfigError(_mismatch(prompt, opened[-1][1], "{", "is never closed"))
    return tuple(sequence)


def _mismatch(prompt: str, place: int, brace: str, what: str) -> str:
    return (
        f"In {_quoted(prompt)} the {brace} at character {place + 1} {what}. Choices are written {{red|green}}; for a "
        f"literal brace, write \\{brace}."
    )


def _quoted(prompt: str) -> str:
    return f"“{prompt[:_SHOWN]}{'…' if len(prompt) > _SHOWN else ''}”"


def _count(sequence: Iterable["str | _Group"]) -> int:
    return math.prod(piece.wordings for piece in sequence if isinstance(piece, _Group))


def _chosen(sequence: Iterable["str | _Group"], number: int) -> str:
    """The `number`-th wording: groups are digits of a number, the first one its lowest."""
    words: list[str] = []
    for piece in sequence:
        if isinstance(piece, str):
            words.append(piece)
            continue
        number, digit = divmod(number, piece.wordings)
        for option in piece.options:
            if digit < (size := _count(option)):
                words.append(_chosen(option, digit))
                break
            digit -= size
    return "".join(words)

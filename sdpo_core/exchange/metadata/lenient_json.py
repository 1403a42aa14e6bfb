"""JSON as other programs leave it in files: with NaN, with extra commas, cut short, or malicious.

It accepts these deviations from the standard: NaN and Infinity (as null), control characters in strings, a comma before
a closing bracket, and a text that ends in the middle, whose values before the end are kept.
"""

import json
import re
from typing import Any

from sdpo_core.exchange.metadata.values import mapping

_DEEPEST = 100  # levels of brackets; anything deeper is left out
_LONGEST_REPAIRED = 2**20  # characters
_LONGEST_WHOLE = 20  # digits; Python refuses to read very long ones, and no seed has more
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?P<end>"|\\?\Z)|[{}\[\],]', re.DOTALL)
_CLOSES = {"{": "}", "[": "]"}


def read_object(source: str | None) -> dict[str, Any]:
    """The JSON object in `source`, as far as it can be read; empty when there is none."""
    source = (source or "").strip("\ufeff \t\r\n")
    if not source.startswith("{"):
        return {}
    found = _parsed(source)
    return mapping(_parsed(_repaired(source)) if found is None else found)


def _parsed(source: str) -> Any:
    try:
        return json.loads(source, strict=False, parse_int=_whole, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _LONGEST_WHOLE else None


def _repaired(source: str) -> str:
    """`source` up to its last complete value, without commas before brackets, and with all brackets closed."""
    kept: list[str] = []
    open_brackets: list[str] = []
    comma, done = "", 0  # a comma waits until a value follows; everything before `done` has been read
    for token in _TOKEN.finditer(source, 0, _LONGEST_REPAIRED):
        mark = token[0]
        if mark[0] == '"':
            if token["end"] != '"':
                break
            continue
        between = source[done : token.start()]
        if mark == ",":
            kept.append(comma + between)
            comma = mark
        elif mark in _CLOSES:
            if len(open_brackets) == _DEEPEST:
                break
            open_brackets.append(_CLOSES[mark])
            kept.append(comma + between + mark)
            comma = ""
        else:
            if not open_brackets or open_brackets[-1] != mark:
                break
            open_brackets.pop()
            kept.append((comma + between if between.strip() else "") + mark)
            comma = ""
        done = token.end()
        if not open_brackets:
            break
    return "".join(kept) + "".join(reversed(open_brackets))

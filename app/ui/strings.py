"""A room's strings as one flat table: a row per sentence, under a key that stays when the wording changes.

A room's `text.py` holds its table, and `say("key", name=…)` is the only way in which Python reads one. Scripts get
the rows of their widget (`Strings.rows`) and fill the same placeholders themselves. Nothing but these tables has to be
translated: no sentence is put together anywhere else, except of whole rows.

A row with a number `n` may have two forms, `key.one` and `key.other`. The names of the forms are CLDR's
(https://cldr.unicode.org/index/cldr-spec/plural-rules), as `Intl.PluralRules` uses them in scripts.
"""

from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any

ONE, OTHER = "one", "other"


class Strings:
    """The table of a room. Calling it fills a row: `say("found", n=12)` is `12 images found`.

    Placeholders are those of `str.format`, except that a whole number gets its thousands separators by itself.
    """

    def __init__(self, rows: Mapping[str, str]):
        self._rows = dict(rows)

    def __call__(self, key: str, /, **values: object) -> str:
        """The row `key`, or the form of it that the number `n` takes; raises `KeyError` for unknown keys and names."""
        if "n" in values and key not in self._rows:
            key = f"{key}.{ONE if values['n'] == 1 else OTHER}"
        return _FORMATTER.vformat(self._rows[key], (), values)

    def rows(self, widget: str, /) -> dict[str, str]:
        """The rows below `widget.`, by the rest of their keys, for a script to fill; raises `KeyError` for none."""
        found = {key.removeprefix(f"{widget}."): row for key, row in self if key.startswith(f"{widget}.")}
        if not found:
            raise KeyError(widget)
        return found

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Keys and rows, in the order of the table."""
        return iter(self._rows.items())


class _Formatter(Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        whole = isinstance(value, int) and not isinstance(value, bool) and not format_spec
        return super().format_field(value, "," if whole else format_spec)


_FORMATTER = _Formatter()

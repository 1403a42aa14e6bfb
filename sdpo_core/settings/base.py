"""What all settings share: frozen, strict, and refusing with a sentence and the nearest right name.

A job's settings consist of parts, one for each subject, and a function takes the part that it uses. In a file a part is
a table. The names of settings are unique within a job, so wherever tables would be in the way (flags, forms) the same
settings are flat: `flat` and `nested` lead from one to the other.
"""

import difflib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Self, cast

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from pydantic.fields import FieldInfo

from sdpo_core.errors import ConfigError
from sdpo_core.settings.shown import Shown


class Settings(BaseModel):
    """Base of a job's settings and of their parts: frozen, strict, and refusing with the nearest right name."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_truth_values(cls, value: Any) -> Any:
        """No setting is true or false, and Python would take them for 1 and 0."""
        if isinstance(value, bool):
            raise ValueError("Input should be a number or a word, not true or false")
        return value

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Validate `values`, flat or in tables; raises `ConfigError` with one sentence per problem."""
        unknown = list(misnamed(cls, values))
        if unknown:
            raise ConfigError(" ".join(unknown))
        try:
            return cls.model_validate(nested(cls, values))
        except ValidationError as error:
            raise ConfigError(" ".join(_sentences(cls, error.errors()))) from error

    @classmethod
    def of(cls, **values: Any) -> Self:
        """The same for settings written out in code, flat; raises `ConfigError`."""
        return cls.parse(values)

    def flat(self) -> dict[str, Any]:
        """Every setting by its name, without tables."""
        return flat(type(self), {name: dict(one) if isinstance(one, Settings) else one for name, one in self})

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, which would accept any name; raises `KeyError` for one that isn't a field."""
        for name in update or ():
            _ = type(self).model_fields[name]
        return super().model_copy(update=update, deep=deep)

    def changed(self, **values: Any) -> Self:
        """A copy with other values of some settings, given flat; they aren't checked. Raises `KeyError` for a name."""
        known, update = leaves(type(self)), dict[str, Any]()
        for name, value in values.items():
            table = known[name].table
            if table:
                update[table] = update.get(table, getattr(self, table)).model_copy(update={name: value})
            else:
                update[name] = value
        return self.model_copy(update=update)


@dataclass(frozen=True)
class Leaf:
    """One setting, where it is, and all that is said about it."""

    table: str  # empty: at the top
    field: FieldInfo
    shown: Shown


@cache
def tables(kind: type[Settings]) -> Mapping[str, type[Settings]]:
    """The parts of a job's settings by the names of their tables, in order."""
    kinds = {name: field.annotation for name, field in kind.model_fields.items()}
    return {name: one for name, one in kinds.items() if isinstance(one, type) and issubclass(one, Settings)}


@cache
def leaves(kind: type[Settings]) -> Mapping[str, Leaf]:
    """Every setting by its name, in the order of declaration.

    Raises `TypeError` when one isn't `Shown`, or when a name isn't unique among settings and tables.
    """
    found: dict[str, Leaf] = {}
    parts = tables(kind)
    top = {name: field for name, field in kind.model_fields.items() if name not in parts}
    for table, fields in (("", top), *((name, part.model_fields) for name, part in parts.items())):
        for name, field in fields.items():
            shown = next((said for said in field.metadata if isinstance(said, Shown)), None)
            if shown is None or name in found or name in parts:
                raise TypeError(f"{kind.__name__}: {name} isn't Shown, or there is another {name}.")
            found[name] = Leaf(table, field, shown)
    return MappingProxyType(found)


def flat(kind: type[Settings], values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` without tables, each setting by its name; nothing is checked."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= value if name in tables(kind) and isinstance(value, Mapping) else {name: value}
    return found


def nested(kind: type[Settings], values: Mapping[str, Any]) -> dict[str, Any]:
    """`values`, flat or in tables, with each setting in its table; nothing is checked."""
    known, found = leaves(kind), dict[str, Any]()
    for name, value in flat(kind, values).items():
        table = known[name].table if name in known else ""
        into = found.setdefault(table, {}) if table else found
        into[name] = value
    return found


def misnamed(kind: type[Settings], values: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each name among `values`, flat or in tables, that `kind` lacks or has in another place."""
    known, parts = leaves(kind), tables(kind)
    for name, value in values.items():
        if name not in parts:
            if name not in known:
                yield _unknown_table(kind, name) if isinstance(value, Mapping) else unknown_setting(kind, name)
        elif not isinstance(value, Mapping):
            yield f"{name} is a table: write [{name}], and its settings on the lines below."
        else:
            for inner in cast("Mapping[str, Any]", value):
                if inner not in known:
                    yield unknown_setting(kind, inner)
                elif known[inner].table != name:
                    yield f"{inner} belongs {place(known[inner])}, not in [{name}]."
                elif inner in values:
                    yield f"{inner} is given twice: at the top and in [{name}]. Keep one of them."


def unknown_setting(kind: type[Settings], name: str) -> str:
    """The sentence that refuses the setting `name`, with the nearest one that `kind` has and its table."""
    known = leaves(kind)
    near = difflib.get_close_matches(name, known, n=1)
    if not near:
        return f"Unknown setting {name}. Known settings: {', '.join(sorted(known))}."
    where = f" ({place(known[near[0]])})" if known[near[0]].table else ""
    return f"Unknown setting {name}. Did you mean {near[0]}{where}?"


def place(leaf: Leaf) -> str:
    """Where a setting is in a file."""
    return f"in [{leaf.table}]" if leaf.table else "at the top"


def _unknown_table(kind: type[Settings], name: str) -> str:
    known = tables(kind)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean [{near[0]}]?" if near else f"Known tables: {', '.join(known) or 'none'}."
    return f"Unknown table [{name}]. {hint}"


def _sentences(kind: type[Settings], problems: Sequence[Any]) -> Iterator[str]:
    """One sentence per setting. A setting of two kinds (`beta`: a number or `auto`) has a problem for each of them."""
    flattened: list[Any] = [{**problem, "loc": _within(kind, problem["loc"])} for problem in problems]
    for where, same in itertools.groupby(flattened, key=_named):
        first, *others = same
        kinds = [other["msg"].removeprefix("Input should be ") for other in others if _names_a_kind(other)]
        if not kinds:
            yield from (_sentence(kind, problem) for problem in (first, *others))
        else:
            yield f"{where[0]}: {', or '.join((first['msg'], *kinds))} (got {first['input']!r})."


def _named(problem: Any) -> tuple[Any, ...]:
    """The setting that a problem is about, if it's about one."""
    return problem["loc"][:1]


def _within(kind: type[Settings], loc: tuple[Any, ...]) -> tuple[Any, ...]:
    """The place of a problem without its table, which the name of the setting says already."""
    return loc[1:] if loc and loc[0] in tables(kind) else loc


def _names_a_kind(problem: Any) -> bool:
    """Whether a problem is one of several kinds that a setting may have, not one of its elements."""
    return len(problem["loc"]) > 1 and isinstance(problem["loc"][1], str)


def _sentence(kind: type[Settings], problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"]) or kind.__name__
    message = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return f"{message}."
    if problem["type"] == "tuple_type":
        message = "Input should be a list, even of one"
    elif problem["type"] == "string_too_short":
        return f"{name} is missing. Expected: {leaves(kind)[problem['loc'][0]].field.description}".replace("\n", " ")
    return f"{name}: {message} (got {problem['input']!r})."

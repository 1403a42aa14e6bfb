"""What all settings share: frozen, strict, and refusing in words, with the nearest name that is right."""

import difflib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from sdpo_core.errors import ConfigError


class Settings(BaseModel):
    """Base of the job settings: frozen, strict, and refusing with the nearest right name."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_truth_values(cls, value: Any) -> Any:
        """No setting is true or false, and Python would take them for 1 and 0."""
        if isinstance(value, bool):
            raise ValueError("Input should be a number or a word, not true or false")
        return value

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """Validate `values`; raises `ConfigError` with one sentence per problem."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(" ".join(_sentences(cls, error.errors()))) from error


def unknown_setting(cls: type[BaseModel], name: str) -> str:
    """The sentence that refuses the setting `name`, with the nearest one that `cls` has."""
    near = difflib.get_close_matches(name, cls.model_fields, n=1)
    hint = f" Did you mean {near[0]}?" if near else f" Known settings: {', '.join(sorted(cls.model_fields))}."
    return f"Unknown setting {name}.{hint}"


def _sentences(cls: type[BaseModel], problems: Sequence[Any]) -> Iterator[str]:
    """One sentence a setting. A setting of two kinds (`beta`: a number or `auto`) has a problem for each of them."""
    for place, same in itertools.groupby(problems, key=lambda problem: problem["loc"][:1]):
        first, *others = same
        kinds = [other["msg"].removeprefix("Input should be ") for other in others if _names_a_kind(other)]
        if not kinds:
            yield from (_sentence(cls, problem) for problem in (first, *others))
        else:
            yield f"{place[0]}: {', or '.join((first['msg'], *kinds))} (got {first['input']!r})."


def _names_a_kind(problem: Any) -> bool:
    """Whether a problem is one of several kinds that a setting may have, not one of its elements."""
    return len(problem["loc"]) > 1 and isinstance(problem["loc"][1], str)


def _sentence(cls: type[BaseModel], problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"]) or cls.__name__
    if problem["type"] == "extra_forbidden":
        return unknown_setting(cls, name)
    message = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return f"{message}."
    if problem["type"] == "tuple_type":
        message = "Input should be a list, even of one"
    elif problem["type"] == "string_too_short":
        return f"{name} is missing. Expected: {cls.model_fields[problem['loc'][0]].description}".replace("\n", " ")
    return f"{name}: {message} (got {problem['input']!r})."

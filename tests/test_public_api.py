"""docs/api.md is the public API: what it lists is there and documented, and what a module exports is listed."""

import importlib
import inspect
import re
from typing import Any

import pytest

from sdpo_core import errors
from sdpo_core.settings.base import Settings, leaves
from sdpo_core.settings.jobs import JOBS
from tests.checks import ROOT

ROWS = re.findall(r"^\| `(sdpo_core[\w.]*)` \| (.+) \|$", (ROOT / "docs" / "api.md").read_text("utf-8"), re.MULTILINE)
LISTED = {module: re.findall(r"`(\w+)`", names) for module, names in ROWS}
NAMES = [(module, name) for module, names in LISTED.items() for name in names]


def test_the_list_was_read() -> None:
    assert len(LISTED) == 45
    assert len(NAMES) > 70


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_public_name_is_there_and_documented(module: str, name: str) -> None:
    thing: Any = getattr(importlib.import_module(module), name)
    if not (inspect.isclass(thing) or inspect.isfunction(thing)):
        return  # a table or a type alias, with its comment
    assert inspect.getdoc(thing), f"{module}.{name} has no docstring"
    if inspect.isclass(thing):
        for member, function in inspect.getmembers(thing, inspect.isfunction):
            own = function.__module__ == module and not member.startswith("_")
            assert not own or inspect.getdoc(function), f"{module}.{name}.{member} has no docstring"


def test_the_objective_exports_what_is_listed() -> None:
    objective = importlib.import_module("sdpo_core.objective")
    assert sorted(objective.__all__) == sorted(LISTED["sdpo_core.objective"])


def test_every_error_is_one_of_ours() -> None:
    for name, thing in inspect.getmembers(errors, inspect.isclass):
        assert issubclass(thing, errors.SdpoError), name
        assert inspect.getdoc(thing), name


@pytest.mark.parametrize("settings", JOBS.values())
def test_every_setting_is_documented(settings: type[Settings]) -> None:
    for name, leaf in leaves(settings).items():
        field = leaf.field
        assert field.description, f"{settings.__name__}.{name} has no docstring"
        assert field.description.strip().endswith("."), f"{settings.__name__}.{name}: no sentence"

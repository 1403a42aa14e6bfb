"""A pytest plugin that records what the golden test computes, wherever that test imports it from.

The test compares with `torch.testing.assert_close`, so that is where the values are intercepted. It is copied elsewhere
and loaded by `bench.golden`; it must not import anything from this repository.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

FILE = "SDPO_GOLDEN_VALUES"
"""The environment variable that says where to write."""

_compare = torch.testing.assert_close
_values: dict[str, str] = {}
_case = [""]


def _compare_and_note(actual: Any, expected: Any, *arguments: Any, **settings: Any) -> None:
    number = sum(name.startswith(f"{_case[0]}, value ") for name in _values)
    _values[f"{_case[0]}, value {number}"] = _text(actual)
    _compare(actual, expected, *arguments, **settings)


def _text(value: Any) -> str:
    if not isinstance(value, torch.Tensor):
        return repr(value)
    data = value.detach().cpu().contiguous()
    return hashlib.sha256(f"{data.dtype} {tuple(data.shape)} ".encode() + data.numpy().tobytes()).hexdigest()


torch.testing.assert_close = _compare_and_note  # before any test is imported


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Remember which case is running: by its parameters, because tests get renamed."""
    given = getattr(item, "callspec", None)
    _case[0] = given.id if given else item.name
    return (yield)


def pytest_sessionfinish() -> None:
    """Write everything, at the end."""
    Path(os.environ[FILE]).write_text(json.dumps(_values, sort_keys=True), encoding="utf-8")

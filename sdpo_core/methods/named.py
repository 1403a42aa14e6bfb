"""Functions by their names: a table can be read, and its names be offered, without importing what needs torch."""

import importlib
from typing import Any


def named(name: str) -> Any:
    """What `module:attribute` names; the module is imported now. Raises ImportError or AttributeError."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)

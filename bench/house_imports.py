"""Who imports whom in a checkout, read by grimp without running any of it, and the shape of that graph."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from bench.checkout import CheckoutFailed

Graph = dict[str, set[str]]
"""What each module imports, by name; every name that occurs is a key."""

# In a separate, isolated process: the packages have the same names as ours, which must not be found instead.
_READ = """
import json, sys
sys.path.insert(0, sys.argv[1])
import grimp
graph = grimp.build_graph(*sys.argv[2:], exclude_type_checking_imports=True, cache_dir=None)
print(json.dumps({name: sorted(graph.find_modules_directly_imported_by(name)) for name in graph.modules}))
"""


def read_graph(folder: Path, packages: Sequence[str]) -> Graph:
    """The imports between the modules of `packages`, those for type checkers aside.

    Raises `CheckoutFailed` when grimp can't read them.
    """
    command = [sys.executable, "-I", "-c", _READ, str(folder.resolve()), *packages]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise CheckoutFailed(f"grimp can't read {', '.join(packages)} in {folder}:\n{done.stderr[-2000:]}")
    return {name: set(imported) for name, imported in json.loads(done.stdout).items()}


def inside(graph: Mapping[str, Iterable[str]], package: str) -> Graph:
    """The part of a graph inside one package, its root module aside."""

    def is_inside(name: str) -> bool:
        return name.startswith(f"{package}.")

    return {name: set(filter(is_inside, imported)) for name, imported in graph.items() if is_inside(name)}


def room_of(module: str) -> str:
    """The first name below the package; the package's own for its root module."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else module


def rooms(graph: Mapping[str, Iterable[str]]) -> Graph:
    """The graph of the rooms: which has at least one import from which."""
    found: Graph = {room_of(module): set() for module in graph}
    for module, imported in graph.items():
        found[room_of(module)] |= {room_of(other) for other in imported} - {room_of(module)}
    return found


def arrows(graph: Graph) -> list[str]:
    """Every ordered pair with an import."""
    return [f"{one} → {other}" for one in sorted(graph) for other in sorted(graph[one])]


def cycles(graph: Graph) -> list[list[str]]:
    """Groups of two or more that import each other, directly or indirectly."""
    return [sorted(group) for group in _groups(graph) if len(group) > 1]


def longest_chain(graph: Graph) -> list[str]:
    """The longest path down along imports, from the top; modules that import each other count as one."""
    groups = _groups(graph)
    place = {name: number for number, group in enumerate(groups) for name in group}
    below = [{place[other] for name in group for other in graph[name]} - {n} for n, group in enumerate(groups)]

    @cache
    def chain(number: int) -> tuple[int, ...]:
        return (number, *max(map(chain, sorted(below[number])), key=len, default=()))

    longest = max(map(chain, range(len(groups))), key=len, default=())
    return [" + ".join(sorted(groups[number])) for number in longest]


def _groups(graph: Graph) -> list[list[str]]:
    """The strongly connected parts (Tarjan, 1972)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    waiting: list[str] = []
    groups: list[list[str]] = []

    def visit(name: str) -> None:
        number[name] = lowest[name] = len(number)
        waiting.append(name)
        for other in sorted(graph[name]):
            if other not in number:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in waiting:
                lowest[name] = min(lowest[name], number[other])
        if lowest[name] == number[name]:
            at = waiting.index(name)
            groups.append(waiting[at:])
            del waiting[at:]

    for name in sorted(graph):
        if name not in number:
            visit(name)
    return groups

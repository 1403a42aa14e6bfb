"""How the code is built, in numbers: rooms, arrows between them, and habits that a reader has to live with.

    python -m bench.house [FOLDER] [--write FILE] [--list MEASURE]

FOLDER is a checkout of any commit. With --write its numbers become a column of FILE (JSON, and a table next to it),
replacing an earlier one for that commit, so that before and after can be compared.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.checkout import CheckoutFailed, git, name_of
from bench.house_code import (
    Source,
    defining,
    files_with_a_family,
    files_with_the_text,
    methods,
    modules_of,
    raising,
    read_sources,
    repeated_names,
    takers_of_settings,
)
from bench.house_imports import Graph, arrows, cycles, inside, longest_chain, read_graph, room_of, rooms

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("sdpo_core", "app")
_SCRIPTS = ("app", "comfy_nodes")
_OTHERS_FOLDERS = {"vendor", "node_modules"}
_HOMES_OF_RUNS = {"training", "runs"}
_FORMAT = 1

_OF_PACKAGE = {
    "rooms": "rooms",
    "arrows": "arrows between rooms",
    "room chain": "longest chain of rooms",
    "rooms in cycles": "rooms in cycles",
    "module chain": "longest chain of modules",
    "fullest folder": "Python files in the fullest folder, `__init__` aside",
}
MEASURES = {
    **{f"{package} {name}": f"`{package}`: {words}" for package in PACKAGES for name, words in _OF_PACKAGE.items()},
    "run folder": "modules outside `training/` and `runs/` that import the module of `RunFolder`",
    "settings": "functions that take an object of a class that derives from `Settings`",
    "settings modules": "modules that these are in",
    "whole settings": "of these functions, those that take the settings of a whole job, not a group of them",
    "family": "files that name a family of models, outside the families' own and presets",
    "unet": 'files with the text `"unet"`',
    "Store": "methods of `Store`, inherited ones too",
    "Store passing": "of these, only a call of an attribute's method with the same arguments",
    "Store relaying": "of these, only a call with the same arguments and the database, a connection or the time",
    "raising": "public functions that raise something",
    "raising silently": "of these, the docstring does not say so",
    "repeated names": "file names that several modules have",
    "commits": "commits",
    "commits with a body": "commits whose message has a body",
    "javascript": "lines of JavaScript, others' aside",
}
"""What is counted, and how the table describes it."""

Found = dict[str, list[str] | int | None]
"""For each measure the places that count, or only their number; None if it can't be counted."""


def look(folder: Path) -> Found:
    """Count everything in a checkout; raises `CheckoutFailed` when it can't be read."""
    packages = [package for package in PACKAGES if (folder / package / "__init__.py").is_file()]
    if not packages:
        raise CheckoutFailed(f"{folder} has neither of the packages {', '.join(PACKAGES)}.")
    graph, sources = read_graph(folder, packages), read_sources(folder, packages)
    found: Found = dict.fromkeys(MEASURES)
    for package in packages:
        of_package = _shape(inside(graph, package), [one for one in sources if one.path.parts[0] == package])
        found |= {f"{package} {name}": places for name, places in of_package.items()}
    takers, whole = takers_of_settings(sources)
    raises, silent = raising(sources)
    store = methods(sources, "Store")
    bodies = git(folder, "log", "--format=%x1e%b")
    return {
        **found,
        "run folder": _importers_of_runs(graph, sources),
        "settings": takers,
        "settings modules": modules_of(takers),
        "whole settings": whole,
        "family": files_with_a_family(sources),
        "unet": files_with_the_text(sources, "unet"),
        "Store": store and store.every,
        "Store passing": store and store.passing,
        "Store relaying": store and store.relaying,
        "raising": raises,
        "raising silently": silent,
        "repeated names": repeated_names(sources),
        "commits": None if bodies is None else bodies.count("\x1e"),
        "commits with a body": None if bodies is None else sum(map(bool, map(str.strip, bodies.split("\x1e")))),
        "javascript": sum(len(path.read_text(encoding="utf-8").splitlines()) for path in _scripts(folder)),
    }


def _shape(graph: Graph, sources: Sequence[Source]) -> Found:
    between = rooms(graph)
    folders: dict[Path, list[str]] = {}
    for source in sources:
        if source.path.name != "__init__.py":
            folders.setdefault(source.path.parent, []).append(source.path.as_posix())
    return {
        "rooms": sorted(between),
        "arrows": arrows(between),
        "room chain": longest_chain(between),
        "rooms in cycles": [room for group in cycles(between) for room in group],
        "module chain": longest_chain(graph),
        "fullest folder": max(folders.values(), key=len, default=[]),
    }


def _importers_of_runs(graph: Mapping[str, set[str]], sources: Sequence[Source]) -> list[str] | None:
    homes = set(defining(sources, "RunFolder"))
    if not homes:
        return None
    near = _HOMES_OF_RUNS | {room_of(home) for home in homes}
    return sorted(name for name, imported in graph.items() if imported & homes and room_of(name) not in near)


def _scripts(folder: Path) -> list[Path]:
    found = [path for name in _SCRIPTS for path in sorted((folder / name).rglob("*.js"))]
    return [path for path in found if not _OTHERS_FOLDERS & {*path.parts} and ".min." not in path.name]


def counted(found: Found) -> dict[str, int | None]:
    """Only the numbers."""
    return {name: len(places) if isinstance(places, list) else places for name, places in found.items()}


def table(columns: Sequence[Mapping[str, Any]]) -> str:
    """All columns as Markdown."""
    heads = [f"{column['commit']} ({column['date']})" for column in columns]
    lines = [f"| measure | {' | '.join(heads)} |", "|---|" + "---:|" * len(columns)]
    for name, words in MEASURES.items():
        numbers = [column["numbers"].get(name) for column in columns]
        cells = " | ".join("–" if number is None else f"{number:,}" for number in numbers)
        lines.append(f"| {words} | {cells} |")
    return "\n".join(lines)


def read_columns(path: Path) -> list[dict[str, Any]]:
    """The columns in a file; empty if there is no file."""
    if not path.is_file():
        return []
    content = json.loads(path.read_text(encoding="utf-8"))
    if content.get("format") != _FORMAT:
        raise CheckoutFailed(f"{path} has format {content.get('format')}; expected {_FORMAT}. Create it again.")
    return content["columns"]


def with_column(columns: Sequence[dict[str, Any]], column: dict[str, Any]) -> list[dict[str, Any]]:
    """`columns` and one more, which replaces an earlier one for its commit."""
    known = [old["commit"] for old in columns]
    if column["commit"] in known:
        return [column if old["commit"] == column["commit"] else old for old in columns]
    return [*columns, column]


def _write(path: Path, columns: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"format": _FORMAT, "columns": columns}, indent=1) + "\n", encoding="utf-8")
    words = "# How the house is built\n\nMade by `python -m bench.house --write`; a column is a commit.\n\n"
    path.with_suffix(".md").write_text(f"{words}{table(columns)}\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="How the house is built, in numbers.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT, metavar="FOLDER", help="a checkout (this one)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="add a column for the commit to this JSON file")
    parser.add_argument("--list", choices=MEASURES, metavar="MEASURE", help=f"what is counted: {', '.join(MEASURES)}")
    options = parser.parse_args(arguments)
    try:
        found = look(options.folder)
        earlier = read_columns(options.write) if options.write else []
    except CheckoutFailed as error:
        print(error, file=sys.stderr)
        return 2
    if options.list:
        places = found[options.list]
        print("\n".join(places) if isinstance(places, list) else places)
        return 0
    commit, date = name_of(options.folder, *PACKAGES, *_SCRIPTS), git(options.folder, "log", "-1", "--format=%cs")
    columns = with_column(earlier, {"commit": commit, "date": (date or "–").strip(), "numbers": counted(found)})
    print(table(columns))
    if options.write:
        _write(options.write, columns)
    return 0


if __name__ == "__main__":
    sys.exit(main())

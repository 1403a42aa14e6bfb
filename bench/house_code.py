"""What is in the code of a checkout, counted by syntax; classes are found by name, wherever they are."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

Function = ast.FunctionDef | ast.AsyncFunctionDef

FAMILIES = frozenset({"sd15", "sd2", "sd20", "sd21", "sdxl"})
_HOMES_OF_FAMILIES = frozenset({"families", "presets"})
"""Files and folders with these names may name a family, in addition to the families' own files."""
_NO_OBJECT = frozenset({"type", "Type", "Callable"})  # type[TrainConfig] is a class, and a function takes it later


class Source(NamedTuple):
    """A module's file."""

    path: Path  # relative to the checkout
    tree: ast.Module

    @property
    def module(self) -> str:
        """Its dotted name; a package's for its `__init__`."""
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def read_sources(folder: Path, packages: Sequence[str]) -> list[Source]:
    """Every Python file of the packages."""
    paths = [path for package in packages for path in sorted((folder / package).rglob("*.py"))]
    return [Source(path.relative_to(folder), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


# ----------------------------------------------------------------------------------------------------------- settings


def takers_of_settings(sources: Sequence[Source]) -> tuple[list[str], list[str]]:
    """Functions with a parameter of a class that derives from `Settings`, and those of them that take a whole job's.

    A class that another such class has as a field is a group of settings rather than a job's.
    """
    classes = {
        node.name: node for source in sources for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef)
    }
    derived = {"Settings"}
    while more := {name for name, node in classes.items() if derived & _bases(node)} - derived:
        derived |= more
    fields = [
        field.annotation
        for name in derived & classes.keys()
        for field in classes[name].body
        if isinstance(field, ast.AnnAssign)
    ]
    groups = {name for annotation in fields for name in _names(annotation)} & derived
    every, whole = list[str](), list[str]()
    for source in sources:
        for function in _functions(source.tree):
            taken = {name for parameter in _parameters(function) for name in _names(parameter.annotation)}
            if taken & derived:
                every.append(_place(source, function))
            if taken & (derived - groups):
                whole.append(_place(source, function))
    return every, whole


def modules_of(places: Sequence[str]) -> list[str]:
    """The files that places are in, each once."""
    return list(dict.fromkeys(place.rpartition(":")[0] for place in places))


def _bases(node: ast.ClassDef) -> set[str]:
    return {name for base in node.bases if (name := _last_name(base))}


def _names(annotation: ast.expr | None) -> Iterator[str]:
    """Classes whose objects an annotation accepts."""
    if annotation is None:
        return
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        yield from _names(_parsed(annotation.value))
    elif isinstance(annotation, ast.Name | ast.Attribute):
        yield _last_name(annotation) or ""
    elif not (isinstance(annotation, ast.Subscript) and _last_name(annotation.value) in _NO_OBJECT):
        for child in ast.iter_child_nodes(annotation):
            if isinstance(child, ast.expr):
                yield from _names(child)


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return None  # a value of a Literal


# ----------------------------------------------------------------------------------------------------------- constants


def files_with_a_family(sources: Sequence[Source]) -> list[str]:
    """Files that name a family of models, other than those that are about it."""

    def is_home(path: Path) -> bool:
        return bool({path.stem, *path.parts[:-1]} & (FAMILIES | _HOMES_OF_FAMILIES))

    naming = (source for source in sources if FAMILIES & set(_texts(source.tree)))
    return [source.path.as_posix() for source in naming if not is_home(source.path)]


def files_with_the_text(sources: Sequence[Source], text: str) -> list[str]:
    """Files where `text` is a complete string, docstrings aside."""
    return [source.path.as_posix() for source in sources if text in _texts(source.tree)]


def _texts(tree: ast.Module) -> Iterator[str]:
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings, of attributes too
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


# --------------------------------------------------------------------------------------------------------------- Store


class Methods(NamedTuple):
    """The methods of a class, including those inherited from our own classes."""

    every: list[str]
    passing: list[str]  # only call a method of an attribute with the same arguments
    relaying: list[
        str
    ]  # only call another function with the same arguments, what the class holds, and perhaps the time


def methods(sources: Sequence[Source], name: str) -> Methods | None:
    """Those of the class `name`; None if there is no such class."""
    classes = {
        node.name: (source, node)
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
    }
    if name not in classes:
        return None
    found = Methods([], [], [])
    seen, waiting = {name}, [name]
    while waiting:
        source, node = classes[waiting.pop()]
        for method in node.body:
            if isinstance(method, Function):
                place = _place(source, method)
                found.every.append(place)
                if _is_property(method):
                    continue  # returns a part, which the caller then calls
                if _passes(method):
                    found.passing.append(place)
                elif _relays(method):
                    found.relaying.append(place)
        more = sorted((_bases(node) & classes.keys()) - seen)
        seen.update(more)
        waiting += more
    return found


def _is_property(method: Function) -> bool:
    return any((_last_name(decorator) or "").endswith("property") for decorator in method.decorator_list)


def _passes(method: Function) -> bool:
    """`return self.part.act(one, two)`, where one and two are the method's own parameters, all of them."""
    call = _only_call(_body(method))
    if call is None or not (isinstance(call.func, ast.Attribute) and _is_own(call.func.value)):
        return False
    return _given(call) == _own_names(method)


def _relays(method: Function) -> bool:
    """The same with any function that also gets something of its own or a connection that it opened."""
    body, opened = _body(method), set[str]()
    if len(body) == 1 and isinstance(body[0], ast.With) and len(body[0].items) == 1:
        name = body[0].items[0].optional_vars
        opened = {name.id} if isinstance(name, ast.Name) else set()
        body = body[0].body
    call = _only_call(body)
    if call is None:
        return False
    passed = [*call.args, *(keyword.value for keyword in call.keywords)]
    names = {value.id for value in passed if isinstance(value, ast.Name)}
    others = [value for value in passed if not isinstance(value, ast.Name)]
    own = [value for value in others if _is_own(value)]
    clocks = [value for value in others if _is_clock(value)]
    if not own and not names & opened:
        return False  # nothing of its own: it may well compute something
    return len(own) + len(clocks) == len(others) and names - opened == _own_names(method)


def _is_clock(value: ast.expr) -> bool:
    """`_now()`, or any other function of the module that is called without arguments."""
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and not (value.args or value.keywords)


def _only_call(body: Sequence[ast.stmt]) -> ast.Call | None:
    if len(body) != 1 or not isinstance(body[0], ast.Return | ast.Expr):
        return None
    return body[0].value if isinstance(body[0].value, ast.Call) else None


def _given(call: ast.Call) -> set[str] | None:
    """The names that a call passes on unchanged; None if it passes on anything else."""
    found: set[str] = set()
    for value in (*call.args, *(keyword.value for keyword in call.keywords)):
        inner = value.value if isinstance(value, ast.Starred) else value
        if not isinstance(inner, ast.Name):
            return None
        found.add(inner.id)
    return found


def _is_own(value: ast.expr) -> bool:
    """`self.something`, however deep; not `self`."""
    if not isinstance(value, ast.Attribute):
        return False
    return _is_own(value.value) or (isinstance(value.value, ast.Name) and value.value.id == "self")


def _own_names(method: Function) -> set[str]:
    return {parameter.arg for parameter in _parameters(method)} - {"self", "cls"}


# -------------------------------------------------------------------------------------------------------------- raises


def raising(sources: Sequence[Source]) -> tuple[list[str], list[str]]:
    """Public functions and methods of public classes that raise something, and those that don't say so.

    A docstring says so with the word itself, or by naming every exception.
    """
    every, silent = list[str](), list[str]()
    for source in sources:
        for function in _public(source.tree):
            raised = list(_raised(function))
            if not raised:
                continue
            every.append(_place(source, function))
            said = ast.get_docstring(function) or ""
            if "raise" not in said.lower() and not all(name and name in said for name in raised):
                silent.append(_place(source, function))
    return every, silent


def _public(tree: ast.Module) -> Iterator[Function]:
    for node in tree.body:
        within = node.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else [node]
        yield from (one for one in within if isinstance(one, Function) and not one.name.startswith("_"))


def _raised(node: ast.AST) -> Iterator[str]:
    """Names of what a function raises itself, not functions inside it; bare raises aside."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(child, ast.Raise) and child.exc is not None:
            yield _last_name(child.exc.func if isinstance(child.exc, ast.Call) else child.exc) or ""
        yield from _raised(child)


# ------------------------------------------------------------------------------------------------------------- helpers


def defining(sources: Sequence[Source], name: str) -> list[str]:
    """Modules that define the class `name`, and packages whose `__init__` exports it."""
    return [
        source.module
        for source in sources
        if any(isinstance(node, ast.ClassDef) and node.name == name for node in source.tree.body)
        or (source.path.name == "__init__.py" and name in _imported(source.tree))
    ]


def _imported(tree: ast.Module) -> set[str]:
    return {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}


def repeated_names(sources: Sequence[Source]) -> list[str]:
    """File names that several modules share, with their folders."""
    places: dict[str, list[str]] = defaultdict(list)
    for source in sources:
        if not source.path.stem.startswith("__"):
            places[source.path.name].append(source.path.parent.as_posix())
    return [f"{name}: {', '.join(found)}" for name, found in sorted(places.items()) if len(found) > 1]


def _functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _parameters(function: Function) -> list[ast.arg]:
    signature = function.args
    return [
        *(*signature.posonlyargs, *signature.args, *signature.kwonlyargs),
        *(one for one in (signature.vararg, signature.kwarg) if one is not None),
    ]


def _body(function: Function) -> list[ast.stmt]:
    return function.body[1:] if ast.get_docstring(function) is not None else function.body


def _last_name(value: ast.expr) -> str | None:
    if isinstance(value, ast.Attribute):
        return value.attr
    return value.id if isinstance(value, ast.Name) else None


def _place(source: Source, function: Function) -> str:
    return f"{source.path.as_posix()}:{function.lineno} {function.name}"

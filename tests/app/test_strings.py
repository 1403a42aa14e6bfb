"""What people read is in the rooms' `text.py`, as flat tables: nothing of it is written where it is shown."""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

import pytest

from app.studio import Studio
from app.ui.assets import ROOMS
from app.ui.strings import Strings
from tests.app.built import built_widgets

TABLES = ("text.py", "words.py")
PYTHON = sorted(path for path in ROOMS.rglob("*.py") if path.name not in TABLES)
SCRIPTS = sorted(ROOMS.glob("*/*.js"))

# Words in a row, or one that begins a sentence; markup and code are not words.
WORDS = re.compile(r"[A-Za-z]{2,}[,;:]? [A-Za-z]+|^[A-Z][a-z]{2,}")
CODE = re.compile(r"[<>{}=;]|\w\(|\[")
NO_WORDS = {"False", "Inter", "Segoe UI", "Roboto", "Menlo", "Consolas", "background-color 120ms ease"}

# A value of what is shown or read out, and any other literal that reads like a sentence.
SHOWN = re.compile(
    r"""(?:\b(?:text|title|alt|placeholder|textContent|ariaLabel|"aria-label")\s*[:=]|\bsay\(|(?<![.\w])button\()"""
    r"""\s*("[^"\n]*"|'[^'\n]*'|`[^`]*`)"""
)
SENTENCE = re.compile(r"""(["'`])(?!Inter,)[A-Z][a-z']+,? [a-z]+[^"'`\n]*\1""")
COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'])//[^\n]*", re.DOTALL)


def test_the_tables_that_widgets_are_given_are_flat(studio: Studio) -> None:
    for widget in built_widgets(studio).values():
        assert all(isinstance(said, str) for said in widget.given["text"].values()), widget.module


def literals(path: Path) -> Iterator[ast.Constant]:
    """The strings of a module, without docstrings and types."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    left_out: set[int] = set()
    for node in ast.walk(tree):
        typed = [getattr(node, name, None) for name in ("annotation", "returns")]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "cast":
            typed.append(node.args[0])
        left_out |= {id(part) for one in typed if one for part in ast.walk(one)}
        if isinstance(node, ast.Expr):
            left_out.add(id(node.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield node


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOMS)))
def test_no_module_has_words_of_its_own(path: Path) -> None:
    found = [
        f"line {one.lineno}: {one.value!r}"
        for one in literals(path)
        if WORDS.search(str(one.value)) and not CODE.search(str(one.value)) and one.value not in NO_WORDS
    ]
    assert not found, f"belongs into {path.parent / 'text.py'}: {found}"


def own_words(source: str) -> list[str]:
    """Literals of a script that a person would read; one letter is the name of a key."""
    plain = COMMENT.sub("", source)
    shown = [one for one in SHOWN.findall(plain) if re.search("[A-Za-z]{2}", re.sub(r"\$\{[^}]*\}", "", one))]
    return [*shown, *(match.group() for match in SENTENCE.finditer(plain))]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOMS)))
def test_no_script_has_words_of_its_own(path: Path) -> None:
    assert not own_words(path.read_text(encoding="utf-8")), "a script says what it is given in `text`"


@pytest.mark.parametrize(
    "line",
    [
        'make("p", { text: "Nothing here" })',
        "button(`${count} images`, act)",
        'node.title = "Close";',
        'const why = gone ? "No longer there" : "";',
    ],
)
def test_words_of_a_script_are_found(line: str) -> None:
    assert own_words(line)


@pytest.mark.parametrize(
    "line",
    ['make("p", { text: text.none })', 'make("kbd", { text: "C" })', "// Close it\n", 'class: "sdpo-button quiet"'],
)
def test_code_of_a_script_does_not_count_as_words(line: str) -> None:
    assert not own_words(line)


def tables() -> dict[str, Strings]:
    """Every room's, by its module."""
    modules = [".".join(path.relative_to(ROOMS.parent).with_suffix("").parts) for path in ROOMS.rglob("text.py")]
    return {module: importlib.import_module(module).say for module in sorted(modules)}


@dataclass(frozen=True)
class Use:
    """A row that the code asks for; `key` ends in `*` where only its beginning is known."""

    place: str
    table: str
    key: str
    names: frozenset[str] | None  # of the values that it is given; None: not known here


def uses(path: Path) -> Iterator[Use]:
    """The rows that a module asks for: `say("key", …)` and `say.rows("widget")`, under whatever name it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known = {"say": ".".join(path.relative_to(ROOMS.parent).with_suffix("").parts)} if path.name == "text.py" else {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            known |= {one.asname or one.name: node.module for one in node.names if one.name == "say"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called, place = node.func, f"{path.relative_to(ROOMS.parent)}:{node.lineno}"
        if isinstance(called, ast.Name) and called.id in known:
            named = [one.arg for one in node.keywords]
            names = None if None in named else frozenset(str(name) for name in named)
            for key in keys(node.args[0]):
                yield Use(place, known[called.id], key, names)
        elif isinstance(called, ast.Attribute) and called.attr == "rows" and ast.unparse(called.value) in known:
            for key in keys(node.args[0]):
                yield Use(place, known[ast.unparse(called.value)], f"{key}.*", None)


def keys(node: ast.expr) -> list[str]:
    """What an argument may be."""
    match node:
        case ast.Constant(value=str() as key):
            return [key]
        case ast.IfExp():
            return [*keys(node.body), *keys(node.orelse)]
        case ast.JoinedStr(values=[ast.Constant(value=start), *_]):
            return [f"{start}*"]
        case _:
            return ["*"]


USES = [use for path in sorted(ROOMS.rglob("*.py")) for use in uses(path)]


def placeholders(row: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(row) if name}


def meant(use: Use, say: Strings) -> dict[str, str]:
    """The rows that a use may get."""
    rows = dict(say)
    if use.key.endswith("*"):
        return {key: row for key, row in rows.items() if key.startswith(use.key[:-1])}
    forms = {key: row for key, row in rows.items() if key in (f"{use.key}.one", f"{use.key}.other")}
    return {use.key: rows[use.key]} if use.key in rows else forms


def test_every_row_that_is_asked_for_exists_and_gets_its_values() -> None:
    found = tables()
    wrong: list[str] = []
    for use in USES:
        rows = meant(use, found[use.table])
        if not rows:
            wrong.append(f"{use.place}: no row {use.key!r} in {use.table}")
        elif use.names is not None and not use.key.endswith("*"):
            lacking = {name for row in rows.values() for name in placeholders(row)} - use.names
            wrong += [f"{use.place}: {use.key!r} also needs {', '.join(sorted(lacking))}"] if lacking else []
    assert not wrong, "\n".join(wrong)


def test_every_row_is_asked_for() -> None:
    asked = {(use.table, key) for use in USES if use.key != "*" for key in meant(use, tables()[use.table])}
    unused = [f"{module}: {key}" for module, say in tables().items() for key, _ in say if (module, key) not in asked]
    assert not unused


def test_the_forms_of_a_number_come_in_pairs() -> None:
    for module, say in tables().items():
        rows = dict(say)
        forms = {key.rpartition(".")[0] for key in rows if key.endswith(".one")}
        for stem in forms:
            assert {f"{stem}.one", f"{stem}.other"} <= set(rows), f"{module}: {stem}"
            one, other = (placeholders(rows[f"{stem}.{form}"]) | {"n"} for form in ("one", "other"))
            assert one == other, f"{module}: {stem}"


def test_a_row_is_filled_with_values_in_the_form_of_its_number() -> None:
    say = Strings({"found.one": "{n} image in {place}", "found.other": "{n} images in {place}", "half": "{share:.0%}"})
    assert say("found", n=1, place="a") == "1 image in a"
    assert say("found", n=12_000, place="{a}") == "12,000 images in {a}"
    assert say("half", share=0.5) == "50%"
    assert say.rows("found") == {"one": "{n} image in {place}", "other": "{n} images in {place}"}
    for wrong in (lambda: say("lost"), lambda: say("found"), lambda: say("half"), lambda: say.rows("lost")):
        with pytest.raises(KeyError):
            wrong()
